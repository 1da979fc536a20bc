"""The world model as the graph uses it: observe, propagate, imagine."""

from dataclasses import dataclass
from typing import NamedTuple, Optional

import numpy as np
import torch
from wm_ros.robot.robot import Robot
from wm_ros.tasks import TaskSpec
from wm_ros.types import Belief, Dream, Observation
from wm_ros.world_model.dynamics import Dynamics
from wm_ros.world_model.state import StateEstimator
from wm_ros.world_model.tracing import traced


class Imagination(NamedTuple):
    """A dream as tensors: see ``Dream`` for the shapes."""

    actions: torch.Tensor       # [K, H, A]
    states: torch.Tensor        # [K, H + 1, X]
    latents: torch.Tensor       # [K, H + 1, D]
    disagreement: torch.Tensor  # [K, H]


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
        self.layout, self.latent_width = dynamics.layout, dynamics.config.latent
        self.expected_innovation = expected_innovation
        self._estimator = StateEstimator(robot, task)
        self._run = traced(self.dynamics) if compiled else self.dynamics

    @torch.inference_mode()
    def observe(self, previous: Optional[Belief], observation: Observation) -> Belief:
        """
        Return the belief at ``observation``, given the one before it (or None).

        Raises WmRosError when a modality that the task needs has never been seen.
        """
        old, stamp = (None, 0.0) if previous is None else (previous.state, previous.stamp)
        state = self._estimator.update(old, stamp, observation)
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
        layout = self.layout
        setpoint = Setpoint(state[layout.setpoint_pose], state[layout.setpoint_twist])
        before = self._tensor(previous.state)[None]
        after, latent, share = self._toward(before, self._tensor(previous.latent)[None],
                                            setpoint, elapsed)
        places = [layout.ee] + [layout.object_position(i) for i in range(layout.objects)]
        now = self._tensor(state)
        miss = max(float((after[0, where] - now[where]).norm()) for where in places)
        kept = self._tensor(previous.latent)[None]
        latent = kept + share * (latent - kept)
        return latent, miss / self.expected_innovation

    def _toward(self, state, latent, setpoint, elapsed):
        """
        Advance ``state`` [1, X] by ``elapsed`` [s] up to one step, the setpoint being given.

        The dynamics know whole steps only: the setpoint's change of velocity is extended to
        a whole step, and that share of the step's effect is taken.
        """
        layout, dt = self.layout, self.dynamics.rule.dt
        share = min(1.0, max(elapsed / dt, 1e-3))
        velocity = state[:, layout.setpoint_twist]
        reached = self._tensor(np.concatenate([setpoint.position, setpoint.velocity]))[None]
        faster = velocity + (reached[:, 4:] - velocity) / share
        change = self.dynamics.rule_change
        faster = faster.clamp(velocity - change, velocity + change)
        following = self._run.follow(
            state, self.dynamics.with_setpoint(state, reached[:, :4], faster))
        contact, members = self._run.residuals(state, latent, following)
        whole = self._run.apply_residual(state, following, members.mean(0))
        after = state + share * (whole - state)
        after = self.dynamics.with_setpoint(after, reached[:, :4], reached[:, 4:])
        idle = state.new_zeros(1, len(self.dynamics.active))
        idle[:, :4] = (faster / self.dynamics.rule_speed).clamp(-1, 1)
        return after, self.dynamics.transition(torch.cat([contact, latent, idle], -1)), share

    @torch.inference_mode()
    def propagate(self, belief: Belief, setpoint_at, until: float):
        """
        Return state [X] and latent [D] (tensors) at ``until`` [s], commands being known.

        ``setpoint_at(time)`` gives the Setpoint that the commands already sent mean.
        """
        state = self._tensor(belief.state)[None]
        latent = self._tensor(belief.latent)[None]
        time, dt = belief.stamp, self.dynamics.rule.dt
        while until - time > 1e-3:
            elapsed = min(dt, until - time)
            time += elapsed
            state, new, share = self._toward(state, latent, setpoint_at(time), elapsed)
            latent = latent + share * (new - latent)
        last = setpoint_at(until)
        state = self.dynamics.with_setpoint(
            state, self._tensor(last.position)[None], self._tensor(last.velocity)[None])
        return state[0], latent[0]

    def imagine(self, state, latent, actions) -> Imagination:
        """Roll ``actions`` [K, H, A] from one state [X] and latent [D] (all tensors)."""
        return self.imagine_with(state, latent, actions.shape[0], actions.shape[1],
                                 lambda t, s, z: actions[:, t])

    @torch.inference_mode()
    def imagine_with(self, state, latent, candidates, horizon, act) -> Imagination:
        """Roll ``candidates`` futures whose actions are ``act(t, states, latents)`` [K, A]."""
        x = state.expand(candidates, -1)
        z = latent.expand(candidates, -1)
        states, latents, actions, doubts = [x], [z], [], []
        for t in range(horizon):
            action = act(t, x, z)
            x, z, doubt = self._run.step(x, z, action)
            states.append(x)
            latents.append(z)
            actions.append(action)
            doubts.append(doubt)
        return Imagination(torch.stack(actions, 1), torch.stack(states, 1),
                           torch.stack(latents, 1), torch.stack(doubts, 1))

    @torch.inference_mode()
    def policy(self, states, latents, goals):
        """Return the policy prior's actions [K, A]; all arguments are tensors [K, *]."""
        return self._run.policy(states, latents, goals)

    @torch.inference_mode()
    def values(self, states, latents, goals):
        """Return each value head's estimates [V, K]; all arguments are tensors [K, *]."""
        return self._run.values(states, latents, goals)

    @torch.inference_mode()
    def to_dream(self, imagination: Imagination, goal) -> Dream:
        """Return the noun of an imagination, with the learned rewards and values."""
        goal = self._tensor(np.asarray(goal[:3]))
        after, latents = imagination.states[:, 1:], imagination.latents[:, 1:]
        goals = goal.expand(*after.shape[:2], 3)
        rewards = self.dynamics.reward(after, latents, goals)
        values = self.dynamics.values(after[:, -1], latents[:, -1], goals[:, -1]).mean(0)
        return Dream(
            actions=imagination.actions.cpu().numpy(), states=imagination.states.cpu().numpy(),
            latents=imagination.latents.cpu().numpy(), rewards=rewards.cpu().numpy(),
            values=values.cpu().numpy(), disagreement=imagination.disagreement.cpu().numpy(),
            dt=self.dynamics.rule.dt)

    def _tensor(self, array):
        # The nouns' arrays are read-only, which torch cannot express: copy.
        return torch.tensor(np.asarray(array), dtype=torch.float32, device=self.device)
