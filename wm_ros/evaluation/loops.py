"""Closed loops as parameters describe them: one here, or one in each process of several."""

from contextlib import closing
from functools import partial
from typing import Any, Callable, Iterable, Iterator, Optional, Tuple

from sim.randomize import Randomization
from wm_ros.evaluation.closed_loop import ClosedLoop
from wm_ros.param_table import MODEL, MPC
from wm_ros.robot.robot import load_robot
from wm_ros.tasks import get_task
from wm_ros.types import WmRosError
from wm_ros.workers import spread
from wm_ros.world_model import load_checkpoint
from wm_ros.world_model.sight import load_looker


def make_loop(task: str, params, checkpoint: str = '',
              randomization: Optional[Randomization] = None) -> ClosedLoop:
    """
    Return the closed loop that the parameters of all nodes describe.

    ``randomization`` takes the place of theirs.  Raises WmRosError where the model is not the
    one whose hash ``checkpoint`` is, if given.
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
    return ClosedLoop(robot, task, model, params, randomization)


def share(work: Callable[[ClosedLoop, Any], Any], items: Iterable, jobs: int, told: Tuple
          ) -> Iterator[Any]:
    """
    Yield ``work(loop, item)`` of all ``items``, in order, from ``jobs`` processes.

    Each has a loop of its own, ``make_loop(*told)``; ``work`` is a function of a module.
    """
    if jobs > 1:
        yield from spread(partial(_with_loop, work), items, jobs, _prepare, told, ordered=True)
        return
    with closing(make_loop(*told)) as loop:
        for item in items:
            yield work(loop, item)


_loop_here: Optional[ClosedLoop] = None     # of a process that shares the work


def _prepare(*told):
    global _loop_here
    _loop_here = make_loop(*told)


def _with_loop(work, item):
    return work(_loop_here, item)
