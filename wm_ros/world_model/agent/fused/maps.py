"""
The dynamics' fixed parts, row by row: setpoint, lag, feature maps, residuals.

They are those of ``agent.dynamics`` and ``agent.features``, to float32's rounding; the tests
compare them.  Rows are explicit states as ``StateLayout`` says: x [K, 15 + 8 M], and what tasks
of the gripper have more comes after that (``grasp``).
"""

import numpy as np
from wm_ros.world_model.compiled.numerics import bounded, compiled, F, inlined, tanh


@compiled
def move_setpoint(x, actions, speed, change, walls, dt, out):
    """Put setpoint position, yaw and their rates after ``actions`` [K, A] into out [K, >= 8]."""
    for k in range(x.shape[0]):
        for i in range(4):
            place, velocity = x[k, 6 + i], x[k, 10 + i]
            slowest, fastest = velocity - change[i], velocity + change[i]
            reached = bounded(speed[i] * bounded(actions[k, i], F(-1.0), F(1.0)),
                              slowest, fastest)
            coasting = place + F(0.5) * dt * velocity
            lower = -_brake(coasting - walls[0, i], change[i], dt)
            upper = bounded(_brake(walls[1, i] - coasting, change[i], dt), slowest, fastest)
            reached = lower if reached < lower else reached
            reached = upper if reached > upper else reached
            out[k, i] = place + F(0.5) * dt * (velocity + reached)
            out[k, 4 + i] = reached


@inlined
def _brake(left, change, dt):
    """Return the fastest velocity towards a wall from which the arm still stops."""
    room = left if left > F(0.0) else F(0.0)
    steps = np.floor(np.sqrt(F(0.25) + room * (F(2.0) / dt / change)) - F(0.5))
    towards = left / (dt * steps + dt) + steps * (F(0.5) * change)
    least = F(-0.5) * change
    return least if towards < least else towards


@compiled
def follow(x, setpoints, lag, out):
    """
    Put the robot's part of the next state into out [K, 16]: setpoint known, lag fitted.

    Its last number is the width that the gripper is driven to.
    """
    for k in range(x.shape[0]):
        for i in range(8):
            out[k, 6 + i] = setpoints[k, i]
        out[k, 14], out[k, 15] = x[k, 14], setpoints[k, 8]
        for i in range(3):
            behind, moving = x[k, 6 + i] - x[k, i], x[k, 3 + i]
            before, after = x[k, 10 + i], setpoints[k, 4 + i]
            out[k, i] = x[k, i] + (behind * lag[0, 0] + moving * lag[1, 0]
                                   + before * lag[2, 0] + after * lag[3, 0])
            out[k, 3 + i] = (behind * lag[0, 1] + moving * lag[1, 1]
                             + before * lag[2, 1] + after * lag[3, 1])


@compiled
def contact(x, following, objects, stacks, robot_scale, object_scale, object_shift, out):
    """Put Features.contact into the first columns of out [K, >= 15 + 17 M]."""
    for k in range(x.shape[0]):
        row, ahead, made = x[k], following[k], out[k]
        for i in range(3):
            made[i] = (row[6 + i] - row[i]) * robot_scale[i]
            made[3 + i] = row[3 + i] * robot_scale[3 + i]
            made[6 + i] = row[10 + i] * robot_scale[6 + i]
            made[9 + i] = ahead[10 + i] * robot_scale[9 + i]
            made[12 + i] = (ahead[i] - row[i]) * robot_scale[12 + i]
        for m in range(objects):
            _touch(row, ahead, row[15 + 8 * m:23 + 8 * m], bottom(row, m, objects, stacks),
                   object_scale, object_shift, made[15 + 17 * m:32 + 17 * m])


@inlined
def bottom(row, thing, objects, stacks):
    """Return how high the underside of a thing is, its centre where nothing stacks."""
    height = row[17 + 8 * thing]
    return height - row[15 + 8 * objects + thing] if stacks else height


@inlined
def _touch(row, ahead, thing, low, scale, shift, made):
    cosine, sine = np.cos(-thing[3]), np.sin(-thing[3])
    x0, y0, z0 = row[0] - thing[0], row[1] - thing[1], row[2] - thing[2]
    x1, y1, z1 = ahead[0] - thing[0], ahead[1] - thing[1], ahead[2] - thing[2]
    x0, y0 = x0 * cosine - y0 * sine, y0 * cosine + x0 * sine
    x1, y1 = x1 * cosine - y1 * sine, y1 * cosine + x1 * sine
    made[0], made[1], made[2] = tanh(F(5.0) * x0), tanh(F(5.0) * y0), tanh(F(5.0) * z0)
    made[3], made[4], made[5] = tanh(F(5.0) * x1), tanh(F(5.0) * y1), tanh(F(5.0) * z1)
    made[6], made[7], made[8] = x1 - x0, y1 - y0, z1 - z0
    made[9] = thing[4] * cosine - thing[5] * sine
    made[10] = thing[5] * cosine + thing[4] * sine
    made[11], made[12] = thing[6], thing[7]
    made[13] = tanh(F(20.0) * max(abs(x0), abs(y0)) - F(0.6))
    made[14] = tanh(F(20.0) * max(abs(x1), abs(y1)) - F(0.6))
    made[15], made[16] = low, tanh(F(30.0) * z1 - F(1.5))
    for i in range(17):
        made[i] = shift[i] + made[i] * scale[i]


