"""Kinematics: forward against PyBullet's, Jacobian against differences, inverse by result."""

import numpy as np
import pybullet
import pytest
from wm_ros.robot.kinematics import Kinematics
from wm_ros.robot.motion import MotionRule
from wm_ros.robot.robot import load_robot

ROBOT = load_robot('panda')
LIMITS = ROBOT.limits
KINEMATICS = Kinematics(ROBOT)
RULE = MotionRule.of(ROBOT)
DOWN = np.diag([1.0, -1.0, -1.0])
SETTLE = 12         # knots from home to anywhere


def random_joints(count, seed=0):
    return np.random.default_rng(seed).uniform(LIMITS.lower, LIMITS.upper, (count, 7))


def go(start, position, yaw=0.0, knots=SETTLE):
    """Return joint positions [7] after standing still at a target for some knots."""
    zero = np.zeros((knots, 3))
    return KINEMATICS.follow(start, zero + position, np.full(knots, yaw), zero, zero[:, 0])[0][-1]


def miss(q, position):
    return np.linalg.norm(KINEMATICS.forward(q)[0] - position)


@pytest.fixture(scope='module')
def bullet():
    client = pybullet.connect(pybullet.DIRECT)
    body = pybullet.loadURDF(str(ROBOT.urdf), useFixedBase=True, physicsClientId=client)
    count = pybullet.getNumJoints(body, physicsClientId=client)
    infos = [pybullet.getJointInfo(body, i, physicsClientId=client) for i in range(count)]
    joints = {info[1].decode(): info[0] for info in infos}
    links = {info[12].decode(): info[0] for info in infos}

    def link_pose(q):
        for name, position in zip(ROBOT.joint_names, q):
            pybullet.resetJointState(body, joints[name], position, physicsClientId=client)
        state = pybullet.getLinkState(body, links[ROBOT.ee_frame], computeForwardKinematics=True,
                                      physicsClientId=client)
        return np.array(state[4]), np.reshape(pybullet.getMatrixFromQuaternion(state[5]), (3, 3))
    yield link_pose
    pybullet.disconnect(physicsClientId=client)


def test_forward_is_that_of_pybullet(bullet):
    for q in random_joints(50):
        position, rotation = bullet(q)
        ours, yaw = KINEMATICS.forward(q)
        np.testing.assert_allclose(ours, position, atol=1e-6)
        np.testing.assert_allclose(KINEMATICS.rotation(q), rotation, atol=1e-6)
        assert yaw == pytest.approx(np.arctan2(rotation[1, 0], rotation[0, 0]), abs=1e-5)


def test_jacobian_is_the_derivative():
    step = 1e-6
    for q in random_joints(20, seed=1):
        jacobian, rotation = KINEMATICS.jacobian(q), KINEMATICS.rotation(q)
        for j in range(7):
            aside = np.array(q)
            aside[j] += step
            linear = (KINEMATICS.forward(aside)[0] - KINEMATICS.forward(q)[0]) / step
            spin = (KINEMATICS.rotation(aside) - rotation) / step @ rotation.T
            angular = [spin[2, 1], spin[0, 2], spin[1, 0]]
            np.testing.assert_allclose(jacobian[:3, j], linear, atol=1e-5)
            np.testing.assert_allclose(jacobian[3:, j], angular, atol=1e-5)


def test_results_are_copies():
    q = random_joints(2, seed=2)
    kept = KINEMATICS.forward(q[0])[0], KINEMATICS.jacobian(q[0]), KINEMATICS.rotation(q[0])
    before = [array.copy() for array in kept]
    KINEMATICS.forward(q[1]), KINEMATICS.jacobian(q[1]), KINEMATICS.rotation(q[1])
    for array, old in zip(kept, before):
        np.testing.assert_array_equal(array, old)


def test_targets_in_the_workspace_are_reached():
    rng = np.random.default_rng(3)
    # Nearer to the base the elbow is at its limit where the gripper has to point down.
    low = np.maximum(ROBOT.workspace_low, [0.30, -1.0, 0.0])
    for _ in range(200):
        target, yaw = rng.uniform(low, ROBOT.workspace_high), rng.uniform(-0.5, 0.5)
        q = go(ROBOT.home, target, yaw, 20)
        assert miss(q, target) < 1e-3
        assert KINEMATICS.forward(q)[1] == pytest.approx(yaw, abs=2e-3)
        np.testing.assert_allclose(KINEMATICS.rotation(q)[2, 2], -1.0, atol=1e-3)


