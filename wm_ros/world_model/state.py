"""The explicit part of the belief: its layout, and how observations become it."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Optional

import numpy as np
from wm_ros.robot.kinematics import Kinematics
from wm_ros.robot.robot import Robot
from wm_ros.tasks import TaskSpec
from wm_ros.types import NothingSeen, Observation, WmRosError
from wm_ros.world_model.standing import half_heights
from wm_ros.world_model.tracks import are_noisy, correct, going_on, Noise, Seen, steady, track

_ROBOT_WIDTH = 15
_OBJECT_WIDTH = 8
_APART = 0.1                # [m] of an object from the tool at which nothing moves it
_IN_HAND = 0.04             # [m] of a held object from the tool, at most
_SQUEEZED = 0.005           # [m] that a gripper is driven further than what it holds lets it
_STILL = 0.001              # [m] that its width changes by between observations, at most
_FASTEST = np.repeat([5.0, 30.0], (3, 1))   # [m/s], [rad/s] of a thing, at most


@dataclass(frozen=True)
class StateLayout:
    """
    Where things stand in an explicit state [X].

    X = 15 + 8 M, M more where one thing may stand on another, and 1 more where it ``grips``.

    End effector: position (3), velocity (3); setpoint: position (3), yaw, velocity (3), yaw
    rate; gripper width.  Then per object: position (3), yaw, velocity (3), yaw rate; where there
    are several, and a gripper, half the height of each.  Last, for tasks of the gripper, the width
    that it is driven to.  Metres, radians, seconds, base frame.
    """

    objects: int
    grips: bool = False

    ee = slice(0, 3)
    ee_velocity = slice(3, 6)
    tool = slice(0, 6)                  # position and velocity of the end effector
    setpoint = slice(6, 9)
    yaw = 9
    setpoint_velocity = slice(10, 13)
    yaw_rate = 13
    setpoint_pose = slice(6, 10)        # position and yaw
    setpoint_twist = slice(10, 14)      # their rates
    gripper = 14

    @cached_property
    def width(self) -> int:
        """Return X."""
        return self.heights.stop + self.grips

    @property
    def stacks(self) -> bool:
        """Return whether one thing may stand on another."""
        return self.grips and self.objects > 1

    @cached_property
    def heights(self) -> slice:
        """Return where half the heights of objects stand; empty where none is on another."""
        first = _ROBOT_WIDTH + _OBJECT_WIDTH * self.objects
        return slice(first, first + (self.objects if self.stacks else 0))

    @classmethod
    def of(cls, task: TaskSpec) -> 'StateLayout':
        """Return the layout of ``task``."""
        return cls(len(task.object_names), task.grips)

    def object_slots(self, index: int) -> slice:
        """Return where object ``index`` stands: position, yaw, velocity, yaw rate."""
        start = _ROBOT_WIDTH + _OBJECT_WIDTH * index
        return slice(start, start + _OBJECT_WIDTH)

    def object_position(self, index: int) -> slice:
        """Return where the position of object ``index`` stands."""
        start = _ROBOT_WIDTH + _OBJECT_WIDTH * index
        return slice(start, start + 3)

    def things(self, states):
        """Return the objects [..., M, 8] of ``states`` [..., X], a tensor; M > 0."""
        things = states[..., _ROBOT_WIDTH:self.heights.start]
        return things.unflatten(-1, (self.objects, _OBJECT_WIDTH))

    def subject(self, task: TaskSpec) -> slice:
        """Return where the position of what ``task``'s goal refers to stands."""
        return self.ee if task.subject is None else self.object_position(task.subject)


def reached_actions(states, speed, width: int) -> np.ndarray:
    """
    Return the actions [..., A] that the setpoint's motion in ``states`` [..., X] amounts to.

    ``speed`` [4] is that of full actions.  What was asked for may have been more than the bounded
    acceleration allows, and need not be known: this leads to the same motion.
    """
    actions = np.zeros((*np.shape(states)[:-1], width), np.float32)
    actions[..., :4] = np.clip(np.asarray(states)[..., StateLayout.setpoint_twist] / speed, -1, 1)
    return actions


