"""The dynamics' methods on top of the compiled kernels, tensors in and tensors out."""

from functools import lru_cache

import numpy as np
import torch
from wm_ros.robot.motion import GRIPPER_STEP
from wm_ros.world_model.agent.fused import kernels
from wm_ros.world_model.agent.fused.grasp import Grip
from wm_ros.world_model.agent.fused.kernels import DeepNet, Net, Weights, Work


class FusedDynamics:
    """
    Does what ``dynamics`` does on a CPU, with the same results to float32's rounding.

    The weights are those of ``dynamics``, also when they change later.  Holds memory: one
    instance per thread.  What it returns is the caller's.
    """

    def __init__(self, dynamics):
        config = dynamics.config
        if config.hidden % 4 or config.ensemble_hidden % 4:
            raise ValueError(f'hidden layers of {config.hidden} and {config.ensemble_hidden}, '
                             'expected multiples of 4')
        self.dynamics = dynamics
        self._sources = [*dynamics.parameters(), dynamics.lag, dynamics.scale]
        self._version = None
        self._memory = lru_cache(maxsize=8)(self._make)

    def rollout(self, state, latent, actions, goal, guided: int):
        """Return the four tensors of a Dream; see ``Rollout.forward``."""
        count, horizon = actions.shape[:2]
        weights, rows = self._weights(), _padded(count)
        states = np.zeros((horizon + 1, rows, len(state)), np.float32)
        latents = np.zeros((horizon + 1, rows, len(latent)), np.float32)
        taken = np.zeros((horizon, rows, actions.shape[2]), np.float32)
        spread = np.zeros((horizon, rows), np.float32)
        states[0], latents[0] = state.numpy(), latent.numpy()
        taken[:, :count] = actions.numpy().transpose(1, 0, 2)
        goals = np.tile(goal.numpy(), (rows, 1))
        kernels.rollout(taken, goals, guided, weights, self._memory(rows), states, latents, spread)
        return tuple(torch.from_numpy(array[:, :count]).transpose(0, 1)
                     for array in (taken, states, latents, spread))

    def partial_step(self, state, latent, setpoint, share):
        """Return state [1, X], latent [1, D], spread [1]; see ``Dynamics.partial_step``."""
        x, z = _rows(state), _rows(latent)
        after, latents, spread = np.zeros_like(x), np.zeros_like(z), np.zeros(4, np.float32)
        kernels.partial_step(x, z, setpoint[0].numpy(), np.float32(share.item()), self._weights(),
                             self._memory(4), after, latents, spread)
        return tuple(torch.from_numpy(array[:1]) for array in (after, latents, spread))

    def step(self, state, latent, action):
        """Return next state, latent and disagreement; see ``Dynamics.step``."""
        x, z, a = _rows(state), _rows(latent), _rows(action)
        after, latents, spread = np.zeros_like(x), np.zeros_like(z), np.zeros(len(x), np.float32)
        kernels.step(x, z, a, self._weights(), self._memory(len(x)), after, latents, spread)
        return tuple(torch.from_numpy(array[:len(state)]) for array in (after, latents, spread))

    def encode(self, state, predicted):
        """Return the latents [K, D]; see ``Dynamics.encode``."""
        x, z = _rows(state), _rows(predicted)
        latents = np.zeros_like(z)
        kernels.encode(x, z, self._weights(), self._memory(len(x)), latents)
        return torch.from_numpy(latents[:len(state)])

    def policy(self, state, latent, goal):
        """Return the prior's actions [K, A]; see ``Dynamics.policy``."""
        x, memory = _rows(state), self._memory(_padded(len(state)))
        kernels.policy(x, _rows(latent), _rows(goal), self._weights(), memory)
        return torch.from_numpy(memory.action[:len(state), :len(self.dynamics.active)].copy())

    def values(self, state, latent, goal):
        """Return each value head's estimates [V, K]; see ``Dynamics.values``."""
        x = _rows(state)
        weights, memory = self._weights(), self._memory(len(x))
        kernels.look_ahead(x, _rows(latent), _rows(goal), weights, memory.aims)
        made = np.zeros((len(x), self._values[0].w3.shape[1]), np.float32)
        found = np.empty((len(self._values), len(state)), np.float32)
        for head, row in zip(self._values, found):
            kernels.run_deep(memory.aims, head, memory.narrow, memory.narrow2, made)
            row[:] = made[:len(state), 0]
        return torch.from_numpy(found)

    def _weights(self) -> Weights:
        """Return the weights as they are now."""
        version = sum(source._version for source in self._sources)
        if version != self._version:
            self._packed = self._pack()
            self._values = [_deep(head) for head in self.dynamics.value_heads]
            self._version = version
        return self._packed

    def _pack(self):
        dynamics, features = self.dynamics, self.dynamics.features
        ensemble = dynamics.ensemble
        first, second, last = ensemble.weights
        named = {'ensemble_w1': _inputs(first), 'ensemble_w2': _inputs(second),
                 'ensemble_w3': _columns(_inputs(last))}
        named.update({f'ensemble_b{i + 1}': _columns(_array(bias[:, 0]))
                      for i, bias in enumerate(ensemble.biases)})
        named['ensemble_b1'] = named['ensemble_b1'][:, :first.shape[-1]].copy()
        named['ensemble_b2'] = named['ensemble_b2'][:, :second.shape[-1]].copy()
        named.update({name: _array(getattr(features, name)) for name in (
            'robot_scale', 'object_scale', 'object_shift', 'context_scale', 'thing_scale',
            'centre', 'table')})
        return Weights(
            objects=dynamics.layout.objects, own=dynamics.config.latent, grip=_grip(dynamics),
            dt=np.float32(dynamics.rule.dt),
            speed=_array(dynamics.rule_speed), change=_array(dynamics.rule_change),
            walls=_array(dynamics.rule_walls), lag=_array(dynamics.lag),
            scale=_array(dynamics.scale), active=_array(dynamics.active),
            transition=_net(dynamics.transition[0]), encoder=_net(dynamics.encoder[0]),
            policy=_deep(dynamics.policy_head), **named)

    def _make(self, rows):
        dynamics, weights = self.dynamics, self._weights()

        def memory(width, *more):
            return np.zeros((*more, rows, width), np.float32)

        return Work(
            setpoints=memory(9), following=memory(16), own=memory(weights.own),
            seen=memory(weights.ensemble_w1.shape[1]), moved=memory(len(weights.transition.w1)),
            aims=memory(len(weights.policy.w1)), context=memory(len(weights.encoder.w1)),
            hidden1=memory(weights.ensemble_w1.shape[2]),
            hidden2=memory(weights.ensemble_w2.shape[2]),
            members=memory(weights.ensemble_w3.shape[2], len(weights.ensemble_w1)),
            narrow=memory(dynamics.config.hidden), narrow2=memory(dynamics.config.hidden),
            wide1=memory(weights.policy.w1.shape[1]), wide2=memory(weights.policy.w2.shape[1]),
            action=memory(weights.policy.w3.shape[1]))


