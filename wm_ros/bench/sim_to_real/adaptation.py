"""Figures of what a belief comes to know of hidden physics, and of what that is worth."""

from typing import NamedTuple

import numpy as np
from wm_ros import seeds
from wm_ros.bench.record import at_least, at_most, shown
from wm_ros.bench.sim_to_real.parts import Crossing, played
from wm_ros.console import counted
from wm_ros.cores import cores
from wm_ros.evaluation.closed_loop import ClosedLoop
from wm_ros.evaluation.run import Evaluation, Request
from wm_ros.tasks import get_task
from wm_ros.world_model.state import StateLayout

_EPISODES, _HELD_OUT = 600, 0.3
_R2 = 0.7
_LIFTED, _SLID = 0.05, 0.05         # [m]
_ENOUGH = 0.4                       # [s] that it has to be so
_RIDGE = 1e-2
_PROBE = 'wm_ros bench sim_to_real --only probe'
_HIDDEN = 'wm_ros bench sim_to_real --only hidden_mass'
_PAIRS, _LOSES, _SHARE = 400, 0.1, 0.5
_AGENT = 'panda_pick_and_place_hidden'      # comes to know of mass
_ARM_ONLY = 'panda_pick_and_place'          # learned in one world; its beliefs know the arm's sag
_NOT_TOLD = 'no context'
_AGENTS = {'context': (_AGENT, True), 'context of the arm alone': (_ARM_ONLY, True),
           _NOT_TOLD: (_ARM_ONLY, False)}


class Probe(NamedTuple):
    """What is read from whose beliefs: name, task, agent and worlds, what an episode tells."""

    name: str
    task: str
    told: dict
    work: object


def probe():
    """Return how well mass and friction can be read from the belief of the shipped agents."""
    rows = []
    for asked in (
            Probe('mass', 'pick_and_place', {
                'checkpoint': _AGENT, 'engine': 'mujoco',
                'randomization': 'hidden_mass'}, _weighed),
            Probe('friction', 'push', {
                'checkpoint': 'panda_push_hidden', 'engine': 'mujoco',
                'randomization': 'hidden_friction'}, _slid)):
        seen = [found for found in _told(asked) if found is not None]
        inputs, told, truth = (np.array(column) for column in zip(*seen))
        width = StateLayout.of(get_task(asked.task)).width
        rows += [
            at_least(f'probe_r2/{asked.name}', r2(inputs, truth), _R2, '', _PROBE,
                     f'its logarithm, by a linear probe on belief.state and belief.latent of '
                     f'{len(seen)} episodes of {asked.task} in '
                     f'{asked.told["randomization"]}.yaml, {_HELD_OUT:.0%} of them held out'),
            shown(f'probe_r2_state_alone/{asked.name}', r2(inputs[:, :width], truth), '', _PROBE),
            shown(f'probe_r2_told/{asked.name}', explained(truth, told), '', _PROBE,
                  'of belief.hidden itself, which no probe was fitted for')]
    return rows


def hidden_mass():
    """Return what a heavy block costs agents that can, or cannot, come to know of it."""
    lost, rows = {}, []
    for name, (checkpoint, adapt) in _AGENTS.items():
        setting = f'world_model_node:adapt:={str(adapt).lower()}'
        told = {'engine': 'mujoco', 'settings': (setting,)}
        found = Crossing.of(*(
            played('pick_and_place', checkpoint, _PAIRS, {**told, 'randomization': world})
            for world in ('hidden_mass_light', 'hidden_mass_heavy')))
        lost[name] = found.drop
        what = (f'hidden_mass_drop/{name}', found.drop)
        rest = ('share', _HIDDEN, f'{checkpoint}, {setting}: {found}; {_PAIRS} paired episodes '
                'in MuJoCo, a block of 0.1 and of 2.5 kg')
        rows.append(at_least(*what, _LOSES, *rest) if name == _NOT_TOLD else shown(*what, *rest))
    rows.append(at_most('hidden_mass_drop_ratio', lost['context'] / max(1e-9, lost[_NOT_TOLD]),
                        _SHARE, '', _HIDDEN, f'context by {_NOT_TOLD}'))
    return rows


def r2(inputs, truth) -> float:
    """Return the R2, on rows held out, of a linear map from ``inputs`` [N, I] to ``truth`` [N]."""
    inputs, truth = np.asarray(inputs, float), np.asarray(truth, float)
    kept = round((1.0 - _HELD_OUT) * len(truth))
    mean, width = inputs[:kept].mean(0), inputs[:kept].std(0) + 1e-6
    scaled = np.column_stack([(inputs - mean) / width, np.ones(len(truth))])
    first = scaled[:kept]
    weights = np.linalg.solve(
        first.T @ first + _RIDGE * kept * np.eye(first.shape[1]), first.T @ truth[:kept])
    return explained(truth[kept:], scaled[kept:] @ weights)


def explained(truth, guess) -> float:
    """Return the share of the variance of ``truth`` [N] that ``guess`` [N] explains."""
    return float(1.0 - np.square(truth - guess).sum() / np.square(truth - truth.mean()).sum())


def _told(asked: Probe):
    """Return what each episode tells."""
    evaluation = Evaluation(Request(asked.task, _EPISODES, seed=seeds.TUNING,
                                    jobs=cores(), **asked.told))
    return counted(asked.name, evaluation.share(asked.work, evaluation.episodes), _EPISODES)


def _weighed(loop: ClosedLoop, episode):
    """Return the belief after the block was held in the air, and logarithms of its mass."""
    def lifted(scene, first):
        return scene.object_poses[0, 2] - first[2] > _LIFTED
    return _after(loop, episode, lifted, lambda scene: np.log(scene.boxes[0].mass))


def _slid(loop: ClosedLoop, episode):
    """Return the belief after the block has slid, and logarithms of the table's friction."""
    def away(scene, first):
        return np.linalg.norm(scene.object_poses[0, :2] - first[:2]) > _SLID
    return _after(loop, episode, away,
                  lambda scene: np.log(scene.conditions.physics.table_friction))


def _after(loop, episode, so, truth):
    """
    Return the belief of the moment at which it was ``so`` for long enough, None if never.

    Its numbers [X + D], the logarithm of what it tells, and that of the ``truth``.
    """
    seed, randomization = episode
    loop.randomize(randomization)
    found, first = [], []

    def sense(scene, belief, observation):
        if not first:
            first.append(np.array(scene.object_poses[0, :3]))
        if so(scene, first[0]):
            told, = belief.hidden.values()
            found.append((scene.time, np.append(belief.state, belief.latent), np.log(told)))
    loop.run(seed, sense=sense)
    late = [rest for time, *rest in found if time >= found[0][0] + _ENOUGH]
    return (*late[0], truth(loop.scene)) if late else None
