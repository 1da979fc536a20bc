"""TorchScript traces of the dynamics: the same numbers, to the bit, in a part of the time."""

import logging
import warnings

import torch

_WARM_UP = (1, 64, 1, 64)       # rows; TorchScript optimises on its second call


def traced(dynamics):
    """
    Return what has the methods of ``dynamics`` that a rollout needs, without Python between.

    Networks as small as these spend most of their time in Python.  Inputs have two
    dimensions [K, *].  The weights stay those of ``dynamics``, also when they change later.
    Where TorchScript does not work the dynamics themselves are returned, with a warning.
    """
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter('ignore')     # newer torch calls it deprecated
            module = torch.jit.trace_module(dynamics, _inputs(dynamics, 2), check_trace=False)
        with torch.inference_mode():
            for rows in _WARM_UP:
                for name, values in _inputs(dynamics, rows).items():
                    getattr(module, name)(*values)
    except Exception as error:  # noqa: B902
        # Whatever is the matter, plans are only slower without it.
        logging.getLogger(__name__).warning('planning without TorchScript: %s', error)
        return dynamics
    return module


def _inputs(dynamics, rows):
    """Return {method: inputs}."""
    like = dynamics.scale
    state = like.new_zeros(rows, dynamics.layout.width)
    latent = dynamics.initial_latent(state)
    action = like.new_zeros(rows, len(dynamics.active))
    goal, residual = like.new_zeros(rows, 3), like.new_zeros(rows, len(dynamics.scale))
    return {
        'step': (state, latent, action), 'policy': (state, latent, goal),
        'values': (state, latent, goal), 'encode': (state, latent),
        'follow': (state, state), 'residuals': (state, latent, state),
        'apply_residual': (state, state, residual)}
