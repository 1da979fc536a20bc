"""The Stepper: how an action becomes motion, and when."""

import numpy as np
import pytest
from sim.engines.bullet import BulletScene
from sim.scene import SUBSTEP
from sim.stepper import Stepper
from wm_ros.robot.motion import hermite, MotionRule
from wm_ros.robot.robot import load_robot

ROBOT = load_robot('panda')
RULE = MotionRule.of(ROBOT)
ACTIONS = np.array([[1.0, -0.5, 0.25, 0.5, 1.0], [1.0, 1.0, -1.0, 0.0, 1.0],
                    [-1.0, 0.0, 0.0, 0.0, -0.5], [0.0, 0.0, 0.0, 0.0, 0.0]] * 2)


@pytest.fixture(scope='module')
def scene():
    made = BulletScene(ROBOT, 'reach')
    yield made
    made.close()


def commands(scene, delay):
    """Return the commanded positions, velocities and gripper of every substep of a run."""
    sent, stepper = [], Stepper(scene, delay)
    stepper.reset(2)
    begin = scene.arm.joint_positions
    set_target = scene.arm.set_target

    def listening(positions, velocities, width):
        sent.append((*positions, *velocities, width))
        set_target(positions, velocities, width)
    scene.arm.set_target = listening
    try:
        seen = [stepper.step(action) for action in ACTIONS]
    finally:
        del scene.arm.set_target
    return np.array(sent), begin, seen


def test_a_step_is_one_of_the_model(scene):
    stepper = Stepper(scene)
    stepper.reset(0)
    assert stepper.step(np.zeros(5)).stamp == pytest.approx(ROBOT.dt)
    assert stepper.substeps * SUBSTEP == pytest.approx(ROBOT.dt)


def test_the_setpoint_moves_by_the_rule(scene):
    _, begin, seen = commands(scene, 0.0)
    forward = scene.kinematics.forward
    place, rate = np.append(*forward(begin)), np.zeros(4)
    for action, observation in zip(ACTIONS, seen):
        place, rate = RULE.advance(place, rate, action[:4])
        position, yaw = forward(observation.commanded_positions)
        np.testing.assert_allclose(np.append(position, yaw), place, atol=1e-3)
        moving = scene.kinematics.jacobian(observation.commanded_positions)[:3]
        np.testing.assert_allclose(moving @ observation.commanded_velocities, rate[:3], atol=0.03)


def test_commands_between_knots_are_cubics(scene):
    sent, begin, seen = commands(scene, 0.0)
    knots = [(begin, np.zeros(7))] + [
        (one.commanded_positions, one.commanded_velocities) for one in seen]
    times = (np.arange(12) + 1) * SUBSTEP
    for k, (first, second) in enumerate(zip(knots[:-1], knots[1:])):
        positions, velocities = hermite(*first, *second, ROBOT.dt, times)
        np.testing.assert_allclose(sent[12 * k:12 * k + 12, :7], positions, atol=1e-12)
        np.testing.assert_allclose(sent[12 * k:12 * k + 12, 7:14], velocities, atol=1e-12)


@pytest.mark.parametrize('delay, substeps', [(0.02, 5), (0.05, 12), (0.11, 26)])
def test_with_a_delay_the_same_motion_begins_later(scene, delay, substeps):
    prompt, begin, _ = commands(scene, 0.0)
    late, _, seen = commands(scene, delay)
    np.testing.assert_allclose(late[substeps:], prompt[:-substeps], atol=1e-12)
    np.testing.assert_array_equal(late[:substeps, :7], np.tile(begin, (substeps, 1)))
    assert not late[:substeps, 7:14].any()
    # What is observed as commanded is what was sent last, not what was ordered.
    last = [late[12 * k + 11] for k in range(len(seen))]
    np.testing.assert_array_equal([one.commanded_positions for one in seen],
                                  [row[:7] for row in last])
    np.testing.assert_array_equal([one.commanded_gripper for one in seen],
                                  [row[14] for row in last])


def test_a_delay_shows_in_the_arm(scene):
    moved = []
    for delay in (0.0, 0.1):
        stepper = Stepper(scene, delay)
        begin = stepper.reset(2).joint_positions
        path = [np.abs(stepper.step(ACTIONS[0]).joint_positions - begin).max()
                for _ in range(6)]
        moved.append(path)
    assert moved[0][0] > 1e-3 and max(moved[1][:2]) < 1e-4
    np.testing.assert_allclose(moved[1][2:], moved[0][:4], atol=2e-3)


def test_the_gripper_opens_and_closes(scene):
    stepper = Stepper(scene)
    stepper.reset(0)
    widths = [stepper.step([0, 0, 0, 0, sign]).commanded_gripper
              for sign in [1] * 5 + [0.5] + [-1] * 5]
    assert widths == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.08, 0.08, 0.06, 0.04, 0.02, 0, 0])


def test_the_arm_follows_its_setpoint(scene):
    stepper = Stepper(scene)
    stepper.reset(1)
    for _ in range(12):
        seen = stepper.step([0.5, -0.5, 0.5, 0, 0])
        behind = np.abs(seen.commanded_positions - seen.joint_positions)
        # A few milliseconds behind: its controller knows the wanted velocity.
        assert (behind <= 0.006 * np.abs(seen.commanded_velocities) + 3e-3).all()
    for _ in range(12):
        seen = stepper.step(np.zeros(5))
    assert np.abs(seen.joint_positions - seen.commanded_positions).max() < 2e-3


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_actions_that_are_not_finite_are_refused(scene, bad):
    stepper = Stepper(scene)
    stepper.reset(0)
    with pytest.raises(ValueError, match='finite'):
        stepper.step([0, 0, bad, 0, 0])
    assert np.isfinite(stepper.step(np.zeros(5)).joint_positions).all()
