"""
The parts of the fixed maps that only tasks of the gripper have, row by row.

They come after those of ``maps``; the last number of a state is the width that the gripper is
driven to.  To float32's rounding they are those of ``agent.dynamics`` and ``agent.features``.
"""

from typing import NamedTuple

import numpy as np
from wm_ros.world_model.agent.fused import maps
from wm_ros.world_model.compiled.numerics import bounded, compiled, F, inlined, tanh


class Grip(NamedTuple):
    """What is known of the gripper; ``on`` is 0 for tasks that do without."""

    on: int
    stacks: int                 # whether half the heights of things are known
    low: np.float32             # [m]
    high: np.float32
    step: np.float32            # [m] of a full action
    scale: np.ndarray           # [3]
    precise: np.ndarray         # [3]
    gap: np.ndarray             # [2]


@compiled
def grip_features(objects, grip):
    """Return how many features the gripper has for the dynamics, and how many for the heads."""
    if not grip.on:
        return 0, 0
    pairs = objects * (objects - 1)
    gaps = 2 * pairs if grip.stacks else 0
    return 3 + 5 * objects + 6 * pairs + gaps, 2 + 6 * objects + gaps


@compiled
def move(x, actions, grip, setpoints):
    """Put the width that the gripper is driven to after ``actions`` into setpoints [K, 8]."""
    last = x.shape[1] - 1
    for k in range(x.shape[0]):
        moved = x[k, last] + grip.step * bounded(actions[k, 4], F(-1.0), F(1.0))
        setpoints[k, 8] = bounded(moved, grip.low, grip.high)


@compiled
def contact(x, following, objects, grip, out):
    """Put the gripper's part of Features.contact into the first columns of out."""
    for k in range(x.shape[0]):
        row, ahead, made = x[k], following[k], out[k]
        made[0] = row[14] * grip.scale[0]
        made[1] = ahead[15] * grip.scale[1]
        made[2] = (ahead[15] - row[14]) * grip.scale[2]
        for m in range(objects):
            thing, part = row[15 + 8 * m:23 + 8 * m], made[3 + 5 * m:8 + 5 * m]
            cosine, sine = np.cos(-thing[3]), np.sin(-thing[3])
            _seen(ahead[0] - thing[0], ahead[1] - thing[1], ahead[2] - thing[2], cosine, sine,
                  part)
            for i in range(3):
                part[i] = tanh(part[i] * grip.precise[i])
            turn = F(4.0) * (ahead[9] - thing[3])
            part[3], part[4] = np.sin(turn), np.cos(turn)
        first = 3 + 5 * objects
        for i in range(objects):
            for j in range(objects):
                if i != j:
                    _apart(row[15 + 8 * i:19 + 8 * i], row[15 + 8 * j:18 + 8 * j],
                           made[first:first + 6])
                    first += 6
        if grip.stacks:
            _gaps(row, objects, grip.gap, made[first:])


@inlined
def _seen(x, y, z, cosine, sine, out):
    out[0], out[1], out[2] = x * cosine - y * sine, y * cosine + x * sine, z


@inlined
def _apart(one, other, out):
    cosine, sine = np.cos(-one[3]), np.sin(-one[3])
    _seen(other[0] - one[0], other[1] - one[1], other[2] - one[2], cosine, sine, out)
    for i in range(3):
        out[3 + i] = tanh(F(40.0) * out[i])
        out[i] = tanh(F(8.0) * out[i])


@inlined
def _gaps(row, objects, scale, out):
    """Put how far each thing is above the top of each other one into the first columns."""
    first = 0
    for i in range(objects):
        for j in range(objects):
            if i != j:
                top = row[17 + 8 * j] + row[15 + 8 * objects + j]
                gap = maps.bottom(row, i, objects, 1) - top
                out[first], out[first + 1] = tanh(gap * scale[0]), tanh(gap * scale[1])
                first += 2


@compiled
def context(x, objects, grip, out):
    """Put the gripper's part of Features.context into the first columns of out."""
    last = x.shape[1] - 1
    for k in range(x.shape[0]):
        row, made = x[k], out[k]
        made[0], made[1] = F(20.0) * row[last], F(40.0) * (row[last] - row[14])
        for m in range(objects):
            thing, part = row[15 + 8 * m:23 + 8 * m], made[2 + 6 * m:8 + 6 * m]
            for i in range(3):
                part[i] = tanh(F(120.0) * (thing[i] - row[i]))
            turn = F(4.0) * row[9] - F(4.0) * thing[3]
            part[3], part[4] = np.sin(turn), np.cos(turn)
            part[5] = tanh(F(30.0) * maps.bottom(row, m, objects, grip.stacks))
        if grip.stacks:
            _gaps(row, objects, grip.gap, made[2 + 6 * objects:])


@compiled
def close(x, following, members, scale, after):
    """
    Put the measured widths, and those that the gripper is driven to, into after [K, X].

    What comes after the things and before that, their heights, stays as it is in x.
    """
    last, output = after.shape[1] - 1, scale.shape[0] - 1
    for k in range(after.shape[0]):
        total = F(0.0)
        for e in range(members.shape[0]):
            total += members[e, k, output]
        after[k, 14] = following[k, 14] + total / F(members.shape[0]) * scale[output]
        for i in range(9 + output, last):
            after[k, i] = x[k, i]
        after[k, last] = following[k, 15]