def _grip(dynamics):
    low, high = dynamics.rule.widths
    features, layout = dynamics.features, dynamics.layout
    return Grip(int(layout.grips), int(layout.stacks), np.float32(low), np.float32(high),
                np.float32(GRIPPER_STEP), _array(features.grip_scale), _array(features.precise),
                _array(features.gap_scale))


def _padded(count):
    return (count + 3) // 4 * 4


def _rows(tensor):
    """Return ``tensor`` [K, N] as an array of its own, rows padded to a multiple of 4."""
    made = np.zeros((_padded(tensor.shape[0]), tensor.shape[1]), np.float32)
    made[:tensor.shape[0]] = tensor.numpy()
    return made


def _array(tensor):
    return np.ascontiguousarray(tensor.detach().numpy(), dtype=np.float32)


def _inputs(weight):
    """Return ``weight`` [..., I, O] with the inputs padded to a multiple of 4."""
    array = _array(weight)
    missing = _padded(array.shape[-2]) - array.shape[-2]
    return np.pad(array, [(0, 0)] * (array.ndim - 2) + [(0, missing), (0, 0)])


def _net(layers):
    first, norm, _, last = layers
    return Net(*_hidden(first, norm), *_last(last))


def _deep(layers):
    first, norm1, _, second, norm2, _, last = layers
    return DeepNet(*_hidden(first, norm1), *_hidden(second, norm2), *_last(last))


def _hidden(linear, norm):
    return (_inputs(linear.weight.T), _array(linear.bias), _array(norm.weight),
            _array(norm.bias))


def _last(linear):
    return _columns(_inputs(linear.weight.T)), _columns(_array(linear.bias))


def _columns(array):
    """Return an array [..., O] with the outputs padded to a multiple of 8."""
    missing = -array.shape[-1] % 8
    return np.ascontiguousarray(np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, missing)]))
