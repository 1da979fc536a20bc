"""Figures of the way from the engine that agents learn in to another one, and what costs most."""

from dataclasses import replace

from sim.randomize import load_randomization
from wm_ros.bench.record import at_least, at_most, shown
from wm_ros.bench.sim_to_real.parts import (
    Crossing, digest, entries_of, key_of, PLAYED, played, remembered)
from wm_ros.console import counted
from wm_ros.cores import cores
from wm_ros.evaluation.run import Evaluation, Request
from wm_ros.evaluation.statistics import paired, paired_shares

EPISODES, _EACH = 1000, 200         # of both ends, and of each factor alone
DROP, UPPER, _COSTS = 0.03, 0.05, 0.15
REALITY = {'engine': 'mujoco', 'randomization': 'reality'}
_FACTORS = 'wm_ros bench sim_to_real --only factors'


def reach():
    """Return what reach loses."""
    return _lost('reach')


def push():
    """Return what push loses, and whether the way is hard."""
    return _lost('push')


def pick_and_place():
    """Return what pick_and_place loses."""
    return _lost('pick_and_place')


def _lost(task):
    """Return what the agent loses that learned in worlds that vary, and the one that did not."""
    command = f'wm_ros bench sim_to_real --only gap_{task}'
    robust, plain = _crossing(task, f'panda_{task}_robust'), _crossing(task, f'panda_{task}')
    rows = [
        at_most(f'gap_drop/{task}', robust.drop, DROP, 'share', command,
                f'{robust}; {EPISODES} paired episodes, PyBullet as it is, and MuJoCo as '
                'reality.yaml has it'),
        at_most(f'gap_drop_upper95/{task}', robust.high, UPPER, 'share', command),
        shown(f'gap_drop_without_randomization/{task}', plain.drop, 'share', command,
              str(plain))]
    if task == 'push':
        rows.append(at_least('gap_is_hard', plain.drop, _COSTS, 'share', command,
                             'what push loses without randomization'))
    return rows


def factors():
    """Return what each entry of reality.yaml, alone, takes from push without randomization."""
    evaluation = Evaluation(Request('push', _EACH, engine='mujoco', jobs=cores()))
    whole = load_randomization('reality')
    usual = _played(evaluation, 'as usual', replace(whole, entries=()))
    rows = []
    for entry in whole.entries:
        if entry.term.name.startswith('camera.'):
            continue
        found = _played(evaluation, entry.term.name, replace(whole, entries=(entry,)))
        lost, low, high = paired_shares(usual['success'], found['success'])
        later, _, _ = paired(found['time'], usual['time'])
        rows.append(shown(f'factor_drop/{entry.term.name}', lost, 'share', _FACTORS,
                          f'{entry.distribution}; 95 % from {low:.3f} to {high:.3f}; at the goal '
                          f'{later:.2f} s later; {_EACH} paired episodes in MuJoCo'))
    return sorted(rows, key=lambda row: -row.value)


def _crossing(task: str, checkpoint: str) -> Crossing:
    """Return what becomes of an agent's success, on the same seeds, in the stand-in."""
    return Crossing.of(*(played(task, checkpoint, EPISODES, world) for world in ({}, REALITY)))


def _played(evaluation, name, randomization):
    """Return success and time [s] of each episode; what was played before is not played again."""
    def play():
        episodes = [(seed, randomization) for seed in evaluation.request.seeds]
        results = counted(name, evaluation.play(episodes), len(episodes))
        return {'success': [float(result.success) for result in results],
                'time': [result.time for result in results]}
    key = digest(key_of('push', 'panda_push', {'engine': 'mujoco'}), entries_of(randomization))
    return remembered(PLAYED / f'factor_{name.replace(" ", "_")}.json', key, play)
