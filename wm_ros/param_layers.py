"""
Parameters by layers: files, arguments and single settings, of which a later one wins.

Every value is checked as it is merged, and a complaint names the layer that it came from.
"""

from difflib import get_close_matches
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from wm_ros import paths
from wm_ros.param_table import TABLE
from wm_ros.params import load_files, sections
from wm_ros.types import ParameterError
import yaml

_WILDCARDS = ('/**', '/*')


class Layers:
    """Layers for the nodes called ``nodes``, the strongest added last."""

    def __init__(self, nodes: Sequence[str]):
        self._nodes = tuple(nodes)
        self._layers: List[Tuple[str, Dict[str, Mapping[str, Any]]]] = []

    def add(self, where: str, values: Mapping[str, Mapping[str, Any]]):
        """Add {node, or '' for all that have the parameter: {name: value}}."""
        self._layers.append((where, values))

    def add_file(self, file):
        """Add a ROS parameter file; refuse a name that no node knows."""
        where = f'parameter file {file}'
        values = {node: load_files([file], node) for node in self._nodes}
        # What stands under a wildcard is for the nodes that have it.
        general = load_files([file], '')
        for name in general:
            self._refuse_unknown(name, where)
        for node in values:
            values[node] = {name: value for name, value in values[node].items()
                            if name not in general or _has(node, name)}
        self.add(where, values)

    def add_setting(self, setting: str):
        """Add '[node:]name:=value'."""
        where = f'setting {setting!r}'
        name, value = split(setting, 'setting', '[node:]name:=value')
        node, _, short = name.rpartition(':')
        if node and node not in self._nodes:
            raise ParameterError(f'{where}: no node {node!r}; expected one of '
                                 f'{", ".join(self._nodes)}')
        if not node:
            self._refuse_unknown(short, where)
        self.add(where, {node: {short: _parse(value, setting)}})

    def merged(self, node: str) -> Dict[str, Any]:
        """Return the values that ``node`` gets of all layers, each checked."""
        merged = {}
        for where, values in self._layers:
            chosen = {name: value for name, value in values.get('', {}).items()
                      if _has(node, name)}
            chosen.update(values.get(node, {}))
            for name, value in chosen.items():
                merged[name] = _check(node, name, value, where)
        return merged

    def _refuse_unknown(self, name, where):
        if not any(_has(node, name) for node in self._nodes):
            close = get_close_matches(name, TABLE.specs, n=1)
            raise ParameterError(f'{where}: no node has a parameter {name!r}'
                                 + (f'; did you mean {close[0]!r}?' if close else ''))


def files_of(task: str, sensors: str, files: Sequence[str], nodes: Sequence[str]):
    """
    Return (shipped files, the user's files) for a task, in the order of reading.

    ``sensors`` '' means the usual ones; raises ParameterError for unknown ones.
    """
    for file in files:
        _check_sections(file, nodes)
    config = paths.config_dir()
    overlay = config / 'tasks' / f'{task}.yaml'
    shipped = [config / 'params.yaml'] + ([overlay] if overlay.is_file() else [])
    if sensors:
        shipped.append(_sensors_file(config / 'sensors', sensors))
    return shipped, [Path(file) for file in files]


def _sensors_file(folder, sensors):
    known = {file.stem: file for file in folder.glob('*.yaml')}
    if sensors not in known:
        raise ParameterError(f'unknown sensors {sensors!r}: expected one of '
                             f'{", ".join(sorted(known))}')
    return known[sensors]


def task_in(settings: Sequence[str], files: Sequence[str], nodes: Sequence[str]) -> str:
    """Return the task that settings or files name, the last of them first."""
    for setting in reversed(settings):
        name, value = split(setting, 'setting', 'name:=value')
        if name.split(':')[-1] == 'task':
            return str(_parse(value, setting))
    for node in nodes:
        task = load_files(files, node).get('task')
        if task is not None:
            return str(task)
    return TABLE.specs['task'].default


def split(text: str, what: str, expected: str) -> Tuple[str, str]:
    """Return both sides of ':='; raises ParameterError that says what was expected."""
    name, separator, value = text.partition(':=')
    if not separator or not name or not value:
        raise ParameterError(f'{what} {text!r}: expected {expected}')
    return name, value


def _check_sections(file, nodes):
    """Refuse a section that is a slip of the pen; sections of other software may stand."""
    for section in sections(file):
        name = section.rstrip('/').split('/')[-1]
        if section in _WILDCARDS or name in nodes:
            continue
        close = get_close_matches(name, nodes, n=1)
        if close:
            raise ParameterError(f'parameter file {file}: no node {section!r}; '
                                 f'did you mean {close[0]!r}?')


def _parse(value, setting):
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ParameterError(f'setting {setting!r}: {value!r} is not valid YAML') from error


def _has(node, name):
    if name == 'use_sim_time':
        return True
    try:
        TABLE.find(node, name)
    except ParameterError:
        return False
    return True


def _check(node, name, value, where):
    if name == 'use_sim_time':
        if not isinstance(value, bool):
            raise ParameterError(f'{where}: parameter use_sim_time: got {value!r}, '
                                 'expected a bool')
        return value
    try:
        return TABLE.find(node, name).check(value)
    except ParameterError as error:
        raise ParameterError(f'{where}: {error}') from error
