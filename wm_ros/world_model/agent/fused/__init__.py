"""Rollouts as compiled loops (numba): one pass over small arrays instead of thousands of calls."""
