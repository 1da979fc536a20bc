"""Compiled models: the same numbers as the one that learns, whatever runs them."""

import logging
from shutil import which

from model_testing import make_dynamics, ROBOT
import pytest
import torch
from torch._dynamo.utils import counters
from wm_ros.tasks import get_task
from wm_ros.world_model import load_checkpoint, WorldModel
from wm_ros.world_model.agent import compilation
from wm_ros.world_model.agent.compilation import compile_dynamics
from wm_ros.world_model.agent.config import ModelConfig
from wm_ros.world_model.agent.fused.model import FusedDynamics
from wm_ros.world_model.agent.rollout import Rollout
from wm_ros.world_model.agent.wide import WideDynamics
from wm_ros.world_model.compiled.inductor import Compiled

#: How far a backend's numbers may be from eager torch's: TorchScript's are the same to the bit.
EXACT = {'numba': 5e-5, 'wide': 5e-5, 'torchscript': 0.0}


@pytest.fixture(scope='module')
def shipped():
    """Return dynamics by task: shipped ones, and of tasks that grasp untrained ones."""
    found = {task: load_checkpoint('', ROBOT, get_task(task)).dynamics
             for task in ('reach', 'push')}
    for task, context in (('pick_and_place', 0), ('stack', 12)):
        found[task] = make_dynamics(task, config=ModelConfig(context=context))
        found[task].requires_grad_(False)
        found[task].scale.fill_(0.05)
    return found


TASKS = ('reach', 'push', 'pick_and_place', 'stack')


def inputs(dynamics, rows):
    """Return states, latents, actions, goals about where they are in use."""
    generator = torch.Generator().manual_seed(rows)
    state = 0.3 * torch.randn(rows, dynamics.layout.width, generator=generator)
    width = dynamics.initial_latent(state).shape[1]
    return (state, torch.rand(rows, width, generator=generator),
            torch.rand(rows, 5, generator=generator) * 2.4 - 1.2,
            0.3 * torch.randn(rows, 3, generator=generator))


def assert_same(got, expected, atol):
    for ours, theirs in zip(got, expected):
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
        torch.testing.assert_close(ours, theirs, atol=atol, rtol=0.0, equal_nan=True)


@pytest.mark.parametrize('backend', EXACT)
@pytest.mark.parametrize('task', TASKS)
@pytest.mark.parametrize('rows', [1, 7, 64])
def test_every_method_gives_the_same_numbers(shipped, backend, task, rows):
    dynamics = shipped[task]
    run, _ = compile_dynamics(dynamics, backend)
    assert run is not dynamics      # it did compile
    state, latent, action, goal = inputs(dynamics, rows)
    with torch.inference_mode():
        assert_same(run.step(state, latent, action), dynamics.step(state, latent, action),
                    EXACT[backend])
        for name, values in (('policy', (state, latent, goal)), ('values', (state, latent, goal)),
                             ('encode', (state, latent))):
            assert_same([getattr(run, name)(*values)], [getattr(dynamics, name)(*values)],
                        EXACT[backend])
        setpoint = state[:1, 6:14] + 0.02
        if dynamics.layout.grips:
            setpoint = torch.cat([setpoint, state[:1, -1:] - 0.004], 1)
        part = (state[:1], latent[:1], setpoint, torch.tensor([[0.37]]))
        assert_same(run.partial_step(*part), dynamics.partial_step(*part), EXACT[backend])


@pytest.mark.parametrize('backend', EXACT)
@pytest.mark.parametrize('task', ['push', 'stack'])
@pytest.mark.parametrize('guided', [0, 1, 6, 13])
def test_dreams_are_the_same(shipped, backend, task, guided):
    dynamics = shipped[task]
    _, rollout = compile_dynamics(dynamics, backend)
    state, latent, _, goal = inputs(dynamics, 1)
    state[0, :3] = torch.tensor([0.5, 0.0, 0.05])
    actions = torch.randn(13, 12, 5, generator=torch.Generator().manual_seed(1))
    given = (state[0], latent[0], actions, goal[0], guided)
    with torch.inference_mode():
        before = actions.clone()
        assert_same(rollout(*given), Rollout(dynamics)(*given), 2 * EXACT[backend])
        assert torch.equal(actions, before), "what was given in is the caller's"


@pytest.mark.skipif(not (which('g++') or which('clang++')), reason='it needs a C++ compiler')
def test_torchs_compiler_knows_any_horizon_and_number_of_candidates(shipped):
    """What changes while the arm moves must not compile anything anew."""
    dynamics = shipped['reach']
    run, rollout = compile_dynamics(dynamics, 'compile')
    assert isinstance(run.step, Compiled)
    state, latent, _, goal = inputs(dynamics, 1)
    made = counters['stats']['unique_graphs']
    for candidates, horizon, guided in ((1, 3, 1), (13, 12, 6), (64, 25, 64), (200, 2, 0)):
        actions = torch.rand(candidates, horizon, 5) * 2.4 - 1.2
        given = (state[0], latent[0], actions, goal[0], guided)
        with torch.inference_mode():
            assert_same(rollout(*given), Rollout(dynamics)(*given), 1e-4)
    assert counters['stats']['unique_graphs'] == made


