"""Figures of the shipped sentinel in the closed loop of the shipped agent."""

from contextlib import closing
from typing import Dict, List, Optional

import numpy as np
from sim.events import happen
import torch
from wm_ros.bench.record import at_most, shown
from wm_ros.evaluation.doubt import begun
from wm_ros.evaluation.run import make_loop, parameters, Request
from wm_ros.evaluation.vigil import keep_watch
from wm_ros.world_model.sentinel import load_sentinel

_SENTINEL, _EPISODES, _FIRST = 'panda_push_world', 50, 300_000
_BEGIN = 0.3                # [s] after which the physics changes, before the block is touched
_WATCHED = 60               # steps from then on that count, in any episode
_COMMAND = 'wm_ros bench world_model --only vigils'


class _Meddler:
    """Lets something happen once the episode has begun."""

    def __init__(self, kind: Optional[str]):
        self._kind = kind

    def __call__(self, scene):
        if self._kind and scene.time >= _BEGIN:
            happen(scene, self._kind, np.random.default_rng(scene.seed))
            self._kind = None


def _greatest(sentinel, rows: List[Dict[str, np.ndarray]]) -> np.ndarray:
    """Return the greatest alarm of each step."""
    return np.array([max(sentinel.alarms(row).values()) for row in rows])


def compared(unusual, usual, dt):
    """Return the same steps of both: an episode that lasts longer has no more chances."""
    first = round(_BEGIN / dt)
    ends = [min(len(one), len(other), first + _WATCHED) for one, other in zip(unusual, usual)]
    return [[alarms[first:end] for alarms, end in zip(found, ends)]
            for found in (unusual, usual)]


def vigils():
    """Return how often the sentinel alarms where nothing, and where something, has changed."""
    torch.set_num_threads(1)
    request = Request('push', 1)
    with closing(make_loop('push', parameters(request))) as loop:
        sentinel = load_sentinel(_SENTINEL, loop.robot, len(loop.task.object_names))
        found = {kind: [_greatest(sentinel, keep_watch(
            loop, sentinel, _FIRST + i, _Meddler(kind))) for i in range(_EPISODES)]
            for kind in (None, 'heavy', 'slippery')}
        dt = loop.robot.dt
        minutes = sum(map(len, found[None])) * dt / 60.0
    rows = []
    for threshold in (1.0, 2.0, 4.0):
        count = sum(begun(alarms, threshold) for alarms in found[None])
        name, note = f'vigil_false_alarms/{threshold:g}', (
            f'{minutes:.1f} minutes of the shipped planner, runs of alarms counted once')
        rows.append(at_most(name, count / minutes, 1.0, 'per minute', _COMMAND, note)
                    if threshold == 2.0 else
                    shown(name, count / minutes, 'per minute', _COMMAND, note))
    for kind in ('heavy', 'slippery'):
        shares, usual = ([np.mean([alarms.max() > threshold for alarms in watched])
                          for threshold in (1.0, 2.0)]
                         for watched in (compared(found[kind], found[None], dt)))
        rows.append(shown(
            f'vigil_alarmed/{kind}', shares[1], 'share', _COMMAND,
            f'of {_EPISODES} episodes an alarm above 2 in {_WATCHED} steps, usual '
            f'{usual[1]:.2f}; above 1: {shares[0]:.2f}, usual {usual[0]:.2f}'))
    return rows
