"""The compiled model: the same numbers as the one that learns."""

from model_testing import make_dynamics, ROBOT
import pytest
import torch
from wm_ros.tasks import get_task
from wm_ros.world_model import load_checkpoint, WorldModel


@pytest.mark.parametrize('task', ['reach', 'push'])
@pytest.mark.parametrize('rows', [1, 7, 64])
def test_compiled_is_the_same_to_the_bit(task, rows):
    model = load_checkpoint('', ROBOT, get_task(task))
    dynamics = model.dynamics
    assert model._run is not dynamics       # it did compile
    generator = torch.Generator().manual_seed(rows)
    state = 0.3 * torch.randn(rows, dynamics.layout.width, generator=generator)
    latent = torch.rand(rows, dynamics.config.latent, generator=generator)
    action = torch.rand(rows, 5, generator=generator) * 2 - 1
    goal = 0.3 * torch.randn(rows, 3, generator=generator)
    with torch.inference_mode():
        for got, expected in (
                *zip(model._run.step(state, latent, action), dynamics.step(state, latent, action)),
                (model._run.policy(state, latent, goal), dynamics.policy(state, latent, goal)),
                (model.values(state, latent, goal), dynamics.values(state, latent, goal))):
            assert torch.equal(got, expected)


@pytest.mark.parametrize('guided', [0, 1, 5])
def test_compiled_dreams_are_the_same_to_the_bit(guided):
    model = load_checkpoint('', ROBOT, get_task('push'))
    plain = WorldModel(model.dynamics, ROBOT, get_task('push'))
    state = 0.3 * torch.randn(model.layout.width)
    latent, actions = torch.rand(model.dynamics.config.latent), torch.randn(5, 12, 5)
    goal = torch.tensor([0.5, 0.1, 0.02])
    for got, expected in zip(model.imagine(state, latent, actions, goal, guided),
                             plain.imagine(state, latent, actions, goal, guided)):
        assert torch.equal(got, expected)


def test_compiled_follows_the_weights():
    """Training plays with the planner between its updates."""
    dynamics = make_dynamics()
    model = WorldModel(dynamics, ROBOT, get_task('reach'), compiled=True)
    state, goal = torch.zeros(3, dynamics.layout.width), torch.ones(3, 3)
    latent = dynamics.initial_latent(state)
    before = model._run.policy(state, latent, goal)
    with torch.no_grad():
        for parameter in dynamics.parameters():
            parameter.add_(0.1)
    after = model._run.policy(state, latent, goal)
    assert not torch.equal(before, after)
    with torch.no_grad():
        assert torch.equal(after, dynamics.policy(state, latent, goal))
