"""The dynamics and their rollouts, compiled: the same numbers, in a part of the time."""

from importlib.util import find_spec
import logging
import warnings

import torch
from wm_ros.world_model.agent.rollout import Rollout

#: Ways to run the dynamics, fastest first.
BACKENDS = ('numba', 'torchscript', 'eager')
_WARM_UP = (1, 64, 1, 64)       # rows; TorchScript optimises on its second call
_SAME = 2e-4                    # by which a backend's numbers may differ from eager torch's
_LOG = logging.getLogger(__name__)


def compile_dynamics(dynamics, backends=BACKENDS):
    """
    Return what has the methods of ``dynamics``, and its rollout, without Python between.

    The first of ``backends`` that is there, works, and gives the numbers of eager torch is
    taken; one that fails is named in a warning.  Networks as small as these spend most of
    their time between torch's operations, which numba's loops do without.
    Inputs have two dimensions [K, *].  The weights stay those of ``dynamics``, also when they
    change later.  Holds memory: one for each thread.
    """
    for backend in backends:
        if backend == 'numba' and (find_spec('numba') is None
                                   or dynamics.scale.device.type != 'cpu'):
            continue
        try:
            run, rollout = _MAKERS[backend](dynamics)
            with torch.inference_mode():
                _compare(dynamics, run, rollout)
            return run, rollout
        except Exception as error:  # noqa: B902
            # Whatever is the matter, plans are only slower without it.
            _LOG.warning('planning without %s: %s', backend, ' '.join(str(error).split())[:300])
    return dynamics, Rollout(dynamics)


def _numba(dynamics):
    # Late: without numba, or where it may not compile, the others still work.
    from wm_ros.world_model.agent.fused.model import FusedDynamics
    fused = FusedDynamics(dynamics)
    return fused, fused.rollout


def _torchscript(dynamics):
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')     # newer torch calls it deprecated
        module = torch.jit.trace_module(dynamics, _inputs(dynamics, 2), check_trace=False)
        rollout = torch.jit.script(Rollout(module))
    with torch.inference_mode():
        for rows in _WARM_UP:
            for name, values in _inputs(dynamics, rows).items():
                getattr(module, name)(*values)
            for guided in (0, rows // 2, rows):
                rollout(*_futures(dynamics, rows), guided)
    return module, rollout


_MAKERS = {'numba': _numba, 'torchscript': _torchscript,
           'eager': lambda dynamics: (dynamics, Rollout(dynamics))}


def _compare(dynamics, run, rollout):
    """Raise ValueError unless the numbers are those of ``dynamics``."""
    plain = Rollout(dynamics)
    pairs = [(name, getattr(run, name)(*values), getattr(dynamics, name)(*values))
             for name, values in _inputs(dynamics, 5).items() if name != 'partial_step']
    one = _inputs(dynamics, 1)['partial_step']
    pairs.append(('partial_step', run.partial_step(*one), dynamics.partial_step(*one)))
    futures = (*_futures(dynamics, 5), 3)
    pairs.append(('rollout', rollout(*futures), plain(*futures)))
    for name, got, expected in pairs:
        got, expected = ([value] if torch.is_tensor(value) else value for value in (got, expected))
        for ours, theirs in zip(got, expected):
            if ours.shape != theirs.shape or not torch.allclose(
                    ours, theirs, rtol=_SAME, atol=_SAME, equal_nan=True):
                raise ValueError(f'{name} differs from eager torch')


def _futures(dynamics, rows):
    state, latent, action = _inputs(dynamics, 1)['step']
    return state[0], latent[0], action.expand(rows, 2, -1).contiguous(), state[0, :3]


def _inputs(dynamics, rows):
    """Return {method: inputs}."""
    like = dynamics.scale
    # About where states are, and the same each time.
    state = 0.3 + 0.1 * torch.sin(torch.arange(
        rows * dynamics.layout.width, dtype=like.dtype, device=like.device)).view(rows, -1)
    latent = dynamics.initial_latent(state)
    action = 0.5 - state[:, :len(dynamics.active)]
    goal, setpoint = state[:, 3:6], state[:, 6:14]
    return {
        'step': (state, latent, action), 'policy': (state, latent, goal),
        'values': (state, latent, goal), 'encode': (state, latent),
        'partial_step': (state, latent, setpoint, like.new_full((rows, 1), 0.6))}
