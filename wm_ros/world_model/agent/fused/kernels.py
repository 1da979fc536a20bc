"""
Whole steps and rollouts as compiled functions of arrays.

``Weights`` are the dynamics' weights [I, O], with I padded to a multiple of 4, and O of last
layers to one of 8.  ``Work`` is memory for K rows, a multiple of 4; rows
beyond those that are asked for are worked on and ignored.
"""

from typing import NamedTuple

import numpy as np
from wm_ros.world_model.agent.fused import grasp, maps
from wm_ros.world_model.agent.fused.grasp import Grip
from wm_ros.world_model.compiled.numerics import (
    bounded, compiled, dense, F, norm_silu, silu, simplices, tanh)


class Net(NamedTuple):
    """A network of Linear, LayerNorm, SiLU and Linear."""

    w1: np.ndarray
    b1: np.ndarray
    gain1: np.ndarray
    shift1: np.ndarray
    w2: np.ndarray
    b2: np.ndarray


class DeepNet(NamedTuple):
    """The same with two hidden layers."""

    w1: np.ndarray
    b1: np.ndarray
    gain1: np.ndarray
    shift1: np.ndarray
    w2: np.ndarray
    b2: np.ndarray
    gain2: np.ndarray
    shift2: np.ndarray
    w3: np.ndarray
    b3: np.ndarray


class Weights(NamedTuple):
    """All that a dynamics knows."""

    objects: int
    own: int                    # of the latent's width, what is not its context
    grip: Grip
    dt: np.float32
    speed: np.ndarray           # [4]
    change: np.ndarray          # [4]
    walls: np.ndarray           # [2, 4]
    lag: np.ndarray             # [4, 2]
    scale: np.ndarray           # [6 + 8 M (+ 1)]
    active: np.ndarray          # [A]
    robot_scale: np.ndarray
    object_scale: np.ndarray
    object_shift: np.ndarray
    context_scale: np.ndarray
    thing_scale: np.ndarray
    centre: np.ndarray
    table: np.ndarray
    ensemble_w1: np.ndarray     # [E, I, O]
    ensemble_b1: np.ndarray     # [E, O]
    ensemble_w2: np.ndarray
    ensemble_b2: np.ndarray
    ensemble_w3: np.ndarray     # [E, I, O]
    ensemble_b3: np.ndarray
    transition: Net
    encoder: Net
    policy: DeepNet


class Work(NamedTuple):
    """Memory for K rows; its columns beyond what is used stay 0."""

    setpoints: np.ndarray       # [K, 9]
    following: np.ndarray       # [K, 16]
    own: np.ndarray             # [K, own part of the latent]
    seen: np.ndarray            # [K, contact + latent]
    moved: np.ndarray           # [K, contact + latent + action]
    aims: np.ndarray            # [K, intent + latent]
    context: np.ndarray         # [K, context + latent]
    hidden1: np.ndarray         # [K, ensemble's]
    hidden2: np.ndarray
    members: np.ndarray         # [E, K, outputs]
    narrow: np.ndarray          # [K, hidden]
    narrow2: np.ndarray
    wide1: np.ndarray           # [K, policy's]
    wide2: np.ndarray
    action: np.ndarray          # [K, A padded]


@compiled
def _run(x, net, hidden, out):
    dense(x, net.w1, net.b1, hidden)
    norm_silu(hidden, net.gain1, net.shift1)
    dense(hidden, net.w2, net.b2, out)


@compiled
def run_deep(x, net, hidden1, hidden2, out):
    """Put a deep network's output for x [K, I] into out [K, O]."""
    dense(x, net.w1, net.b1, hidden1)
    norm_silu(hidden1, net.gain1, net.shift1)
    dense(hidden1, net.w2, net.b2, hidden2)
    norm_silu(hidden2, net.gain2, net.shift2)
    dense(hidden2, net.w3, net.b3, out)


@compiled
def _put(columns, first, out):
    """Copy columns [K, N] into out [K, *] from column ``first`` on."""
    for k in range(columns.shape[0]):
        for i in range(columns.shape[1]):
            out[k, first + i] = columns[k, i]


@compiled
def look(x, following, w, out):
    """Put Features.contact into the first columns of out; return how many there are."""
    maps.contact(x, following, w.objects, w.grip.stacks, w.robot_scale, w.object_scale,
                 w.object_shift, out)
    seen = 15 + 17 * w.objects
    if w.grip.on:
        grasp.contact(x, following, w.objects, w.grip, out[:, seen:])
    return seen + grasp.grip_features(w.objects, w.grip)[0]


@compiled
def arrive(x, following, members, w, after, spread):
    """Put the next states [K, X] and the ensemble's spread [K] m into after and spread."""
    maps.apply_residual(x, following, members, w.objects, w.scale, after, spread)
    if w.grip.on:
        grasp.close(x, following, members, w.scale, after)


@compiled
def _in_context(own, z, latents):
    """Put latents of which ``own`` [K, *] is new, and the rest that of z, into the last."""
    simplices(own, 8)
    for k in range(latents.shape[0]):
        for i in range(latents.shape[1]):
            latents[k, i] = own[k, i] if i < own.shape[1] else z[k, i]


@compiled
def lead(x, actions, w, setpoints):
    """Put where setpoint and gripper are driven to into setpoints [K, 9]."""
    maps.move_setpoint(x, actions, w.speed, w.change, w.walls, w.dt, setpoints)
    if w.grip.on:
        grasp.move(x, actions, w.grip, setpoints)


