"""The dynamics and their rollouts, compiled: the same numbers, in a part of the time."""

from importlib.util import find_spec
import logging
import warnings

import torch
from wm_ros.world_model.agent.rollout import Rollout
from wm_ros.world_model.compiled.inductor import Compiled, WARM_UP

#: Ways to run the dynamics: loops, matrix products, those in bfloat16, torch's compilers, torch.
BACKENDS = ('numba', 'wide', 'wide-bfloat16', 'torchscript', 'compile', 'eager')
_ON_CPU = ('numba', 'wide', 'wide-bfloat16')
_WIDE = 256                     # of hidden layers, from where matrix products are faster
_WARM_UP = (1, 64, 1, 64)       # rows; TorchScript optimises on its second call
_SAME = {'wide-bfloat16': 0.03}     # by which a backend's numbers may differ from eager torch's
_ELSE = 2e-4
_LOG = logging.getLogger(__name__)


def compile_dynamics(dynamics, backend: str = 'auto'):
    """
    Return what has the methods of ``dynamics``, and its rollout, without Python between.

    ``backend``, one of BACKENDS, or else the first that is there, works, and gives the numbers
    of eager torch is taken; one that fails is named in a warning.  Small networks spend most of
    their time between torch's operations, which numba's loops do without; ``auto`` never takes
    bfloat16, which rounds.  Inputs have two dimensions [K, *].  The weights stay those of
    ``dynamics``, also when they change later.  Holds memory: one for each thread.
    """
    for name in _order(dynamics.config, backend):
        if name == 'eager':
            break
        try:
            _check_place(name, dynamics)
            run, rollout = _MAKERS[name](dynamics)
            with torch.inference_mode():
                _compare(dynamics, run, rollout, _SAME.get(name, _ELSE))
            return run, rollout
        except _NotHere as error:
            if name == backend:
                _LOG.warning('planning without %s: %s', name, error)
        except Exception as error:  # noqa: B902
            # Whatever is the matter, plans are only slower without it.
            _LOG.warning('planning without %s: %s', name, ' '.join(str(error).split())[:300])
    return dynamics, Rollout(dynamics)


class _NotHere(Exception):
    """A backend needs what is not there."""


def _order(config, backend):
    """Return the names of backends in the order in which they are tried."""
    wide = max(config.hidden, config.ensemble_hidden) >= _WIDE
    usual = ['wide', 'numba'] if wide else ['numba', 'wide']
    asked = [] if backend == 'auto' else [backend]
    return dict.fromkeys([*asked, *usual, 'torchscript', 'eager'])


def _check_place(name, dynamics):
    if name in _ON_CPU and dynamics.scale.device.type != 'cpu':
        raise _NotHere(f'it runs on a CPU, not on {dynamics.scale.device.type}')
    if name in _ON_CPU and find_spec('numba') is None:
        raise _NotHere('it needs pip install numba')


def _numba(dynamics):
    # Late: without numba, or where it may not compile, the others still work.
    from wm_ros.world_model.agent.fused.model import FusedDynamics
    fused = FusedDynamics(dynamics)
    return fused, fused.rollout


def _wide(dynamics, precision='float32'):
    from wm_ros.world_model.agent.wide import WideDynamics
    wide = WideDynamics(dynamics, precision)
    return wide, wide.rollout


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


class _Inductor:
    """Dynamics whose steps and prior are compiled; the loop of a dream stays in Python."""

    def __init__(self, dynamics):
        device = dynamics.scale.device
        self.step, self.policy = (Compiled(method, device)
                                  for method in (dynamics.step, dynamics.policy))
        self.values, self.encode = dynamics.values, dynamics.encode
        self.partial_step = dynamics.partial_step


def _compile(dynamics):
    run = _Inductor(dynamics)
    rollout = Rollout(run)
    with torch.inference_mode():
        for rows in WARM_UP:
            rollout(*_futures(dynamics, rows), rows)
            rollout(*_futures(dynamics, rows), rows // 2)
    return run, rollout


_MAKERS = {'numba': _numba, 'wide': _wide, 'torchscript': _torchscript,
           'compile': _compile,
           'wide-bfloat16': lambda dynamics: _wide(dynamics, 'bfloat16')}


def _compare(dynamics, run, rollout, same):
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
                    ours, theirs, rtol=same, atol=same, equal_nan=True):
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
    if dynamics.layout.grips:
        setpoint = torch.cat([setpoint, state[:, -1:]], -1)
    return {
        'step': (state, latent, action), 'policy': (state, latent, goal),
        'values': (state, latent, goal), 'encode': (state, latent),
        'partial_step': (state, latent, setpoint, like.new_full((rows, 1), 0.6))}
