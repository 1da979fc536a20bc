"""The world model as the graph uses it: observe, propagate, imagine."""

from dataclasses import dataclass, replace
from typing import NamedTuple, Optional

import numpy as np
import torch
from wm_ros.robot.motion import hermite
from wm_ros.robot.robot import Robot
from wm_ros.tasks import TaskSpec
from wm_ros.types import Belief, Observation
from wm_ros.world_model.agent.actor import acting, Actor
from wm_ros.world_model.agent.compilation import compile_dynamics
from wm_ros.world_model.agent.dynamics import Dynamics
from wm_ros.world_model.agent.rollout import Dream, Rollout
from wm_ros.world_model.response import UNKNOWN
from wm_ros.world_model.state import Sight, StateEstimator
from wm_ros.world_model.tracks import Noise, SAME


_MEMORY = 0.5           # [s] after which a belief says nothing of what is seen
_UNKNOWN = 1.0          # [m], standard deviation of an object's place before it was seen
_DRIFT = 0.0005         # [m] by which an object may have moved unforeseen between observations


class Expected(NamedTuple):
    """What a belief makes expect: state [X], latent [1, D], doubt [m] about objects."""

    state: np.ndarray
    latent: torch.Tensor
    doubt: float


@dataclass(frozen=True)
class Setpoint:
    """Where the arm is driven to: position and yaw [4], their velocity [4], gripper width [m]."""

    position: np.ndarray
    velocity: np.ndarray
    gripper: float = 0.0


