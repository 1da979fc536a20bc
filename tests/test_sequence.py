"""Models of sequences of what sensors give: senses, heads, training, foresight."""

import json

import numpy as np
import pytest
from safetensors.torch import load_file
import torch
from wm_ros.cli import main
from wm_ros.data import Bank
from wm_ros.data.windows import columns_for, WARM, window_batch
from wm_ros.learning.foresight import curve, fit_probe, places_of
from wm_ros.learning.sequence import head_losses, SequenceTraining
from wm_ros.tasks import get_task
from wm_ros.world_model.senses import Senses
from wm_ros.world_model.sequence import KINDS, SequenceConfig, SequenceModel
from wm_ros.world_model.two_hot import symexp, symlog, TwoHot

PUSH = get_task('push')
NAN = float('nan')


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture(scope='module')
def recordings(tmp_path_factory):
    """Return a folder of recorded episodes."""
    folder = tmp_path_factory.mktemp('seen')
    assert main(['collect', '--task', 'push', '--episodes', '3', '--output', str(folder)]) == 0
    return folder


def small(kind='rssm', **more):
    return SequenceConfig(**{
        'streams': {'joints': 3, 'objects': 2}, 'actions': 2, 'kind': kind, 'size': 16,
        'hidden': 16, 'layers': 1, **more})


def test_what_is_missing_has_an_embedding_of_its_own():
    senses = Senses({'joints': 3, 'objects': 2}, 8, 16)
    seen = torch.randn(5, 4, 5)
    blind = seen.clone()
    blind[:, :, 3] = NAN        # one number is enough
    other = blind.clone()
    other[:, :, 4] += 1.0
    assert senses(blind).isfinite().all()
    torch.testing.assert_close(senses(blind), senses(other))
    assert not torch.allclose(senses(blind), senses(seen))
    senses(torch.full_like(seen, NAN)).sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in senses.parameters())


def test_scales_are_those_of_what_was_seen():
    senses = Senses({'joints': 2}, 8, 16)
    seen = torch.tensor([[1.0, 10.0], [3.0, NAN], [5.0, 30.0]])[:, None]
    senses.fit_scale(seen)
    torch.testing.assert_close(senses.mean, torch.tensor([3.0, 20.0]))
    torch.testing.assert_close(senses.restored(senses.normalised(seen)), seen, equal_nan=True)


def test_streams_drop_out_whole_and_as_often_as_asked():
    senses = Senses({'joints': 3, 'objects': 2}, 8, 16)
    gone = senses.dropped(torch.zeros(50, 40, 5), 0.3).isnan()
    for part in (gone[..., :3], gone[..., 3:]):
        assert (part.all(-1) == part.any(-1)).all() and 0.25 < part.float().mean() < 0.35
    assert not (gone[..., 0] == gone[..., 4]).all()


