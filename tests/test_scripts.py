"""Scripts that teach: they solve their tasks also where the arm is late and soft."""

from contextlib import closing

import numpy as np
import pytest
from sim.engines import make_scene
from sim.randomize import load_randomization
from sim.stepper import Stepper
from sim.tasks import Situation
from sim.tasks.base import under_way
from sim.tasks.grasp import holds
from wm_ros.robot.robot import load_robot


def solved(task, engine, randomization, seeds):
    with closing(make_scene(engine, load_robot('panda'), task,
                            load_randomization(randomization))) as scene:
        stepper, found = Stepper(scene), []
        for seed in seeds:
            stepper.reset(seed)
            while not scene.done:
                stepper.step(stepper.expert())
            found.append(scene.success)
    return np.mean(found)


@pytest.mark.parametrize('task', ['reach', 'push', 'pick_and_place', 'stack'])
@pytest.mark.parametrize('engine, randomization', [('pybullet', 'usual'), ('mujoco', 'reality')])
def test_they_solve_what_agents_are_to_learn_and_to_meet(task, engine, randomization):
    if engine == 'mujoco':
        pytest.importorskip('mujoco')
    assert solved(task, engine, randomization, range(10)) >= 0.9


def situation(block=(0.5, 0.0, 0.02), tool=(0.5, 0.0, 0.02), setpoint=None, speed=0.0,
              width=0.04, command=0.0):
    setpoint = tool if setpoint is None else setpoint
    return Situation(
        end_effector=np.array(tool), end_effector_velocity=np.zeros(3),
        setpoint=np.array(setpoint), setpoint_velocity=np.array([speed, 0.0, 0.0]),
        object_poses=np.array([[*block, 0.0, 0.0, 0.0, 1.0]]), object_velocities=np.zeros((1, 3)),
        goal=np.array([0.4, 0.1, 0.2, 0.0, 0.0, 0.0, 1.0]), yaw=0.0, gripper_width=width,
        gripper_command=command)


@pytest.mark.parametrize('off', [(0.0, 0.0, 0.0), (0.018, 0.0, 0.012), (0.0, 0.018, -0.012)])
def test_a_block_is_held_wherever_the_fingers_have_it(off):
    assert holds(situation(block=np.add((0.5, 0.0, 0.1), off), tool=(0.5, 0.0, 0.1)))


def test_it_is_not_while_the_fingers_still_close_or_are_elsewhere():
    assert not holds(situation(width=0.07, command=0.06))
    assert not holds(situation(tool=(0.5, 0.0, 0.08)))


def test_what_is_under_way_counts_while_the_arm_moves_and_a_soft_arm_s_droop_does_not():
    ahead = (0.52, 0.0, 0.02)
    np.testing.assert_allclose(under_way(situation(setpoint=ahead, speed=0.2)), [0.02, 0.0, 0.0])
    np.testing.assert_allclose(under_way(situation(setpoint=ahead)), 0.0)
