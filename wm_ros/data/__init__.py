"""Episodes on disk."""

from wm_ros.data.episodes import read_episodes, write_episode

__all__ = ['read_episodes', 'write_episode']
