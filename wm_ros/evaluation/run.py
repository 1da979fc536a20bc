"""Many closed-loop episodes, on several cores, into one report."""

from contextlib import closing, contextmanager
from dataclasses import dataclass
import multiprocessing
import signal
import threading
from typing import Callable, List, Optional, Tuple

import numpy as np
from wm_ros.evaluation.closed_loop import ClosedLoop, Result
from wm_ros.evaluation.statistics import wilson
from wm_ros.graph import graph, GraphOptions
from wm_ros.param_table import MPC, SAFETY, SENSOR, TABLE
from wm_ros.robot.robot import load_robot
from wm_ros.tasks import get_task
from wm_ros.types import WmRosError
from wm_ros.world_model import load_checkpoint

_NODES = (SENSOR, MPC, SAFETY)


@dataclass(frozen=True)
class Request:
    """
    What to evaluate: episodes of seeds ``seed`` ... ``seed + episodes - 1``.

    Raises WmRosError for numbers that are too small.
    """

    task: str
    episodes: int
    seed: int = 0
    planner: str = ''               # '' means: as the parameters say
    checkpoint: str = ''
    robot: str = ''
    params_files: Tuple[str, ...] = ()
    settings: Tuple[str, ...] = ()  # 'node:name:=value'
    jobs: int = 1

    def __post_init__(self):
        for name, least in (('episodes', 1), ('seed', 0), ('jobs', 1)):
            if getattr(self, name) < least:
                raise WmRosError(f'--{name}: got {getattr(self, name)}, expected at least {least}')

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
    A request whose parameters and checkpoint have been read: once, before anything starts.

    Raises WmRosError for an unknown task, robot, checkpoint or parameter.  What happens to
    the files while the episodes are played does not matter to the figures.
    """

    def __init__(self, request: Request):
        self.request, self.params = request, parameters(request)
        with closing(_loop(request.task, self.params)) as loop:
            self.robot, self.checkpoint = loop.robot.name, loop.model.checkpoint

    def run(self, progress: Callable[[List[Result]], None] = lambda results: None
            ) -> List[Result]:
        """Return results in the order of their seeds; ``progress`` hears of those so far."""
        request, results = self.request, []
        if request.jobs == 1:
            with closing(_loop(request.task, self.params)) as loop:
                for seed in request.seeds:
                    results.append(loop.run(seed))
                    progress(results)
            return results
        context = multiprocessing.get_context('spawn')
        with _deaf_to_interrupts():
            pool = context.Pool(request.jobs, _start_worker, (request.task, self.params))
        with pool:
            for result in pool.imap_unordered(_run_one, request.seeds):
                results.append(result)
                progress(results)
        return sorted(results, key=lambda result: result.seed)

    def report(self, results: List[Result]) -> dict:
        """Return the figures of the results as plain data."""
        planner = self.params[MPC]
        successes = sum(result.success for result in results)
        times = np.array([result.time for result in results])
        cycles = max(1.0, float(times.sum()) * self.params[SAFETY]['safety.rate'])
        plan_ms = np.concatenate([result.plan_ms or [np.nan] for result in results])
        return {
            'task': self.request.task, 'episodes': len(results), 'seed': self.request.seed,
            'success_rate': successes / len(results),
            'success_ci95': list(wilson(successes, len(results))),
            'time_to_goal_mean': float(times.mean()),
            'return_mean': float(np.mean([result.total_reward for result in results])),
            'planner': planner['planner.type'], 'horizon': planner['planner.horizon'],
            'plan_ms_p50': float(np.nanquantile(plan_ms, 0.5)),
            'plan_ms_p99': float(np.nanquantile(plan_ms, 0.99)),
            'checkpoint': self.checkpoint, 'engine': 'pybullet', 'robot': self.robot,
            'ros': False,
            'limited_share': float(sum(result.limited for result in results) / cycles),
            'held_share': float(sum(result.held for result in results) / cycles),
            'failed_seeds': [result.seed for result in results if not result.success],
            'times': [round(float(result.time), 4) for result in results],
            'parameters': {name: value for name, value in planner.items()
                           if name.startswith(('planner.', 'objective.'))},
        }


def _loop(task, params) -> ClosedLoop:
    import torch
    torch.set_num_threads(1)
    robot = load_robot(params[MPC]['robot'])
    model = load_checkpoint(params[MPC]['checkpoint'], robot, get_task(task),
                            params[MPC]['device'])
    return ClosedLoop(robot, task, model, params)


@contextmanager
def _deaf_to_interrupts():
    """
    Ignore Ctrl-C for a moment, and for ever in the processes that the block starts.

    They get it as well, even while they import: it is for the one that started them to end
    them.  What is ignored is inherited; a mask would not be, as multiprocessing lifts it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield       # only the main thread may say what becomes of signals
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_worker: Optional[ClosedLoop] = None


def _start_worker(task, params):
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)    # where another thread has started it
    _worker = _loop(task, params)


def _run_one(seed) -> Result:
    return _worker.run(seed)
