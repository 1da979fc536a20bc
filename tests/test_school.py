"""Where an agent learns: in which engine and worlds, in edge cases; what it collects is kept."""

from contextlib import closing
from dataclasses import replace
import json

from model_testing import make_episode, ROBOT
import numpy as np
import pytest
from sim.randomize.config import parse
import torch
from training_testing import ALONE, QUICK, TINY, train
from wm_ros import seeds
from wm_ros.cli import main
from wm_ros.data import read_episodes
from wm_ros.learning.train import plain_lag, School, Training


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def test_edge_cases_are_among_what_is_recorded():
    """Scripted at first, the agent's own later, each in its own world."""
    world = parse({'terms': [{'term': 'physics.motor_gain', 'value': 0.7}]}, 'made', 'made')
    with closing(Training(ROBOT, 'reach', replace(TINY, edge_share=0.5), 0, QUICK,
                          school=School(cases=[(870_000_000, world), (870_000_001, world)])
                          )) as training:
        training.run()
        recorded = training.replay.episodes
    first = seeds.TRAINING
    assert [(e.source, e.seed) for e in recorded] == [
        ('noisy', first + 1), ('noisy', 870_000_000), ('prior', first + 2), ('mppi', 870_000_001)]
    assert [dict(e.randomisation) for e in recorded] == [{}, {'physics.motor_gain': 0.7}] * 2
    assert all(e.expert is not None for e in recorded)


def test_worlds_widen_with_the_success_of_the_agent_s_own_episodes(tmp_path):
    world = parse({'terms': [{'term': 'actuation.delay', 'uniform': [0.0, 0.05]},
                             {'term': 'sensing.pose_bias', 'value': 0.01}]}, 'made', 'made')
    with closing(Training(ROBOT, 'reach', TINY, 0, QUICK, school=School(
            randomization=world, widening=True))) as training:
        noted = []
        training.curriculum.note = lambda seed, success: noted.append((seed, success))
        figures = training.run()
        training.save(tmp_path / 'wide', figures)
        episodes = training.replay.episodes
    own = [e for e in episodes if e.source in ('prior', 'mppi')]
    assert noted == [(e.seed, e.success) for e in own] and len(own) == 2
    assert max(e.randomisation['actuation.delay'] for e in episodes) <= 0.2 * 0.05
    assert episodes[0].randomisation['sensing.pose_bias[0]'] == pytest.approx(0.002)
    how = json.loads((tmp_path / 'wide.json').read_text())['training']
    assert how['curriculum'] == {'actuation.delay': 0.2, 'sensing.pose_bias': 0.2}


def test_where_worlds_vary_the_lag_is_that_of_an_arm_in_free_space():
    """However the arms stick and lag of which the recordings are."""
    world = parse({'terms': [{'term': 'actuation.lag', 'value': 0.3},
                             {'term': 'actuation.sticking', 'value': 0.02}]}, 'made', 'made')
    with closing(Training(ROBOT, 'push', TINY, 0, QUICK,
                          school=School(randomization=world))) as training:
        training.run()
        lag = training.dynamics.lag
    torch.testing.assert_close(lag, plain_lag(ROBOT, 'pybullet'))
    # Most of the way to the setpoint in a step, and soon as fast.
    assert lag[0, 0] > 0.7 and lag[3, 1] > 0.9


def test_an_agent_learns_in_the_engine_that_it_is_told(tmp_path):
    with closing(Training(ROBOT, 'reach', TINY, 0, QUICK,
                          school=School(engine='mujoco'))) as training:
        training.save(tmp_path / 'other', training.run())
        assert type(training.collector.scene).__name__ == 'MujocoScene'
    how = json.loads((tmp_path / 'other.json').read_text())['training']
    assert how['engine'] == 'mujoco'


def test_a_curriculum_needs_worlds_to_widen(capsys):
    assert main(['train', '--task', 'reach', '--curriculum']) == 2
    assert '--curriculum: needs --randomization' in capsys.readouterr().err


def test_what_was_collected_is_kept_and_changes_nothing(tmp_path):
    without, _, _ = train(tmp_path, name='without')
    digest, _, training = train(tmp_path, keep=tmp_path / 'kept')
    assert digest == without
    kept = read_episodes(tmp_path / 'kept', 'reach', pytest.fail)
    assert [e.source for e in kept] == ['noisy', 'noisy', 'prior', 'mppi']
    for ours, theirs in zip(kept, training.replay.episodes):
        assert (ours.seed, ours.success) == (theirs.seed, theirs.success)
        for name in ('states', 'actions', 'expert', 'rewards', 'goal'):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


def test_what_a_planner_wanted_is_not_kept_as_a_demonstration(tmp_path):
    recorded = [replace(make_episode(steps=8), expert=None)]
    train(tmp_path, ALONE, recorded=recorded, keep=tmp_path / 'kept')
    (own,) = read_episodes(tmp_path / 'kept', 'reach', pytest.fail)
    assert own.source == 'mppi' and own.expert is None
