"""The Gymnasium environments."""

import warnings

import gymnasium
from gymnasium.utils.env_checker import check_env
import numpy as np
import pytest
from sim.env import ArmEnv, register
from sim.quiet import pybullet
from sim.randomize import load_randomization
from sim.randomize.config import parse
from wm_ros.paths import config_dir
from wm_ros.types import WmRosError

TASKS = ('reach', 'push')


@pytest.fixture(scope='module')
def envs():
    made = {task: ArmEnv(task) for task in TASKS}
    yield made
    for env in made.values():
        env.close()


@pytest.mark.parametrize('randomization', [None, 'usual'])
@pytest.mark.parametrize('task', TASKS)
def test_gymnasium_accepts_it(task, randomization):
    register()
    env = gymnasium.make(f'wm_ros/Panda{task.capitalize()}-v0', render_mode='rgb_array',
                         randomization=randomization)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter('always')
        check_env(env.unwrapped)
    env.close()
    # Positions and velocities have no natural bounds; all else has to be in order.
    others = [str(w.message) for w in said if 'infinity' not in str(w.message)]
    assert not others


def test_registering_twice_is_harmless():
    register()
    register()
    assert 'wm_ros/PandaPush-v0' in gymnasium.registry


@pytest.mark.parametrize('task', TASKS)
def test_the_reward_is_that_of_the_goals(envs, task):
    env = envs[task]
    rng, rows = np.random.default_rng(0), []
    env.reset(seed=1)
    for _ in range(20):
        seen, reward, terminated, truncated, info = env.step(rng.uniform(-1, 1, 5))
        assert reward == pytest.approx(
            env.compute_reward(seen['achieved_goal'], seen['desired_goal'], info))
        assert reward == pytest.approx(-info['distance'] / 0.1) and reward <= 0.0
        rows.append((seen['achieved_goal'], seen['desired_goal'], reward))
    achieved, desired, rewards = (np.array(column) for column in zip(*rows))
    np.testing.assert_allclose(env.compute_reward(achieved, desired, {}), rewards)
    many = env.compute_reward(achieved[:, None], desired[None], {})
    assert many.shape == (20, 20)
    np.testing.assert_allclose(np.diag(many), rewards)


@pytest.mark.parametrize('task', TASKS)
def test_what_an_observation_holds(envs, task):
    env = envs[task]
    seen, _ = env.reset(seed=3)
    seen, _, _, _, _ = env.step(np.array([0.5, 0, 0, 0, 1.0], np.float32))
    now, vector = env.scene.situation(), seen['observation']
    np.testing.assert_array_equal(vector[:3], now.end_effector)
    np.testing.assert_array_equal(vector[3:6], now.end_effector_velocity)
    assert vector[6] == env.scene.arm.gripper_width
    told = env.stepper
    np.testing.assert_array_equal(vector[7:13], [*told.ordered[:3], *told.ordered_velocity[:3]])
    # It is not where the arm is, which comes after it.
    assert np.abs(vector[7:13] - vector[:6]).max() > 1e-4
    np.testing.assert_array_equal(seen['desired_goal'], now.goal[:3])
    if task == 'push':
        np.testing.assert_array_equal(vector[13:20], now.object_poses[0])
        np.testing.assert_array_equal(vector[20:23], now.object_velocities[0])
        np.testing.assert_array_equal(seen['achieved_goal'], now.object_poses[0, :3])
    else:
        assert len(vector) == 13
        np.testing.assert_array_equal(seen['achieved_goal'], now.end_effector)


def test_seeds_fix_the_episode(envs):
    env = envs['push']
    first = [env.reset(seed=7)[0], env.reset()[0]]
    again = [env.reset(seed=7)[0], env.reset()[0]]
    for one, other in zip(first, again):
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])
    goals = [first[0]['desired_goal'], first[1]['desired_goal'],
             env.reset(seed=8)[0]['desired_goal']]
    assert len({tuple(goal) for goal in goals}) == 3


def test_it_is_truncated_at_the_time_limit(envs):
    env = envs['reach']
    env.reset(seed=0)
    ends = [env.step(np.zeros(5))[2:4] for _ in range(100)]
    assert ends == [(False, False)] * 99 + [(False, True)]


def test_it_terminates_with_success(envs):
    env = envs['reach']
    env.reset(seed=0)
    for _ in range(100):
        _, _, terminated, truncated, info = env.step(env.stepper.expert())
        if terminated:
            break
    assert terminated and not truncated and info['is_success'] and info['distance'] <= 0.02


def made(*rows, seed=0):
    return parse({'terms': list(rows)}, 'made', 'made.yaml', seed)


def test_worlds_are_drawn_as_in_evaluate_and_told(envs, tmp_path):
    usual = load_randomization('usual')
    file = tmp_path / 'mine.yaml'
    file.write_text((config_dir() / 'randomization' / 'usual.yaml').read_text())
    register()
    for given in ('usual', str(file), usual):
        env = gymnasium.make('wm_ros/PandaPush-v0', randomization=given)
        _, info = env.reset(seed=5)
        scene = env.unwrapped.scene
        drawn = usual.draw(5, scene.task.blocks(np.random.default_rng(5)), 7)
        assert info['drawn'] == drawn.numbers() and len(info['drawn']) > 10
        assert scene.conditions.physics == drawn.physics
        assert env.reset(seed=6)[1]['drawn'] != info['drawn']
        assert 'drawn' not in env.step(env.action_space.sample())[4]
        env.close()
    assert envs['push'].reset(seed=5)[1]['drawn'] == {}


def test_what_was_drawn_is_what_happens(envs):
    heavy = ArmEnv('push', randomization=made({'term': 'object.mass', 'value': 8.0},
                                              {'term': 'actuation.delay', 'value': 0.1}))
    ends = []
    for env in (heavy, envs['push']):
        env.reset(seed=1)
        for _ in range(20):
            seen = env.step(env.stepper.expert())[0]
        ends.append(seen['observation'])
    heavy.close()
    assert np.abs(ends[0][:3] - ends[1][:3]).max() > 1e-3


def test_what_is_drawn_once_follows_from_the_seed_of_the_run():
    once = {'term': 'physics.gravity', 'when': 'startup', 'uniform': [9.0, 10.0]}

    def drawn(**given):
        env = ArmEnv('reach', **given)
        found = {env.reset(seed=seed)[1]['drawn']['physics.gravity'] for seed in range(3)}
        env.close()
        assert len(found) == 1
        return found.pop()
    of_three = drawn(randomization=made(once, seed=3))
    assert drawn(randomization=made(once), startup=3) == of_three != drawn(
        randomization=made(once))


def test_bad_randomizations_are_told():
    with pytest.raises(WmRosError, match="randomization 'unusual': no such file"):
        ArmEnv('reach', randomization='unusual')
    with pytest.raises(WmRosError, match='startup: got 3 without a randomization'):
        ArmEnv('reach', startup=3)


def test_without_a_render_mode_there_is_no_frame(envs):
    envs['reach'].reset(seed=0)
    assert envs['reach'].render() is None


def test_closing_ends_the_camera_too():
    env = ArmEnv('reach', render_mode='rgb_array')
    env.reset(seed=0)
    assert env.render().shape == (256, 256, 3)
    camera = env.scene._camera
    worlds = camera._client, camera._skeleton
    assert all(pybullet.isConnected(physicsClientId=world) for world in worlds)
    env.close()
    assert not any(pybullet.isConnected(physicsClientId=world) for world in worlds)
    env.close()


def test_unknown_tasks_list_the_known():
    with pytest.raises(WmRosError, match='push, reach'):
        ArmEnv('juggle')
