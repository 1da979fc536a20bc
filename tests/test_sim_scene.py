"""Scenes and tasks: starts and goals, success, time limit, determinism, units."""

from dataclasses import replace

import numpy as np
import pytest
from sim.engines import make_scene
from sim.engines.mock import MockScene
from sim.scene import SUBSTEP
from sim.stepper import Stepper
from sim.tasks import Judge, make_task
from sim_testing import episode, record
from wm_ros.robot.robot import load_robot
from wm_ros.tasks import get_task
from wm_ros.types import WmRosError

ROBOT = load_robot('panda')
TASKS = ('reach', 'push', 'pick_and_place', 'stack')


@pytest.fixture(scope='module', params=['pybullet', 'mujoco'])
def steppers(request):
    """One Stepper for each task, which all tests of an engine share; each begins with a reset."""
    made = {task: Stepper(make_scene(request.param, ROBOT, task)) for task in TASKS}
    yield made
    for stepper in made.values():
        stepper.scene.close()


def drawn(task, seed):
    """Return the start of ``task`` that a seed stands for."""
    rng = np.random.default_rng(seed)
    return task.sample(rng, task.blocks(rng))


def assert_same_poses(first, second):
    np.testing.assert_allclose(first[:, :3], second[:, :3], atol=1e-6)
    # q and -q are the same rotation.
    np.testing.assert_allclose(np.abs((first[:, 3:] * second[:, 3:]).sum(1)), 1.0, atol=1e-6)


@pytest.mark.parametrize('task', TASKS)
def test_starts_and_goals_are_those_of_the_task(task):
    spec, made = get_task(task), make_task(task)
    low, high = np.array(spec.goal_low), np.array(spec.goal_high)
    starts = [drawn(made, seed) for seed in range(2000)]
    goals = np.array([start.goal[:3] for start in starts])
    assert (goals >= low).all() and (goals <= high).all()
    # All of the box is in use; how high a block is stacked, the other one says.
    reach, axes = (high - low) * 0.02, 2 if task == 'stack' else 3
    assert (goals.min(0) <= low + reach)[:axes].all()
    assert (goals.max(0) >= high - reach)[:axes].all()
    subjects = np.array([start.end_effector if spec.goal_of == 'end_effector'
                         else start.object_poses[0, :3] for start in starts])
    assert np.linalg.norm(subjects - goals, axis=1).min() >= spec.min_start_distance
    for start in starts[:50]:
        assert start.object_poses.shape == (len(spec.object_names), 7)
        np.testing.assert_allclose(np.linalg.norm(start.object_poses[:, 3:], axis=1), 1.0)
        assert (start.end_effector >= ROBOT.workspace_low).all()
        assert (start.end_effector <= ROBOT.workspace_high).all()


@pytest.mark.parametrize('task', TASKS)
def test_the_scene_begins_as_drawn(steppers, task):
    stepper = steppers[task]
    for seed in range(15):
        seen = stepper.reset(seed)
        start = drawn(stepper.scene.task, seed)
        place = stepper.scene.kinematics.forward(seen.joint_positions)[0]
        # Nearer to the base the elbow is at its limit; see test_kinematics.
        assert np.linalg.norm(place - start.end_effector) < (
            1e-3 if start.end_effector[0] > 0.3 else 0.015)
        assert_same_poses(seen.object_poses, start.object_poses)
        np.testing.assert_array_equal(stepper.scene.goal, start.goal)
        assert seen.stamp == 0.0 and not stepper.scene.done
        assert np.abs(seen.joint_velocities).max() == 0.0


def test_objects_rest_at_the_start(steppers):
    stepper = steppers['push']
    before = stepper.reset(3).object_poses
    for _ in range(10):
        after = stepper.step(np.zeros(5)).object_poses
    # MuJoCo's contacts are soft: the block sinks in by a tenth of a millimetre.
    np.testing.assert_allclose(after, before, atol=2e-4)


