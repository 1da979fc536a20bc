"""Work that a Ray cluster shares: its processes and machines may die, its results may not."""

from wm_ros.cluster.cluster import Cluster

__all__ = ['Cluster']
