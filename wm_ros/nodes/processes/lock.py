"""One graph per ROS domain and namespace on a machine: a lock that ends with its holder."""

import os
from pathlib import Path
import tempfile
from typing import Optional

from wm_ros.types import WmRosError

try:
    import fcntl
except ImportError:         # not on Windows: there the look at the ROS graph has to do
    fcntl = None


class GraphLock:
    """
    The right to run the graph of one domain and namespace; held until the process ends.

    The kernel frees it however the holder dies, so nothing stale is ever in the way.
    """

    def __init__(self, namespace: str = '', domain: Optional[str] = None):
        self.namespace = namespace.strip('/')
        self.domain = domain or os.environ.get('ROS_DOMAIN_ID') or '0'
        name = f'{self.domain}-{self.namespace.replace("/", "-")}.lock'
        user = os.getuid() if hasattr(os, 'getuid') else 'all'
        self.path = Path(tempfile.gettempdir()) / f'wm_ros-{user}' / name
        self._file = None

    def acquire(self) -> bool:
        """Take the lock; return False if another process holds it."""
        if fcntl is None:
            return True
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        file = open(self.path, 'a', encoding='utf-8')
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def release(self):
        """Give the lock back."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def require(self):
        """Take the lock; raise WmRosError if a graph runs there already."""
        if not self.acquire():
            where = f' and namespace {self.namespace!r}' if self.namespace else ''
            raise WmRosError(
                f'a graph runs already in ROS domain {self.domain}{where}: stop it first, or '
                'choose another namespace or ROS_DOMAIN_ID')
