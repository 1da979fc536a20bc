"""Figures of what a belief comes to know of hidden physics, and of what that is worth."""

import os

import numpy as np
from wm_ros import seeds
from wm_ros.bench.record import at_least, shown
from wm_ros.console import progress_bar
from wm_ros.evaluation.closed_loop import ClosedLoop
from wm_ros.evaluation.run import Evaluation, Request

_EPISODES, _HELD_OUT = 600, 0.3
_R2 = 0.7
_LIFTED, _SLID = 0.05, 0.05         # [m]
_ENOUGH = 0.4                       # [s] that it has to be so
_RIDGE = 1e-2
_COMMAND = 'wm_ros bench sim_to_real --only adaptation'


def adaptation():
    """Return how well mass and friction can be read from the belief of the shipped agents."""
    rows = []
    for name, task, work in (('mass', 'pick_and_place', _weighed), ('friction', 'push', _slid)):
        seen = [pair for pair in _told(task, work) if pair is not None]
        inputs, truth = (np.array(column) for column in zip(*seen))
        found = {part: probe(columns, truth) for part, columns in (
            ('belief', inputs), ('state alone', inputs[:, :_width_of(task)]))}
        rows += [
            at_least(f'probe_r2/{name}', found['belief'], _R2, '', _COMMAND,
                     f'its logarithm, by a linear probe on belief.state and belief.latent of '
                     f'{len(seen)} episodes of {task}, usual.yaml, {_HELD_OUT:.0%} of them held '
                     'out'),
            shown(f'probe_r2_state_alone/{name}', found['state alone'], '', _COMMAND)]
    return rows


def probe(inputs, truth) -> float:
    """Return the R2, on rows held out, of a linear map from ``inputs`` [N, I] to ``truth`` [N]."""
    inputs, truth = np.asarray(inputs, float), np.asarray(truth, float)
    kept = round((1.0 - _HELD_OUT) * len(truth))
    mean, width = inputs[:kept].mean(0), inputs[:kept].std(0) + 1e-6
    scaled = np.column_stack([(inputs - mean) / width, np.ones(len(truth))])
    first = scaled[:kept]
    weights = np.linalg.solve(
        first.T @ first + _RIDGE * kept * np.eye(first.shape[1]), first.T @ truth[:kept])
    rest, guess = truth[kept:], scaled[kept:] @ weights
    return float(1.0 - np.square(rest - guess).sum() / np.square(rest - rest.mean()).sum())


def _told(task, work):
    """Return what ``work`` finds in each episode."""
    evaluation = Evaluation(Request(
        task, _EPISODES, seed=seeds.TUNING, checkpoint=f'panda_{task}_robust',
        randomization='usual', jobs=os.cpu_count() or 1))
    with progress_bar(task, _EPISODES) as advance:
        found = []
        for pair in evaluation.share(work, evaluation.request.seeds):
            found.append(pair)
            advance(len(found))
    return found


def _width_of(task):
    from wm_ros.tasks import get_task
    from wm_ros.world_model.state import StateLayout
    return StateLayout.of(get_task(task)).width


def _weighed(loop: ClosedLoop, seed: int):
    """Return the belief after the block was held in the air, and the logarithm of its mass."""
    def lifted(scene, first):
        return scene.object_poses[0, 2] - first[2] > _LIFTED
    return _after(loop, seed, lifted, lambda scene: np.log(scene.boxes[0].mass))


def _slid(loop: ClosedLoop, seed: int):
    """Return the belief after the block has slid, and the logarithm of its friction."""
    def away(scene, first):
        return np.linalg.norm(scene.object_poses[0, :2] - first[:2]) > _SLID
    return _after(loop, seed, away, lambda scene: np.log(
        scene.boxes[0].friction * scene.conditions.physics.table_friction))


def _after(loop, seed, so, truth):
    """Return the belief of the moment at which it was ``so`` for long enough, None if never."""
    found, first = [], []

    def sense(scene, belief, observation):
        if not first:
            first.append(np.array(scene.object_poses[0, :3]))
        if so(scene, first[0]):
            found.append((scene.time, np.append(belief.state, belief.latent)))
    loop.run(seed, sense=sense)
    late = [belief for time, belief in found if time >= found[0][0] + _ENOUGH]
    return (late[0], truth(loop.scene)) if late else None
