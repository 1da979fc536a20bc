"""
The learned dynamics: exact setpoint, fitted actuation lag, ensemble, SimNorm latent.

State of the art kept in mind: TD-MPC2 (Hansen et al. 2024) for the latent, PETS (Chua et
al. 2018) for the ensemble.  What is known exactly is not learned: the setpoint moves by
``wm_ros.robot.motion.MotionRule``, the arm follows it by a linear lag that is fitted, and
only what is left (contacts, objects) is the networks' part.
"""

from typing import Dict

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from wm_ros.robot.motion import GRIPPER_STEP, MotionRule
from wm_ros.robot.robot import Robot
from wm_ros.tasks import TaskSpec
from wm_ros.types import ACTION_NAMES
from wm_ros.world_model.agent.config import ModelConfig
from wm_ros.world_model.agent.features import Features, rotate
from wm_ros.world_model.agent.identify import Identifier, Teller
from wm_ros.world_model.networks import EnsembleMLP, mlp, SimNorm
from wm_ros.world_model.state import StateLayout

_WRENCH = 6             # numbers of what is felt at the wrist


class Dynamics(nn.Module):
    """
    z' = f(z, a) and x' = f(x, z, a) with their heads.

    Inputs are batched: ``state`` [..., X] explicit, ``latent`` [..., D], ``action`` [..., A]
    in [-1, 1], ``goal`` [..., 3] m.  [K, *] where the ensemble takes part: of three
    dimensions it takes the first for its members.  The last numbers of latents are the context,
    where there is one: see ``Identifier``.
    """

    def __init__(self, robot: Robot, task: TaskSpec, config: ModelConfig):
        super().__init__()
        self.config, self.layout = config, StateLayout.of(task)
        self.features = Features(self.layout, task)
        self.rule = MotionRule.of(robot)
        self._moving = 6 + 8 * self.layout.objects      # outputs; then the gripper's, if any
        outputs = self._moving + self.layout.grips
        contact, context = self.features.contact_width, self.features.context_width
        intent, own, h = self.features.intent_width, config.latent, config.hidden
        d = own + config.context
        self.register_buffer('lag', torch.zeros(4, 2))
        self.register_buffer('scale', torch.ones(outputs))
        self.register_buffer('active', torch.tensor(task.active, dtype=torch.float32))
        self._register_rule()
        width = config.ensemble_hidden
        self.ensemble = EnsembleMLP(config.members, (contact + d, width, width, outputs))
        self.encoder = nn.Sequential(mlp((context + d, h, own)), SimNorm())
        self.transition = nn.Sequential(mlp((contact + d + len(ACTION_NAMES), h, own)), SimNorm())
        if config.context:
            self.identifier = Identifier(
                contact + outputs + len(ACTION_NAMES) + _WRENCH, config.context)
        if config.tells:
            self.teller = Teller(config.context, len(config.tells))
        self.reward_head = mlp((intent + d, h, 1))
        self.value_heads = nn.ModuleList(
            mlp((intent + d, h, h, 1)) for _ in range(config.values))
        self.policy_head = mlp((intent + d, 2 * h, 2 * h, len(ACTION_NAMES)))

    def _register_rule(self):
        """Hold what is known of the motion as tensors, on whatever device the model is."""
        rule = self.rule
        for name, value in (
                ('rule_speed', rule.speed), ('rule_change', rule.acceleration * rule.dt),
                ('rule_walls', np.stack([rule.low, rule.high])), ('outward', [[-1.0], [1.0]]),
                ('places', [1.0] * 3 + [0.0] * 3), ('poses', [[1.0], [0.0]])):
            self.register_buffer(name, torch.tensor(np.asarray(value), dtype=torch.float32),
                                 persistent=False)

    def initial_latent(self, like):
        """Return the latent [..., D] before anything was seen."""
        first = like.new_full((*like.shape[:-1], self.config.latent), 1 / 8)
        return functional.pad(first, (0, self.config.context))

    def encode(self, state, predicted):
        """Return the latent [..., D] that ``state`` and the prediction [..., D] make."""
        return self._in_context(
            self.encoder(torch.cat([self.features.context(state), predicted], -1)), predicted)

    def next_latent(self, contact, latent, action):
        """Return the latent [..., D] after ``action``, of the features of ``contact`` [..., I]."""
        return self._in_context(
            self.transition(torch.cat([contact, latent, action], -1)), latent)

    def told(self, latent) -> Dict[str, float]:
        """Return the numbers that the context of one ``latent`` [D] tells, by their names."""
        if not self.config.tells:
            return {}
        numbers = self.teller(latent[self.config.latent:])
        return dict(zip(self.config.tells, map(float, numbers)))

    def _in_context(self, own, latent):
        """Return a latent of which the networks have made their ``own`` part."""
        if not self.config.context:
            return own
        return torch.cat([own, latent[..., self.config.latent:]], -1)

    def identified(self, state, latent, reached, felt):
        """
        Return ``latent`` [B, D] in the context that a transition shows: a whole step.

        It led from ``state`` to ``reached`` [B, X], both as they were observed; ``felt`` [B, 6]
        is the wrench at the wrist in the end.
        """
        own, layout = self.config.latent, self.layout
        twist = reached[..., layout.setpoint_twist]
        moved = self.with_setpoint(state, reached[..., layout.setpoint_pose], twist)
        opened = None
        if layout.grips:
            moved = self._with_grip(moved, reached[..., -1:])
            opened = reached[..., -1:] - state[..., -1:]
        following = self.follow(state, moved)
        residual = self.target_residual(state, following, reached) / self.scale
        context = self.identifier(latent[..., own:], self.features.contact(state, following),
                                  residual, self._action_of(twist, opened), felt)
        return torch.cat([latent[..., :own], context], -1)

    def move_setpoint(self, state, action):
        """Return ``state`` with the setpoint of the next step; exact."""
        layout, dt = self.layout, self.rule.dt
        position, velocity = state[..., layout.setpoint_pose], state[..., layout.setpoint_twist]
        slowest, fastest = velocity - self.rule_change, velocity + self.rule_change
        reached = (self.rule_speed * action[..., :4].clamp(-1, 1)).clamp(slowest, fastest)
        lower, upper = self._brake(position, velocity).unbind(-2)
        reached = torch.minimum(torch.maximum(reached, lower), upper.clamp(slowest, fastest))
        moved = torch.add(position, velocity + reached, alpha=0.5 * dt)
        state = self.with_setpoint(state, moved, reached)
        if not self.layout.grips:
            return state
        opened = GRIPPER_STEP * action[..., 4:].clamp(-1, 1)
        return self._with_grip(state, state[..., -1:] + opened)

    def _with_grip(self, state, width):
        """Return ``state`` with another width [..., 1] that the gripper is driven to."""
        return torch.cat([state[..., :-1], width.clamp(*self.rule.widths.tolist())], -1)

    def _brake(self, position, velocity):
        """Return between which velocities [..., 2, 4] the arm can still stop at its walls."""
        change, dt = self.rule_change, self.rule.dt
        coasting = torch.add(position, velocity, alpha=0.5 * dt)
        left = self.outward * (self.rule_walls - coasting[..., None, :])
        steps = ((0.25 + left.clamp(min=0) * (2.0 / dt / change)).sqrt() - 0.5).floor()
        towards = torch.addcmul(left / (dt * steps + dt), steps, 0.5 * change)
        return self.outward * torch.maximum(towards, -0.5 * change)

    def with_setpoint(self, state, position, velocity):
        """Return ``state`` with another setpoint: position and yaw [..., 4], velocity."""
        return torch.cat([state[..., :6], position, velocity, state[..., 14:]], -1)

    def follow(self, state, following):
        """Return ``following`` with the end effector that the fitted lag predicts."""
        moved = (self.lag_inputs(state, following) @ self.lag).transpose(-1, -2)
        ee = torch.addcmul(moved.flatten(-2), state[..., :6], self.places)
        return torch.cat([ee, following[..., 6:]], -1)

    def lag_inputs(self, state, following):
        """Return what the lag is fitted on, per axis [..., 3, 4]."""
        layout = self.layout
        return torch.stack([
            state[..., layout.setpoint] - state[..., layout.ee],
            state[..., layout.ee_velocity], state[..., layout.setpoint_velocity],
            following[..., layout.setpoint_velocity]], -1)

    def residuals(self, state, latent, following):
        """Return contact features [B, I] and each member's output [E, B, O]."""
        contact = self.features.contact(state, following)
        return contact, self.ensemble(torch.cat([contact, latent], -1)) * self.scale

    def apply_residual(self, state, following, residual):
        """Return the next state [..., X] that ``residual`` [..., O] makes."""
        layout = self.layout
        robot = [following[..., :6] + residual[..., :6], following[..., 6:15]]
        last = following[..., layout.heights.start:]
        if layout.grips:
            robot[1] = torch.cat([following[..., 6:14], following[..., 14:15]
                                  + residual[..., self._moving:]], -1)
        if not layout.objects:
            return torch.cat([*robot, following[..., 15:]], -1)
        things = layout.things(state)
        moved = residual[..., 6:self._moving].unflatten(-1, (-1, 2, 4))
        # Poses move by what is predicted, velocities become it.
        moved = torch.addcmul(rotate(moved, things[..., 3]), things.unflatten(-1, (2, 4)),
                              self.poses)
        return torch.cat([*robot, moved.flatten(-3), last], -1)

    def target_residual(self, state, following, reached):
        """Return the residual [..., O] that leads from ``state`` to ``reached``."""
        layout = self.layout
        robot = reached[..., :6] - following[..., :6]
        width = [reached[..., 14:15] - following[..., 14:15]] if layout.grips else []
        if not layout.objects:
            return torch.cat([robot, *width], -1)
        old, new = layout.things(state), layout.things(reached).unflatten(-1, (2, 4))
        moved = rotate(new - self.poses * old.unflatten(-1, (2, 4)), -old[..., 3])
        return torch.cat([robot, moved.flatten(-3), *width], -1)

    def step(self, state, latent, action):
        """Return next state, next latent, disagreement [...] m, all after ``action``."""
        return self._moved(state, latent, self.move_setpoint(state, action), action)

    def led(self, state, latent, setpoint):
        """
        Return next state, next latent, disagreement [...] m, where the setpoint is led.

        ``setpoint`` [..., 8] is position, yaw and their rates a whole step later; the gripper is
        left as it is.
        """
        pose, twist = setpoint[..., :4], setpoint[..., 4:]
        return self._moved(state, latent, self.with_setpoint(state, pose, twist),
                           self._action_of(twist))

    def _moved(self, state, latent, moved, action):
        """Return what comes of a setpoint that has ``moved`` [..., X] as ``action`` asked."""
        following = self.follow(state, moved)
        contact, members = self.residuals(state, latent, following)
        after = self.apply_residual(state, following, members.mean(0))
        return after, self.next_latent(contact, latent, action), self._spread(members)

    def _action_of(self, twist, opened=None):
        """Return the action [..., A] that is the setpoint's velocity [..., 4], ``opened`` by m."""
        action = (twist / self.rule_speed).clamp(-1, 1)
        if opened is None:
            return functional.pad(action, (0, len(ACTION_NAMES) - 4))
        return torch.cat([action, (opened / GRIPPER_STEP).clamp(-1, 1)], -1)

    def _spread(self, members):
        """Return by how much the members [E, B, O] differ [B] m, in places of objects."""
        if self.layout.objects:
            places = members[..., 6:self._moving].unflatten(-1, (-1, 8))[..., :3]
        else:
            places = members[..., None, :3]
        return places.var(0, correction=0).sum(-1).sqrt().sum(-1)

    def partial_step(self, state, latent, setpoint, share):
        """
        Return state, latent and disagreement after a ``share`` [B, 1] of a step to ``setpoint``.

        ``setpoint`` [B, 8] is position, yaw and their rates, as layout.setpoint_pose and
        .setpoint_twist, and then the gripper's width [m] for tasks that use it.  The networks
        know whole steps only: the setpoint's change of velocity is extended to a whole step, and
        that share of the step's effect is taken.
        """
        pose, twist, width = setpoint[..., :4], setpoint[..., 4:8], setpoint[..., 8:]
        velocity = state[..., self.layout.setpoint_twist]
        faster = (velocity + (twist - velocity) / share).clamp(
            velocity - self.rule_change, velocity + self.rule_change)
        moved, opened = self.with_setpoint(state, pose, faster), None
        if self.layout.grips:
            opened = (width - state[..., -1:]) / share
            moved = self._with_grip(moved, state[..., -1:] + opened.clamp(
                -GRIPPER_STEP, GRIPPER_STEP))
        whole, reached, spread = self._moved(
            state, latent, moved, self._action_of(faster, opened))
        after = self.with_setpoint(torch.lerp(state, whole, share), pose, twist)
        if self.layout.grips:
            after = self._with_grip(after, width)
        return after, torch.lerp(latent, reached, share), share[..., 0] * spread

    def reward(self, state, latent, goal):
        """Return the reward [...] of being in ``state``."""
        return self._head(self.reward_head, state, latent, goal)[..., 0]

    def values(self, state, latent, goal):
        """Return each value head's estimate [V, ...]."""
        return torch.stack([self._head(head, state, latent, goal)[..., 0]
                            for head in self.value_heads])

    def policy(self, state, latent, goal):
        """Return the policy prior's action [..., A]; idle components are 0."""
        return torch.tanh(self._head(self.policy_head, state, latent, goal)) * self.active

    def given(self, state, latent, goal):
        """Return what heads are given [..., I]."""
        return torch.cat([self.features.intent(state, goal), latent], -1)

    def _head(self, head, state, latent, goal):
        return head(self.given(state, latent, goal))
