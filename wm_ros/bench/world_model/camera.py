"""Figures of the camera in the loop, and of sensors that fail."""

from contextlib import closing

import numpy as np
import torch
from wm_ros.bench.main_job.live import played
from wm_ros.bench.main_job.product import evaluate
from wm_ros.bench.record import at_least, at_most, shown
from wm_ros.bench.world_model import token_policy
from wm_ros.bench.world_model.tokens import SHIPPED as TOKENIZER
from wm_ros.bench.world_model.workshop import recording
from wm_ros.data import Bank
from wm_ros.evaluation.run import make_loop, parameters, Request
from wm_ros.param_table import MPC
from wm_ros.world_model.load import load_part

_EPISODES, _LIVE = 100, 10
_CUT, _CUT_EPISODES = 1.0, 20       # [s] of an episode at which a sensor ends
_LOST = 0.2


def camera():
    """Return success from camera and joints alone, in lockstep and in the running graph."""
    rows = []
    for task, bar in (('reach', 0.95), ('push', 0.80)):
        figures = evaluate(task, _EPISODES, sensors='camera')
        command = f'wm_ros evaluate --task {task} --episodes {_EPISODES} --sensors camera'
        rows += [at_least(f'camera_{task}_success', figures['success_rate'], bar, 'share', command,
                          f'failed seeds {figures["failed_seeds"][:8]}'),
                 shown(f'camera_{task}_time_to_goal', figures['time_to_goal_mean'], 's', command)]
        live = played(Request(task, _LIVE, sensors='camera'), f'{task}, live')
        rows.append(at_least(f'camera_{task}_live_success', live['success_rate'], bar, 'share',
                             f'wm_ros evaluate --task {task} --episodes {_LIVE} --sensors camera '
                             f'--ros', f'{_LIVE} episodes; real-time factor '
                             f'{live["real_time_factor"]:.3f}'))
    return rows


def tokens_alone():
    """Return the success of a policy that sees tokens and was never told where anything is."""
    torch.set_num_threads(1)
    tokenizer = load_part(TOKENIZER, 'frame_tokenizer')
    bank = Bank(recording('plain'), 'push', print, token_policy.COLUMNS)
    policy = token_policy.clone(tokenizer, bank)
    return [shown('camera_push_tokens_alone_success', token_policy.success_of(
        policy, tokenizer, 'push', _EPISODES), 'share',
        'wm_ros bench world_model --only tokens_alone', f'{_EPISODES} episodes; cloned from the '
        f'demonstrations that the eyes were trained on, on tokens of {TOKENIZER}')]


def missing():
    """Return what becomes of success and belief when messages get lost."""
    rows, command = [], 'wm_ros bench world_model --only missing'
    for sensors, kind in (('camera', 'frames'), ('', 'poses')):
        whole = evaluate('push', _EPISODES, sensors=sensors)
        setting = f'robot_node:faults.{kind}_lost:={_LOST}'
        less = evaluate('push', _EPISODES, sensors=sensors, settings=(setting,))
        line = (f'wm_ros evaluate --task push --episodes {_EPISODES} --set {setting}'
                + (f' --sensors {sensors}' if sensors else ''))
        rows.append(at_most(
            f'missing_{kind}_success_drop', whole['success_rate'] - less['success_rate'], 0.05,
            'share', line, f'{less["success_rate"]:.2f} with {_LOST:.0%} of the {kind} lost, '
            f'{whole["success_rate"]:.2f} with all'))
        rows += _cut(sensors, kind, command)
    return rows


def _cut(sensors, kind, command):
    """Return how uncertain the belief grows from the moment on at which a sensor ends."""
    request = Request('push', _CUT_EPISODES, sensors=sensors, settings=(
        f'robot_node:faults.{kind}_lost:=1.0', f'robot_node:faults.begin:={_CUT}',
        f'{MPC}:unseen_timeout:=60.0'))
    before, after, successes = [], [], 0
    with closing(make_loop(request.task, parameters(request))) as loop:
        for seed in request.seeds:
            beliefs = []
            successes += loop.run(seed, lambda scene, belief, plan, b=beliefs: b.append(
                (belief.stamp, belief.uncertainty))).success
            times, spread = np.array(beliefs).T
            if times[-1] > _CUT + 1.0:      # else it was done by then
                before.append(spread[times < _CUT][-1])
                after.append(spread[times > _CUT + 1.0][0])
    return [
        at_least(f'missing_{kind}_cut_uncertainty_rises', float(np.mean(np.array(after) > before)),
                 1.0, 'share', command, f'standard deviation of where the block is: '
                 f'{1e3 * np.mean(before):.1f} mm before, {1e3 * np.mean(after):.1f} mm a second '
                 f'after; {len(after)} episodes, {kind} cut at {_CUT:g} s, beliefs went on'),
        shown(f'missing_{kind}_cut_success', successes / _CUT_EPISODES, 'share', command,
              'planning on without seeing the block (mpc_node:unseen_timeout:=60.0)')]
