"""Many closed-loop episodes, on several cores, into one report."""

from contextlib import closing
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

import numpy as np
from sim.randomize import NOTHING, Randomization, randomization_of
from wm_ros import seeds
from wm_ros.cluster import Cluster
from wm_ros.evaluation.closed_loop import ClosedLoop, Result
from wm_ros.evaluation.edge_cases.cases import Cases
from wm_ros.evaluation.loops import make_loop, share
from wm_ros.evaluation.sensitivity import sensitivity
from wm_ros.evaluation.statistics import percentiles, wilson
from wm_ros.graph import graph, GraphOptions
from wm_ros.param_table import MODEL, MPC, ROBOT, SAFETY, SENSOR, TABLE
from wm_ros.tasks import get_task
from wm_ros.types import WmRosError

_NODES = (ROBOT, SENSOR, MODEL, MPC, SAFETY)


@dataclass(frozen=True)
class Request:
    """
    What to evaluate: episodes of seeds ``seed`` ... ``seed + episodes - 1``.

    Raises WmRosError for numbers that are too small, and for seeds that are not evaluation's.
    """

    task: str
    episodes: int
    seed: int = 0
    planner: str = ''               # '' means: as the parameters say
    checkpoint: str = ''
    robot: str = ''
    sensors: str = ''
    engine: str = ''
    randomization: str = ''
    params_files: Tuple[str, ...] = ()
    settings: Tuple[str, ...] = ()  # 'node:name:=value'
    jobs: Optional[int] = 1         # None: as many as the cluster has CPUs
    ray: str = ''                   # address of a cluster, see ``wm_ros.cluster.Cluster``
    startup: Optional[int] = None   # seed of what a randomization draws once; None: ``seed``

    def __post_init__(self):
        if self.jobs is None and not self.ray:
            raise WmRosError('--jobs: got none, expected a number where there is no cluster')
        for name, least in (('episodes', 1), ('seed', 0), ('jobs', 1), ('startup', 0)):
            if getattr(self, name) is not None and getattr(self, name) < least:
                raise WmRosError(f'--{name}: got {getattr(self, name)}, expected at least {least}')
        if self.seeds[-1] >= seeds.CALIBRATION:
            raise WmRosError(f'--seed: got {self.seed} for {self.episodes} episodes, expected '
                             f'seeds below {seeds.CALIBRATION}: models are trained on others')

    @property
    def seeds(self) -> range:
        """Return the seeds of the episodes."""
        return range(self.seed, self.seed + self.episodes)

    def options(self) -> GraphOptions:
        """Return the graph that these parameters are of."""
        settings = self.settings
        if self.planner:
            settings += (f'{MPC}:planner.type:={self.planner}',)
        return GraphOptions(task=self.task, robot=self.robot, checkpoint=self.checkpoint,
                            sensors=self.sensors, engine=self.engine,
                            randomization=self.randomization,
                            params_files=self.params_files, settings=settings)


def parameters(request: Request) -> dict:
    """Return the parameters of each node, as the graph would be started with."""
    get_task(request.task)
    told = {entry.name: entry.parameters for entry in graph('sim', request.options())}
    return {node: TABLE.resolve(node, {
        name: value for name, value in told[node].items()
        if name in TABLE.of_node(node) or name.startswith('joint_limits.')})
        for node in _NODES}


def worlds_of(request: Request, params) -> Optional[Randomization]:
    """Return what a request's worlds are drawn by, None where nothing varies."""
    startup = request.seed if request.startup is None else request.startup
    return randomization_of(params[ROBOT], startup)


def changed_parameters(request: Request, params) -> List[Dict[str, Any]]:
    """Return what differs from the shipped parameters of the task, robot and sensors."""
    shipped = parameters(Request(request.task, 1, robot=request.robot, sensors=request.sensors))
    found: Dict[Tuple[str, str], Dict[str, Any]] = {}
    for node in _NODES:
        for name in sorted({*params[node], *shipped[node]}):
            value, usual = params[node].get(name), shipped[node].get(name)
            if value != usual:
                row = {'name': name, 'nodes': [], 'value': value, 'shipped': usual}
                found.setdefault((name, repr(value)), row)['nodes'].append(node)
    return list(found.values())