class WorldModel:
    """
    Filters observations into beliefs and rolls beliefs forward.

    Keeps no state between calls, so that one instance serves many streams; its kinematics
    hold buffers, so use one instance per thread.  ``backend`` (``compile_dynamics``) takes half
    a second once and makes everything faster from then on.  ``eyes`` (a ``sight.Looker``) find
    objects in images; ``actor`` may be followed in the prior's place.  Unless they ``adapt``,
    beliefs take the arm to answer its commands at once, and exactly.
    """

    def __init__(self, dynamics: Dynamics, robot: Robot, task: TaskSpec, checkpoint: str = '',
                 device: str = 'cpu', expected_innovation: float = 0.002,
                 backend: str = 'eager', eyes=None, actor: Optional[Actor] = None,
                 adapt: bool = True):
        self.dynamics = dynamics.to(device).eval().requires_grad_(False)
        self.robot, self.task = robot, task
        self.checkpoint, self.device, self.eyes = checkpoint, device, eyes
        self.adapt = adapt
        self.layout = dynamics.layout
        self.expected_innovation = expected_innovation
        self._estimator = StateEstimator(robot, task)
        self._run, self._rollout = compile_dynamics(self.dynamics, backend)
        #: The same whose policy prior is the actor, None without one.
        self.acting: Optional[WorldModel] = None if actor is None else WorldModel(
            acting(self.dynamics, actor), robot, task, checkpoint, device, expected_innovation,
            backend)

    @torch.inference_mode()
    def observe(self, previous: Optional[Belief], observation: Observation) -> Belief:
        """
        Return the belief at ``observation``, given the one before it (or None).

        Where there are no object poses, ``eyes`` look for the objects in the image; where
        neither is there, they are believed to move as the model expects.  Raises WmRosError
        when a modality that the task needs has never been seen.
        """
        elapsed = 0.0 if previous is None else observation.stamp - previous.stamp
        expected = None
        observation = _without_old_poses(previous, observation)
        response = (previous and previous.response or UNKNOWN).after(observation) \
            if self.adapt else UNKNOWN
        answered = response.answered(observation.stamp)
        if previous is not None and 0.0 <= elapsed < _MEMORY:
            expected = self._expect(previous, observation, elapsed, answered)
        seen = self._look(observation, expected, elapsed)
        spread = self._spread_before(previous, expected)
        sight = None
        if seen is not None:
            gains = spread ** 2 / (spread ** 2 + seen.spread ** 2)
            sight = Sight(seen.places, gains)
            spread = np.sqrt(1.0 - gains) * spread
        elif observation.object_poses is not None:
            spread = np.zeros_like(spread)
        old, stamp = (None, 0.0) if previous is None else (previous.state, previous.stamp)
        unseen = 0.0 if previous is None else previous.unseen
        noise = Noise.unknown(self.layout.objects) if expected is None \
            or previous.noise is None else previous.noise.copy()
        state = self._estimator.update(
            old, stamp, observation, unseen,
            None if expected is None else expected.state, sight, noise, answered)
        now = self._tensor(state)[None]
        latent = self.dynamics.initial_latent(now) if expected is None else expected.latent
        latent, origin = self._identify(previous, expected, state, observation, latent)
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
            surprise=0.0 if expected is None else self._surprise(expected, state, seen),
            unseen=self._unseen(unseen + max(0.0, elapsed), observation, seen),
            uncertainty=float(spread.max(initial=0.0)), checkpoint=self.checkpoint,
            delay=response.delay, offset=response.offset,
            under_way=response.under_way if len(response.under_way) else None,
            hidden=self.dynamics.told(latent[0]), origin=origin, noise=noise, response=response)

    def _identify(self, previous, expected, state, observation, latent):
        """
        Return ``latent`` [1, D] in its context, and the origin of the next transition.

        The network knows whole steps only; observations come at their own rate, and between two
        of them the state is taken to be on the straight way.
        """
        if not self.dynamics.config.context:
            return latent, None
        stamp = observation.stamp
        if expected is None:
            return latent, (stamp, state)
        felt = self._tensor(np.zeros(6) if observation.wrench is None else observation.wrench)
        (begin, first), dt = previous.origin or (previous.stamp, previous.state), self.robot.dt
        while begin + dt <= stamp + SAME:
            share = (begin + dt - previous.stamp) / max(stamp - previous.stamp, SAME)
            reached = previous.state + min(1.0, share) * (state - previous.state)
            latent = self.dynamics.identified(
                self._tensor(first)[None], latent, self._tensor(reached)[None], felt[None])
            begin, first = begin + dt, reached
        return latent, (begin, first)

    def _expect(self, previous, observation, elapsed, answered) -> 'Expected':
        """Return what is expected at ``observation``, whose commands are known."""
        layout, before = self.layout, previous.state
        pose, twist = layout.setpoint_pose, layout.setpoint_twist
        robot = self._estimator.robot_part(observation, answered)

        def between(moment):
            if elapsed <= 0.0:
                return Setpoint(robot[pose], robot[twist], robot[-1])
            path, rates = hermite(before[pose], before[twist], robot[pose], robot[twist], elapsed,
                                  [moment - previous.stamp])
            share = (moment - previous.stamp) / elapsed
            return Setpoint(path[0], rates[0], before[-1] + share * (robot[-1] - before[-1]))

        after, latent, doubt = self._advance(previous, between, previous.stamp + elapsed)
        return Expected(after[0].cpu().numpy(), latent, doubt)

    def _look(self, observation, expected, elapsed):
        """Return where eyes see the objects, None where they are not needed or see nothing."""
        image = observation.image
        if self.eyes is None or observation.object_poses is not None or image is None:
            return None
        near = None if expected is None else np.stack([
            expected.state[self.layout.object_slots(i)] for i in range(self.layout.objects)])
        return self.eyes.look(image, near, max(0.0, observation.ages.get('image', 0.0)))

    def _unseen(self, blind, observation, seen) -> float:
        """Return how long ago [s] the objects were seen; ``blind`` if they were not just now."""
        if not self.layout.objects or seen is not None:
            return 0.0
        return blind if observation.object_poses is None else _age(observation)

    def _spread_before(self, previous, expected):
        """Return the standard deviation [M] m of the objects' places before they are seen."""
        if expected is None:
            return np.full(self.layout.objects, _UNKNOWN)
        return np.full(self.layout.objects, np.sqrt(
            previous.uncertainty ** 2 + expected.doubt ** 2 + _DRIFT ** 2))

    def _surprise(self, expected, state, seen) -> float:
        """Return how far off what was expected is, in units of what is usual."""
        layout, worst = self.layout, 0.0
        for index in range(-1, layout.objects):
            where = layout.ee if index < 0 else layout.object_position(index)
            there, usual = state[where], self.expected_innovation
            if index >= 0 and seen is not None:
                there = seen.places[index, :3]
                usual = np.hypot(usual, seen.spread[index])
            worst = max(worst, float(np.linalg.norm(expected.state[where] - there) / usual))
        return worst

    @torch.inference_mode()
    def propagate(self, belief: Belief, setpoint_at, until: float):
        """
        Return state [X] and latent [D] (tensors) at ``until`` [s], commands being known.

        ``setpoint_at(time)`` gives the Setpoint that the commands already sent mean.
        """
        state, latent, _ = self._advance(belief, setpoint_at, until)
        last = setpoint_at(until)
        state = self.dynamics.with_setpoint(
            state, self._tensor(last.position)[None], self._tensor(last.velocity)[None])
        return state[0], latent[0]

    def _advance(self, belief, setpoint_at, until):
        """Return state [1, X], latent [1, D] and doubt [m] at ``until`` [s], step by step."""
        state, latent = self._tensor(belief.state)[None], self._tensor(belief.latent)[None]
        time, dt, doubt = belief.stamp, self.dynamics.rule.dt, 0.0
        while until - time > 1e-3:
            elapsed = min(dt, until - time)
            time += elapsed
            known = setpoint_at(time)
            grip = [known.gripper] if self.layout.grips else []
            reached = self._tensor(np.concatenate(
                [known.position, known.velocity, grip, [elapsed / dt]]))[None]
            state, latent, spread = self._run.partial_step(
                state, latent, reached[:, :-1], reached[:, -1:])
            doubt += float(spread[0])
        return state, latent, doubt

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

    def imagine_with_gradients(self, state, latent, actions, goal, guided: int = 0) -> Dream:
        """Do as ``imagine``; gradients lead from what is dreamed back to ``actions``."""
        return Dream(*Rollout(self.dynamics)(state, latent, actions, goal, guided))

    @torch.inference_mode()
    def values(self, states, latents, goals):
        """Return each value head's estimates [V, K]; all arguments are tensors [K, *]."""
        return self._run.values(states, latents, goals)

    def _tensor(self, array):
        # The nouns' arrays are read-only, which torch cannot express: copy.
        return torch.tensor(np.asarray(array), dtype=torch.float32, device=self.device)


def _age(observation) -> float:
    return observation.ages.get('object_poses', 0.0)


def _without_old_poses(previous, observation):
    """Return ``observation`` without the poses that ``previous`` was made from already."""
    if previous is None or not 0.0 <= observation.stamp - previous.stamp < _MEMORY:
        return observation
    seen, before = observation.stamp - _age(observation), previous.stamp - previous.unseen
    return replace(observation, object_poses=None) if seen < before + SAME else observation
