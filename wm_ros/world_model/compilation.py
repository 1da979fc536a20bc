"""TorchScript of the dynamics and of rollouts: the same numbers, in a part of the time."""

import logging
import warnings

import torch
from wm_ros.world_model.rollout import Rollout

_WARM_UP = (1, 64, 1, 64)       # rows; TorchScript optimises on its second call


def compile_dynamics(dynamics):
    """
    Return what has the methods of ``dynamics``, and its Rollout, without Python between.

    Networks as small as these spend much of their time in Python.  Inputs have two
    dimensions [K, *].  The weights stay those of ``dynamics``, also when they change later.
    Where TorchScript does not work the dynamics themselves are returned, with a warning.
    """
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter('ignore')     # newer torch calls it deprecated
            module = torch.jit.trace_module(dynamics, _inputs(dynamics, 2), check_trace=False)
            rollout = torch.jit.script(Rollout(module))
        with torch.inference_mode():
            for rows in _WARM_UP:
                _run_once(dynamics, module, rollout, rows)
    except Exception as error:  # noqa: B902
        # Whatever is the matter, plans are only slower without it.
        logging.getLogger(__name__).warning('planning without TorchScript: %s', error)
        return dynamics, Rollout(dynamics)
    return module, rollout


def _run_once(dynamics, module, rollout, rows):
    for name, values in _inputs(dynamics, rows).items():
        getattr(module, name)(*values)
    state, latent, action = _inputs(dynamics, 1)['step']
    actions = action.expand(rows, 2, -1)
    for guided in (0, rows // 2, rows):
        rollout(state[0], latent[0], actions, state[0, :3], guided)


def _inputs(dynamics, rows):
    """Return {method: inputs}."""
    like = dynamics.scale
    state = like.new_zeros(rows, dynamics.layout.width)
    latent = dynamics.initial_latent(state)
    action = like.new_zeros(rows, len(dynamics.active))
    goal, setpoint = like.new_zeros(rows, 3), like.new_zeros(rows, 8)
    return {
        'step': (state, latent, action), 'policy': (state, latent, goal),
        'values': (state, latent, goal), 'encode': (state, latent),
        'partial_step': (state, latent, setpoint, like.new_ones(rows, 1))}
