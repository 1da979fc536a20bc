"""What only PyBullet's scenes have, and what they once did wrong."""

import numpy as np
import pytest
from sim.engines.bullet import BulletScene
from sim.quiet import pybullet
from sim.randomize.config import parse
from sim.stepper import Stepper
from sim_testing import episode, record
from wm_ros.robot.robot import load_robot

ROBOT = load_robot('panda')


@pytest.fixture(scope='module')
def pushing():
    """Yield a Stepper of push, which all tests share; each begins with a reset."""
    made = Stepper(BulletScene(ROBOT, 'push'))
    yield made
    made.scene.close()


def test_contacts_of_an_episode_do_not_reach_into_the_next(pushing):
    """After these two the block's first step once differed by a hair, and contacts magnify it."""
    other = Stepper(BulletScene(ROBOT, 'push'))
    for before in (14, 16):
        episode(pushing, before)
        np.testing.assert_array_equal(record(pushing, before + 1, 3), record(other, before + 1, 3))
    other.scene.close()


def test_a_fast_end_costs_the_next_episode_no_effort():
    """Damping takes effort away from the motors, by how fast the joints were a moment ago."""
    damped = parse({'terms': [{'term': 'physics.joint_damping', 'value': 50.0}]}, 'made', 'made')
    scene, found = BulletScene(ROBOT, 'reach', damped), []
    for _ in range(2):
        scene.reset(3)
        for _ in range(5):      # commands are late: the arm holds where it was put
            scene.substep()
        found.append(scene.arm.joint_positions)
        scene.arm.set_target(scene.arm.joint_positions + 1.0, np.zeros(7), 0.0)
        for _ in range(6):
            scene.substep()
        assert np.abs(scene.arm.joint_velocities).max() > 1.0
    scene.close()
    np.testing.assert_array_equal(*found)


def test_the_wrench_is_the_mean_of_the_last_50_ms(pushing):
    scene = pushing.scene
    scene.reset(6)
    assert not scene.arm.wrench.any()
    scene.arm.set_target(scene.arm.joint_positions + 0.02, np.zeros(7), 0.06)
    felt, joint = [], scene.arm.joints[-1]
    for _ in range(20):
        scene.substep()
        felt.append(pybullet.getJointState(scene.arm.body, joint, scene.arm.client)[2])
        np.testing.assert_allclose(scene.arm.wrench, np.mean(felt[-12:], axis=0), atol=1e-9)
    assert np.ptp(np.array(felt)[:, 2]) > 1.0


def test_distance_to_a_box_that_is_not_there(pushing):
    """It is measured from the meshes, and changes nothing of the episode."""
    scene, alone = pushing.scene, []
    for measured in (False, True):
        pushing.reset(3)
        place = scene.situation().end_effector
        if measured:        # the fingers end 1.1 cm below the end effector's frame
            below = place - [0.0, 0.0, 0.1]
            assert scene.arm_distance(below, (0.1, 0.1, 0.1)) == pytest.approx(0.043, abs=0.01)
            assert scene.arm_distance(place, (0.1, 0.1, 0.1)) < 0.0
            assert scene.arm_distance(place + [0.0, 0.0, 5.0], (0.1,) * 3, within=0.2) == 0.2
        alone.append(record(pushing, 3, 5))
    np.testing.assert_array_equal(*alone)
