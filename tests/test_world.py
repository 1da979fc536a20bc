"""The world behind the robot node: time, commands, resets; with physics and without."""

import numpy as np
import pytest
from sim.controller import check_trajectory
from sim.engines import make_scene
from sim.engines.bullet import BulletScene
from sim.world import FIRST, Schedule, World
from wm_ros.robot.robot import load_robot

ROBOT = load_robot('panda')


@pytest.fixture(params=['mock', 'pybullet', 'mujoco'])
def world(request):
    """Yield a world of each engine."""
    scene = make_scene(request.param, ROBOT, 'push')
    scene.reset(5)
    yield World(scene, ROBOT, timeout=0.5)
    scene.close()


def test_arm_goes_where_a_trajectory_says(world):
    """Within a second, and stands there."""
    start = world.scene.arm.joint_positions
    goal = start + 0.1
    world.arm.trajectory(check_trajectory(
        ROBOT.joint_names, ROBOT.joint_names,
        [(0.5, goal, np.zeros(7), (), ())]), world.scene.time)
    world.advance(FIRST + 240)
    assert world.scene.arm.joint_positions == pytest.approx(goal, abs=0.01)
    assert np.abs(world.scene.arm.joint_velocities).max() < 0.02


def test_gripper_opens_by_the_sum_of_the_fingers(world):
    """A width is shared by the fingers."""
    world.gripper.positions(np.array([0.03, 0.03]), world.scene.time)
    world.advance(FIRST + 200)
    assert world.scene.arm.gripper_width == pytest.approx(0.06, abs=0.004)


def test_fingers_go_on_pressing_when_no_more_commands_come(world):
    """The arm stays where it is then; a hand that did would let go."""
    world.arm.positions(world.scene.arm.joint_positions, world.scene.time)
    world.gripper.positions(np.array([0.0, 0.0]), world.scene.time)
    world.advance(FIRST + 480)
    wanted, _ = world.gripper.setpoint(world.scene.time, lambda: pytest.fail('measured anew'))
    assert (wanted == 0.0).all()


def test_time_goes_on_through_resets(world):
    """A reset sets the episode's time back, not the clock, and holds the arm."""
    world.arm.positions(ROBOT.home + 0.3, world.scene.time)
    world.advance(FIRST + 12)
    world.reset(8)
    assert world.time == pytest.approx(1.05) and world.scene.time == 0.0
    start = world.scene.arm.joint_positions
    world.advance(FIRST + 60)
    assert world.scene.arm.joint_positions == pytest.approx(start, abs=0.01)


def test_physics_is_the_same_whatever_the_leaps():
    """Advancing in leaps gives what substeps give, commands on the way included."""
    ends = []
    for leap in (1, 2, 7):
        scene = BulletScene(ROBOT, 'push')
        scene.reset(3)
        world = World(scene, ROBOT, timeout=0.5)
        world.arm.positions(ROBOT.home, world.scene.time + 0.051)
        for substeps in range(FIRST, FIRST + 85, leap):
            world.advance(substeps)
        world.advance(FIRST + 85)
        ends.append(scene.arm.joint_positions)
        scene.close()
    assert ends[0] == pytest.approx(ends[1], abs=1e-12)
    assert ends[0] == pytest.approx(ends[2], abs=1e-12)


@pytest.mark.parametrize('rate', [1.0, 50.0, 100.0, 120.0, 240.0])
def test_schedule_keeps_its_rate(rate):
    """Exactly so many times a second, as evenly as substeps allow."""
    schedule = Schedule(rate)
    times = [n for n in range(FIRST, FIRST + 10 * 240) if schedule.due(n)]
    assert len(times) == 10 * rate
    steps = np.diff(times)
    assert set(steps) <= {int(240 / rate), int(np.ceil(240 / rate))}


def test_schedule_without_a_rate_never_comes():
    """A rate of 0 means not at all, and a leap does not make up for what it passed."""
    assert not Schedule(0.0).due(10 ** 9)
    schedule = Schedule(100.0)
    assert schedule.due(FIRST + 1000)
    assert not schedule.due(FIRST + 1000)
    assert schedule.next > FIRST + 1000