def test_numbers_are_two_hot_and_back():
    numbers = torch.tensor([-50.0, -1.3, 0.0, 0.02, 7.0, 300.0])
    two_hot = TwoHot()
    weights = two_hot.encode(numbers)
    assert ((weights > 0).sum(-1) <= 2).all()
    torch.testing.assert_close(two_hot.decode(weights.clamp(min=1e-30).log()), numbers,
                               rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(symexp(symlog(numbers)), numbers)
    far = two_hot.decode(two_hot.encode(torch.tensor([1e9])).clamp(min=1e-30).log())
    torch.testing.assert_close(far, symexp(two_hot.middles[-1:]))


@pytest.mark.parametrize('kind', KINDS)
def test_every_kind_goes_on_where_sensors_fail(kind):
    model = SequenceModel(small(kind)).eval()
    numbers, actions = torch.randn(6, 3, 5), torch.randn(6, 3, 2)
    model.senses.fit_scale(numbers)
    numbers[2:4, :, 3:], numbers[4] = NAN, NAN
    found = model.filter(numbers, actions)
    assert found.features.isfinite().all()
    assert all(loss.isfinite() for loss in found.losses.values())
    state = model.follow(numbers, actions)
    seen = model.seen(model.dynamics.dream(state, actions))
    assert seen.shape == (6, 3, 5) and seen.isfinite().all()


def test_a_missing_number_is_a_token_that_is_never_drawn():
    model = SequenceModel(small('transformer')).eval().dynamics
    seen = torch.tensor([[0.5, NAN, -0.5, 0.1, 9.0]])
    tokens = model.tokenise(seen)
    assert tokens[0, 1] == model.config.bins and tokens[0, 4] == model.config.bins - 1
    state = model.observe(model.initial(1), torch.zeros(1, 2), seen)
    for _ in range(20):
        state = model.imagine(state, torch.zeros(1, 2))
        assert (state.tokens[:, -1] < model.config.bins).all()


def test_heads_say_what_they_were_taught():
    """Of reward, end, success, values and action, all functions of what is seen."""
    model = SequenceModel(small('simnorm', streams={'joints': 2}, goal=1, values=2))
    optimiser = torch.optim.Adam(model.parameters(), 5e-3)
    training = SequenceTraining(heads=1.0, discount=0.5)

    def batch():
        numbers = torch.rand(4, 64, 2)
        ended = torch.zeros(4, 64)
        ended[-1] = (numbers[-1, :, 0] > 0.5).float()
        return {'numbers': numbers, 'actions': torch.zeros(4, 64, 2), 'goal': torch.ones(64, 7),
                'rewards': numbers[..., 0], 'ended': ended,
                'success': (numbers[:, :, 1] > 0.5).float(), 'chosen': 0.8 * numbers - 0.4}

    for _ in range(400):
        made = batch()
        found = model.filter(made['numbers'], made['actions'])
        loss = sum(head_losses(model, found.features, made, training).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    made = batch()
    with torch.no_grad():
        features = model.filter(made['numbers'], made['actions']).features
        said = model.outlook(features, made['goal'][:, :1])
    assert said.values.shape == (2, 4, 64)
    assert (said.reward - made['rewards'])[1:].abs().mean() < 0.1
    assert ((said.success > 0.5) == (made['success'] > 0.5)).float().mean() > 0.9
    good = made['success'] > 0.5
    assert (said.action - made['chosen'])[good].abs().mean() < 0.12
    # After it, on average, 0.5 a step: 0.5 + 0.25 + ... where the values go on.
    assert 0.6 < said.values[:, 1].mean() < 1.4


def test_a_window_knows_what_was_done_before_each_row():
    columns = {'states': np.arange(6.0).reshape(1, 3, 2), 'rewards': np.array([[1.0, 2.0, 3.0]]),
               'actions': np.array([[[1.0], [2.0], [3.0]]]), 'goal': np.ones((1, 3, 7)),
               'success': np.ones((1, 3)), 'ended': np.array([[0.0, 0.0, 1.0]])}
    batch = window_batch(columns, ('states',))
    assert batch['numbers'].shape == (3, 1, 2)
    assert batch['actions'][:, 0, 0].tolist() == [0.0, 1.0, 2.0]
    assert batch['rewards'][:, 0].tolist() == [0.0, 1.0, 2.0]
    assert batch['chosen'][:, 0, 0].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize('kind', KINDS)
def test_every_kind_is_trained_and_foresees(recordings, tmp_path, kind):
    output = tmp_path / 'model'
    assert main(['train', '--task', 'push', '--model', 'sequence', '--data', str(recordings),
                 '--held-out', str(recordings), '--output', str(output), '--debug-run',
                 '--set', f'kind={kind}', '--set', 'heads=1']) == 0
    meta = json.loads(output.with_suffix('.json').read_text())
    assert meta['config']['streams'] == {'states': 23}
    model = SequenceModel(SequenceConfig(**meta['config'])).eval()
    model.load_state_dict(load_file(output.with_suffix('.safetensors')))
    bank = Bank(recordings, 'push', print, columns_for(model.config.streams, 'states'))
    probe = fit_probe(model, bank, PUSH, 10, windows=200, updates=200)
    found = curve(model, probe, bank, PUSH, 10, windows=50, draws=2)
    assert all(len(row) == 11 for row in found.values())
    # Nothing measured is no error of 0.
    assert all((np.isfinite(row) == (found['count'] > 0)).all() for row in found.values())
    columns = bank.sample(np.random.default_rng(1), 50, WARM + 10)
    block = places_of(columns['states'], PUSH)[:, WARM - 1:, 3:]
    way = np.linalg.norm(block[:, 10] - block[:, 0], axis=-1)
    assert found['count'][10] == (way >= 0.05).sum() > 0
    near = np.linalg.norm(block[:, 2] - block[:, 0], axis=-1)
    assert found['count'][2] == (near >= 0.02).sum()
    np.testing.assert_allclose(found['stays'][10], way[way >= 0.05].mean(), rtol=1e-4)


@pytest.mark.parametrize('wrong', [
    {'kind': 'rsm'}, {'size': 20}, {'hidden': 0}, {'goal': -1}, {'streams': 'joints'}])
def test_configurations_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match='expected'):
        small(**wrong)
