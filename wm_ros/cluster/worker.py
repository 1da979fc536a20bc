"""What a worker of a Ray cluster does: it prepares itself once, then works item by item."""

from dataclasses import dataclass
from functools import lru_cache
import hashlib
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
import pickle
import platform
import socket
from typing import Any, Callable, Dict, Optional, Tuple

from wm_ros import paths
from wm_ros.types import WmRosError

#: What results may depend on to the last bit, besides this package and the processor.
_PACKAGES = ('casadi', 'mujoco', 'numba', 'numpy', 'pybullet', 'torch')
_SUFFIXES = ('.py', '.yaml', '.urdf')


@dataclass(frozen=True)
class Job:
    """What is to be done with each item; ``work`` and ``prepare`` are functions of modules."""

    work: Callable
    prepare: Callable
    arguments: Tuple
    software: Dict[str, str]        # of whoever asks


def told(work: Callable, prepare: Callable, arguments: Tuple) -> bytes:
    """Return the job as workers are told of it."""
    return pickle.dumps(Job(work, prepare, arguments, software()))


_prepared: Optional[Tuple[bytes, Job]] = None   # what this process has prepared itself for


def do(job: bytes, item) -> Any:
    """
    Return what the work makes of ``item``, in a process that is prepared for it.

    Raises WmRosError where this process has other software than the one that asks.
    """
    global _prepared
    if _prepared is None or _prepared[0] != job:
        found = pickle.loads(job)       # from the cluster's own driver
        _compare(found.software)
        found.prepare(*found.arguments)
        _prepared = job, found
    return _prepared[1].work(item)


@lru_cache(maxsize=None)
def software() -> Dict[str, str]:
    """Return {name: version} of what results depend on; of this package, a hash of its files."""
    found = {'Python': platform.python_version(), paths.PACKAGE: _hash()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = 'none'
    return found


def _hash():
    folders = [Path(find_spec(name).origin).parent for name in (paths.PACKAGE, 'sim')]
    digest = hashlib.sha256()
    for folder in [*folders, paths.config_dir()]:
        for file in sorted(folder.rglob('*')):
            if file.suffix in _SUFFIXES:
                digest.update(file.relative_to(folder).as_posix().encode() + b'\0')
                digest.update(file.read_bytes() + b'\0')
    return digest.hexdigest()[:12]


def _compare(theirs):
    for name, version in software().items():
        if version != theirs[name]:
            raise WmRosError(
                f'the worker on {socket.gethostname()} has {name} {version}, expected '
                f'{theirs[name]} as here, or its episodes would be others; install the same there')
