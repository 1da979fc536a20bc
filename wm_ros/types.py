"""
The nouns: everything that crosses a module border is one of these.

``sensor message -> Observation -> Belief -> Dream -> Plan -> Command``.  All are
frozen dataclasses whose arrays are read-only, SI units and REP-103 axes throughout;
but the Dream is tensors (``wm_ros.world_model.agent.rollout``).  Letters in the shapes:
``N`` arm joints, ``M`` objects, ``X`` width of the explicit state, ``D`` width of the
learned latent, ``A`` action width, ``K`` candidates, ``H`` horizon, ``T`` steps of an
episode.
"""

from dataclasses import dataclass, field, fields
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Mapping, Optional, Tuple

import numpy as np

#: Names of the action's components, in order (normalised to [-1, 1]).
ACTION_NAMES = ('x', 'y', 'z', 'yaw', 'gripper')


class _Frozen:
    """Make array fields read-only and mappings immutable after construction."""

    def __post_init__(self):
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray):
                view = value.view()
                view.flags.writeable = False
                object.__setattr__(self, item.name, view)
            elif isinstance(value, dict):
                object.__setattr__(self, item.name, MappingProxyType(dict(value)))


@dataclass(frozen=True)
class Observation(_Frozen):
    """
    One synchronised, stamped snapshot of what the robot senses.

    A modality that is missing is ``None`` and ``valid[name]`` is False; the stamp
    is that of the newest joint state.
    """

    stamp: float                                    # [s]
    joint_positions: np.ndarray                     # [N] rad
    joint_velocities: np.ndarray                    # [N] rad/s
    joint_efforts: Optional[np.ndarray] = None      # [N] N m
    gripper_width: float = 0.0                      # [m] between the fingers
    commanded_positions: Optional[np.ndarray] = None   # [N] rad, last command sent
    commanded_velocities: Optional[np.ndarray] = None  # [N] rad/s
    commanded_gripper: Optional[float] = None       # [m]
    object_poses: Optional[np.ndarray] = None       # [M, 7] xyz m + quaternion xyzw
    wrench: Optional[np.ndarray] = None             # [6] N, N m, in the sensor's frame
    image: Optional[np.ndarray] = None              # [H, W, 3] uint8 RGB
    depth: Optional[np.ndarray] = None              # [H, W] float32 m (REP-118)
    ages: Mapping[str, float] = field(default_factory=dict)   # [s] at ``stamp``
    valid: Mapping[str, bool] = field(default_factory=dict)

    @property
    def joints(self) -> np.ndarray:
        """Positions rad, velocities rad/s and the width between the fingers m [2 N + 1]."""
        return np.concatenate([self.joint_positions, self.joint_velocities,
                               [self.gripper_width]])


@dataclass(frozen=True)
class Belief(_Frozen):
    """
    The world model's state after all observations and actions so far.

    ``state`` is the explicit part (the robot's own state, object poses) in the layout
    of ``wm_ros.world_model.state.StateLayout``; ``latent`` is the learned rest.  The goal
    is no part of it: it is ordered, not sensed, and joins in at planning.
    """

    stamp: float                # [s] moment that the belief describes
    state: np.ndarray           # [X] float32
    latent: np.ndarray          # [D] float32
    joint_positions: np.ndarray         # [N] rad, measured
    commanded_positions: np.ndarray     # [N] rad, setpoint the arm is driven to
    commanded_velocities: np.ndarray    # [N] rad/s
    surprise: float = 0.0       # of the last observation; 1 is seldom exceeded
    gripper_width: float = 0.0  # [m] measured
    commanded_gripper: float = 0.0      # [m]
    unseen: float = 0.0         # [s] since the objects were last seen; 0 without objects
    uncertainty: float = 0.0    # [m] standard deviation of the objects' places, at most
    checkpoint: str = ''        # hash of the checkpoint that made it
    delay: float = 0.0          # [s] by which the arm answers its commands late
    #: [K, 2 N + 2] commands that it has yet to answer, and one before: stamp s, positions rad,
    #: velocities rad/s, gripper m.  None where it answers at once.
    under_way: Optional[np.ndarray] = None
    offset: Optional[np.ndarray] = None     # [N] rad from its commands, where it comes to stand
    #: Hidden numbers, such as object.mass [kg], that its context tells by now.
    hidden: Mapping[str, float] = field(default_factory=dict)
    #: Stamp [s] and state [X] that the next observed transition begins at; stays with its maker.
    origin: Optional[Tuple[float, np.ndarray]] = None
    #: What was learned of the noise of sensors (``tracks.Noise``); stays with its maker.
    noise: Any = None
    #: What was learned of how late the arm is (``response.Response``); stays with its maker.
    response: Any = None


