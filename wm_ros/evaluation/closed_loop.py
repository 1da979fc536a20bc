"""
The whole product in lockstep: sensors, belief, plan, gate and arm on one clock.

The same library calls as in the running graph, at the same rates, with the same
parameters; a plan reaches the gate ``planner.action_delay`` after the observation that it
is based on.  Deterministic for a seed.
"""

from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Deque, List, Mapping, Optional, Tuple

import numpy as np
from sim.engines import make_scene
from sim.randomize import Randomization, randomization_of
from sim.scene import SUBSTEP
from sim.world import Schedule
from wm_ros.evaluation.sensors import Sensors
from wm_ros.param_table import MPC, ROBOT, SAFETY, SENSOR
from wm_ros.planning import check_choice, Mpc, PlannerSettings
from wm_ros.planning.surroundings import Surroundings
from wm_ros.robot.limits import JointLimits
from wm_ros.robot.robot import Robot
from wm_ros.safety import GateSettings, Measured, SafetyGate
from wm_ros.sensing.buffer import StampedBuffer
from wm_ros.tasks import get_task
from wm_ros.types import Belief, NothingSeen, NoValidPlan, Plan, WmRosError
from wm_ros.world_model import WorldModel


@dataclass(frozen=True)
class Result:
    """One evaluated episode."""

    seed: int
    success: bool
    time: float                 # [s] until the goal was held; the time limit on failure
    total_reward: float         # sum of the task's reward at the model's rate
    plan_ms: List[float]
    cycles: int                 # of the gate
    limited: int                # of them, that reshaped the command
    held: int                   # of them, that held
    surprises: List[float]      # of all observations but the first
    jerk: float                 # [rad/s^3] of the commands, root mean square over the joints
    #: What a randomization has drawn for its begin, as ``Conditions.numbers``.
    drawn: Mapping[str, float] = field(default_factory=dict)


@dataclass
class _Episode:
    """What the nodes of the graph hold, and what is counted."""

    belief: Optional[Belief] = None
    newest: Optional[Plan] = None
    in_force: Optional[Plan] = None
    under_way: Deque[Tuple[int, Plan]] = field(default_factory=deque)   # to the gate
    commands: StampedBuffer = field(default_factory=partial(StampedBuffer, 'command'))
    plan_ms: List[float] = field(default_factory=list)
    surprises: List[float] = field(default_factory=list)
    rates: List[np.ndarray] = field(default_factory=list)   # commanded [rad/s]
    cycles: int = 0
    limited: int = 0
    held: int = 0

    def observed(self, belief):
        """Take the belief that an observation has led to."""
        if self.belief is not None:
            self.surprises.append(belief.surprise)
        self.belief = belief

    def deliver(self, substeps):
        """Let the plans arrive whose time it is."""
        while self.under_way and substeps >= self.under_way[0][0]:
            self.in_force = self.under_way.popleft()[1]


