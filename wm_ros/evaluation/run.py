"""Many closed-loop episodes, on several cores, into one report."""

from contextlib import closing, ExitStack
from dataclasses import dataclass
from typing import Callable, List, Optional, Tuple

import numpy as np
from wm_ros import seeds
from wm_ros.evaluation.closed_loop import ClosedLoop, Result
from wm_ros.evaluation.statistics import percentiles, wilson
from wm_ros.graph import graph, GraphOptions
from wm_ros.param_table import MODEL, MPC, ROBOT, SAFETY, SENSOR, TABLE
from wm_ros.robot.robot import load_robot
from wm_ros.tasks import get_task
from wm_ros.types import WmRosError
from wm_ros.workers import spread
from wm_ros.world_model import load_checkpoint
from wm_ros.world_model.sight import load_looker

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
    jobs: int = 1

    def __post_init__(self):
        for name, least in (('episodes', 1), ('seed', 0), ('jobs', 1)):
            if getattr(self, name) < least:
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


class Evaluation:
    """
    A request whose parameters have been read: once, before anything starts.

    Raises WmRosError for an unknown task, robot, checkpoint or parameter.  Parameter files
    may change while the episodes are played; a checkpoint that does ends the evaluation.
    """

    def __init__(self, request: Request):
        self.request, self.params = request, parameters(request)
        with closing(make_loop(request.task, self.params)) as loop:
            self.robot, self.checkpoint = loop.robot.name, loop.model.checkpoint
        self.engine = self.params[ROBOT]['engine']

    def run(self, progress: Callable[[List[Result]], None] = lambda results: None
            ) -> List[Result]:
        """Return results in the order of their seeds; ``progress`` hears of those so far."""
        request, results = self.request, []
        told = request.task, self.params, self.checkpoint
        with ExitStack() as stack:
            if request.jobs == 1:
                found = map(stack.enter_context(closing(make_loop(*told))).run, request.seeds)
            else:
                found = spread(_run_one, request.seeds, request.jobs, _prepare, told)
            for result in found:
                results.append(result)
                progress(results)
        return sorted(results, key=lambda result: result.seed)

    def report(self, results: List[Result]) -> dict:
        """Return the figures of the results as plain data."""
        planner = self.params[MPC]
        successes = sum(result.success for result in results)
        times = np.array([result.time for result in results])
        cycles = max(1, sum(result.cycles for result in results))
        surprise_p50, surprise_p99 = percentiles(
            [surprise for result in results for surprise in result.surprises])
        plan_ms = np.concatenate([result.plan_ms or [np.nan] for result in results])
        return {
            'task': self.request.task, 'episodes': len(results), 'seed': self.request.seed,
            'success_rate': successes / len(results),
            'success_ci95': list(wilson(successes, len(results))),
            'time_to_goal_mean': float(times.mean()),
            'jerk_rms': float(np.sqrt(np.mean([result.jerk ** 2 for result in results]))),
            'return_mean': float(np.mean([result.total_reward for result in results])),
            'planner': planner['planner.type'], 'horizon': planner['planner.horizon'],
            'plan_ms_p50': float(np.nanquantile(plan_ms, 0.5)),
            'plan_ms_p99': float(np.nanquantile(plan_ms, 0.99)),
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
        }


def make_loop(task, params, checkpoint='') -> ClosedLoop:
    """
    Return the closed loop that ``parameters`` describe.

    Raises WmRosError where the model is not the one whose hash ``checkpoint`` is, if given.
    """
    import torch
    torch.set_num_threads(1)
    robot = load_robot(params[MPC]['robot'])
    model = load_checkpoint(params[MPC]['checkpoint'], robot, get_task(task),
                            params[MPC]['device'], load_looker(
                                params[MODEL]['eyes'], get_task(task), params[MODEL]['device']),
                            params[MPC]['planner.backend'], params[MPC]['actor'])
    if checkpoint and model.checkpoint != checkpoint:
        raise WmRosError(f'the checkpoint has changed since the evaluation began: got '
                         f'{model.checkpoint}, expected {checkpoint}; evaluate again')
    return ClosedLoop(robot, task, model, params)


_loop_here: Optional[ClosedLoop] = None     # of a process that shares the work


def _prepare(task, params, checkpoint):
    global _loop_here
    _loop_here = make_loop(task, params, checkpoint)


def _run_one(seed) -> Result:
    return _loop_here.run(seed)
