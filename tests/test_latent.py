"""Latent dynamics of every kind: filtering, imagining, learning what is hidden and uncertain."""

import pytest
import torch
from torch import nn
from wm_ros.world_model.latent import (
    at, Branching, BranchingConfig, Flow, Rssm, RssmConfig, SimNormConfig, SimNormLatent,
    TokenTransformer, TransformerConfig)

SEEN, ACTIONS = 2, 1
KINDS = {
    'rssm': lambda: Rssm(SEEN, ACTIONS, RssmConfig(48, 6, 6, 48)),
    'simnorm': lambda: SimNormLatent(SEEN, ACTIONS, SimNormConfig(48, 64, 4)),
    'transformer': lambda: TokenTransformer(SEEN, ACTIONS, TransformerConfig(32, 2, 2, 32, 6)),
    'flow on rssm': lambda: Branching(
        Rssm(SEEN, ACTIONS + 3, RssmConfig(48, 6, 6, 48)), BranchingConfig(3, 64)),
    'flow on simnorm': lambda: Branching(
        SimNormLatent(SEEN, ACTIONS + 3, SimNormConfig(48, 64, 4)), BranchingConfig(3, 64))}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def carts(count, steps=12):
    """
    Return what is seen of carts [T, B, 2] (place, and a number that means nothing), actions.

    Actions change a cart's velocity, which is not seen; row t's action is the one before it.
    """
    place, velocity = 0.4 * torch.randn(count), 0.1 * torch.randn(count)
    seen, actions = [], []
    for _ in range(steps):
        action = torch.rand(count) * 2 - 1
        velocity = 0.9 * velocity + 0.1 * action
        place = place + velocity
        seen.append(torch.stack([place, torch.zeros(count)], -1))
        actions.append(action[:, None])
    return torch.stack(seen), torch.stack(actions)


def observed(model, seen, actions):
    state = model.initial(seen.shape[1])
    for embedding, action in zip(seen, actions):
        state = model.observe(state, action, embedding)
    return state


@pytest.mark.parametrize('kind', KINDS)
def test_a_sequence_is_filtered_and_dreamed_on(kind):
    model = KINDS[kind]().eval()
    seen, actions = carts(3)
    found = model.filter(seen, actions)
    assert found.features.shape == (12, 3, model.feature_width)
    assert found.losses and all(loss.ndim == 0 and loss.isfinite()
                                for loss in found.losses.values())
    dreamed = model.dream(observed(model, seen, actions), actions[:5])
    assert dreamed.shape == (5, 3, model.feature_width) and dreamed.isfinite().all()


@pytest.mark.parametrize('kind', ['simnorm', 'transformer'])
def test_filtering_is_observing_step_by_step(kind):
    model = KINDS[kind]().eval()
    seen, actions = carts(3, 6)
    found, state = model.filter(seen, actions), model.initial(3)
    for t in range(6):
        state = model.observe(state, actions[t], seen[t])
        torch.testing.assert_close(model.features(state), found.features[t], atol=1e-5, rtol=0)


@pytest.mark.parametrize('kind', KINDS)
def test_rows_of_a_batch_know_nothing_of_each_other(kind):
    model = KINDS[kind]().eval()
    seen, actions = carts(4)
    other = seen.clone()
    other[:, 1:] += 0.5
    features = []
    for given in (seen, other):
        torch.manual_seed(3)
        features.append(model.filter(given, actions).features[:, 0])
    if 'rssm' in kind:      # what is drawn for one row shifts what is drawn for the next
        features = [rows[:1, :48] for rows in features]
    torch.testing.assert_close(*features)


def test_what_the_transformer_draws_is_what_it_would_have_read():
    """Going on token by token gives what the whole sequence does, also when memory is full."""
    model = KINDS['transformer']().eval()
    seen, actions = carts(3, 10)
    state = model.initial(3)
    for t in range(10):
        dreamed = model.imagine(state, actions[t])
        read = model._read(state, actions[t], dreamed.tokens[:, -1])
        torch.testing.assert_close(dreamed.seen, read.seen, atol=1e-5, rtol=0)
        assert dreamed.tokens.shape[1] == min(t + 1, 6)
        state = model.observe(state, actions[t], seen[t])


def test_tokens_stand_for_numbers_within_a_bin():
    model = KINDS['transformer']()
    numbers = torch.randn(500, SEEN)
    model.fit_range(numbers)
    width = (model.high - model.low) / 32
    middles = model.low + (model.tokenise(numbers) + 0.5) * width
    assert ((middles - numbers).abs() <= 0.51 * width).all()


