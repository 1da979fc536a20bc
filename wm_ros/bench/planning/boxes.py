"""Figures of a box across the straight way: kept out of, as a constraint and as a price."""

from contextlib import closing
from dataclasses import replace
from typing import Iterator, List, NamedTuple, Tuple

import numpy as np
from wm_ros.bench.record import at_least, at_most, shown
from wm_ros.evaluation.closed_loop import ClosedLoop
from wm_ros.evaluation.run import make_loop, parameters, Request
from wm_ros.planning.arm import Arm
from wm_ros.planning.keep_out import Boxes

_EPISODES, _EDGE = 100, 0.08        # [m] of the box
_FAR, _OPEN, _DEEP = 0.25, 0.05, 0.02   # [m]: start from goal, both from the box, the way inside
_PLANNERS = {'nlp': (), 'mppi': ('mpc_node:planner.num_samples:=64',
                                 'mpc_node:planner.iterations:=3')}
_COMMAND = 'wm_ros bench planning --only keep_out'


class Crossed(NamedTuple):
    """An episode with a box: whether it succeeded, when [s], and the arm's least distance [m]."""

    success: bool
    time: float
    distance: float


def keep_out():
    """Return how often the arm enters a box that stands between start and goal."""
    rows = []
    for planner, settings in _PLANNERS.items():
        request = Request('reach', 1, planner=planner, settings=settings)
        with closing(make_loop('reach', parameters(request))) as loop:
            found = list(_episodes(loop))
        inside = sum(episode.distance < 0.0 for episode in found)
        note = (f'of {len(found)}: the meshes of the simulated arm, at 240 Hz; a box of '
                f'{100 * _EDGE:g} cm around the middle of the straight way')
        rows.append(at_most('keep_out_violations/nlp', inside, 0, 'episodes', _COMMAND, note)
                    if planner == 'nlp' else
                    shown(f'keep_out_violations/{planner}', inside, 'episodes', _COMMAND,
                          f'{note}; objective.keep_out as a price'))
        success = float(np.mean([episode.success for episode in found]))
        rows.append(at_least('keep_out_success/nlp', success, 0.95, 'share', _COMMAND)
                    if planner == 'nlp' else
                    shown(f'keep_out_success/{planner}', success, 'share', _COMMAND))
        rows += [shown(f'keep_out_time/{planner}', float(np.mean([e.time for e in found])), 's',
                       _COMMAND),
                 shown(f'keep_out_least_distance/{planner}',
                       1e3 * min(e.distance for e in found), 'mm', _COMMAND)]
    return rows


def _episodes(loop: ClosedLoop) -> Iterator[Crossed]:
    for seed, box in _blocked(loop, _EPISODES):
        loop.settings, distances = replace(loop.settings, keep_out=(*box, *(_EDGE,) * 3)), []
        result = loop.run(seed, each=lambda scene, b=box, d=distances: d.append(
            scene.arm_distance(b, (_EDGE,) * 3)))
        yield Crossed(result.success, result.time, min(distances))


def _blocked(loop: ClosedLoop, count: int) -> List[Tuple[int, Tuple[float, ...]]]:
    """Return seeds and centres [3] m of boxes that stand in the straight way of the arm."""
    found, seed, arm = [], 0, Arm(loop.robot)
    while len(found) < count:
        loop.scene.reset(seed)
        start = arm.kinematics.forward(loop.scene.arm.joint_positions)[0]
        goal = loop.scene.goal[:3]
        centre = tuple((0.5 * (start + goal)).tolist())
        room = _along(arm, loop.scene.arm.joint_positions, start, goal, centre)
        if (np.linalg.norm(goal - start) >= _FAR and min(room[0], room[-1]) >= _OPEN
                and room.min() <= -_DEEP):
            found.append((seed, centre))
        seed += 1
    return found


def _along(arm, q, start, goal, centre):
    """Return how far the body is from the box [P] m along the straight way."""
    import torch
    way = start + np.linspace(0, 1, 40)[:, None] * (goal - start)
    still = np.zeros_like(way)
    yaw = arm.kinematics.forward(q)[1]
    path, _ = arm.kinematics.follow(q, way, np.full(len(way), yaw), still, still[:, 0])
    centres = torch.as_tensor(arm.body.places(path)[0], dtype=torch.float32)
    apart = Boxes.from_numbers((*centre, *(_EDGE,) * 3)).distance(centres).amin(-1).numpy()
    return (apart - arm.body.radii).min(1)
