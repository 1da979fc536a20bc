"""Files of edge cases: YAML, each case with its scene, its world and what became of it there."""

from dataclasses import dataclass, field, replace
import json
import math
from pathlib import Path
import shlex
from typing import Any, Dict, Mapping, Tuple

import numpy as np
from sim.randomize import Randomization
from sim.randomize.config import parse
from sim.tasks import make_task
from wm_ros.files import load_yaml, write_text
from wm_ros.robot.robot import Robot
from wm_ros.types import WmRosError
import yaml

FORMAT = 1
_DIGITS = 6             # of what is written, and so of what is played
_WIDTH = 99
_HEAD = ('# Written by wm_ros edge_cases.  To play them again:\n'
         '# wm_ros evaluate --task {task} --edge-cases {name}{rest}\n')


@dataclass(frozen=True)
class Case:
    """
    An episode that ``checkpoint`` failed and the script did not.

    ``values`` are the numbers of each term that is not as usual, in the term's unit; ``distance``
    [m] is how far from the goal it ended at ``time`` [s]; the script was there at ``script_time``.
    """

    seed: int               # of the scene: its start and goal
    values: Mapping[str, Tuple[float, ...]]
    distance: float
    time: float
    script_time: float
    checkpoint: str

    @property
    def randomization(self) -> Randomization:
        """Return what draws this world and no other."""
        return pinned(self.values, f'case {self.seed}')


@dataclass(frozen=True)
class Cases:
    """Those of one file, all of one task and robot; '' means: as shipped."""

    task: str
    robot: str
    cases: Tuple[Case, ...]
    engine: str = ''
    sensors: str = ''
    randomization: str = ''     # whose worlds were searched
    planner: str = ''
    parameters: Mapping[str, Any] = field(default_factory=dict)     # that are not as shipped
    search: Mapping[str, Any] = field(default_factory=dict)         # how they were found
    name: str = ''              # of the file

    def some(self, seed: int, episodes: int) -> 'Cases':
        """Return at most so many cases, the first of which is that of ``seed``; 0: of any."""
        seeds = [case.seed for case in self.cases]
        if seed and seed not in seeds:
            raise WmRosError(f'--seed: got {seed}, expected that of a case of {self.name}')
        begin = seeds.index(seed) if seed else 0
        return replace(self, cases=self.cases[begin:begin + episodes])

    def check(self, task: str, robot: Robot):
        """Raise WmRosError where they are of another task or robot, or no world of its."""
        for what, got, expected in (('task', self.task, task), ('robot', self.robot, robot.name)):
            if got != expected:
                raise WmRosError(f'edge cases {self.name}: are of {what} {got!r}, expected '
                                 f'{expected!r}')
        scene = make_task(task)
        for case in self.cases:
            boxes = scene.blocks(np.random.default_rng(case.seed))
            try:
                case.randomization.draw(case.seed, boxes, len(robot.joint_names))
            except WmRosError as error:
                raise WmRosError(f'edge cases {self.name}: case {case.seed}: {error}') from error

    def write(self, path: str):
        """Write the file, whole or not at all."""
        found: Dict[str, Any] = {'format': FORMAT, 'task': self.task, 'robot': self.robot}
        found.update({name: value for name in _OPTIONAL if (value := getattr(self, name))})
        found['cases'] = [_row(case) for case in self.cases]
        text = yaml.safe_dump(found, sort_keys=False, default_flow_style=None, width=_WIDTH)
        head = _HEAD.format(task=self.task, name=Path(path).name, rest=''.join(
            f' {word}' for word in self._flags()))
        write_text(path, head + text)

    def _flags(self):
        """Return what evaluate has to be told beside the file, to come to the same ends."""
        if self.planner:
            yield f'--planner {self.planner}'
        for name, value in self.parameters.items():
            if name != 'planner.type':
                told = value if isinstance(value, str) else json.dumps(value)
                yield f'--set {name}:={shlex.quote(told)}'


def rounded(drawn: Mapping[str, Tuple[float, ...]]) -> Dict[str, Tuple[float, ...]]:
    """Return what was drawn of each term as files have it; terms without numbers are left out."""
    return {name: tuple(float(f'{value:.{_DIGITS}g}') for value in values)
            for name, values in drawn.items() if len(values)}


def load_cases(path: str) -> Cases:
    """Return the cases of a file; raises WmRosError that says what is wrong, and in which case."""
    try:
        data = load_yaml(Path(path).expanduser().read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WmRosError(f'edge cases {path}: {" ".join(str(error).split())}') from error
    if not isinstance(data, dict) or data.get('format') != FORMAT:
        raise WmRosError(f'edge cases {path}: expected a file of wm_ros edge_cases, format '
                         f'{FORMAT}')
    try:
        told = {name: _told(data, name, kind) for name, kind in {
            'task': str, 'robot': str, 'cases': list}.items()}
        told.update({name: _told(data, name, kind) for name, kind in _OPTIONAL.items()
                     if name in data})
        cases = tuple(_case(row, number) for number, row in enumerate(told.pop('cases'), 1))
        _agree(data, cases)
    except (TypeError, ValueError) as error:
        raise WmRosError(f'edge cases {path}: {error}') from error
    return Cases(cases=cases, name=str(path), **told)


_OPTIONAL = {'engine': str, 'sensors': str, 'randomization': str, 'planner': str,
             'parameters': dict, 'search': dict}
_KINDS = {'seed': int, 'distance': float, 'time': float, 'script_time': float,
          'checkpoint': str, 'values': dict}


def _told(row, name, kind):
    value = row.get(name)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind or kind is float and not math.isfinite(value):
        raise ValueError(f'{name}: got {value!r}, expected '
                         + {str: 'a text', int: 'an integer', float: 'a finite number',
                            dict: 'a mapping', list: 'a list'}[kind])
    return value


def _case(row, number) -> Case:
    if not isinstance(row, dict):
        raise ValueError(f'case {number}: got {row!r}, expected {", ".join(_KINDS)}')
    try:
        told = {name: _told(row, name, kind) for name, kind in _KINDS.items()}
        if told['seed'] < 0:
            raise ValueError(f'seed: got {told["seed"]}, expected at least 0')
        pinned(told['values'], 'values')
    except (ValueError, WmRosError) as error:
        raise ValueError(f'case {number}: {error}') from error
    told['values'] = {name: tuple(map(float, np.ravel(value)))
                      for name, value in told['values'].items()}
    return Case(**told)


def _agree(data, cases):
    if not cases:
        raise ValueError('cases: got none, expected at least one')
    seeds = [case.seed for case in cases]
    for seed in seeds:
        if seeds.count(seed) > 1:
            raise ValueError(f'seed {seed}: got more than one case of it, expected one')
    unknown = set(data) - {'format', 'task', 'robot', 'cases', *_OPTIONAL}
    if unknown:
        raise ValueError(f'{", ".join(map(str, sorted(unknown, key=str)))}: not known')


def pinned(values: Mapping[str, Any], where: str) -> Randomization:
    """Return the randomization that always draws ``values`` {term: number or numbers}."""
    return parse({'terms': [{'term': name, 'value': list(np.ravel(value).tolist())}
                            for name, value in values.items()]}, '', where)


def _row(case) -> Dict[str, Any]:
    row = {name: getattr(case, name) for name in _KINDS}
    row['values'] = {name: values[0] if len(values) == 1 else list(values)
                     for name, values in case.values.items()}
    return row