@pytest.mark.parametrize('backend', EXACT)
def test_dreams_of_before_stay_what_they_were(shipped, backend):
    """Memory that is used again must not shine through."""
    _, rollout = compile_dynamics(shipped['push'], backend)
    state, latent, _, goal = inputs(shipped['push'], 1)
    with torch.inference_mode():
        first = rollout(state[0], latent[0], torch.zeros(8, 5, 5), goal[0], 8)
        kept = [tensor.clone() for tensor in first]
        rollout(state[0] + 0.1, latent[0], torch.ones(8, 5, 5), goal[0], 8)
        assert_same(first, kept, 0.0)


@pytest.mark.parametrize('backend', EXACT)
@pytest.mark.parametrize('place', [0, 7, 15, 18])
def test_what_is_not_a_number_stays_visible(shipped, backend, place):
    """A planner drops what is not finite; it must not be clamped into a number on the way."""
    dynamics = shipped['push']
    run, rollout = compile_dynamics(dynamics, backend)
    state, latent, action, goal = inputs(dynamics, 4)
    state[1, place] = float('nan')
    with torch.inference_mode():
        after, _, _ = run.step(state, latent, action)
        assert not after[1].isfinite().all() and after[[0, 2, 3]].isfinite().all()
        assert not rollout(state[1], latent[1], torch.zeros(4, 3, 5), goal[0], 2)[1][
            :, -1].isfinite().all(-1).any()


@pytest.mark.parametrize('backend', EXACT)
def test_the_weights_are_followed(backend):
    """Training plays with the planner between its updates."""
    dynamics = make_dynamics()
    run, rollout = compile_dynamics(dynamics, backend)
    state, latent, action, goal = inputs(dynamics, 3)
    with torch.no_grad():
        before = run.policy(state, latent, goal)
        for parameter in dynamics.parameters():
            parameter.add_(0.1)
        dynamics.lag.add_(0.3)
        after = run.policy(state, latent, goal)
        assert not torch.equal(before, after)
        assert_same([after], [dynamics.policy(state, latent, goal)], EXACT[backend])
        assert_same(run.step(state, latent, action), dynamics.step(state, latent, action),
                    EXACT[backend])
        given = (state[0], latent[0], torch.zeros(3, 4, 5), goal[0], 2)
        assert_same(rollout(*given), Rollout(dynamics)(*given), 2 * EXACT[backend])


def test_a_world_model_takes_the_fastest(shipped):
    model = WorldModel(shipped['push'], ROBOT, get_task('push'), backend='auto')
    assert type(model._run) is FusedDynamics
    wide = make_dynamics(config=ModelConfig(hidden=256, ensemble_hidden=256))
    run, _ = compile_dynamics(wide)
    assert type(run) is WideDynamics


def test_bfloat16_dreams_nearly_the_same_and_only_where_it_is_asked_for(shipped):
    dynamics = shipped['push']
    run, rollout = compile_dynamics(dynamics, 'wide-bfloat16')
    assert type(run) is WideDynamics
    state, latent, _, goal = inputs(dynamics, 1)
    state[0, :3] = torch.tensor([0.5, 0.0, 0.05])
    actions = torch.randn(64, 10, 5, generator=torch.Generator().manual_seed(1))
    given = (state[0], latent[0], actions, goal[0], 32)
    with torch.inference_mode():
        found, expected = rollout(*given), Rollout(dynamics)(*given)
    off = (found[1] - expected[1]).abs()
    assert 1e-6 < off.mean() < 5e-3 and off[..., :3].max() < 0.01      # [m] after half a second


def test_what_cannot_be_had_is_said_and_the_usual_taken(shipped, monkeypatch, caplog):
    monkeypatch.setattr(compilation, 'find_spec', lambda name: None)
    with caplog.at_level(logging.WARNING):
        run, _ = compile_dynamics(shipped['push'], 'wide')
    assert isinstance(run, torch.jit.ScriptModule)
    assert 'planning without wide: it needs pip install numba' in caplog.text


def test_a_backend_that_gives_other_numbers_is_passed_over(shipped, monkeypatch, caplog):
    class Wrong(FusedDynamics):

        def step(self, state, latent, action):
            after, latent, spread = super().step(state, latent, action)
            return after + 0.01, latent, spread

    monkeypatch.setattr('wm_ros.world_model.agent.fused.model.FusedDynamics', Wrong)
    with caplog.at_level(logging.WARNING):
        run, _ = compile_dynamics(shipped['push'])
    assert isinstance(run, WideDynamics)
    assert 'planning without numba: step differs from eager torch' in caplog.text


def test_without_numba_it_is_torchscript_and_without_that_torch(shipped, monkeypatch, caplog):
    monkeypatch.setattr(compilation, 'find_spec', lambda name: None)
    run, _ = compile_dynamics(shipped['push'])
    assert isinstance(run, torch.jit.ScriptModule) and not caplog.text

    def broken(*_, **__):
        raise RuntimeError('no compiler today')

    monkeypatch.setattr(torch.jit, 'trace_module', broken)
    run, rollout = compile_dynamics(shipped['push'])
    assert run is shipped['push'] and isinstance(rollout, Rollout)
    assert 'planning without torchscript: no compiler today' in caplog.text