@compiled
def context(x, objects, stacks, scale, thing_scale, centre, table, out):
    """Put Features.context into the first columns of out [K, >= 13 + 15 M]."""
    for k in range(x.shape[0]):
        row, made = x[k], out[k]
        for i in range(3):
            made[i] = (row[i] - centre[i]) * scale[i]
            made[3 + i] = row[3 + i] * scale[3 + i]
            made[6 + i] = (row[6 + i] - row[i]) * scale[6 + i]
            made[9 + i] = row[10 + i] * scale[9 + i]
        made[12] = row[14] * scale[12]
        for m in range(objects):
            thing, part = row[15 + 8 * m:23 + 8 * m], made[13 + 15 * m:28 + 15 * m]
            for i in range(3):
                offset = thing[i] - row[i]
                part[i] = offset * thing_scale[i]
                part[3 + i] = tanh(F(30.0) * offset) * thing_scale[3 + i]
            for i in range(2):
                part[6 + i] = (thing[i] - table[i]) * thing_scale[6 + i]
            part[8] = bottom(row, m, objects, stacks) * thing_scale[8]
            for i in range(4):
                part[9 + i] = thing[4 + i] * thing_scale[9 + i]
            part[13] = np.sin(F(4.0) * thing[3]) * thing_scale[13]
            part[14] = np.cos(F(4.0) * thing[3]) * thing_scale[14]


@compiled
def intent(x, goals, objects, out):
    """Put what Features.intent has beyond the context into out [K, >= 9 + 9 M]."""
    for k in range(x.shape[0]):
        for point in range(1 + objects):
            first = 0 if point == 0 else 15 + 8 * (point - 1)
            made = out[k, 9 * point:9 * point + 9]
            for i in range(3):
                way = goals[k, i] - x[k, first + i]
                made[i] = F(4.0) * way
                made[3 + i] = tanh(F(30.0) * way)
                made[6 + i] = tanh(F(120.0) * way)


@compiled
def apply_residual(x, following, members, objects, scale, after, spread):
    """
    Put the next states into after [K, X] and the ensemble's spread [K] m into spread.

    ``members`` [E, K, >= 6 + 8 M], before scaling by ``scale``.
    """
    count, width = members.shape[0], 6 + 8 * objects
    mean = np.empty(width, F)
    for k in range(x.shape[0]):
        for o in range(width):
            total = F(0.0)
            for e in range(count):
                total += members[e, k, o]
            mean[o] = total / F(count)
        spread[k] = F(0.0)
        for m in range(max(objects, 1)):
            spread[k] += _spread(members, k, 6 + 8 * m if objects else 0, mean, scale)
        for i in range(15):
            after[k, i] = following[k, i]
        for i in range(6):
            after[k, i] += mean[i] * scale[i]
        for m in range(objects):
            _move(x[k, 15 + 8 * m:23 + 8 * m], mean[6 + 8 * m:14 + 8 * m],
                  scale[6 + 8 * m:14 + 8 * m], after[k, 15 + 8 * m:23 + 8 * m])


@inlined
def _spread(members, k, first, mean, scale):
    """Return the root of the variance of the position that begins at column ``first``."""
    total, count = F(0.0), members.shape[0]
    for o in range(first, first + 3):
        for e in range(count):
            apart = (members[e, k, o] - mean[o]) * scale[o]
            total += apart * apart
    return np.sqrt(total / F(count))


@inlined
def _move(thing, residual, scale, out):
    """Poses move by what is predicted in the object's frame, velocities become it."""
    cosine, sine = np.cos(thing[3]), np.sin(thing[3])
    for first in (0, 4):
        a, b = residual[first] * scale[first], residual[first + 1] * scale[first + 1]
        out[first] = a * cosine - b * sine
        out[first + 1] = b * cosine + a * sine
        out[first + 2] = residual[first + 2] * scale[first + 2]
        out[first + 3] = residual[first + 3] * scale[first + 3]
    for i in range(4):
        out[i] += thing[i]
