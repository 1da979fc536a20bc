"""The world model as the graph uses it: observe, propagate, imagine."""

from dataclasses import dataclass
from typing import Optional

import numpy as np
import torch
from wm_ros.robot.motion import hermite
from wm_ros.robot.robot import Robot
from wm_ros.tasks import TaskSpec
from wm_ros.types import Belief, Observation
from wm_ros.world_model.compilation import compile_dynamics
from wm_ros.world_model.dynamics import Dynamics
from wm_ros.world_model.rollout import Dream, Rollout
from wm_ros.world_model.state import StateEstimator


@dataclass(frozen=True)
class Setpoint:
    """Where the arm is driven to at a moment: position and yaw [4], their velocity [4]."""

    position: np.ndarray
    velocity: np.ndarray


class WorldModel:
    """
    Filters observations into beliefs and rolls beliefs forward.

    Keeps no state between calls, so that one instance serves many streams; its kinematics
    hold buffers, so use one instance per thread.  ``compiled`` takes half a second once and
    makes everything faster from then on.
    """

    def __init__(self, dynamics: Dynamics, robot: Robot, task: TaskSpec, checkpoint: str = '',
                 device: str = 'cpu', expected_innovation: float = 0.002,
                 compiled: bool = False):
        self.dynamics = dynamics.to(device).eval().requires_grad_(False)
        self.robot, self.task = robot, task
        self.checkpoint, self.device = checkpoint, device
        self.layout = dynamics.layout
        self.expected_innovation = expected_innovation
        self._estimator = StateEstimator(robot, task)
        self._run, self._rollout = (compile_dynamics(self.dynamics) if compiled
                                    else (self.dynamics, Rollout(self.dynamics)))

    @torch.inference_mode()
    def observe(self, previous: Optional[Belief], observation: Observation) -> Belief:
        """
        Return the belief at ``observation``, given the one before it (or None).

        Raises WmRosError when a modality that the task needs has never been seen.
        """
        old, stamp = (None, 0.0) if previous is None else (previous.state, previous.stamp)
        unseen = 0.0 if previous is None else previous.unseen
        state = self._estimator.update(old, stamp, observation, unseen)
        elapsed = 0.0 if previous is None else observation.stamp - previous.stamp
        fresh = previous is None or not 0.0 <= elapsed < 0.5
        now = self._tensor(state)[None]
        if fresh:
            latent, surprise = self.dynamics.initial_latent(now), 0.0
        else:
            latent, surprise = self._predict(previous, state, elapsed)
        commanded = observation.commanded_positions
        return Belief(
            stamp=observation.stamp, state=state,
            latent=self._run.encode(now, latent)[0].cpu().numpy(),
            joint_positions=observation.joint_positions,
            commanded_positions=observation.joint_positions if commanded is None else commanded,
            commanded_velocities=np.zeros_like(observation.joint_positions)
            if commanded is None else observation.commanded_velocities,
            gripper_width=observation.gripper_width,
            commanded_gripper=observation.gripper_width
            if observation.commanded_gripper is None else observation.commanded_gripper,
            surprise=surprise, unseen=self._unseen(observation, previous, elapsed),
            checkpoint=self.checkpoint)

    def _unseen(self, observation, previous, elapsed) -> float:
        """Return for how long [s] the objects are only believed to be where they were."""
        if not self.layout.objects or observation.object_poses is not None:
            return 0.0
        return 0.0 if previous is None else previous.unseen + max(0.0, elapsed)

    def _predict(self, previous, state, elapsed):
        """Return the predicted latent [1, D] and how surprising ``state`` [X] is."""
        layout, before = self.layout, previous.state
        pose, twist = layout.setpoint_pose, layout.setpoint_twist

        def between(moment):
            if elapsed <= 0.0:
                return Setpoint(state[pose], state[twist])
            path, rates = hermite(before[pose], before[twist], state[pose], state[twist], elapsed,
                                  [moment - previous.stamp])
            return Setpoint(path[0], rates[0])

        after, latent = self._advance(previous, between, previous.stamp + elapsed)
        miss = after[0].cpu().numpy() - state
        places = [layout.ee] + [layout.object_position(i) for i in range(layout.objects)]
        worst = max(float(np.linalg.norm(miss[where])) for where in places)
        return latent, worst / self.expected_innovation

    @torch.inference_mode()
    def propagate(self, belief: Belief, setpoint_at, until: float):
        """
        Return state [X] and latent [D] (tensors) at ``until`` [s], commands being known.

        ``setpoint_at(time)`` gives the Setpoint that the commands already sent mean.
        """
        state, latent = self._advance(belief, setpoint_at, until)
        last = setpoint_at(until)
        state = self.dynamics.with_setpoint(
            state, self._tensor(last.position)[None], self._tensor(last.velocity)[None])
        return state[0], latent[0]

    def _advance(self, belief, setpoint_at, until):
        """Return state [1, X] and latent [1, D] at ``until`` [s], in steps of the model's."""
        state, latent = self._tensor(belief.state)[None], self._tensor(belief.latent)[None]
        time, dt = belief.stamp, self.dynamics.rule.dt
        while until - time > 1e-3:
            elapsed = min(dt, until - time)
            time += elapsed
            known = setpoint_at(time)
            reached = self._tensor(np.concatenate(
                [known.position, known.velocity, [elapsed / dt]]))[None]
            state, latent = self._run.partial_step(state, latent, reached[:, :8], reached[:, 8:])
        return state, latent

    @torch.inference_mode()
    def imagine(self, state, latent, actions, goal=None, guided: int = 0) -> Dream:
        """
        Roll ``actions`` [K, H, A] from one state [X] and latent [D] (all tensors).

        The first ``guided`` futures follow the policy prior to ``goal`` [3], with their
        actions added to its own; the others take them as they are.  Clipped to [-1, 1].
        """
        if goal is None:
            if guided:
                raise ValueError(f'guided: got {guided} futures without a goal to guide them to')
            goal = state[:3]
        return Dream(*self._rollout(state, latent, actions, goal, guided))

    @torch.inference_mode()
    def values(self, states, latents, goals):
        """Return each value head's estimates [V, K]; all arguments are tensors [K, *]."""
        return self._run.values(states, latents, goals)

    def _tensor(self, array):
        # The nouns' arrays are read-only, which torch cannot express: copy.
        return torch.tensor(np.asarray(array), dtype=torch.float32, device=self.device)