@compiled
def advance(x, z, actions, w, work, after, latents, spread):
    """Put what follows from x, z and the setpoints in ``work`` into after, latents, spread."""
    maps.follow(x, work.setpoints, w.lag, work.following)
    seen = look(x, work.following, w, work.seen)
    _put(z, seen, work.seen)
    for e in range(w.ensemble_w1.shape[0]):
        dense(work.seen, w.ensemble_w1[e], w.ensemble_b1[e], work.hidden1)
        silu(work.hidden1)
        dense(work.hidden1, w.ensemble_w2[e], w.ensemble_b2[e], work.hidden2)
        silu(work.hidden2)
        dense(work.hidden2, w.ensemble_w3[e], w.ensemble_b3[e], work.members[e])
    arrive(x, work.following, work.members, w, after, spread)
    _put(work.seen[:, :seen + z.shape[1]], 0, work.moved)
    _put(actions, seen + z.shape[1], work.moved)
    _run(work.moved, w.transition, work.narrow, work.own)
    _in_context(work.own, z, latents)


@compiled
def step(x, z, actions, w, work, after, latents, spread):
    """Put next states [K, X], latents [K, D] and disagreement [K] m into the last three."""
    lead(x, actions, w, work.setpoints)
    advance(x, z, actions, w, work, after, latents, spread)


@compiled
def partial_step(x, z, setpoint, share, w, work, after, latents, spread):
    """Put what ``share`` of a step that ends at ``setpoint`` [8 or 9] makes of x, z into row 0."""
    for i in range(4):
        velocity, twist = x[0, 10 + i], setpoint[4 + i]
        faster = bounded(velocity + (twist - velocity) / share, velocity - w.change[i],
                         velocity + w.change[i])
        work.setpoints[0, i], work.setpoints[0, 4 + i] = setpoint[i], faster
        work.action[0, i] = bounded(faster / w.speed[i], F(-1.0), F(1.0))
    for i in range(4, w.active.shape[0]):
        work.action[0, i] = F(0.0)
    last = x.shape[1] - 1
    if w.grip.on:
        opened = bounded((setpoint[8] - x[0, last]) / share, -w.grip.step, w.grip.step)
        work.setpoints[0, 8] = bounded(x[0, last] + opened, w.grip.low, w.grip.high)
        work.action[0, 4] = opened / w.grip.step
    advance(x, z, work.action[:, :w.active.shape[0]], w, work, after, latents, spread)
    for i in range(x.shape[1]):
        after[0, i] = x[0, i] + share * (after[0, i] - x[0, i])
    for i in range(8):
        after[0, 6 + i] = setpoint[i]
    if w.grip.on:
        after[0, last] = bounded(setpoint[8], w.grip.low, w.grip.high)
    for i in range(z.shape[1]):
        latents[0, i] = z[0, i] + share * (latents[0, i] - z[0, i])
    spread[0] *= share


@compiled
def survey(x, w, out):
    """Put Features.context into the first columns of out; return how many there are."""
    maps.context(x, w.objects, w.grip.stacks, w.context_scale, w.thing_scale, w.centre, w.table,
                 out)
    first = 13 + 15 * w.objects
    if w.grip.on:
        grasp.context(x, w.objects, w.grip, out[:, first:])
    return first + grasp.grip_features(w.objects, w.grip)[1]


@compiled
def encode(x, predicted, w, work, latents):
    """Put the latents that states and predictions make into the last."""
    first = survey(x, w, work.context)
    _put(predicted, first, work.context)
    _run(work.context, w.encoder, work.narrow, work.own)
    _in_context(work.own, predicted, latents)


@compiled
def look_ahead(x, z, goals, w, out):
    """Put the heads' inputs [K, intent + latent] into out."""
    first = survey(x, w, out)
    maps.intent(x, goals, w.objects, out[:, first:])
    _put(z, first + 9 * (1 + w.objects), out)


@compiled
def policy(x, z, goals, w, work):
    """Put the prior's actions into work.action [K, A]."""
    look_ahead(x, z, goals, w, work.aims[:x.shape[0]])
    run_deep(work.aims[:x.shape[0]], w.policy, work.wide1[:x.shape[0]], work.wide2[:x.shape[0]],
             work.action[:x.shape[0]])
    for k in range(x.shape[0]):
        for i in range(w.active.shape[0]):
            work.action[k, i] = tanh(work.action[k, i]) * w.active[i]


@compiled
def rollout(actions, goals, guided, w, work, states, latents, spread):
    """
    Roll K futures from states[0] [K, X] and latents[0] [K, D] through all H steps.

    ``actions`` [H, K, A] become those that were taken; states [H + 1, K, X], latents and
    spread [H, K] are filled.  The first ``guided`` futures follow the policy prior.
    """
    rows = min((guided + 3) // 4 * 4, actions.shape[1])
    for t in range(actions.shape[0]):
        if guided:
            policy(states[t, :rows], latents[t, :rows], goals[:rows], w, work)
        for k in range(actions.shape[1]):
            for i in range(actions.shape[2]):
                wanted = actions[t, k, i] + (work.action[k, i] if k < guided else F(0.0))
                actions[t, k, i] = bounded(wanted, F(-1.0), F(1.0))
        step(states[t], latents[t], actions[t], w, work, states[t + 1], latents[t + 1],
             spread[t])
