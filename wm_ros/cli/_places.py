"""Where a verb may write: not onto what it reads, and no two files onto one."""

import argparse
from pathlib import Path
from typing import Mapping, Optional

from wm_ros import paths
from wm_ros.console import prepare_file
from wm_ros.types import WmRosError

_WEIGHTS = ('checkpoint', 'begin', 'sentinel')      # arguments that name two files
_PICTURES = ('.png', '.pdf', '.svg', '.jpg')
_FLAGS = {'begin': '--from'}


def check_places(arguments: argparse.Namespace, outputs: Mapping[str, Optional[str]]):
    """
    Raise WmRosError for ``outputs`` {argument: path} that cannot be written, or must not be.

    No output may be another one, nor a file that another of the ``arguments`` names.
    """
    read = _read(arguments, outputs)
    seen = {}
    for flag, path in outputs.items():
        if not path:
            continue
        prepare_file(flag, path)
        place = Path(path).resolve()
        other = seen.setdefault(place, flag) if place not in read else read[place]
        if other != flag and not _endless(place):
            raise WmRosError(f'{flag} {path}: is {other} as well; name another file')


def check_picture(flag: str, path: str):
    """Raise WmRosError for a name that does not say which kind of picture it is to be."""
    if Path(path).suffix.lower() not in _PICTURES:
        raise WmRosError(f'{flag} {path}: expected a name that ends in {", ".join(_PICTURES)}')


def _endless(place: Path) -> bool:
    """Return whether everybody may write there, such as to /dev/null."""
    return place.exists() and not place.is_file()


def _read(arguments, outputs):
    """Return {file: the argument that names it} of all that is there and no output."""
    found = {}
    for name, value in vars(arguments).items():
        flag = _FLAGS.get(name, '--' + name.replace('_', '-'))
        if flag in outputs:
            continue
        for text in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(text, (str, Path)) and str(text):
                found.update((file.resolve(), flag) for file in _files(name, text)
                             if file.is_file())
    return found


def _files(name, text):
    path = Path(text).expanduser()
    if name not in _WEIGHTS:
        return [path]
    weights = paths.find_weights(text)
    return [path, weights, weights.with_suffix('.json')]
