"""Nouns and messages of plausible shape, with random numbers in them."""

import numpy as np
from wm_ros.nodes import convert
from wm_ros.robot.robot import load_robot
from wm_ros.types import Belief, Observation, Plan

ROBOT = load_robot('panda')
N = len(ROBOT.joint_names)
FRAME = ROBOT.base_frame
T0 = 1_700_000_000.125


def make_observation(rng, **changes):
    fields = {
        'stamp': T0, 'joint_positions': rng.normal(size=N), 'joint_velocities': rng.normal(size=N),
        'joint_efforts': rng.normal(size=N), 'gripper_width': 0.03,
        'commanded_positions': rng.normal(size=N), 'commanded_velocities': rng.normal(size=N),
        'commanded_gripper': 0.04, 'object_poses': rng.normal(size=(2, 7)),
        'wrench': rng.normal(size=6), 'ages': {'object_poses': 0.01, 'image': 0.2},
        'valid': {'joint_positions': True, 'wrench': False, 'image': True}}
    return Observation(**{**fields, **changes})


def make_belief(rng, **changes):
    fields = {
        'stamp': T0, 'state': rng.normal(size=23).astype(np.float32),
        'latent': rng.normal(size=8).astype(np.float32), 'joint_positions': rng.normal(size=N),
        'commanded_positions': rng.normal(size=N), 'commanded_velocities': rng.normal(size=N),
        'surprise': 1.5, 'gripper_width': 0.02, 'commanded_gripper': 0.03, 'unseen': 0.25,
        'checkpoint': '0123456789ab'}
    return Belief(**{**fields, **changes})


def make_plan(rng, knots=11):
    return Plan(
        stamp=T0 + 0.03, observed=T0, dt=0.05, actions=np.zeros((knots - 1, 5)),
        positions=rng.normal(size=(knots, N)), velocities=rng.normal(size=(knots, N)),
        gripper=rng.uniform(0, 0.08, knots), path=np.zeros((knots, 3)), predicted_return=1.0,
        disagreement=0.0, solve_time=0.01, planner='mppi')


def make_joint_state(rng):
    names = list(ROBOT.joint_names) + list(ROBOT.gripper_joint_names)
    msg = convert.JointState(name=names)
    msg.header.stamp = convert.stamp(T0)
    for field in ('position', 'velocity', 'effort'):
        setattr(msg, field, rng.normal(size=len(names)).tolist())
    return msg