@pytest.mark.parametrize('task', TASKS)
def test_same_seed_same_episode_whatever_came_before(steppers, task):
    stepper = steppers[task]
    first = record(stepper, 5, 60)
    for seed in (8, 9):
        episode(stepper, seed)
    np.testing.assert_array_equal(record(stepper, 5, 60), first)
    other = Stepper(type(stepper.scene)(ROBOT, task))
    np.testing.assert_array_equal(record(other, 5, 60), first)
    other.scene.close()
    # Block, or arm, were moved.
    assert np.ptp(first[:, 0 if task == 'reach' else slice(20, 23)], axis=0).max() > 0.02


def test_other_seeds_are_other_episodes(steppers):
    assert np.abs(record(steppers['reach'], 1, 5) - record(steppers['reach'], 2, 5)).max() > 0.1


@pytest.mark.parametrize('task', TASKS)
def test_the_script_succeeds(steppers, task):
    assert all(episode(steppers[task], seed) for seed in range(20))


@pytest.mark.parametrize('task, count', [('reach', 20), ('push', 20)])
def test_random_actions_do_not(steppers, task, count):
    rng = np.random.default_rng(0)
    successes = sum(episode(steppers[task], seed, lambda _: rng.uniform(-1, 1, 5))
                    for seed in range(count))
    assert successes <= 0.05 * count


@pytest.mark.parametrize('task', TASKS)
def test_the_time_limit(steppers, task):
    scene = steppers[task].scene
    scene.reset(0)
    limit = scene.task.spec.time_limit
    while not scene.done:
        scene.substep()
    assert not scene.success and scene.timeout
    assert scene.time == pytest.approx(limit) and scene.substeps == round(limit / SUBSTEP)


@pytest.mark.parametrize('task', TASKS)
def test_success_comes_when_the_goal_was_held(steppers, task):
    stepper = steppers[task]
    stepper.reset(4)
    scene, since = stepper.scene, None
    substep = scene.substep

    def watched():
        nonlocal since
        substep()
        there = scene.task.at_goal(scene.situation())
        since = (scene.time if since is None else since) if there else None
        if scene.success:
            held.append(scene.time - since)
    held, scene.substep = [], watched
    try:
        while not scene.done:
            stepper.step(stepper.expert())
    finally:
        del scene.substep
    # It is judged every 25 ms, and never counts as longer held than it was.
    assert 0.5 - 1e-9 <= held[0] <= 0.5 + 0.05


def situation(task, distance, speed):
    """Return a Situation of ``task`` whose subject is off the goal, and moves."""
    scene = MockScene(ROBOT, task)
    now = scene.situation()
    place, velocity = now.goal[:3] + [0, 0, distance], np.array([speed, 0.0, 0.0])
    if scene.task.spec.goal_of == 'end_effector':
        return replace(now, end_effector=place, end_effector_velocity=velocity)
    poses, velocities = np.array(now.object_poses), np.array(now.object_velocities)
    poses[0], velocities[0] = [*place, 0, 0, 0, 1], velocity
    return replace(now, object_poses=poses, object_velocities=velocities)


@pytest.mark.parametrize('task, distance, speed, there', [
    ('reach', 0.0199, 0.0, True), ('reach', 0.0201, 0.0, False), ('reach', 0.01, 0.3, True),
    ('push', 0.0499, 0.0, True), ('push', 0.0501, 0.0, False), ('push', 0.01, 0.009, True),
    ('push', 0.01, 0.011, False), ('pick_and_place', 0.0249, 0.019, True),
    ('pick_and_place', 0.0251, 0.0, False), ('stack', 0.0199, 0.009, True),
    ('stack', 0.0201, 0.0, False), ('stack', 0.01, 0.011, False)])
def test_at_the_goal_means_near_and_at_rest(task, distance, speed, there):
    assert make_task(task).at_goal(situation(task, distance, speed)) is there


