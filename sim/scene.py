"""What every engine's scene has in common: a task's episode on a line of substeps."""

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Optional

import numpy as np
from sim.actuators import Actuators
from sim.randomize import Conditions, Randomization
from sim.sensors.senses import Senses
from sim.tasks import BoxSpec, Judge, make_task, Situation, Start, stranger
from wm_ros.robot.kinematics import Kinematics
from wm_ros.robot.robot import Robot
from wm_ros.types import WmRosError

SUBSTEP = 1.0 / 240.0           # [s]
_LOOK_EVERY = 6                 # substeps between judgements of success (40 Hz)
_DRAWS = 1000                   # of starts, of which one is to be inside the workspace
_AROUND = 0.12                  # [m] that distractors keep from what counts


class Scene(ABC):
    """
    One arm at a table with a task: ``reset`` draws an episode, ``substep`` advances it.

    The same seed gives the same episode.  All poses are in the robot's base frame.  An engine
    provides ``arm`` (as ``sim.engines.bullet_arm.BulletArm``), ``object_poses`` [M, 7],
    ``object_velocities`` [M, 3] m/s, ``spawned``, a list of (BoxSpec, pose [7]) of what was
    added in this episode, and what is abstract below; it calls ``_set_up`` once all is there.
    What ``spawn``, ``move`` and ``scale`` have done is undone by the next ``reset``.

    ``arm`` is the truth; commands go through ``actuators``, measurements come from ``senses``,
    and both are what ``randomization`` makes of them, as is the physics.
    """

    def __init__(self, robot: Robot, task_name: str,
                 randomization: Optional[Randomization] = None):
        self.robot, self.task = robot, make_task(task_name)
        self.randomization = randomization
        self.kinematics = Kinematics(robot)
        self.substeps = 0
        self._judge = Judge(self.task)
        self._reward_every = round(robot.dt / SUBSTEP)

    def _set_up(self):
        """Begin the first episode; the engine has an arm by now."""
        self.actuators, self.senses = Actuators(self.arm, SUBSTEP), Senses(self)
        self.reset(0)

    @abstractmethod
    def _configure(self, conditions: Conditions):
        """Let physics and table be as ``conditions`` say."""

    @abstractmethod
    def _place(self, joint_positions, gripper_width: float, object_poses):
        """Put arm [N] rad, gripper [m] and ``boxes`` [M, 7] there, at rest."""

    @abstractmethod
    def _advance(self):
        """Let a substep pass."""

    @abstractmethod
    def spawn(self, box: BoxSpec, pose, velocity=(0.0, 0.0, 0.0)):
        """Add an object that the task knows nothing of, at ``pose`` [7], ``velocity`` [3] m/s."""

    @abstractmethod
    def move(self, index: int, pose, velocity=(0.0, 0.0, 0.0), spin=(0.0, 0.0, 0.0)):
        """Put object ``index`` at ``pose`` [7], with ``velocity`` [3] m/s, ``spin`` [3] rad/s."""

    @abstractmethod
    def scale(self, index: int, mass: float = 1.0, friction: float = 1.0):
        """Make object ``index`` so many times as heavy and rough as its task says."""

    @abstractmethod
    def close(self):
        """End the engine; harmless when repeated."""

    def reset(self, seed: int):
        """Begin the episode that ``seed`` stands for."""
        self.seed = int(seed)
        rng = np.random.default_rng(self.seed)
        self._usual_boxes = self.task.blocks(rng)
        #: What is otherwise than usual in this episode, and which objects there are.
        self.conditions = self._conditions()
        start = self._on_table(self._start(rng))
        self._configure(self.conditions)
        self._place(self._reach(start.end_effector), start.gripper_width, start.object_poses)
        self.goal = start.goal
        self.substeps = 0
        self._distract()
        self.actuators.reset(self.conditions.actuation, self.seed)
        self.senses.restart(self.conditions.sensing, self.seed)
        #: Sum of the task's reward at the model's rate, until the episode is done.
        self.total_reward = 0.0
        self._judge.reset()

    @property
    def boxes(self):
        """The objects of this episode, a BoxSpec of each."""
        return self.conditions.boxes

    def _conditions(self) -> Conditions:
        boxes, drawn = self._usual_boxes, self.randomization
        self._changes = []
        if drawn is None:
            return Conditions(boxes=boxes)
        self._changes = list(drawn.changes(self.seed, self.task.spec.time_limit))[::-1]
        return drawn.draw(self.seed, boxes, len(self.robot.joint_names))

    def _on_table(self, start: Start) -> Start:
        """Return ``start`` with objects and goal as much higher as the table is."""
        height = self.conditions.scenery.table_height
        if not height:
            return start
        poses, goal = np.array(start.object_poses), np.array(start.goal)
        poses[:, 2] += height
        if self.task.spec.subject is not None:
            goal[2] += height
        return replace(start, object_poses=poses, goal=goal)

    def _distract(self):
        """Put boxes around, which the task knows nothing of, away from all that counts."""
        rng = np.random.default_rng((self.seed, 5))
        low, high = self.robot.workspace_low, self.robot.workspace_high
        taken = [self.goal[:2], *self.object_poses[:, :2]]
        for _ in range(round(self.conditions.scenery.distractors)):
            for _ in range(_DRAWS):
                place = rng.uniform(low[:2], high[:2])
                if min(np.linalg.norm(place - other) for other in taken) > _AROUND:
                    break
            taken.append(place)
            box, yaw = stranger(rng), rng.uniform(-np.pi, np.pi)
            self.spawn(box, [*place, self.conditions.scenery.table_height + box.size[2] / 2,
                             0.0, 0.0, np.sin(yaw / 2), np.cos(yaw / 2)])

    def _change(self):
        """Let change what is due to during the episode."""
        while self._changes and self._changes[-1][0] <= self.time:
            _, index, count = self._changes.pop()
            self.conditions = self.randomization.changed(
                self.conditions, self.seed, index, count, self._usual_boxes,
                len(self.robot.joint_names))
            self._configure(self.conditions)
            self.actuators.change(self.conditions.actuation)
            self.senses.change(self.conditions.sensing)

    def _start(self, rng) -> Start:
        """Return a start of the task whose places the arm can reach."""
        low, high = self.robot.workspace_low, self.robot.workspace_high
        for _ in range(_DRAWS):
            start = self.task.sample(rng, self.boxes)
            places = np.stack([start.end_effector, start.goal[:3], *start.object_poses[:, :3]])
            # What lies on the table may be flatter than the end effector may go down.
            lying = places[1:] if self.task.spec.subject is not None else places[2:]
            lying[:, 2] = np.maximum(lying[:, 2], low[2])
            if (places >= low).all() and (places <= high).all():
                return start
        raise WmRosError(f'task {self.task.name}: of {_DRAWS} starts none is inside the workspace '
                         f'of {self.robot.name}, {low.tolist()} to {high.tolist()} m')

    def _reach(self, position):
        """Return joint positions [N] with the end effector at ``position`` [3]."""
        still = np.zeros((12, 3))
        path, _ = self.kinematics.follow(
            self.robot.home, np.tile(position, (12, 1)), np.zeros(12), still, np.zeros(12))
        return path[-1]

    def substep(self):
        """Advance by 1/240 s and, now and then, judge what has come of it."""
        running = not self.done
        if self._changes:
            self._change()
        self.actuators.act()
        self._advance()
        self.substeps += 1
        self.senses.remember()
        if not running or self.substeps % _LOOK_EVERY:
            return
        situation = self.situation()
        self._judge.look(self.time, situation)
        if self.substeps % self._reward_every == 0:
            self.total_reward += self.task.reward(situation)

    @property
    def time(self) -> float:
        """Time since the episode began [s]."""
        return self.substeps * SUBSTEP

    @property
    def success(self) -> bool:
        """Whether the goal was held for long enough; stays so until the next episode."""
        return self._judge.success

    @property
    def timeout(self) -> bool:
        """Whether the task's time is over."""
        return self.time >= self.task.spec.time_limit - 1e-9

    @property
    def done(self) -> bool:
        """Whether the episode has ended, in success or by time."""
        return self.success or self.timeout

    @property
    def distance(self) -> float:
        """Distance of the task's subject from the goal [m]."""
        return self.task.distance(self.situation())

    def situation(self, setpoint=None, setpoint_velocity=None, gripper=None) -> Situation:
        """
        Return the truth now.

        ``setpoint`` and its velocity [4] are position and yaw, ``gripper`` [m] is its command;
        what is not given is taken to be where the arm is.
        """
        q, dq = self.arm.joint_positions, self.arm.joint_velocities
        position, yaw = self.kinematics.forward(q)
        velocity = self.kinematics.jacobian(q)[:3] @ dq
        width = self.arm.gripper_width
        if setpoint is None:
            setpoint, setpoint_velocity = np.append(position, yaw), velocity
        return Situation(
            end_effector=position, end_effector_velocity=velocity,
            setpoint=setpoint[:3], setpoint_velocity=setpoint_velocity[:3],
            object_poses=self.object_poses, object_velocities=self.object_velocities,
            goal=self.goal, yaw=float(setpoint[3]), gripper_width=width,
            gripper_command=width if gripper is None else gripper)
