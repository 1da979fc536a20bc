"""What a task provides, and what it is given to judge."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Tuple

import numpy as np
from wm_ros.tasks import get_task

UNIT = 0.1              # [m] of distance that cost 1
_SLOW = 0.05            # [m/s] below which a setpoint is taken to rest


@dataclass(frozen=True)
class BoxSpec:
    """
    A thing that can be moved: full size [m], mass [kg], friction, colour RGBA.

    ``shape`` is 'box', or 'cylinder' for one that stands upright in the box of that size.
    """

    name: str
    size: Tuple[float, float, float]
    mass: float
    friction: float
    colour: Tuple[float, float, float, float]
    shape: str = 'box'


@dataclass(frozen=True)
class Start:
    """How an episode begins; positions [m] in the base frame."""

    end_effector: np.ndarray        # [3]
    object_poses: np.ndarray        # [M, 7] xyz + quaternion xyzw
    goal: np.ndarray                # [7]
    gripper_width: float = 0.0


@dataclass(frozen=True)
class Situation:
    """The truth at one moment, as rewards and experts see it."""

    end_effector: np.ndarray        # [3] m
    end_effector_velocity: np.ndarray   # [3] m/s
    setpoint: np.ndarray            # [3] m, where the arm is driven to
    setpoint_velocity: np.ndarray   # [3] m/s
    object_poses: np.ndarray        # [M, 7]
    object_velocities: np.ndarray   # [M, 3] m/s
    goal: np.ndarray                # [7]
    yaw: float = 0.0                # [rad] of the setpoint
    gripper_width: float = 0.0      # [m]
    gripper_command: float = 0.0    # [m], the width that the gripper is driven to


class Task(ABC):
    """One task of one arm; stateless, so that one instance serves many episodes."""

    name = ''
    boxes: Tuple[BoxSpec, ...] = ()

    def __init__(self):
        self.spec = get_task(self.name)

    def blocks(self, rng: np.random.Generator) -> Tuple[BoxSpec, ...]:
        """Draw the objects of an episode; by default they are always the same."""
        return self.boxes

    @abstractmethod
    def sample(self, rng: np.random.Generator, boxes: Tuple[BoxSpec, ...]) -> Start:
        """Draw the start of an episode with these objects."""

    def reward(self, situation: Situation) -> float:
        """Return the reward of being in ``situation``, at most 0: minus the distance by UNIT."""
        return -self.distance(situation) / UNIT

    @abstractmethod
    def expert(self, situation: Situation, full_speed: float) -> np.ndarray:
        """Return the scripted action [5] in [-1, 1]; ``full_speed`` [m/s] is what 1 means."""

    def subject(self, situation: Situation):
        """Return position and velocity [3], [3] of what the goal refers to."""
        if self.spec.goal_of == 'end_effector':
            return situation.end_effector, situation.end_effector_velocity
        index = self.spec.object_names.index(self.spec.goal_of)
        return situation.object_poses[index, :3], situation.object_velocities[index]

    def distance(self, situation: Situation) -> float:
        """Return how far the subject is from the goal [m]."""
        return float(np.linalg.norm(self.subject(situation)[0] - situation.goal[:3]))

    def at_goal(self, situation: Situation) -> bool:
        """Return whether the subject is within tolerance of the goal, at rest and let go of."""
        place, velocity = self.subject(situation)
        return bool(self.distance(situation) <= self.spec.tolerance
                    and np.linalg.norm(velocity) <= self.spec.rest_speed
                    and np.linalg.norm(situation.end_effector - place) >= self.spec.clearance)


class Judge:
    """Decides on success: at the goal and at rest for the task's hold time, uninterrupted."""

    def __init__(self, task: Task):
        self._task = task
        self.reset()

    def reset(self):
        """Begin an episode."""
        self.success = False        # stays true until then
        self._since = None          # [s] when the subject came to the goal

    def look(self, time: float, situation: Situation):
        """Judge the moment ``time`` [s]."""
        if self.success:
            return
        if not self._task.at_goal(situation):
            self._since = None
            return
        if self._since is None:
            self._since = time
        self.success = time - self._since >= self._task.spec.hold_time - 1e-9


def stranger(rng: np.random.Generator) -> BoxSpec:
    """Return a box that no task has: edges of 3 to 7 cm, any colour that is not grey."""
    while True:
        colour = rng.uniform(0.05, 1.0, 3)
        if np.ptp(colour) > 0.4:
            break
    return BoxSpec('stranger', tuple(rng.uniform(0.03, 0.07, 3)), rng.uniform(0.05, 0.3), 0.5,
                   (*colour, 1.0))


def pose(position) -> np.ndarray:
    """Return an upright pose [7] at ``position`` [3]."""
    return np.array([*position, 0.0, 0.0, 0.0, 1.0])


def from_table(situation: Situation, height: float) -> Situation:
    """Return ``situation`` as it is seen from a table at ``height`` [m], as scripts count."""
    def lowered(place):
        place = np.array(place)
        place[..., 2] -= height
        return place
    return replace(situation, **{name: lowered(getattr(situation, name)) for name in (
        'end_effector', 'setpoint', 'object_poses', 'goal')})


def under_way(situation: Situation) -> np.ndarray:
    """Return the way [3] m that the arm has been told to go and has not gone yet."""
    # At rest it is no way that is left, but what a load makes of a soft arm.
    moving = np.linalg.norm(situation.setpoint_velocity) / _SLOW
    return min(1.0, moving) * (situation.setpoint - situation.end_effector)


def drive(difference, velocity, full_speed, gain=6.0) -> np.ndarray:
    """Return the action [5] that takes the setpoint along ``difference`` [3] m and stops there."""
    action = np.zeros(5)
    wanted = gain * np.asarray(difference)
    # The setpoint takes time to slow down; anticipating it avoids overshoot.
    action[:3] = np.clip((wanted - 0.15 * np.asarray(velocity)) / full_speed, -1.0, 1.0)
    return action