def test_motions_are_followed_at_full_speed():
    rng = np.random.default_rng(4)
    low, high = np.array([0.34, -0.22, 0.03]), np.array([0.62, 0.22, 0.33])
    for _ in range(20):
        q = go(ROBOT.home, rng.uniform(low, high))
        place, rate = np.append(*KINEMATICS.forward(q)), np.zeros(4)
        for step in range(60):
            if step % 10 == 0:
                action = np.append(np.sign(rng.uniform(-1, 1, 3)), 0.0)
            place, rate = RULE.advance(place, rate, action)
            if np.any(place[:3] < low) or np.any(place[:3] > high):
                break
            q, dq = KINEMATICS.follow(q, place[None, :3], place[3:], rate[None, :3], rate[3:])
            q = q[0]
            assert miss(q, place[:3]) < 1e-3
            np.testing.assert_allclose(
                KINEMATICS.jacobian(q)[:3] @ dq[0], rate[:3], atol=0.02)


def test_the_limits_are_kept_whatever_is_asked():
    rng = np.random.default_rng(5)
    for q in random_joints(30, seed=5):
        targets, yaws = rng.uniform(-2, 2, (10, 3)), rng.uniform(-3, 3, 10)
        path, _ = KINEMATICS.follow(q, targets, yaws, rng.normal(size=(10, 3)), yaws)
        assert np.isfinite(path).all()
        assert (path > LIMITS.lower).all() and (path < LIMITS.upper).all()


def test_out_of_reach_is_approached():
    far = np.array([2.0, 0.0, 0.4])
    q = go(ROBOT.home, far, knots=60)
    assert 0.7 < KINEMATICS.forward(q)[0][0] < 1.0
    assert miss(go(q, [0.5, 0.0, 0.2], knots=60), [0.5, 0.0, 0.2]) < 1e-3


def test_the_elbow_does_not_flip_where_reach_ends():
    rng = np.random.default_rng(8)
    for side in (-1.0, 1.0):
        corner = ROBOT.workspace_high * [1.0, side, 1.0]
        for _ in range(20):
            back = rng.uniform(ROBOT.workspace_low + [0.1, 0, 0], ROBOT.workspace_high)
            q = go(ROBOT.home, back)
            place, rate = np.append(*KINEMATICS.forward(q)), np.zeros(4)
            for target in (corner, back):
                for _ in range(40):
                    wanted = np.append(np.sign(target - place[:3]) * (
                        np.abs(target - place[:3]) > 0.03), 0.0)
                    place, rate = RULE.advance(place, rate, wanted)
                    path, _ = KINEMATICS.follow(
                        q, place[None, :3], place[3:], rate[None, :3], rate[3:])
                    q = path[0]
                    assert miss(q, place[:3]) < 0.03
            assert miss(go(q, back), back) < 1e-3


def test_several_knots_are_one_after_another():
    rng = np.random.default_rng(6)
    targets = np.cumsum(rng.normal(size=(5, 3)) * 0.01, axis=0) + [0.5, 0.0, 0.2]
    rates, zero = rng.normal(size=(5, 3)) * 0.1, np.zeros(5)
    path, speeds = KINEMATICS.follow(ROBOT.home, targets, zero, rates, zero)
    q = ROBOT.home
    for k in range(5):
        one, speed = KINEMATICS.follow(q, targets[k:k + 1], zero[:1], rates[k:k + 1], zero[:1])
        np.testing.assert_array_equal(one[0], path[k])
        np.testing.assert_array_equal(speed[0], speeds[k])
        q = one[0]


def test_the_redundant_joint_returns_home():
    target = KINEMATICS.forward(ROBOT.home)[0]
    aside = go(ROBOT.home + [0.5, 0, -0.5, 0, 0, 0, 0], target)
    late = go(aside, target, KINEMATICS.forward(ROBOT.home)[1], 200)
    assert np.abs(late - ROBOT.home).max() < 0.1 * np.abs(aside - ROBOT.home).max()
    assert miss(late, target) < 1e-3
