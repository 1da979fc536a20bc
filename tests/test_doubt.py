"""Doubt: what was never seen is doubted, what was not foreseen surprises."""

import copy

import pytest
import torch
from wm_ros.world_model.doubt import Doubt, Guess

SPREAD = 0.1


def rows(count, low=-1.0, high=1.0, spread=SPREAD):
    """Return features [B, 2], a Guess [B, 2], actions [B, 1], and what is seen next [B, 2]."""
    features = low + (high - low) * torch.rand(count, 2)
    action = torch.rand(count, 1) * 2 - 1
    guess = Guess(features.clone(), torch.ones(count, 2))
    clean = torch.cat([features[:, :1] + 0.3 * action, (2 * features[:, 1:]).sin()], -1)
    return features, guess, action, clean + spread * torch.randn(count, 2)


@pytest.fixture(scope='module')
def doubt():
    torch.manual_seed(0)
    made = Doubt(2, 1, {'joints': 1, 'objects': 1}, members=5, hidden=32)
    optimiser = torch.optim.Adam(made.parameters(), 3e-3)
    for _ in range(1200):
        loss = made.loss(*rows(128))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return made.eval()


@torch.no_grad()
def test_the_forecast_is_right_and_knows_how_right(doubt):
    features, guess, action, seen = rows(2000)
    found = doubt(features, guess, action)
    error = seen - found.mean
    assert error.std() < 1.2 * SPREAD
    assert 0.7 * SPREAD < found.spread.mean() < 1.4 * SPREAD
    within = (error.abs() < found.spread).float().mean()
    assert 0.52 < within < 0.72     # 0.63 for Student's distribution, 0.59 fits Gaussian noise
    surprise = found.off(seen).square().mean(0)
    assert 1.0 < surprise.min() and surprise.max() < 2.0      # 1.45 for Gaussian noise
    ranks = found.rank(seen)
    assert all(abs((ranks < level).float().mean() - level) < 0.05 for level in (0.1, 0.5, 0.9))


@torch.no_grad()
def test_members_disagree_where_they_have_seen_nothing(doubt):
    known, unknown = (doubt(*some[:3]).epistemic.square().mean(-1).sqrt()
                      for some in (rows(500), rows(500, 2.0, 3.0)))
    assert unknown.median() > 4 * known.quantile(0.95)


@torch.no_grad()
def test_spreads_are_mended_by_what_was_not_trained_on(doubt):
    features, guess, action, seen = rows(4000, spread=2 * SPREAD)
    seen[:100, 0] = float('nan')
    mended = copy.deepcopy(doubt)
    for _ in range(2):      # once mended, it stays as it is
        mended.calibrate(mended(features, guess, action), seen)
    before, after = (one(features, guess, action) for one in (doubt, mended))
    assert torch.equal(before.mean, after.mean) and torch.equal(before.epistemic, after.epistemic)
    ranks = after.rank(seen)[100:]
    for quantile in (0.25, 0.75):
        assert ((ranks < quantile).float().mean(0) - quantile).abs().max() < 0.03
    assert (mended.scale > 1.5).all()


@torch.no_grad()
def test_what_was_not_foreseen_surprises_in_its_stream_alone(doubt):
    features, guess, action, seen = rows(500)
    seen[:, 1] += 8 * SPREAD
    found = doubt(features, guess, action).off(seen).square()
    assert found[:, 1].median() > 20 and found[:, 0].median() < 2


def test_what_is_missing_neither_teaches_nor_surprises(doubt):
    features, guess, action, seen = rows(50)
    seen[:, 1] = float('nan')
    loss = doubt.loss(features, guess, action, seen)
    assert loss.isfinite()
    loss.backward()
    assert all(p.grad.isfinite().all() for p in doubt.parameters())
    found = doubt(features, guess, action).off(seen)
    assert found[:, 1].isnan().all() and found[:, 0].isfinite().all()


def test_a_guess_that_is_only_told_of_is_trusted_less():
    torch.manual_seed(0)
    doubt = Doubt(1, 1, {'place': 1}, members=3, hidden=32)
    optimiser = torch.optim.Adam(doubt.parameters(), 3e-3)

    def told(count):
        place, seen = torch.rand(count, 1), (torch.rand(count, 1) < 0.5).float()
        guess = place + 0.2 * (1 - seen) * torch.randn(count, 1)
        return torch.zeros(count, 1), Guess(guess, seen), torch.zeros(count, 1), place

    for _ in range(600):
        loss = doubt.loss(*told(128))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        features, guess, action, _ = told(1000)
        spread = doubt(features, guess, action).spread
    seen = guess.seen > 0
    assert spread[seen].median() < 0.2 * spread[~seen].median()
