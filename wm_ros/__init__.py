"""Latent world models and MPC over imagined horizons for robot arms on ROS 2."""

__version__ = '0.1.0'