def test_what_is_stacked_has_to_be_let_go_of():
    there = situation('stack', 0.0, 0.0)
    for above, done in ((0.059, False), (0.061, True)):
        tool = there.object_poses[0, :3] + [0.0, 0.0, above]
        assert make_task('stack').at_goal(replace(there, end_effector=tool)) is done


def test_success_needs_the_goal_held_without_interruption():
    judge = Judge(make_task('push'))
    near, far = situation('push', 0.01, 0.0), situation('push', 0.1, 0.0)
    moving = situation('push', 0.01, 0.1)
    for time, now in ((1.0, near), (1.475, near), (1.49, far), (1.5, near), (1.9, moving),
                      (2.0, near), (2.499, near)):
        judge.look(time, now)
        assert not judge.success
    judge.look(2.5, near)
    assert judge.success
    for time, now in ((2.6, far), (2.7, near)):
        judge.look(time, now)
        assert judge.success    # it stays so until the next episode
    judge.reset()
    judge.look(0.0, near)
    assert not judge.success


@pytest.mark.parametrize('task', [name for name in TASKS if name != 'stack'])
def test_rewards_count_in_units_of_10_cm(task):
    made = make_task(task)
    assert made.reward(situation(task, 0.25, 0.0)) == pytest.approx(-2.5)
    assert made.reward(situation(task, 0.0, 0.0)) == pytest.approx(0.0)


def test_a_block_that_is_still_held_costs_as_much_as_10_cm():
    """By the distance alone it would not be worth anything to let go of it."""
    made, there = make_task('stack'), situation('stack', 0.0, 0.0)
    place = there.object_poses[0, :3]
    for above, reward in ((0.0, -1.0), (0.059, -1.0), (0.061, 0.0)):
        assert made.reward(replace(there, end_effector=place + [0.0, 0.0, above])) == reward
    assert made.reward(situation('stack', 0.25, 0.0)) == pytest.approx(-3.5)


def test_what_is_sensed_is_in_SI_units(steppers):
    stepper = steppers['push']
    stepper.reset(6)
    for _ in range(45):
        before = stepper.scene.situation()
        seen = stepper.step(stepper.expert())
        now = stepper.scene.situation()
        rate = (now.end_effector - before.end_effector) / ROBOT.dt
        mean = 0.5 * (now.end_effector_velocity + before.end_effector_velocity)
        np.testing.assert_allclose(rate, mean, atol=0.05)
        rate = (now.object_poses - before.object_poses)[0, :3] / ROBOT.dt
        assert np.linalg.norm(rate - now.object_velocities[0]) < 0.2
        assert (np.abs(seen.joint_efforts) <= ROBOT.limits.effort + 1e-6).all()
        assert seen.wrench.shape == (6,) and -1e-3 < seen.gripper_width < 0.081
    scene = stepper.scene
    scene.reset(6)
    scene.arm.set_target(scene.arm.joint_positions, np.zeros(7), 0.06)
    for _ in range(120):
        scene.substep()
    assert scene.arm.gripper_width == pytest.approx(0.06, abs=2e-3)
    # The wrist carries the hand and the fingers, 1.21 kg with the last link, and feels it below.
    np.testing.assert_allclose(scene.arm.wrench[:3], [0.0, 0.0, -11.87], atol=0.3)


def test_mock_hardware_has_the_same_episodes(steppers):
    mock, scene = MockScene(ROBOT, 'push'), steppers['push'].scene
    for seed in (0, 7):
        mock.reset(seed)
        scene.reset(seed)
        np.testing.assert_array_equal(mock.goal, scene.goal)
        assert_same_poses(mock.object_poses, scene.object_poses)
        np.testing.assert_allclose(mock.arm.joint_positions, scene.arm.joint_positions,
                                   atol=1e-9)


def test_unknown_tasks_list_the_known():
    with pytest.raises(WmRosError, match="'juggle'.*push, reach"):
        make_task('juggle')


def test_unknown_engines_list_the_known():
    with pytest.raises(WmRosError, match="'havok', expected one of pybullet, mujoco, mock"):
        make_scene('havok', ROBOT, 'push')
