"""Model predictive control: belief and goal in, a timed joint-space plan out."""

import math
import time
from typing import Optional

import numpy as np
import torch
from wm_ros.planning.objective import Objective
from wm_ros.planning.posture import Posture
from wm_ros.planning.problem import Problem, Start
from wm_ros.planning.registry import PLANNERS, prepare
from wm_ros.planning.settings import PlannerSettings
from wm_ros.planning.surroundings import Surroundings
from wm_ros.planning.unsearched import CorrelatedNoise
from wm_ros.robot.motion import hermite, MotionRule
from wm_ros.robot.robot import Robot
from wm_ros.robot.trajectory import sample
from wm_ros.tasks import TaskSpec
from wm_ros.types import Belief, ParameterError, Plan
from wm_ros.world_model.agent.model import Setpoint, WorldModel
from wm_ros.world_model.response import columns, command_at

# Commands this close to the last plan are following it: [rad], and [s] that they may lag.
_FOLLOWED, _LAG = 0.015, 0.05
_BEND = 2.0             # [rad/s^2], and what is not known of the way to its first knot
_COASTING = 0.05        # [s], longest time that commands of no known plan are extended by
_ASTRAY = 0.15          # [rad] from the arm, where a command is one that nobody follows
_BEHIND = 0.2           # [s] that an arm lags behind what it answers, at most


class Mpc:
    """
    Plans for one robot and task with one model; settings change between plans.

    The state that one plan needs of the last one is the Plan itself, given in by the
    caller.  ``around`` is what another instance of the same thread, robot and task has made
    already.  Holds buffers: one instance per thread.
    """

    def __init__(self, model: WorldModel, robot: Robot, task: TaskSpec,
                 settings: PlannerSettings, around: Optional[Surroundings] = None):
        self.model, self.robot, self.task = model, robot, task
        self.rule = MotionRule.of(robot)
        self.dream = None           # tensors of the last plan's candidates
        self._problem: Optional[Problem] = None     # of the last plan
        self._after = 0.0           # [s] that a plan takes once its search has ended
        self._around = around or Surroundings(robot, task, model.device)
        self._arm = self._around.arm
        self._objective = Objective(model, task)
        self._check(settings)
        self.settings = settings
        self._rng = torch.Generator().manual_seed(settings.seed)
        self._noise = CorrelatedNoise(len(task.active), settings.seed)

    def reconfigure(self, params) -> None:
        """Use other parameters from the next plan on; raises ParameterError, changing nothing."""
        self.settings = self.check(params)

    def check(self, params) -> PlannerSettings:
        """Return what parameters mean; raises ParameterError for what cannot be planned with."""
        settings = PlannerSettings.from_params(params)
        self._check(settings)
        return settings

    def _check(self, settings):
        if abs(settings.dt - self.rule.dt) > 1e-9:
            raise ParameterError(f'parameter planner.dt: got {settings.dt}, expected '
                                 f'{self.rule.dt}, the step that the model was trained with')
        self._around.prepare(settings.keep_out)
        if self._dreamer(settings) is None:
            raise ParameterError('parameter planner.type, planner.prior: got actor, and there is '
                                 'none beside the checkpoint nor in actor; train one: '
                                 'wm_ros train --model actor')
        if settings.type == 'nlp' and self.task.grips:
            raise ParameterError('parameter planner.type: got nlp, expected another one: it does '
                                 f'not plan for the gripper, which {self.task.name} needs')
        prepare(settings, self._arm, self._dreamer(settings).dynamics)

    def _dreamer(self, settings):
        """Return the model whose prior is followed; None for an actor that is not there."""
        followed = 'actor' in (settings.type, settings.prior)
        return self.model.acting if followed else self.model

    def plan(self, belief: Belief, goal, previous, act_at: float) -> Plan:
        """
        Return the plan whose first knot acts at ``act_at`` [s].

        ``goal`` [7]; ``previous`` is the last plan or None: where the commands in the
        belief show that the arm follows it, the new plan continues its motion.  Raises
        NoValidPlan.
        """
        began = time.perf_counter()
        settings = self.settings
        if previous is not None and not self._follows(belief, previous):
            previous = None
        commands = self._commands(belief, previous)
        q, dq, gripper = commands(act_at)
        start = self._setpoint(q, dq, gripper)
        # An arm that answers late begins to do so that much later.
        late, off = belief.delay, 0.0 if belief.offset is None else belief.offset

        def answered(moment):
            sent, rates, width = commands(moment - late)
            return self._setpoint(sent + off, rates, width)
        state, latent = self.model.propagate(belief, answered, act_at + late)
        problem = Problem(
            model=self._dreamer(settings), objective=self._objective, state=state, latent=latent,
            goal=torch.as_tensor(np.asarray(goal[:3]), dtype=torch.float32,
                                 device=self.model.device),
            warm=_warm(previous, act_at, settings), settings=settings, rng=self._rng,
            noise=self._noise, act_at=act_at, deadline=self._deadline(began),
            start=Start(self._arm, q, dq, self._around.boxes(settings.keep_out),
                        self._around.detour(settings.keep_out, goal[:3])))
        solution = PLANNERS[settings.type](problem)
        self.dream, self._problem, found = solution.dream, problem, time.perf_counter()
        plan = self._to_plan(belief, solution, act_at, (q, dq, gripper), start, began)
        self._after = max(0.9 * self._after, time.perf_counter() - found)
        return plan

    @property
    def posture(self) -> Optional[Posture]:
        """Return the arm's posture in the last plan's problem, None where no term asks for it."""
        return self._problem.posture

    def scores(self) -> torch.Tensor:
        """Return what each candidate [K] of the last plan's ``dream`` is worth."""
        problem = self._problem
        return self._objective.score(self.dream, problem.goal, problem.settings.weights,
                                     problem.posture)

    def _deadline(self, began):
        """Return when a search has to end [s], so that what comes after it is in time as well."""
        limit = self.settings.deadline_ms
        return began + 1e-3 * limit - self._after if limit else math.inf

    def _follows(self, belief, previous):
        """Whether the arm does what it is commanded, and that is the last plan."""
        ends = previous.stamp + previous.dt * len(previous.actions)
        if _astray(belief) or not previous.stamp - 1.0 < belief.stamp < ends:
            return False
        q, dq = belief.commanded_positions, belief.commanded_velocities
        early = max(0.0, previous.stamp - belief.stamp)
        if early > 0.0:     # its first knot is yet to come
            wanted = previous.positions[0] - 0.5 * early * (previous.velocities[0] + dq)
        else:
            wanted = sample(previous, belief.stamp)[0]
        near = _FOLLOWED + _LAG * np.abs(dq).max() + _BEND * early * early
        return bool(np.abs(wanted - q).max() < near)

    def _commands(self, belief, previous):
        """Return the function from a time [s] to what is commanded then, as ``sample``."""
        stamp, q, dq = belief.stamp, belief.commanded_positions, belief.commanded_velocities
        under_way = belief.under_way
        if previous is None and _astray(belief):
            # The gate goes on from there too.
            q, dq, under_way = belief.joint_positions, np.zeros_like(dq), None
        limits = self.robot.limits

        def at(moment):
            if moment < stamp and under_way is not None:
                *sent, width = command_at(under_way, moment)
                return (*np.split(np.array(sent), 2), width)
            if previous is None:
                ahead = np.clip(moment - stamp, 0.0, _COASTING)
                return (np.clip(q + ahead * dq, limits.lower, limits.upper), dq,
                        belief.commanded_gripper)
            if moment >= previous.stamp:
                return sample(previous, moment)
            path, rates = hermite(q, dq, previous.positions[0], previous.velocities[0],
                                  previous.stamp - stamp, [moment - stamp])
            return path[0], rates[0], float(previous.gripper[0])
        return at

    def _setpoint(self, q, dq, gripper):
        return Setpoint(*self._arm.kinematics.setpoint(q, dq), gripper)

    def _to_plan(self, belief, solution, act_at, command, start, began):
        q, dq, width = command
        actions = np.clip(solution.actions.astype(float), -1.0, 1.0)
        places, velocities = [start.position], [start.velocity]
        for action in actions:
            place, velocity = self.rule.advance(places[-1], velocities[-1], action[:4])
            places.append(place)
            velocities.append(velocity)
        places, velocities = np.array(places), np.array(velocities)
        path, rates = solution.path or self._arm.follower.follow(
            q, dq, places[1:], velocities[1:])
        widths = [width]
        for action in actions:
            widths.append(float(self.rule.grip(widths[-1], action[4])))
        return Plan(
            stamp=act_at, observed=belief.stamp, dt=self.rule.dt,
            actions=solution.actions, positions=np.vstack([q, path]),
            velocities=np.vstack([dq, rates]),
            gripper=np.array(widths),
            path=places[:, :3], predicted_return=solution.score,
            disagreement=solution.disagreement, solve_time=time.perf_counter() - began,
            planner=self.settings.type, iterations=solution.iterations,
            dropped=solution.dropped, offsets=solution.offsets, shares=solution.shares)


