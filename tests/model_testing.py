"""What the tests of models and planners share: small untrained models, observations."""

import numpy as np
import pytest
import torch
from wm_ros.robot.kinematics import Kinematics
from wm_ros.robot.robot import load_robot
from wm_ros.tasks import get_task
from wm_ros.types import CheckpointError, Episode, Observation
from wm_ros.world_model import load_checkpoint, WorldModel
from wm_ros.world_model.agent.config import ModelConfig
from wm_ros.world_model.agent.dynamics import Dynamics

ROBOT = load_robot('panda')
KINEMATICS = Kinematics(ROBOT)
SMALL = ModelConfig(latent=16, members=3, ensemble_hidden=16, hidden=16)
BLOCK = np.array([0.5, 0.1, 0.025, 0.0, 0.0, 0.0, 1.0])
GOAL = np.array([0.45, -0.1, 0.025, 0.0, 0.0, 0.0, 1.0])


def make_dynamics(task='reach', seed=0, config=SMALL):
    """
    Return untrained dynamics that are plausible all the same.

    The end effector goes to its setpoint within a step; of the rest little changes.
    """
    torch.manual_seed(seed)
    dynamics = Dynamics(ROBOT, get_task(task), config)
    dynamics.lag[0, 0], dynamics.lag[3, 0] = 1.0, 0.5 * ROBOT.dt
    dynamics.lag[2, 0] = 0.5 * ROBOT.dt
    dynamics.lag[3, 1] = 1.0
    dynamics.scale.fill_(1e-3)
    return dynamics


def make_model(task='reach', seed=0, config=SMALL, **kwargs) -> WorldModel:
    """Return an untrained model of ``task``."""
    kwargs.setdefault('checkpoint', 'abcdef012345')
    return WorldModel(make_dynamics(task, seed, config), ROBOT, get_task(task), **kwargs)


def observe_at(stamp=1.0, q=None, dq=None, commanded=None, rates=None, poses=None, **kwargs):
    """Return an Observation; by default the arm stands at home and obeys."""
    q = ROBOT.home if q is None else np.asarray(q, dtype=float)
    dq = np.zeros(7) if dq is None else np.asarray(dq, dtype=float)
    return Observation(
        stamp=stamp, joint_positions=q, joint_velocities=dq,
        commanded_positions=q if commanded is None else np.asarray(commanded, dtype=float),
        commanded_velocities=dq if rates is None else np.asarray(rates, dtype=float),
        object_poses=None if poses is None else np.asarray(poses, dtype=float), **kwargs)


def make_episode(task='reach', steps=12, seed=0, expert=True, scale=0.01):
    """Return an Episode whose arm follows its setpoint; objects drift a little."""
    rng = np.random.default_rng(seed)
    dynamics = make_dynamics(task)
    layout = dynamics.layout
    state = np.zeros(layout.width)
    state[layout.ee] = state[layout.setpoint] = rng.uniform([0.4, -0.1, 0.1], [0.6, 0.1, 0.3])
    for i in range(layout.objects):
        state[layout.object_slots(i)][:3] = BLOCK[:3]
    states = [state.astype(np.float32)]
    actions = rng.uniform(-1, 1, (steps, 5)).astype(np.float32)
    with torch.no_grad():
        for action in actions:
            now = torch.tensor(states[-1])
            after = dynamics.follow(now, dynamics.move_setpoint(now, torch.tensor(action)))
            drift = np.zeros(layout.width)
            moving = slice(15, 15 + 8 * layout.objects)
            drift[moving] = scale * rng.normal(size=8 * layout.objects)
            states.append((after.numpy() + drift).astype(np.float32))
    return Episode(
        task=task, states=np.array(states), goal=GOAL, actions=actions,
        rewards=-rng.random(steps).astype(np.float32), success=bool(seed % 2), source='test',
        expert=0.5 * actions if expert else None)


def refusal(path, robot=ROBOT, task=None) -> str:
    """Return the one line with which a checkpoint is refused."""
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(str(path), robot, task or get_task('reach'))
    text = str(caught.value)
    assert '\n' not in text and len(text) < 600 + len(str(path))
    return text
