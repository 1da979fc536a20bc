"""
Where the files that come with the package are.

``config/`` and ``launch/`` stand beside the package in a source tree and below
``share/wm_ros`` once installed.  A copy is looked for in this order, so that code and
configuration are always of the same version:

1. the source tree that this module is in (a checkout, ``pip install -e``,
   ``colcon build --symlink-install``),
2. the prefix that this module is installed in (pip, ``colcon build``, Debian packages),
3. the prefixes in ``AMENT_PREFIX_PATH``.
"""

from importlib import resources
import os
from pathlib import Path
from typing import Iterator

from wm_ros.types import CheckpointError, WmRosError

PACKAGE = 'wm_ros'
WEIGHTS_SUFFIX = '.safetensors'


def config_dir() -> Path:
    """Return the folder of the parameter files.  Raises WmRosError when there is none."""
    return _find('config')


def launch_dir() -> Path:
    """Return the folder of the launch files.  Raises WmRosError when there is none."""
    return _find('launch')


def checkpoint_dir() -> Path:
    """Return the folder of the shipped weights.  Raises WmRosError when there is none."""
    folder = Path(str(resources.files(PACKAGE))).resolve() / 'checkpoints'
    if not folder.is_dir():
        raise WmRosError(f'no shipped checkpoints: {folder} is not there; reinstall {PACKAGE}')
    return folder


def weights_file(name) -> Path:
    """
    Return the weights file of the checkpoint ``name``, given with or without its ending.

    Raises CheckpointError for a name that no file can have.
    """
    path = Path(name).expanduser()
    if not path.name:
        raise CheckpointError(f'checkpoint {str(name)!r}: expected the name of a file')
    stem = path.stem if path.suffix in (WEIGHTS_SUFFIX, '.json') else path.name
    return path.with_name(stem + WEIGHTS_SUFFIX)


def find_weights(reference) -> Path:
    """Return the weights file that ``reference`` means: a path, or the name of a shipped one."""
    path = weights_file(reference)
    if not path.is_file() and Path(reference).name == str(reference):
        shipped = weights_file(checkpoint_dir() / reference)
        return shipped if shipped.is_file() else path
    return path


def no_checkpoint(file: Path, hint: str = '') -> CheckpointError:
    """Return the error that says that ``file`` is not there, which ones are shipped, ``hint``."""
    shipped = sorted(path.stem for path in checkpoint_dir().glob(f'*{WEIGHTS_SUFFIX}'))
    return CheckpointError(f'checkpoint {file}: no such file; expected a path, or one of those '
                           f'that are shipped: {", ".join(shipped)}{hint}')


def _find(folder: str) -> Path:
    tried = []
    for candidate in _shares(Path(__file__).resolve()):
        path = candidate / folder
        if path.is_dir():
            return path
        if str(path) not in tried:
            tried.append(str(path))
    raise WmRosError(f'no {folder}/ of {PACKAGE}: looked for {", ".join(tried)}; reinstall it, '
                     'or source the setup file of the workspace that it was built in')


def _shares(module: Path) -> Iterator[Path]:
    """Yield the folders that can hold ``config/``, for a module at this resolved path."""
    source = module.parents[1]
    if (source / 'package.xml').is_file() and (source / 'setup.py').is_file():
        yield source
    for prefix in module.parents:
        # Only a prefix that the package was installed into: other folders can have the name.
        if (prefix / 'share' / PACKAGE / 'package.xml').is_file():
            yield prefix / 'share' / PACKAGE
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        if prefix:
            yield Path(prefix) / 'share' / PACKAGE
