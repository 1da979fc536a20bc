"""Closed loops as parameters describe them: one here, or one in each process of several."""

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Optional, Tuple

from sim.randomize import Randomization
from wm_ros import paths
from wm_ros.cluster import Cluster
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
                            params[MPC]['planner.backend'], params[MPC]['actor'],
                            params[MODEL]['adapt'])
    if checkpoint and model.checkpoint != checkpoint:
        raise WmRosError(f'the checkpoint has changed since the evaluation began: got '
                         f'{model.checkpoint}, expected {checkpoint}; evaluate again')
    return ClosedLoop(robot, task, model, params, randomization)


def share(work: Callable[[ClosedLoop, Any], Any], items: Iterable, jobs: Optional[int],
          told: Tuple, cluster: Optional[Cluster] = None) -> Iterator[Any]:
    """
    Yield ``work(loop, item)`` of all ``items``, in order, from ``jobs`` processes or ``cluster``.

    Each process has a loop of its own, ``make_loop(*told)``; ``work`` is a function of a module.
    """
    if cluster is not None:
        task, params, *rest = told
        yield from cluster.spread(partial(_with_loop, work), items, _prepare,
                                  (task, _from_anywhere(params), *rest))
        return
    if jobs > 1:
        yield from spread(partial(_with_loop, work), items, jobs, _prepare, told, ordered=True)
        return
    with closing(make_loop(*told)) as loop:
        for item in items:
            yield work(loop, item)


_loop_here: Optional[ClosedLoop] = None     # of a process that shares the work


def _prepare(*told):
    global _loop_here
    if _loop_here is not None:
        _loop_here.close()
    _loop_here = make_loop(*told)


def _with_loop(work, item):
    return work(_loop_here, item)


def _from_anywhere(params):
    """Return parameters that mean the same files in any folder."""
    return {node: {name: _in_full(name, value) for name, value in values.items()}
            for node, values in params.items()}


def _in_full(name, value):
    if name == 'robot':
        path = Path(value)
        file = path if path.suffix in ('.yaml', '.yml') else None
    elif name in ('checkpoint', 'actor', 'eyes') and value:
        path, file = Path(value).expanduser(), paths.weights_file(value)
    else:
        return value
    return str(path.absolute()) if file is not None and file.is_file() else value
