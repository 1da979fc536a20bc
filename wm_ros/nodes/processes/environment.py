"""
The environment variables that rclpy needs, for Pythons that no ROS setup file was sourced for.

On a ROS machine sourcing ``setup.bash`` sets everything, and nothing here changes it.  Where
rclpy comes from wheels two things are open:

- ``AMENT_PREFIX_PATH`` must list the prefix that the wheels are in before rclpy, or any tool
  that looks packages up, first asks for it.
- ``LD_LIBRARY_PATH`` is read only when a process starts.  The wheels run each Python a second
  time with the right one, and mark that as done by a variable that child processes inherit:
  a child in another virtual environment would then miss its libraries.

This module does not import rclpy.
"""

from importlib.util import find_spec
import os
from pathlib import Path
import sys
from typing import Dict, Mapping, Optional

_GUARD = '_ROS_WHEELS_BOOTSTRAP_COMPLETE'
_INDEX_ENTRY = Path('share', 'ament_index', 'resource_index', 'packages', 'rclpy')


class RosNotInstalled(ImportError):
    """There is no rclpy for this Python; the text says how to get it."""


def prepare() -> None:
    """
    Set what rclpy needs and is not set; to be called before rclpy is imported.

    Does nothing on a machine whose ROS setup file was sourced, and nothing the second time.
    Raises RosNotInstalled, or ImportError if rclpy could not be loaded, with what to do.
    """
    if find_spec('rclpy') is None:
        raise RosNotInstalled(
            "rclpy is not installed: source your ROS distribution's setup file, or install "
            "the wheels with, in this folder: pip install '.[ros]'")
    if _libraries_out_of_reach(os.environ):
        raise ImportError(
            f'{_GUARD} was inherited from another virtual environment, so the libraries of '
            f'this one ({sys.prefix}) cannot be found; start again with: '
            f'env -u {_GUARD} -u LD_LIBRARY_PATH <command>')
    os.environ.update(_ament_prefix_path(os.environ))


def child_environment(**variables: str) -> Dict[str, str]:
    """
    Return the environment for a child process, with these variables set in addition.

    Free of what the wheels left for this Python, so that the child may be any Python, and
    with ``AMENT_PREFIX_PATH`` complete.
    """
    environment = dict(os.environ)
    if environment.pop(_GUARD, None) is not None:
        kept = [path for path in environment.pop('LD_LIBRARY_PATH', '').split(os.pathsep)
                if path and not _is_of_wheels(Path(path))]
        if kept:
            environment['LD_LIBRARY_PATH'] = os.pathsep.join(kept)
    environment.update(_ament_prefix_path(environment))
    environment.update(variables)
    return environment


def _ament_prefix_path(environment: Mapping[str, str]) -> Dict[str, str]:
    """Return the assignment that is missing: none if rclpy's prefix is listed already."""
    prefix = _rclpy_prefix()
    listed = [path for path in environment.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if path]
    if prefix is None or any(Path(path).resolve() == prefix.resolve() for path in listed):
        return {}
    # Last, as the underlay that it is: workspaces built on top of it come first.
    return {'AMENT_PREFIX_PATH': os.pathsep.join(listed + [str(prefix)])}


def _rclpy_prefix() -> Optional[Path]:
    """Return the prefix that rclpy is installed in, if an ament index there says so."""
    spec = find_spec('rclpy')
    if spec is None or spec.origin is None:
        return None
    for folder in Path(spec.origin).parents:
        if (folder / _INDEX_ENTRY).is_file():
            return folder
    return None


def _libraries_out_of_reach(environment: Mapping[str, str]) -> bool:
    """Whether the wheels' second start was left out although their libraries need it."""
    spec = find_spec('rclpy')
    prefix = _rclpy_prefix()
    if spec is None or prefix is None or prefix.resolve() != Path(sys.prefix).resolve():
        return False    # not of this virtual environment: a ROS distribution's
    if _GUARD not in environment or find_spec('ros_wheels_bootstrapper') is None:
        return False
    listed = [path for path in environment.get('LD_LIBRARY_PATH', '').split(os.pathsep) if path]
    return not any(Path(path).resolve() == (prefix / 'lib').resolve() for path in listed)


def _is_of_wheels(folder: Path) -> bool:
    """Whether a library folder is one that the wheels of this Python added."""
    prefix = Path(sys.prefix)
    return folder == prefix / 'lib' or (
        prefix.resolve() in folder.resolve().parents
        and folder.name.startswith('ros_') and folder.name.endswith('.libs'))
