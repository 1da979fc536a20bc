"""
What a task is, as data: what moves, what the goal refers to, when it is done.

The scene, reward and scripted expert of a task live in ``sim/tasks``; this part is
what the running graph needs to know as well.
"""

from dataclasses import dataclass
from typing import Optional, Tuple

from wm_ros.types import WmRosError


@dataclass(frozen=True)
class TaskSpec:
    """One task; positions in the robot's base frame."""

    name: str
    object_names: Tuple[str, ...]   # order of object_poses
    goal_of: str                    # 'end_effector', or the object that the goal refers to
    tolerance: float                # [m] distance at which the goal counts as reached
    hold_time: float                # [s] it must be kept
    rest_speed: float               # [m/s] below which the thing counts as at rest
    time_limit: float               # [s]
    active: Tuple[bool, ...]        # [A] components of the action that the task uses
    goal_low: Tuple[float, float, float]    # [m] box that goals are drawn from
    goal_high: Tuple[float, float, float]   # [m]
    min_start_distance: float       # [m] between start and goal
    clearance: float = 0.0          # [m] that the end effector has to keep from it at the end

    @property
    def grips(self) -> bool:
        """Return whether the gripper takes part."""
        return self.active[4]

    @property
    def subject(self) -> Optional[int]:
        """Return which object the goal refers to, None where it is the end effector."""
        return None if self.goal_of == 'end_effector' else self.object_names.index(self.goal_of)


TASKS = {
    'reach': TaskSpec(
        name='reach', object_names=(), goal_of='end_effector',
        tolerance=0.02, hold_time=0.5, rest_speed=float('inf'), time_limit=5.0,
        active=(True, True, True, False, False),
        goal_low=(0.29, -0.25, 0.02), goal_high=(0.69, 0.25, 0.42),
        min_start_distance=0.10),
    'push': TaskSpec(
        name='push', object_names=('block',), goal_of='block',
        tolerance=0.05, hold_time=0.5, rest_speed=0.01, time_limit=10.0,
        active=(True, True, True, False, False),
        goal_low=(0.33, -0.22, 0.025), goal_high=(0.63, 0.22, 0.025),
        min_start_distance=0.12),
    'pick_and_place': TaskSpec(
        name='pick_and_place', object_names=('block',), goal_of='block',
        tolerance=0.025, hold_time=0.5, rest_speed=0.02, time_limit=10.0,
        active=(True, True, True, True, True),
        goal_low=(0.35, -0.20, 0.02), goal_high=(0.62, 0.20, 0.25),
        min_start_distance=0.08),
    'stack': TaskSpec(
        name='stack', object_names=('block', 'base'), goal_of='block',
        tolerance=0.02, hold_time=0.5, rest_speed=0.01, time_limit=12.0,
        active=(True, True, True, True, True),
        goal_low=(0.35, -0.20, 0.02), goal_high=(0.62, 0.20, 0.12),
        min_start_distance=0.09, clearance=0.06),
}


def get_task(name: str) -> TaskSpec:
    """Return the task called ``name``; raise WmRosError that lists the known ones."""
    if name not in TASKS:
        raise WmRosError(
            f'unknown task {name!r}: expected one of {", ".join(sorted(TASKS))}')
    return TASKS[name]
