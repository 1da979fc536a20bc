"""The agent's dreams by large matrix products: for networks of some width, and many candidates."""

import numpy as np
import torch
from torch import nn
from wm_ros.world_model.agent.fused import kernels, maps
from wm_ros.world_model.agent.fused.model import FusedDynamics
from wm_ros.world_model.compiled.chain import Chain, PRECISIONS


class WideDynamics(FusedDynamics):
    """
    Does what ``dynamics`` does on a CPU; rollouts in ``precision``, all else in float32.

    The weights are those of ``dynamics``, also when they change later.  Holds memory: one
    instance per thread.  What it returns is the caller's.  Raises ValueError for layers that
    are none of a Chain.
    """

    def __init__(self, dynamics, precision: str = 'float32'):
        super().__init__(dynamics)
        self._precision = precision
        self._room = self._furnished(4)

    def rollout(self, state, latent, actions, goal, guided: int):
        """Return the four tensors of a Dream; see ``Rollout.forward``."""
        count, horizon = actions.shape[:2]
        if count > self._room.rows:     # one for all counts: each holds the weights, packed
            self._room = self._furnished(count)
        weights, room = self._weights(), self._room
        states = np.zeros((horizon + 1, count, len(state)), np.float32)
        latents = np.zeros((horizon + 1, count, len(latent)), np.float32)
        taken = actions.numpy().transpose(1, 0, 2).copy()
        spread = np.zeros((horizon, count), np.float32)
        states[0], latents[0] = state.numpy(), latent.numpy()
        goals = np.tile(goal.numpy(), (guided, 1))
        for t in range(horizon):
            if guided:
                room.guide(states[t, :guided], latents[t, :guided], goals, weights,
                           taken[t, :guided])
            np.clip(taken[t], -1.0, 1.0, out=taken[t])
            room.step(states[t], latents[t], taken[t], weights, states[t + 1], latents[t + 1],
                      spread[t])
        return tuple(torch.from_numpy(array).transpose(0, 1)
                     for array in (taken, states, latents, spread))

    def _furnished(self, rows):
        with torch.inference_mode(False):   # memory that may be written to in any mode
            return _Room(self.dynamics, rows, self._precision)


class _Room:
    """The networks of a dynamics for up to ``rows`` rows, memory for what goes into them."""

    def __init__(self, dynamics, rows, precision):
        config, features = dynamics.config, dynamics.features
        self.rows, kind = rows, PRECISIONS[precision]
        self._active = dynamics.active.numpy()
        self._transition = Chain(dynamics.transition, rows, precision)
        self._policy = Chain(dynamics.policy_head, rows, precision)
        latent = config.latent + config.context
        seen = features.contact_width + latent
        self._setpoints = np.zeros((rows, 9), np.float32)
        self._following = np.zeros((rows, 16), np.float32)
        self._moved = np.zeros((rows, seen + len(self._active)), np.float32)
        self._aims = np.zeros((rows, features.intent_width + latent), np.float32)
        # What members do not see comes last, and has no weight.
        self._members = [Chain(_member(dynamics.ensemble, i), rows, precision,
                               self._moved.shape[1]) for i in range(config.members)]
        self._residuals = np.zeros((config.members, rows, self._members[0].width), np.float32)
        self._given = {name: torch.zeros(array.shape, dtype=kind) for name, array in (
            ('moved', self._moved), ('aims', self._aims))}
        self._seen = seen

    def guide(self, x, z, goals, w, actions):
        """Add the prior's actions to ``actions`` [K, A], not above 1 yet."""
        count = len(x)
        kernels.look_ahead(x, z, goals, w, self._aims[:count])
        given = self._given['aims'][:count]
        given.copy_(torch.from_numpy(self._aims[:count]))
        wanted = torch.tanh(self._policy(given).float()).numpy()
        actions += wanted * self._active

    def step(self, x, z, actions, w, after, latents, spread):
        """Put what follows into after [K, X], latents [K, D] and spread [K] m."""
        count, first = len(x), self._seen - z.shape[1]
        setpoints, following, moved = (memory[:count] for memory in (
            self._setpoints, self._following, self._moved))
        kernels.lead(x, actions, w, setpoints)
        maps.follow(x, setpoints, w.lag, following)
        kernels.look(x, following, w, moved)
        moved[:, first:self._seen] = z
        moved[:, self._seen:] = actions
        given = self._given['moved'][:count]
        given.copy_(torch.from_numpy(moved))
        residuals = self._residuals[:, :count]
        for member, residual in zip(self._members, residuals):
            torch.from_numpy(residual).copy_(member(given))
        kernels.arrive(x, following, residuals, w, after, spread)
        torch.from_numpy(latents[:, :w.own]).copy_(self._transition(given))
        latents[:, w.own:] = z[:, w.own:]


def _member(ensemble, index):
    """Return one network of an ensemble as a Sequential on the same weights."""
    parts = []
    for weight, bias in zip(ensemble.weights, ensemble.biases):
        linear = nn.Linear(weight.shape[1], weight.shape[2], device='meta')
        linear.weight = nn.Parameter(weight.detach()[index].t(), requires_grad=False)
        linear.bias = nn.Parameter(bias.detach()[index, 0], requires_grad=False)
        parts += [linear, nn.SiLU()]
    return nn.Sequential(*parts[:-1])