class Evaluation:
    """
    A request whose parameters have been read: once, before anything starts.

    With edge ``cases`` their episodes take the place of those of the request's seeds.  Raises
    WmRosError for an unknown task, robot, checkpoint or parameter.  Parameter files may change
    while the episodes are played; a checkpoint that does ends the evaluation.  ``close`` it where
    ``request.ray`` names a cluster.
    """

    def __init__(self, request: Request, cases: Optional[Cases] = None):
        self.request, self.params, self.cases = request, parameters(request), cases
        self._cluster = _cluster(request, self.params)
        self.changed = changed_parameters(request, self.params)
        self.randomization = worlds_of(request, self.params) or NOTHING
        with closing(make_loop(request.task, self.params)) as loop:
            self.robot, self.checkpoint = loop.robot.name, loop.model.checkpoint
            if cases is not None:
                cases.check(request.task, loop.robot)
        self.engine = self.params[ROBOT]['engine']

    def close(self):
        """Leave the cluster, if there is one; harmless when repeated."""
        if self._cluster is not None:
            self._cluster.close()

    @property
    def episodes(self) -> List[Tuple[int, Randomization]]:
        """Return what is asked for: the seeds, and what they are drawn by."""
        if self.cases is not None:
            return [(case.seed, case.randomization) for case in self.cases.cases]
        return [(seed, self.randomization) for seed in self.request.seeds]

    def share(self, work: Callable, items: Iterable) -> Iterator:
        """Yield ``work(loop, item)`` of all items, in order; see ``loops.share``."""
        return share(work, items, self.request.jobs, (
            self.request.task, self.params, self.checkpoint, self.randomization), self._cluster)

    def play(self, episodes: Iterable[Tuple[int, Randomization]]) -> Iterator[Result]:
        """Yield the results of episodes, in order."""
        return self.share(_play, episodes)

    def run(self, progress: Callable[[List[Result]], None] = lambda results: None
            ) -> List[Result]:
        """Return results in the order of their seeds; ``progress`` hears of those so far."""
        results: List[Result] = []
        for result in self.play(self.episodes):
            results.append(result)
            progress(results)
        return results

    def report(self, results: List[Result]) -> dict:
        """Return the figures of the results as plain data."""
        planner = self.params[MPC]
        successes = sum(result.success for result in results)
        times = np.array([result.time for result in results])
        cycles = max(1, sum(result.cycles for result in results))
        surprise_p50, surprise_p99 = percentiles(
            [surprise for result in results for surprise in result.surprises])
        plan_p50, plan_p99 = percentiles(
            [spent for result in results for spent in result.plan_ms])
        return {
            'task': self.request.task, 'episodes': len(results), 'seed': self.request.seed,
            'success_rate': successes / len(results),
            'success_ci95': list(wilson(successes, len(results))),
            'time_to_goal_mean': float(times.mean()),
            'jerk_rms': float(np.sqrt(np.mean([result.jerk ** 2 for result in results]))),
            'return_mean': float(np.mean([result.total_reward for result in results])),
            'planner': planner['planner.type'], 'horizon': planner['planner.horizon'],
            'plan_ms_p50': plan_p50, 'plan_ms_p99': plan_p99,
            'checkpoint': self.checkpoint, 'engine': self.engine, 'robot': self.robot,
            'randomization': self.params[ROBOT]['randomization'],
            'sensors': self.request.sensors or 'poses',
            'ros': False,
            'limited_share': sum(result.limited for result in results) / cycles,
            'held_share': sum(result.held for result in results) / cycles,
            'surprise_p50': surprise_p50, 'surprise_p99': surprise_p99,
            'failed_seeds': [result.seed for result in results if not result.success],
            'times': [round(float(result.time), 4) for result in results],
            'parameters': {name: value for name, value in planner.items()
                           if name.startswith(('planner.', 'objective.'))},
            'changed_parameters': self.changed,
            **self._of_cases(results),
            **(_drawn(results) if any(result.drawn for result in results) else {}),
            **({'startup': self.randomization.seed} if any(
                entry.when == 'startup' for entry in self.randomization.entries) else {}),
        }

    def _of_cases(self, results) -> dict:
        """Return what is to be said of edge cases, whose seeds are not one after another."""
        if self.cases is None:
            return {}
        return {'edge_cases': self.cases.name, 'randomization': self.cases.randomization,
                'seed': results[0].seed, 'seeds': [result.seed for result in results]}


def _cluster(request, params) -> Optional[Cluster]:
    if not request.ray:
        return None
    for node in (MODEL, MPC):
        if params[node]['device'] != 'cpu':
            raise WmRosError(f'--ray: got {node}:device {params[node]["device"]}, expected cpu: '
                             'workers are given a CPU each')
    return Cluster(request.ray, request.jobs)


def _drawn(results) -> dict:
    """Return what was drawn for the episodes, and what became of success by it."""
    drawn = [dict(result.drawn) for result in results]
    return {'episodes_drawn': drawn, 'sensitivity': sensitivity(
        drawn, [result.success for result in results], [result.time for result in results])}


def _play(loop: ClosedLoop, episode) -> Result:
    seed, randomization = episode
    loop.randomize(randomization)
    return loop.run(seed)
