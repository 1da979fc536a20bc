"""
The learned dynamics: exact setpoint, fitted actuation lag, ensemble, SimNorm latent.

State of the art kept in mind: TD-MPC2 (Hansen et al. 2024) for the latent, PETS (Chua et
al. 2018) for the ensemble.  What is known exactly is not learned: the setpoint moves by
``wm_ros.robot.motion.MotionRule``, the arm follows it by a linear lag that is fitted, and
only what is left (contacts, objects) is the networks' part.
"""

from dataclasses import asdict, dataclass

import torch
from torch import nn
from wm_ros.robot.motion import MotionRule
from wm_ros.robot.robot import Robot
from wm_ros.tasks import TaskSpec
from wm_ros.types import ACTION_NAMES
from wm_ros.world_model.features import Features, rotate
from wm_ros.world_model.networks import EnsembleMLP, mlp, SimNorm
from wm_ros.world_model.state import StateLayout


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the networks; raises ValueError for any that make no sense."""

    latent: int = 32            # a multiple of SimNorm's width, 8
    members: int = 4
    ensemble_hidden: int = 128
    hidden: int = 128
    values: int = 3
    discount: float = 0.97

    def __post_init__(self):
        for name, low, high in (('latent', 8, 1024), ('members', 1, 64), ('values', 2, 64),
                                ('ensemble_hidden', 1, 4096), ('hidden', 1, 4096)):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise ValueError(f'config.{name}: got {value!r}, expected an integer from {low} '
                                 f'to {high}')
        if self.latent % 8:
            raise ValueError(f'config.latent: got {self.latent}, expected a multiple of 8')
        if not 0.0 < self.discount < 1.0:
            raise ValueError(f'config.discount: got {self.discount!r}, expected between 0 and 1')

    def to_dict(self) -> dict:
        """Return it as plain data, for checkpoints."""
        return asdict(self)


class Dynamics(nn.Module):
    """
    z' = f(z, a) and x' = f(x, z, a) with their heads; all inputs batched [..., *].

    ``state`` [..., X] explicit, ``latent`` [..., D], ``action`` [..., A] in [-1, 1],
    ``goal`` [..., 3] m.
    """

    def __init__(self, robot: Robot, task: TaskSpec, config: ModelConfig):
        super().__init__()
        self.config, self.layout = config, StateLayout(len(task.object_names))
        self.features = Features(self.layout, task)
        self.rule = MotionRule.of(robot)
        self.subject = self.layout.subject(task)
        outputs = 6 + 8 * self.layout.objects
        contact, context = self.features.contact_width, self.features.context_width
        intent, d, h = self.features.intent_width, config.latent, config.hidden
        self.register_buffer('lag', torch.zeros(4, 2))
        self.register_buffer('scale', torch.ones(outputs))
        self.register_buffer('active', torch.tensor(task.active, dtype=torch.float32))
        for name in ('speed', 'acceleration', 'low', 'high'):
            value = torch.as_tensor(getattr(self.rule, name), dtype=torch.float32)
            self.register_buffer(f'rule_{name}', value, persistent=False)
        width = config.ensemble_hidden
        self.ensemble = EnsembleMLP(config.members, (contact + d, width, width, outputs))
        self.encoder = nn.Sequential(mlp((context + d, h, d)), SimNorm())
        self.transition = nn.Sequential(mlp((contact + d + len(ACTION_NAMES), h, d)), SimNorm())
        self.reward_head = mlp((intent + d, h, 1))
        self.value_heads = nn.ModuleList(
            mlp((intent + d, h, h, 1)) for _ in range(config.values))
        self.policy_head = mlp((intent + d, 2 * h, 2 * h, len(ACTION_NAMES)))

    def initial_latent(self, like):
        """Return the latent [..., D] before anything was seen."""
        return like.new_full((*like.shape[:-1], self.config.latent), 1 / 8)

    def encode(self, state, predicted):
        """Return the latent [..., D] that ``state`` and the prediction [..., D] make."""
        return self.encoder(torch.cat([self.features.context(state), predicted], -1))

    def move_setpoint(self, state, action):
        """Return ``state`` with the setpoint of the next step; exact."""
        layout, dt = self.layout, self.rule.dt
        position = torch.cat([state[..., layout.setpoint],
                              state[..., layout.yaw:layout.yaw + 1]], -1)
        velocity = torch.cat([state[..., layout.setpoint_velocity],
                              state[..., layout.yaw_rate:layout.yaw_rate + 1]], -1)
        change = self.rule_acceleration * dt
        wanted = self.rule_speed * action[..., :4].clamp(-1, 1)
        reached = velocity + torch.minimum(torch.maximum(wanted - velocity, -change), change)
        upper = self._brake(self.rule_high - position, velocity)
        lower = -self._brake(position - self.rule_low, -velocity)
        slowest, fastest = velocity - change, velocity + change
        reached = torch.minimum(
            torch.maximum(reached, lower), torch.minimum(torch.maximum(upper, slowest), fastest))
        moved = position + 0.5 * dt * (velocity + reached)
        return self.with_setpoint(state, moved, reached)

    def _brake(self, room, velocity):
        change, dt = self.rule_acceleration * self.rule.dt, self.rule.dt
        left = room - 0.5 * dt * velocity
        steps = ((0.25 + (2.0 / dt) * left.clamp(min=0) / change).sqrt() - 0.5).floor()
        towards = left / (dt * (steps + 1.0)) + 0.5 * change * steps
        return torch.maximum(towards, -0.5 * change)

    @staticmethod
    def with_setpoint(state, position, velocity):
        """Return ``state`` with another setpoint: position and yaw [..., 4], velocity."""
        return torch.cat([
            state[..., :6], position[..., :3], velocity[..., :3], position[..., 3:],
            velocity[..., 3:], state[..., 14:]], -1)

    def follow(self, state, following):
        """Return ``following`` with the end effector that the fitted lag predicts."""
        inputs = self.lag_inputs(state, following)
        moved = torch.einsum('...ai,io->...ao', inputs, self.lag)
        ee = state[..., self.layout.ee] + moved[..., 0]
        return torch.cat([ee, moved[..., 1], following[..., 6:]], -1)

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
        parts = [following[..., :6] + residual[..., :6], following[..., 6:15]]
        for index in range(self.layout.objects):
            thing = state[..., self.layout.object_slots(index)]
            out = residual[..., 6 + 8 * index:14 + 8 * index]
            yaw = thing[..., 3]
            parts += [thing[..., :3] + rotate(out[..., :3], yaw), thing[..., 3:4] + out[..., 3:4],
                      rotate(out[..., 4:7], yaw), out[..., 7:8]]
        return torch.cat(parts, -1)

    def target_residual(self, state, following, reached):
        """Return the residual [..., O] that leads from ``state`` to ``reached``."""
        parts = [reached[..., :6] - following[..., :6]]
        for index in range(self.layout.objects):
            where = self.layout.object_slots(index)
            old, new = state[..., where], reached[..., where]
            yaw = old[..., 3]
            parts += [rotate(new[..., :3] - old[..., :3], -yaw), new[..., 3:4] - old[..., 3:4],
                      rotate(new[..., 4:7], -yaw), new[..., 7:8]]
        return torch.cat(parts, -1)

    def step(self, state, latent, action):
        """Return next state, next latent, disagreement [...] m, all after ``action``."""
        following = self.follow(state, self.move_setpoint(state, action))
        contact, members = self.residuals(state, latent, following)
        residual = members.mean(0)
        after = self.apply_residual(state, following, residual)
        latent = self.transition(torch.cat([contact, latent, action], -1))
        if self.layout.objects:
            places = members[..., 6:].unflatten(-1, (-1, 8))[..., :3]
        else:
            places = members[..., None, :3]
        disagreement = (places - places.mean(0)).square().sum(-1).mean(0).sqrt().sum(-1)
        return after, latent, disagreement

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

    def _head(self, head, state, latent, goal):
        return head(torch.cat([self.features.intent(state, goal), latent], -1))
