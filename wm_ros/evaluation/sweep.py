"""The same episodes again and again, with one thing of the world at one value after another."""

from dataclasses import dataclass
import math
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
from sim.randomize import Randomization, TERMS
from sim.randomize.conditions import Term
from sim.tasks import make_task
from wm_ros.evaluation.closed_loop import Result
from wm_ros.evaluation.run import Evaluation
from wm_ros.evaluation.statistics import wilson
from wm_ros.param_table import MPC, SENSOR
from wm_ros.robot.robot import load_robot
from wm_ros.types import WmRosError

_FAR = 5.0          # ends that are so many times apart are gone between in equal ratios
_DIGITS = 10        # of a value, so that 0.1 + 0.2 is 0.3
_WHOLE = ('scenery.distractors',)       # counts of things
#: What is about measured poses of objects, which cameras take the place of.
_POSES = tuple(name for name in TERMS if name.startswith(('sensing.pose_', 'sensing.yaw_'))
               ) + ('sensing.height_bias',)


@dataclass(frozen=True)
class Sweep:
    """A term of the world and its values; times the task's own where the task says it."""

    term: Term
    values: Tuple[float, ...]


def spaced(low: float, high: float, count: int) -> Tuple[float, ...]:
    """Return ``count`` values, in equal steps or, where the ends are far apart, equal ratios."""
    far = low > 0 and high / low >= _FAR
    values = (np.geomspace if far else np.linspace)(low, high, count)
    return tuple(float(f'{value:.{_DIGITS}g}') for value in values)


def term_of(name: str) -> Optional[Term]:
    """Return the term of that name, or the only one whose last part it is; None otherwise."""
    named = [term for full, term in TERMS.items() if name in (full, full.partition('.')[2])]
    return named[0] if len(named) == 1 else None


def read(texts: Sequence[str], evaluation: Evaluation) -> List[Sweep]:
    """Return the sweeps that 'TERM=LOW:HIGH:COUNT' ask for; raises WmRosError."""
    sweeps = []
    for text in texts:
        sweep = _parsed(text)
        if sweep.term.name in (other.term.name for other in sweeps):
            raise WmRosError(f'--sweep {text}: {sweep.term.name} is swept already')
        _check(sweep, text, evaluation)
        sweeps.append(sweep)
    return sweeps


def run(evaluation: Evaluation, sweeps: Sequence[Sweep],
        progress: Callable[[List[Result]], None] = lambda results: None
        ) -> Dict[str, List[Dict[str, Any]]]:
    """Return {term: figures at each value}; ``progress`` hears of all results so far."""
    worlds = [(sweep.term, value) for sweep in sweeps for value in sweep.values]
    episodes = [(seed, usual.with_value(term, value)) for term, value in worlds
                for seed, usual in evaluation.episodes]
    results: List[Result] = []
    for result in evaluation.play(episodes):
        results.append(result)
        progress(results)
    found: Dict[str, List[Dict[str, Any]]] = {sweep.term.name: [] for sweep in sweeps}
    count = evaluation.request.episodes
    for i, (term, value) in enumerate(worlds):
        found[term.name].append(_point(value, results[i * count:(i + 1) * count]))
    return found


def _point(value, results):
    successes = sum(result.success for result in results)
    return {'value': value, 'episodes': len(results), 'success_rate': successes / len(results),
            'success_ci95': list(wilson(successes, len(results))),
            'time_to_goal_mean': float(np.mean([result.time for result in results])),
            'failed_seeds': [result.seed for result in results if not result.success],
            'times': [round(float(result.time), 4) for result in results]}


def _parsed(text) -> Sweep:
    name, _, told = text.partition('=')
    parts = told.split(':')
    if len(parts) != 3:
        raise WmRosError(f'--sweep {text}: expected TERM=LOW:HIGH:COUNT, such as '
                         'physics.motor_gain=0.2:1:5')
    term = term_of(name)
    if term is None:
        raise WmRosError(f'--sweep {text}: got {name!r}, expected one of {", ".join(TERMS)}')
    try:
        low, high, count = float(parts[0]), float(parts[1]), int(parts[2])
    except ValueError as error:
        raise WmRosError(f'--sweep {text}: expected two numbers and how many values') from error
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise WmRosError(f'--sweep {text}: expected finite numbers, the lower one first')
    if count < 2:
        raise WmRosError(f'--sweep {text}: got {count} values, expected at least 2')
    values = spaced(low, high, count)
    if term.name in _WHOLE:
        values = tuple(dict.fromkeys(float(round(value)) for value in values))
    return Sweep(term, values)


def _check(sweep, text, evaluation):
    """Refuse values beyond the term's limits, and terms of which the arm would notice nothing."""
    term, (low, high) = sweep.term, (sweep.values[0], sweep.values[-1])
    group, task = term.name.split('.')[0], evaluation.request.task
    sensor = evaluation.params[SENSOR]
    if not sensor['use_camera'] and (group == 'camera' or term.name == 'object.colour'):
        raise WmRosError(f'--sweep {text}: the camera is not in use; add --sensors camera')
    if not make_task(task).boxes and (group == 'object' or term.name in _POSES):
        raise WmRosError(f'--sweep {text}: {task} has no objects')
    if term.name in _POSES and not sensor['use_object_poses']:
        raise WmRosError(f'--sweep {text}: poses are not in use; leave --sensors '
                         f'{evaluation.request.sensors} away')
    if term.usual is None:
        usual = _usual(evaluation.randomization, term, evaluation)
        low, high = low * min(usual), high * max(usual)
    wrong = term.beyond(low, high)
    if wrong:
        raise WmRosError(f'--sweep {text}: {wrong}')


def _usual(randomization: Randomization, term, evaluation) -> List[float]:
    """Return what the objects of all episodes have of ``term`` where it is not swept."""
    task, found = make_task(evaluation.request.task), []
    joints = len(load_robot(evaluation.params[MPC]['robot']).joint_names)
    same = randomization.with_value(term, 1.0)
    for seed in evaluation.request.seeds:
        boxes = task.blocks(np.random.default_rng(seed))
        found += same.draw(seed, boxes, joints).drawn[term.name]
    return found
