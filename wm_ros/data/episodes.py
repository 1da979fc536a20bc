"""
Episodes on disk: one ``.npz`` file each, written whole or not at all, read without pickle.

Arrays as in ``wm_ros.types.Episode``; the words and the randomisation stand as JSON in the
array ``about``.
"""

import json
from pathlib import Path
from typing import Callable, List

import numpy as np
from wm_ros.files import whole
from wm_ros.types import Episode, WmRosError

_ARRAYS = ('states', 'goal', 'actions', 'rewards')


def write_episode(folder: Path, number: int, episode: Episode) -> Path:
    """Write ``episode`` as file ``number`` of ``folder``; return its path."""
    path = Path(folder) / f'episode_{number:06d}.npz'
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {'task': episode.task, 'success': bool(episode.success), 'source': episode.source,
             'randomisation': dict(episode.randomisation)}
    arrays = {name: getattr(episode, name) for name in _ARRAYS}
    if episode.expert is not None:
        arrays['expert'] = episode.expert
    with whole(path) as partial, open(partial, 'wb') as file:
        np.savez_compressed(file, about=np.array(json.dumps(about)), **arrays)
    return path


def read_episodes(folder: Path, task: str, complain: Callable[[str], None]) -> List[Episode]:
    """
    Return the episodes of ``task`` in ``folder``, in the order of their numbers.

    A damaged file is named through ``complain`` and skipped; raises WmRosError when the
    folder holds no good one.
    """
    paths = sorted(Path(folder).glob('episode_*.npz'))
    episodes = []
    for path in paths:
        try:
            episode = _read(path)
        except Exception as error:
            # Damaged bytes make zipfile, zlib and NumPy's parser raise nearly anything.
            complain(f'{path}: skipped, damaged ({" ".join(str(error).split())})')
            continue
        if episode.task != task:
            complain(f'{path}: skipped, of task {episode.task!r}, not {task!r}')
            continue
        episodes.append(episode)
    if not episodes:
        raise WmRosError(f'{folder}: no usable episode of {task!r} among {len(paths)} files '
                         f'(record some: wm_ros collect --task {task} --output {folder})')
    return episodes


def _read(path):
    with np.load(path, allow_pickle=False) as data:
        about = json.loads(str(data['about']))
        arrays = {name: data[name] for name in _ARRAYS}
        expert = data['expert'] if 'expert' in data else None
    episode = Episode(task=about['task'], success=about['success'], source=about['source'],
                      randomisation=about['randomisation'], expert=expert, **arrays)
    _check(episode)
    return episode


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
