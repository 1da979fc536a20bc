"""Episodes on disk."""

from wm_ros.data.bank import Bank
from wm_ros.data.episodes import (
    good_files, prepare_folder, read_episodes, read_rows, write_episode)

__all__ = ['Bank', 'good_files', 'prepare_folder', 'read_episodes', 'read_rows', 'write_episode']
