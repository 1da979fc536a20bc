"""The search for edge cases: wave after wave of worlds, until there are enough that break."""

from dataclasses import dataclass
from functools import partial
import time
from typing import Any, Callable, Dict, List

import numpy as np
from sim.randomize.box import Box
from sim.tasks import make_task
from wm_ros import seeds
from wm_ros.evaluation.edge_cases.attempt import Attempt, attempt
from wm_ros.evaluation.edge_cases.cases import Cases
from wm_ros.evaluation.edge_cases.population import Population
from wm_ros.evaluation.run import Evaluation, Request
from wm_ros.param_table import MPC, ROBOT, SENSOR
from wm_ros.robot.robot import load_robot
from wm_ros.types import WmRosError

#: What cases say for themselves, beside the parameters that are not as shipped.
_TOLD = ('engine', 'randomization', 'checkpoint')
_VISIBLE = ('camera.', 'object.colour')     # terms that only a camera notices


@dataclass(frozen=True)
class SearchRequest:
    """
    How many cases of the product of ``product`` to find, in at most so many ``episodes``.

    Searches of different seeds have no scene in common.  Raises WmRosError for numbers that make
    no sense.
    """

    product: Request            # its episodes and seed do not matter
    count: int = 50
    episodes: int = 5000
    seed: int = 0

    def __post_init__(self):
        for name, low, high in (('count', 1, seeds.SCENES), ('episodes', 1, 10_000_000),
                                ('seed', 0, seeds.SEARCHES - 1)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise WmRosError(f'--{name}: got {value}, expected from {low} to {high}')

    @property
    def scenes(self) -> range:
        """Return the seeds of the scenes that may be tried."""
        first = seeds.EDGE_CASES + seeds.SCENES * self.seed
        return range(first, first + seeds.SCENES)


class Search:
    """
    A search whose parameters have been read: once, before anything starts.

    Raises WmRosError where nothing varies, and where episodes are not the same twice.
    """

    def __init__(self, request: SearchRequest):
        self.request = request
        self.evaluation = evaluation = Evaluation(request.product)
        self._task = make_task(request.product.task)
        robot = load_robot(evaluation.params[ROBOT]['robot'])
        self.box = Box(evaluation.randomization, len(self._task.spec.object_names),
                       len(robot.joint_names), self._matters)
        if not self.box.names:
            raise WmRosError(f'--randomization: got {request.product.randomization!r}, expected '
                             f'one that makes vary what matters to {request.product.task}')
        deadline = evaluation.params[MPC]['planner.deadline_ms']
        if deadline:
            raise WmRosError(f'planner.deadline_ms: got {deadline:g}, expected 0: plans that end '
                             'by the clock are not the same twice')
        self._attempts: List[Attempt] = []
        #: Those that made a case, at most one of a scene.
        self.found: List[Attempt] = []
        self._seconds, self.interrupted = 0.0, False

    def _matters(self, entry) -> bool:
        seen = self.evaluation.params[SENSOR]['use_camera']
        return seen or not entry.term.name.startswith(_VISIBLE)

    def run(self, progress: Callable[[int, Dict[str, float]], None] = lambda found, told: None):
        """
        Search; ``progress`` hears of how many there are.

        Ctrl-C ends it with those that there are, and is raised where there is none.
        """
        began, request = time.perf_counter(), self.request
        population = Population(request.scenes, len(self.box.names), request.seed)
        try:
            while not self._enough and (places := population.wave()):
                left = request.episodes - len(self._attempts)
                for one in self.evaluation.share(partial(attempt, box=self.box), places[:left]):
                    population.take(one)
                    self._take(one)
                    progress(len(self.found), self._effort())
                    if self._enough:
                        break
        except KeyboardInterrupt:
            if not self.found:
                raise
            self.interrupted = True
        self._seconds = time.perf_counter() - began

    def _take(self, one):
        self._attempts.append(one)
        if one.case is not None and one.place.seed not in (x.place.seed for x in self.found):
            self.found.append(one)

    @property
    def _enough(self) -> bool:
        return (len(self.found) >= self.request.count
                or len(self._attempts) >= self.request.episodes)

    def cases(self) -> Cases:
        """Return what was found; raises WmRosError for nothing."""
        request, evaluation = self.request.product, self.evaluation
        if not self.found:
            raise WmRosError(f'no edge case of {request.task} in {len(self._attempts)} episodes: '
                             'the agent did whatever the script did; expected more --episodes, or '
                             'a wider --randomization')
        return Cases(
            request.task, evaluation.robot, tuple(one.case for one in self.found),
            evaluation.engine, request.sensors, evaluation.randomization.name,
            evaluation.params[MPC]['planner.type'],
            {row['name']: row['value'] for row in evaluation.changed
             if row['name'] not in _TOLD},
            {'seed': self.request.seed, **self._effort()})

    def figures(self) -> Dict[str, Any]:
        """Return what it took, and what the cases are like."""
        return {'task': self.request.product.task, 'checkpoint': self.evaluation.checkpoint,
                'randomization': self.evaluation.randomization.name, 'found': len(self.found),
                'seed': self.request.seed, **self._effort(), 'seconds': round(self._seconds, 1),
                'lean': self.lean()}

    def _effort(self):
        """Return how much was tried: episodes are the script's, and but for some the agent's."""
        return {'episodes': len(self._attempts),
                'scenes': len({one.place.seed for one in self._attempts}),
                'unsolved': sum(one.spared for one in self._attempts)}

    def lean(self) -> Dict[str, float]:
        """
        Return the mean share of each number of the box over the cases, the furthest off first.

        Of even draws it is 0.5.
        """
        if not self.found:
            return {}
        shares = np.array([one.place.shares for one in self.found])
        means, names = shares.mean(0), _numbered(self.box.names)
        order = np.argsort(-np.abs(means - 0.5), kind='stable')
        return {names[i]: round(float(means[i]), 3) for i in order}


def _numbered(names) -> List[str]:
    """Return names that differ: 'x' where there is one of it, else 'x[0]', 'x[1]' and so on."""
    return [name if names.count(name) == 1 else f'{name}[{names[:i].count(name)}]'
            for i, name in enumerate(names)]
