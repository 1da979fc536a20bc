"""Robots that are shipped: each can do what the tasks ask of an arm, in each engine."""

import numpy as np
import pytest
from sim.engines import make_scene
from sim.stepper import Stepper
from sim_testing import episode
from wm_ros import paths
from wm_ros.robot.kinematics import Kinematics
from wm_ros.robot.robot import load_robot

ROBOTS = sorted(path.stem for path in (paths.config_dir() / 'robots').glob('*.yaml'))


def test_those_that_are_shipped():
    assert ROBOTS == ['iiwa', 'panda', 'ur5e']


@pytest.mark.parametrize('name', ROBOTS)
def test_at_home_it_points_down_inside_its_workspace(name):
    robot = load_robot(name)
    kinematics = Kinematics(robot)
    position, _ = kinematics.forward(robot.home)
    assert (position > robot.workspace_low).all() and (position < robot.workspace_high).all()
    np.testing.assert_allclose(kinematics.rotation(robot.home)[:, 2], [0.0, 0.0, -1.0], atol=2e-3)


@pytest.mark.parametrize('name', ROBOTS)
def test_it_follows_straight_ways_through_its_workspace(name):
    """Pointing down at one yaw, inside its joints' limits, at speeds that the joints have."""
    robot, rng = load_robot(name), np.random.default_rng(0)
    kinematics, count = Kinematics(robot), 40
    low, high = robot.workspace_low + 0.01, robot.workspace_high - 0.01
    for _ in range(60):
        start, end = rng.uniform(low, high, (2, 3))
        way = start + np.linspace(0, 1, count)[:, None] * (end - start)
        begin, _ = kinematics.follow(robot.home, np.tile(start, (20, 1)), np.zeros(20),
                                     np.zeros((20, 3)), np.zeros(20))
        rates = np.tile((end - start) / (count * robot.dt), (count, 1))
        path, speeds = kinematics.follow(begin[-1], way, np.zeros(count), rates, np.zeros(count))
        off = [np.linalg.norm(kinematics.forward(q)[0] - point) for q, point in zip(path, way)]
        assert max(off) < 0.015
        assert (path >= robot.limits.lower).all() and (path <= robot.limits.upper).all()
        assert (np.abs(speeds) <= 1.05 * robot.limits.velocity).all()


@pytest.mark.parametrize('engine', ['pybullet', 'mujoco'])
@pytest.mark.parametrize('name', ROBOTS)
def test_the_script_reaches_and_the_gripper_opens(name, engine):
    robot = load_robot(name)
    stepper = Stepper(make_scene(engine, robot, 'reach'))
    assert all(episode(stepper, seed) for seed in range(5))
    arm = stepper.scene.arm
    arm.set_target(arm.joint_positions, np.zeros(len(robot.joint_names)), 0.06)
    for _ in range(120):
        stepper.scene.substep()
    assert arm.gripper_width == pytest.approx(0.06, abs=3e-3)
    stepper.scene.close()


@pytest.mark.parametrize('name', ROBOTS)
def test_engines_agree_on_what_it_weighs(name):
    """Held still in any posture: motor torques, and force and torque at the wrist."""
    robot, rng = load_robot(name), np.random.default_rng(1)
    scenes = [make_scene(engine, robot, 'reach') for engine in ('pybullet', 'mujoco')]
    assert scenes[1].model.neq == 1, 'the fingers are coupled once'
    for _ in range(3):
        q = robot.home + 0.4 * rng.normal(size=len(robot.home))
        q = np.clip(q, robot.limits.lower + 0.05, robot.limits.upper - 0.05)
        for scene in scenes:
            scene.arm.reset(q, 0.02)
            scene.arm.set_target(q, np.zeros(len(q)), 0.02)
            for _ in range(240):
                scene.substep()
        ours, theirs = (scene.arm for scene in scenes)
        np.testing.assert_allclose(ours.joint_efforts, theirs.joint_efforts, atol=0.05)
        np.testing.assert_allclose(ours.wrench[:3], theirs.wrench[:3], atol=0.3)
        np.testing.assert_allclose(ours.wrench[3:], theirs.wrench[3:], atol=0.06)
    for scene in scenes:
        scene.close()


@pytest.mark.parametrize('name', ROBOTS)
def test_starts_are_where_it_can_reach(name):
    robot = load_robot(name)
    scene = make_scene('mock', robot, 'push')
    for seed in range(100):
        scene.reset(seed)
        for place in (scene.goal[:3], scene.object_poses[0, :3]):
            assert (place >= robot.workspace_low).all() and (place <= robot.workspace_high).all()