class ClosedLoop:
    """
    Runs episodes of one task with one model and one set of parameters by node.

    ``randomization`` takes the place of the one that the robot node's parameters name.
    """

    def __init__(self, robot: Robot, task: str, model: WorldModel,
                 params: Mapping[str, Mapping[str, Any]],
                 randomization: Optional[Randomization] = None):
        self.robot, self.task, self.model = robot, get_task(task), model
        self.scene = make_scene(params[ROBOT]['engine'], robot, task,
                                randomization or randomization_of(params[ROBOT]))
        mpc = {name: value for name, value in params[MPC].items()
               if name.startswith(('planner.', 'objective.'))}
        self.settings = PlannerSettings.from_params(mpc)
        check_choice(self.settings)
        self._gate_settings = GateSettings.from_params(
            {name: value for name, value in params[SAFETY].items()
             if name.startswith('safety.')})
        self._limits = gate_limits(robot, params[SAFETY])
        rates = params[SENSOR]['observation_rate'], 1.0 / self._gate_settings.period
        if max(rates) * SUBSTEP > 1.0 + 1e-9:
            raise WmRosError(f'observation_rate {rates[0]:g} Hz, safety.rate {rates[1]:g} Hz: '
                             f'expected at most {1 / SUBSTEP:g} Hz, at which the physics steps')
        self._observing, self._gating = (Schedule(rate) for rate in rates)
        self._planning = Schedule(self.settings.rate)       # at observations, as live
        self._lag = round(self.settings.action_delay / SUBSTEP)
        self._unseen_timeout = params[MPC]['unseen_timeout']
        self._sensors = Sensors(self.scene, params)
        self._around = Surroundings(robot, self.task, model.device)

    def randomize(self, randomization: Randomization):
        """Let the following episodes be drawn by another randomization."""
        self.scene.randomization = randomization

    def run(self, seed: int, watch=None, sense=None, each=None) -> Result:
        """
        Return the result of the episode ``seed``.

        ``watch(scene, belief, plan)`` sees each plan, ``sense(scene, belief, observation)`` each
        belief, ``each(scene)`` each substep.
        """
        scene, episode = self.scene, _Episode()
        scene.reset(seed)
        drawn = scene.conditions.numbers()
        mpc = Mpc(self.model, self.robot, self.task, self._settings_of(seed), self._around)
        gate = SafetyGate(self._limits, self._gate_settings,
                          (self.robot.gripper_min, self.robot.gripper_max))
        gate.reset(scene.arm.joint_positions, scene.arm.gripper_width)
        for schedule in (self._observing, self._planning, self._gating):
            schedule.restart(0)
        self._sensors.restart(seed)
        while not scene.done:
            now = scene.substeps
            self._sensors.sample()
            if self._observing.due(now):
                self._observe(episode, sense)
                if self._planning.due(now) and self._usable(episode.belief):
                    self._plan(mpc, episode, now, watch)
            episode.deliver(now)
            if self._gating.due(now):
                self._gate(gate, episode)
            scene.substep()
            if each is not None:
                each(scene)
        elapsed = scene.time if scene.success else self.task.time_limit
        return Result(seed, scene.success, elapsed, scene.total_reward, episode.plan_ms,
                      episode.cycles, episode.limited, episode.held, episode.surprises,
                      self._jerk(episode), drawn)

    def _jerk(self, episode) -> float:
        bends = np.diff(np.array(episode.rates), 2, axis=0) / self._gate_settings.period ** 2
        return float(np.sqrt(np.square(bends).mean())) if len(bends) else 0.0

    def _observe(self, episode, sense):
        observation = self._sensors.observe(episode.commands)
        with suppress(NothingSeen):     # as live: no belief, and so no plan, until then
            episode.observed(self.model.observe(episode.belief, observation))
            if sense is not None:
                sense(self.scene, episode.belief, observation)

    def _usable(self, belief) -> bool:
        return belief is not None and belief.unseen <= self._unseen_timeout

    def _settings_of(self, seed) -> PlannerSettings:
        """Return the planner's settings with noise of the episode's own: episodes differ."""
        own = np.random.SeedSequence([self.settings.seed, seed]).generate_state(1)
        return replace(self.settings, seed=int(own[0]))

    def _plan(self, mpc, episode, now, watch):
        """Send a plan on its way, or none as the mpc node sends none: the gate then holds."""
        act_at = episode.belief.stamp + self._lag * SUBSTEP
        try:
            episode.newest = mpc.plan(episode.belief, self.scene.goal, episode.newest, act_at)
        except NoValidPlan:
            episode.newest = None
            return
        episode.under_way.append((now + self._lag, episode.newest))
        episode.plan_ms.append(episode.newest.solve_time * 1e3)
        if watch is not None:
            watch(self.scene, episode.belief, episode.newest)

    def _gate(self, gate, episode):
        arm = self.scene.senses
        command, status = gate.step(self.scene.time, episode.in_force, Measured(
            self.scene.time, arm.joint_positions, arm.joint_velocities))
        episode.cycles += 1
        episode.limited += status.code.name == 'LIMITED'
        episode.held += command.hold
        episode.commands.push(command.stamp, command)
        episode.rates.append(command.velocities)
        self.scene.actuators.set_target(command.positions, command.velocities, command.gripper)

    def close(self):
        """End the physics."""
        self.scene.close()
        self._sensors.close()


def gate_limits(robot: Robot, params: Mapping[str, Any]) -> JointLimits:
    """Return the robot's limits with the ``joint_limits`` of the safety node's parameters."""
    entries = robot.limits.entries()
    for name, value in params.items():
        if name.startswith('joint_limits.'):
            joint, _, key = name[len('joint_limits.'):].rpartition('.')
            entries.setdefault(joint, {})[key] = value
    return robot.limits.override(entries)
