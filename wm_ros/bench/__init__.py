"""Benchmarks: every figure that the project reports, made again by one command."""

from wm_ros.bench.suite import BENCHES, get_bench

__all__ = ['BENCHES', 'get_bench']
