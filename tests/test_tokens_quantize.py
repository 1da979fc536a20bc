"""Quantisers: nearest codes, indices that name them, gradients that pass, no dead codes."""

import pytest
import torch
from wm_ros.world_model.tokens import FiniteScalar, make_quantizer, VectorCodebook


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.mark.parametrize('levels', [(8, 5, 5, 5), (8, 6, 5), (2, 3), (7,)])
def test_every_fsq_code_has_its_index_and_is_reached(levels):
    quantizer = FiniteScalar(levels)
    indices = torch.arange(quantizer.size)
    codes = quantizer.codes(indices)
    assert codes.shape == (quantizer.size, len(levels))
    assert len(torch.unique(codes, dim=0)) == quantizer.size
    assert codes.min() >= -1 and codes.max() <= 1
    found = quantizer(1.5 * torch.randn(200_000, len(levels))).indices
    assert len(torch.unique(found)) == quantizer.size


@pytest.mark.parametrize('kind', ['fsq', 'vq'])
@pytest.mark.parametrize('bits', [8, 12])
def test_indices_name_the_codes_that_were_used(kind, bits):
    quantizer = make_quantizer(kind, bits).eval()
    found = quantizer(torch.randn(6, 9, quantizer.width))
    assert found.indices.shape == (6, 9)
    assert 0 <= found.indices.min() and found.indices.max() < quantizer.size <= 2 ** bits
    torch.testing.assert_close(found.codes, quantizer.codes(found.indices))


@pytest.mark.parametrize('kind', ['fsq', 'vq'])
def test_gradients_go_straight_through(kind):
    quantizer = make_quantizer(kind, 8)
    features = torch.randn(64, quantizer.width, requires_grad=True)
    quantizer(features).codes.sum().backward()
    assert (features.grad > 0).all()


def test_fsq_rounds_to_the_nearest_level():
    """By hand, 5 levels: tanh(x) * 2 rounded."""
    quantizer = FiniteScalar((5,))
    x = torch.tensor([[-9.0], [-0.6], [0.0], [0.2], [0.3], [9.0]])
    assert quantizer(x).indices.tolist() == [0, 1, 2, 2, 3, 4]
    assert quantizer(x).codes.flatten().tolist() == [-1.0, -0.5, 0.0, 0.0, 0.5, 1.0]


def test_a_codebook_finds_the_clusters():
    centres = 3 * torch.randn(16, 4)
    quantizer = VectorCodebook(64, 4)
    for _ in range(300):
        quantizer(centres[torch.randint(16, (256,))] + 0.01 * torch.randn(256, 4))
    quantizer.eval()
    found = quantizer(centres)
    assert len(torch.unique(found.indices)) == 16
    assert (found.codes - centres).abs().max() < 0.05


def test_dead_codes_are_revived():
    quantizer = VectorCodebook(32, 4)
    for shift in (0.0, 20.0):       # what was learned first is of no more use
        for _ in range(400):
            quantizer(shift + torch.randn(256, 4))
    quantizer.eval()
    assert len(torch.unique(quantizer(20.0 + torch.randn(4096, 4)).indices)) >= 29


def test_a_codebook_stands_still_outside_training():
    quantizer = VectorCodebook(32, 4).eval()
    before = quantizer.book.clone()
    quantizer(torch.randn(256, 4))
    torch.testing.assert_close(quantizer.book, before, rtol=0, atol=0)


def test_commitment_draws_features_to_their_codes():
    quantizer = VectorCodebook(8, 4).eval()
    features = torch.randn(16, 4, requires_grad=True)
    quantizer(features).loss.backward()
    way = quantizer.codes(quantizer(features).indices) - features.detach()
    assert torch.cosine_similarity(-features.grad.flatten(), way.flatten(), 0) > 0.999


@pytest.mark.parametrize('make', [
    lambda: FiniteScalar(()), lambda: FiniteScalar((1, 3)), lambda: FiniteScalar((2.0,)),
    lambda: VectorCodebook(1, 4), lambda: make_quantizer('fsq', 7),
    lambda: make_quantizer('lfq', 8)])
def test_sizes_that_make_no_sense_are_refused(make):
    with pytest.raises(ValueError, match='got'):
        make()
