"""
Episodes on disk: one ``.safetensors`` file each, written whole or not at all.

A column per array of ``wm_ros.types.Episode``, ``stream.<name>`` for each of its streams.  The
file's metadata holds the words and the randomisation as JSON (``about``) and the CRC-32 of that
and of each column (``crc32``), so that damage is found wherever it is.  Columns lie in the file
as in memory and are mapped, not read: ``read_rows`` of a long stream takes microseconds.
"""

import json
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Sequence, Tuple, Union
import zlib

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save
from wm_ros.data.answered import LATE
from wm_ros.files import whole
from wm_ros.types import Episode, WmRosError

_ARRAYS = ('states', 'goal', 'actions', 'rewards')
_STREAM = 'stream.'
_NAMED = 20             # files of a folder that are skipped and named one by one

#: A folder of recordings, or several.
Folders = Union[str, Path, Sequence[Union[str, Path]]]


class _Unfit(Exception):
    """A file is whole, but not what was asked for."""


def prepare_folder(flag: str, folder: Union[str, Path]):
    """
    Make the folder that the argument ``flag`` names, for new episodes.

    Raises WmRosError where that cannot be, and where there are episodes already.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WmRosError(f'{flag} {folder}: no folder to write to ({error.strerror})') from error
    there = len(list(folder.glob('episode_*.safetensors')))
    if there:
        raise WmRosError(f'{flag} {folder}: holds {there} episodes already, which would be mixed '
                         'with the new ones: delete them or choose another folder')


def write_episode(folder: Path, number: int, episode: Episode) -> Path:
    """Write ``episode`` as file ``number`` of ``folder``; return its path."""
    path = Path(folder) / f'episode_{number:06d}.safetensors'
    path.parent.mkdir(parents=True, exist_ok=True)
    about = json.dumps({
        'task': episode.task, 'success': bool(episode.success), 'source': episode.source,
        'randomisation': dict(episode.randomisation), 'seed': episode.seed})
    columns = {name: getattr(episode, name) for name in _ARRAYS}
    if episode.expert is not None:
        columns['expert'] = episode.expert
    columns.update({_STREAM + name: rows for name, rows in episode.streams.items()})
    columns = {name: np.ascontiguousarray(column) for name, column in columns.items()}
    sums = {'about': zlib.crc32(about.encode()),
            **{name: _checksum(column) for name, column in columns.items()}}
    data = save(columns, {'about': about, 'crc32': json.dumps(sums)})
    with whole(path) as partial:
        partial.write_bytes(data)
    return path


def read_episodes(folders: Folders, task: str, complain: Callable[[str], None],
                  streams: Sequence[str] = ()) -> List[Episode]:
    """
    Return the episodes of ``task`` in a folder, or several, in the order of their numbers.

    Of their streams only ``streams`` are read, and how late the arm was.  A damaged file is named
    through ``complain`` and skipped; raises WmRosError when a folder holds no good one.
    """
    return [episode for _, episode in good_files(folders, task, complain, streams)]


def good_files(folders: Folders, task: str, complain: Callable[[str], None],
               streams: Sequence[str] = ()) -> Iterator[Tuple[Path, Episode]]:
    """Yield what ``read_episodes`` returns, one by one, with the path of its file."""
    for folder in [folders] if isinstance(folders, (str, Path)) else folders:
        yield from _good_files(Path(folder), task, complain, streams)


def _good_files(folder, task, complain, streams):
    found, skipped = False, []

    def complain_a_little(complaint):
        skipped.append(complaint)
        if len(skipped) <= _NAMED:
            complain(complaint)

    for found in _good(sorted(folder.glob('episode_*.safetensors')), task, complain_a_little,
                       streams):
        yield found
    if len(skipped) > _NAMED:
        complain(f'{folder}: {len(skipped) - _NAMED} more skipped, the last: {skipped[-1]}')
    if not found:
        raise WmRosError(f'{folder}: no usable episode of {task!r} '
                         f'(record some: wm_ros collect --task {task} --output {folder})')


def read_rows(path: Path, stream: str, first: int, last: int) -> np.ndarray:
    """Return rows ``first`` to ``last`` (exclusive) of a stream of the file at ``path``."""
    with safe_open(path, framework='numpy') as file:
        return file.get_slice(_STREAM + stream)[first:last]


def _good(paths, task, complain, streams) -> Iterator[Tuple[Path, Episode]]:
    for path in paths:
        try:
            episode = _read(path, streams)
            if episode.task != task:
                raise _Unfit(f'of task {episode.task!r}, not {task!r}')
        except _Unfit as error:
            complain(f'{path}: skipped, {error}')
        except Exception as error:
            # Damaged bytes make parsers raise nearly anything.
            complain(f'{path}: skipped, damaged ({" ".join(str(error).split())})')
        else:
            yield path, episode


def _read(path, streams):
    with safe_open(path, framework='numpy') as file:
        metadata = file.metadata() or {}
        sums = json.loads(metadata['crc32'])
        if zlib.crc32(metadata['about'].encode()) != sums['about']:
            raise ValueError('the description does not have its checksum')
        names = set(file.keys())
        if names != set(sums) - {'about'}:
            raise ValueError(f'columns {", ".join(sorted(names))}, expected '
                             f'{", ".join(sorted(set(sums) - {"about"}))}')
        missing = [name for name in streams if _STREAM + name not in names]
        if missing:
            raise _Unfit(f'recorded without {", ".join(missing)}')
        columns = {}
        for name in sorted(names):
            column = file.get_tensor(name)
            if _checksum(column) != sums[name]:
                raise ValueError(f'{name} does not have its checksum')
            if not name.startswith(_STREAM) or name[len(_STREAM):] in (*streams, LATE):
                columns[name] = column
    return _episode(json.loads(metadata['about']), columns)


def _episode(about, columns: Dict[str, np.ndarray]) -> Episode:
    episode = Episode(
        task=about['task'], success=about['success'], source=about['source'],
        randomisation=about['randomisation'], seed=about.get('seed'),
        expert=columns.get('expert'),
        streams={name[len(_STREAM):]: rows for name, rows in columns.items()
                 if name.startswith(_STREAM)},
        **{name: columns[name] for name in _ARRAYS})
    _check(episode)
    return episode


def _checksum(column) -> int:
    """Return the CRC-32 of type, shape and bytes of a column."""
    kind = f'{column.dtype.str}{column.shape}'.encode()
    return zlib.crc32(memoryview(column).cast('B') if column.size else b'', zlib.crc32(kind))


def _check(episode):
    steps, width = episode.actions.shape
    expected = {'states': (steps + 1, episode.states.shape[-1]), 'rewards': (steps,),
                'goal': (7,), 'expert': (steps, width)}
    for name, shape in expected.items():
        array = getattr(episode, name)
        if array is not None and array.shape != shape:
            raise ValueError(f'{steps} actions, {name} of shape {array.shape}')
    for name in (*_ARRAYS, 'expert'):
        array = getattr(episode, name)
        if array is not None and not np.isfinite(array).all():
            raise ValueError(f'{name}: values that are not finite')
    for name, rows in episode.streams.items():
        if len(rows) != steps + 1:
            raise ValueError(f'{steps} actions, stream {name} of {len(rows)} rows')