def reached_before(states, speed, width: int) -> np.ndarray:
    """
    Return the actions [B, T, A] before each row of states [B, T, X], as the setpoint shows them.

    See ``reached_actions``; nothing was done before the first row.
    """
    actions = reached_actions(states, speed, width)
    actions[:, 0] = 0.0
    return actions


def quaternion_yaw(quaternions) -> np.ndarray:
    """
    Return the twist about z [...] rad of quaternions xyzw [..., 4], from -pi to pi.

    Of what stands upright it is the yaw; and, unlike the heading of an axis of the body, it does
    not leap where an object is tipped over and that axis points up.
    """
    _, _, z, w = np.moveaxis(np.asarray(quaternions), -1, 0)
    return (2 * np.arctan2(z, w) + np.pi) % (2 * np.pi) - np.pi


class Sight(NamedTuple):
    """
    Where objects are seen, roughly, and how much that counts beside what was expected.

    places [M, 4]: position m and yaw rad, of equal ones the one nearby; gains [M]: 0 to 1.
    """

    places: np.ndarray
    gains: np.ndarray


class _Before(NamedTuple):
    """The estimate before an observation, ``elapsed`` [s] ago, and what is expected since."""

    state: Optional[np.ndarray]
    elapsed: Optional[float]
    unseen: float
    expected: Optional[np.ndarray]