@pytest.mark.parametrize('kind', KINDS)
def test_it_learns_what_is_not_seen(kind):
    """After six looks the place six steps later is foreseen, which takes the velocity."""
    model = KINDS[kind]()
    head = nn.Linear(model.feature_width, 1)
    optimiser = torch.optim.Adam([*model.parameters(), *head.parameters()], 3e-3)
    if kind == 'transformer':
        model.fit_range(carts(500)[0])
    for _ in range(400):
        seen, actions = carts(32)
        found = model.filter(seen, actions)
        read = (head(found.features)[..., 0] - seen[..., 0]).square().mean()
        if found.states:    # the head is taught in dreams as well
            dreamed = head(model.dream(at(found.states, 5), actions[6:]))[..., 0]
            read = read + (dreamed - seen[6:, :, 0]).square().mean()
        optimiser.zero_grad()
        (10.0 * read + sum(found.losses.values())).backward()
        optimiser.step()
    model.eval()
    seen, actions = carts(200)
    with torch.no_grad():
        state = observed(model, seen[:6], actions)
        foreseen = torch.stack([head(model.dream(state, actions[6:]))[-1, :, 0]
                                for _ in range(8)]).mean(0)
    error = (foreseen - seen[-1, :, 0]).abs().mean()
    stays = (seen[5, :, 0] - seen[-1, :, 0]).abs().mean()
    assert error < 0.7 * stays, (error, stays)


def test_a_flow_finds_both_ways_and_how_often_each_is_taken():
    """Three of four times to the right of 0, else to the left; the condition says how far."""
    flow = Flow(1, 1, 64, steps=10)
    optimiser = torch.optim.Adam(flow.parameters(), 3e-3)

    def world(count):
        far = torch.rand(count, 1) + 1.0
        side = torch.where(torch.rand(count, 1) < 0.75, 1.0, -1.0)
        return side * far + 0.03 * torch.randn(count, 1), far

    for _ in range(600):
        loss = flow.loss(*world(256))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        for far in (1.1, 1.8):
            drawn = flow.draw(torch.full((2000, 1), far))[:, 0]
            right = drawn > 0
            assert abs(float(right.float().mean()) - 0.75) < 0.08
            assert float(drawn[right].median()) == pytest.approx(far, abs=0.12)
            assert float(drawn[~right].median()) == pytest.approx(-far, abs=0.15)


def marbles(count, steps=10):
    """
    Return what is seen of marbles [T, B, 2] that fall to one side or the other at step 3.

    The second number is the odds of the right side; actions [T, B, 1] are nothing.
    """
    odds = torch.rand(count) * 0.6 + 0.2
    side = torch.where(torch.rand(count) < odds, 1.0, -1.0)
    seen = [torch.stack([side * max(t - 3, 0) / (steps - 4), odds], -1) for t in range(steps)]
    return torch.stack(seen), torch.zeros(steps, count, 1)


def test_dreams_of_a_future_that_branches_take_one_way_each_and_as_often_as_it_is_taken():
    model = Branching(SimNormLatent(SEEN, ACTIONS + 2, SimNormConfig(32, 64, 4)),
                      BranchingConfig(2, 64))
    head = nn.Linear(model.feature_width, 1)
    optimiser = torch.optim.Adam([*model.parameters(), *head.parameters()], 3e-3)
    slower = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.01, 500)
    for _ in range(500):
        seen, actions = marbles(128)
        found = model.filter(seen, actions)
        dreamed = head(model.dream(at(found.states, 2), actions[3:]))[..., 0]
        read = (head(found.features)[..., 0] - seen[..., 0]).square().mean()
        loss = (30 * ((dreamed - seen[3:, :, 0]).square().mean() + read)
                + sum(found.losses.values()))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        slower.step()
    model.eval()
    seen, actions = marbles(300)
    with torch.no_grad():
        state = observed(model, seen[:3], actions)
        drawn = torch.stack([head(model.dream(state, actions[3:]))[..., 0]
                             for _ in range(100)])       # [D, H, B]
    ended, halfway = drawn[:, -1], drawn[:, 3]
    assert ((ended.abs() - 1).abs() < 0.3).float().mean() > 0.9
    assert ((ended > 0) == (halfway > 0)).float().mean() > 0.98
    share = (ended > 0).float().mean(0)
    assert (share - seen[0, :, 1]).abs().mean() < 0.1