def _astray(belief) -> bool:
    """Return whether nobody follows the commands: the arm was moved, or reset; it is not late."""
    off = np.abs(belief.commanded_positions - belief.joint_positions).max()
    fastest = np.abs(belief.commanded_velocities).max()
    if belief.under_way is not None:
        fastest = max(fastest, np.abs(columns(belief.under_way)[2]).max())
    return off > _ASTRAY + (belief.delay + _BEHIND) * fastest


def _warm(previous, act_at, settings):
    """Return what a search goes on from, of its own kind: offsets from the prior, or actions."""
    if previous is None or not settings.warm_start:
        return None
    if settings.around_prior and previous.offsets is None:
        return None
    return shift(previous.offsets if settings.around_prior else previous.actions,
                 (act_at - previous.stamp) / previous.dt, settings.horizon)


def shift(actions: np.ndarray, place: float, horizon: int) -> np.ndarray:
    """
    Return ``actions`` [H, A] of a last plan, moved on by ``place`` steps, the time that passed.

    Between two steps the share of each counts; beyond the end the last action repeats.
    """
    last = len(actions) - 1
    if place < 0:
        place = 0.0
    whole = int(place)
    share = place - whole
    index = np.minimum(whole + np.arange(horizon), last)
    return (1.0 - share) * actions[index] + share * actions[np.minimum(index + 1, last)]