@dataclass(frozen=True)
class Plan(_Frozen):
    """The chosen action sequence and the joint motion that it means."""

    stamp: float                # [s] moment at which the first knot acts
    observed: float             # [s] stamp of the newest joint state it is based on
    dt: float                   # [s] between knots
    actions: np.ndarray         # [H, A]
    positions: np.ndarray       # [H + 1, N] rad
    velocities: np.ndarray      # [H + 1, N] rad/s
    gripper: np.ndarray         # [H + 1] m
    path: np.ndarray            # [H + 1, 3] m, where the end effector is led
    predicted_return: float
    disagreement: float         # [m] mean over the horizon
    solve_time: float           # [s]
    planner: str
    iterations: int = 0
    dropped: int = 0            # rollouts that were not finite
    offsets: Optional[np.ndarray] = None    # [H, A] from the policy prior; None: not followed
    shares: Mapping[str, float] = field(default_factory=dict)   # of predicted_return, by term


@dataclass(frozen=True)
class Command(_Frozen):
    """What the safety gate lets through to the controller."""

    stamp: float                # [s]
    positions: np.ndarray       # [N] rad
    velocities: np.ndarray      # [N] rad/s
    gripper: float              # [m]
    hold: bool                  # True when the gate brakes or stands still


class Code(IntEnum):
    """What a node reports each cycle; the text of a status starts with the name."""

    OK = 0
    WAITING = 1             # no input yet, or no goal
    PAUSED = 2
    LIMITED = 3             # a limit reshaped the command
    GOAL_REACHED = 4
    STALE_INPUT = 10        # sensors older than the timeout
    STALE_PLAN = 11         # plan older than the timeout
    BAD_INPUT = 13          # a message was refused
    NO_VALID_PLAN = 14      # too few finite rollouts
    GOAL_REJECTED = 15
    GOAL_FAILED = 16
    CHECKPOINT_MISMATCH = 17
    TRACKING_ERROR = 18     # the arm is too far from its command
    EMERGENCY_STOP = 20
    LATCHED = 21            # a non-finite command was caught; reset to go on


@dataclass(frozen=True)
class Status(_Frozen):
    """Code, text and figures of any node, each cycle."""

    code: Code
    text: str = ''
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Episode(_Frozen):
    """
    One recorded stream; row t holds what was seen before action t was executed.

    ``states`` has one row more than ``actions``: the last observation.  So have ``streams``,
    what else was seen, by name.
    """

    task: str
    states: np.ndarray          # [T + 1, X] explicit states
    goal: np.ndarray            # [7] xyz m + quaternion xyzw
    actions: np.ndarray         # [T, A] commanded
    rewards: np.ndarray         # [T]
    success: bool
    source: str                 # 'script', 'random', 'planner', ...
    expert: Optional[np.ndarray] = None     # [T, A] what the script would have done
    randomisation: Mapping[str, float] = field(default_factory=dict)
    seed: Optional[int] = None              # of the scene; None: not one that a seed gives
    streams: Mapping[str, np.ndarray] = field(default_factory=dict)     # [T + 1, ...] each


class WmRosError(Exception):
    """Base of the errors that a user can mend; the text is one line that says how."""


class NoValidPlan(WmRosError):
    """Too few finite rollouts to choose from."""


class NothingSeen(WmRosError):
    """An object was never seen so far: there is nothing to believe."""


class GoalRejected(WmRosError):
    """A goal is not finite, out of reach, or in a frame that is not known."""


class CheckpointError(WmRosError):
    """A checkpoint is missing, damaged, or made for another robot or task."""


class ParameterError(WmRosError):
    """A parameter or a parameter file was refused."""
