"""What an agent was trained in, as its checkpoint says."""

import json
from typing import Any, Dict, NamedTuple

from wm_ros import paths
from wm_ros.types import CheckpointError
from wm_ros.world_model.weights import read_meta, shown


class Origin(NamedTuple):
    """An environment by its ID, the arguments that it was made with, whether it tells success."""

    name: str
    arguments: Dict[str, Any]
    tells: bool

    def is_of(self, name: str) -> bool:
        """Return whether it is the environment ``name``, wherever that is imported from."""
        return self.name.split(':')[-1] == name.split(':')[-1]

    def __str__(self):
        """Return it as the command line has it."""
        return ' '.join([self.name, *(f'--env-arg {name}={json.dumps(value)}'
                                      for name, value in self.arguments.items())])


def origin(reference: str) -> Origin:
    """
    Return what the agent of the checkpoint ``reference`` was trained in.

    Raises CheckpointError for a checkpoint that is missing, or no agent of an environment.
    """
    path = paths.find_weights(reference)
    meta = read_meta(path.with_suffix('.json'), {})
    _check_kind(path, meta)
    environment, best = _part(path, meta, 'environment', dict), _part(path, meta, 'best', dict)
    # Those of before arguments could be given have none.
    return Origin(_part(path, environment, 'name', str),
                  _part(path, {'arguments': {}, **environment}, 'arguments', dict),
                  best.get('success_rate') is not None)


def _check_kind(path, meta):
    if meta.get('kind') == 'latent_agent':
        return
    what = f'a {shown(meta["kind"])}' if 'kind' in meta else 'of no kind'
    if 'task' in meta and 'kind' not in meta:
        what = f'an agent of the task {shown(meta["task"], str)}'
    raise CheckpointError(f'checkpoint {path}: is {what}, expected one of an environment '
                          '(wm_ros train --env)')


def _part(path, meta, key, kind):
    if not isinstance(meta.get(key), kind):
        raise CheckpointError(f'checkpoint {path}: {key!r} is missing or not of type '
                              f'{kind.__name__}')
    return meta[key]