class StateEstimator:
    """
    Observation -> explicit state: exact kinematics for the arm, poses for the objects.

    Object velocities, which no sensor gives, are found by how poses change; see ``tracks``.
    """

    def __init__(self, robot: Robot, task: TaskSpec):
        self.layout = StateLayout.of(task)
        self._kinematics = Kinematics(robot)

    def update(self, state, stamp, observation: Observation, unseen: float = 0.0,
               expected=None, sight: Optional[Sight] = None,
               noise: Optional[Noise] = None, answered=None) -> np.ndarray:
        """
        Return the explicit state [X] float32 at ``observation``.

        ``state`` [X] and ``stamp`` [s] are the estimate before it, or None; it counts for a
        second.  By then the objects had not been seen for ``unseen`` [s].  ``expected`` [X] is
        what a model says that it should have become by now, None where none does.  ``sight``
        takes the place of object poses.  ``noise`` is what was learned of that of the sensors;
        given, it is brought up to date.  ``answered`` is as in ``robot_part``.  Objects that are
        not seen are believed to be where they are expected, or where they were; raises NothingSeen
        when an object was not seen since, WmRosError when not every object of the task is in
        ``object_poses``.
        """
        self._check(observation.object_poses)
        new = self.robot_part(observation, answered)
        elapsed = None if state is None else observation.stamp - stamp
        # How high things are is remembered for longer, but not of another stream.
        known = None if elapsed is None or elapsed < 0.0 else state[self.layout.heights]
        if elapsed is not None and not 0.0 <= elapsed < 1.0:
            state, elapsed, expected = None, None, None
        noise = Noise.unknown(self.layout.objects) if noise is None else noise
        before = _Before(state, elapsed, unseen, expected)
        if expected is not None:
            tool = self.layout.tool
            new[tool] = steady(expected[tool], new[tool].copy(), elapsed, noise)
        for index in range(self.layout.objects):
            where = self.layout.object_slots(index)
            new[where] = self._object(index, before, new, observation, sight, noise)
            # Yaw leaps where a thing tips over, and what a model foresees may run away.
            rates = new[where][4:]
            np.clip(rates, -_FASTEST, _FASTEST, out=rates)
        if self.layout.stacks:
            new[self.layout.heights] = half_heights(
                [new[self.layout.object_position(i)] for i in range(self.layout.objects)],
                new[self.layout.ee], known, elapsed or 0.0)
        return new.astype(np.float32)

    def _object(self, index, before, new, observation, sight, noise):
        """Return what is known [8] of an object: seen, or expected, or where it was."""
        where = self.layout.object_slots(index)
        guess = None if before.expected is None else before.expected[where]
        if observation.object_poses is not None:
            found, noise.things[index] = self._seen(
                index, before, new, observation, noise.things[index])
            return found
        if sight is not None:
            return correct(guess, before.elapsed, sight.places[index], sight.gains[index])
        if guess is not None:
            return guess
        if before.state is not None:
            return np.append(before.state[where][:4], np.zeros(4))
        raise NothingSeen('no object pose has been seen yet: expected '
                          f'{self.layout.objects} on object_poses')

    def _seen(self, index, before, new, observation, noise):
        """Return what is known [8] of an object by its pose, and the noise [2] of poses."""
        pose, age = observation.object_poses[index], observation.ages.get('object_poses', 0.0)
        place = np.append(pose[:3], quaternion_yaw(pose[3:]))
        if before.state is None:
            return track(None, False, Seen(place, age, 0.0), noise)
        where = self.layout.object_slots(index)
        foreseen = None
        if are_noisy(noise):
            foreseen = self._carried(before, new, where) if before.expected is None \
                else before.expected[where]
        ahead = going_on(before.state[where], before.elapsed) if foreseen is None else foreseen
        apart = np.linalg.norm(place[:3] - new[self.layout.ee]) > _APART
        return track(ahead, foreseen is not None,
                     Seen(place, age, before.elapsed - age + before.unseen), noise, bool(apart))

    def _carried(self, before, new, where):
        """Return where the hand brought the object [8] that it holds, None where it holds none."""
        layout, state = self.layout, before.state
        if not layout.grips:
            return None
        squeezed = min(row[layout.gripper] - row[-1] for row in (state, new)) > _SQUEEZED
        near = np.linalg.norm(state[where][:3] - state[layout.ee]) < _IN_HAND
        if not (near and squeezed and abs(new[layout.gripper] - state[layout.gripper]) < _STILL):
            return None
        turned = (new[layout.yaw] - state[layout.yaw] + np.pi) % (2 * np.pi) - np.pi
        moved = np.append(new[layout.ee] - state[layout.ee], turned)
        return np.concatenate([state[where][:4] + moved, new[layout.ee_velocity],
                               [new[layout.yaw_rate]]])

    def _check(self, poses):
        if poses is not None and self.layout.objects and np.shape(poses) != (
                self.layout.objects, 7):
            raise WmRosError(f'object_poses: got shape {list(np.shape(poses))}, expected '
                             f'{self.layout.objects} poses of 7 numbers')

    def robot_part(self, observation: Observation, answered=None) -> np.ndarray:
        """
        Return a state [X] that has the robot's numbers only; float64.

        ``answered`` [2 N + 1] is the command that the arm answers by now (``response``), None for
        the newest one.
        """
        new = np.zeros(self.layout.width)
        layout, kinematics = self.layout, self._kinematics
        q, dq = observation.joint_positions, observation.joint_velocities
        new[layout.ee], _ = kinematics.forward(q)
        new[layout.ee_velocity] = kinematics.jacobian(q)[:3] @ dq
        q, dq, width = _command(observation) if answered is None else (
            *np.split(answered[:-1], 2), answered[-1])
        new[layout.setpoint], new[layout.yaw] = kinematics.forward(q)
        twist = kinematics.jacobian(q) @ dq
        new[layout.setpoint_velocity], new[layout.yaw_rate] = twist[:3], twist[5]
        new[layout.gripper] = observation.gripper_width
        if layout.grips:
            new[-1] = width
        return new


def _command(observation):
    """Return the newest command of ``observation``; without one the arm holds what it has."""
    given, width = observation.commanded_positions, observation.commanded_gripper
    q, dq = (observation.joint_positions, observation.joint_velocities) if given is None else (
        given, observation.commanded_velocities)
    return q, dq, observation.gripper_width if width is None else width
