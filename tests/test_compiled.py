"""Chains of matrix products: the numbers of torch's own modules, in float32 and bfloat16."""

import pytest
import torch
from torch import nn
from wm_ros.world_model.compiled import chain as chains
from wm_ros.world_model.compiled.chain import Chain
from wm_ros.world_model.networks import mlp, SimNorm

#: How far a precision's numbers may be from those of float32, of outputs about 1.
OFF = {'float32': 2e-5, 'bfloat16': 0.05}
KINDS = {'float32': torch.float32, 'bfloat16': torch.bfloat16}
MODULES = {
    'ours': lambda: mlp((39, 64, 48, 5)),
    'simplices': lambda: nn.Sequential(mlp((39, 32, 64)), SimNorm()),
    'tdmpc2': lambda: nn.Sequential(
        nn.Linear(39, 64), nn.LayerNorm(64), nn.Mish(), nn.Linear(64, 64, bias=False),
        nn.LayerNorm(64), SimNorm()),
    'plain': lambda: mlp((39, 20, 7), normalise=False)}


def made(name, seed=0):
    torch.manual_seed(seed)
    module = MODULES[name]().eval()
    for part in module.modules():
        if isinstance(part, nn.LayerNorm):
            nn.init.normal_(part.weight, 1.0, 0.3)
            nn.init.normal_(part.bias, 0.0, 0.3)
    return module


@pytest.mark.parametrize('precision', OFF)
@pytest.mark.parametrize('name', MODULES)
@torch.no_grad()
def test_the_same_numbers_as_torch(name, precision):
    module = made(name)
    chain = Chain(module, 70, precision)
    for rows in (70, 1, 33):
        x = torch.randn(rows, 39)
        found = chain(x.to(KINDS[precision]))
        assert found.shape == (rows, chain.width)
        torch.testing.assert_close(found.float(), module(x), atol=OFF[precision], rtol=0.0)


@torch.no_grad()
def test_weights_are_those_of_now():
    module = made('ours')
    chain, x = Chain(module, 8), torch.randn(8, 39)
    before = chain(x).clone()
    module[0].weight.mul_(0.5)
    module[1].bias.add_(0.1)
    assert (chain(x) - before).abs().max() > 0.01
    torch.testing.assert_close(chain(x), module(x), atol=2e-5, rtol=0.0)


@pytest.mark.parametrize('precision', OFF)
@torch.no_grad()
def test_the_same_numbers_where_torch_has_no_onednn(precision, monkeypatch):
    module, x = made('tdmpc2'), torch.randn(40, 39).to(KINDS[precision])
    packed = Chain(module, 40, precision)(x).float()
    monkeypatch.setattr(chains, '_packs', lambda kind: False)
    plain = Chain(module, 40, precision)
    assert isinstance(plain.steps[0].product, chains._Product)
    torch.testing.assert_close(plain(x).float(), packed, atol=OFF[precision], rtol=0.0)


@torch.no_grad()
def test_inputs_that_a_module_does_not_take_have_no_weight():
    module, x = made('ours'), torch.randn(20, 48)
    found = Chain(module, 20, inputs=48)(x)
    torch.testing.assert_close(found, module(x[:, :39]), atol=2e-5, rtol=0.0)


@pytest.mark.parametrize('width', [2, 8, 16, 24])
@torch.no_grad()
def test_simplices_of_any_width(width):
    module, x = nn.Sequential(nn.Linear(4, 48), SimNorm(width)), 20 * torch.randn(9, 4)
    torch.testing.assert_close(Chain(module, 9)(x), module(x), atol=1e-5, rtol=0.0)


@pytest.mark.parametrize('width', [16, 48, 512])
@pytest.mark.parametrize('shape', ['far off', 'first far off', 'all the same'])
@torch.no_grad()
def test_layer_norm_of_awkward_rows(width, shape):
    module = nn.Sequential(nn.Linear(1, width), nn.LayerNorm(width))
    torch.manual_seed(0)
    bias = {'far off': 1000.0 + torch.randn(width), 'all the same': torch.full((width,), 3.0),
            'first far off': torch.cat([torch.tensor([1e4]), torch.randn(width - 1)])}[shape]
    module[0].bias.copy_(bias)
    module[0].weight.zero_()
    wanted = nn.functional.layer_norm(bias.double(), (width,)).float()
    found = Chain(module, 3)(torch.zeros(3, 1))
    torch.testing.assert_close(found, wanted.expand(3, -1), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize('large', [-200.0, -30.0, 0.0, 30.0, 200.0])
@pytest.mark.parametrize('activation', [nn.SiLU, nn.Mish])
@torch.no_grad()
def test_activations_far_out(large, activation):
    module = nn.Sequential(nn.Linear(1, 16), activation(), nn.Linear(16, 16))
    module[0].weight.fill_(1.0)
    module[0].bias.zero_()
    x = torch.full((4, 1), large)
    torch.testing.assert_close(Chain(module, 4)(x), module(x), atol=1e-4, rtol=1e-5)


@torch.no_grad()
def test_what_is_not_finite_stays_so_in_its_row():
    module = made('tdmpc2')
    x = torch.randn(6, 39)
    x[2, 5] = torch.nan
    found = Chain(module, 6)(x)
    assert found[2].isnan().any() and found[[0, 1, 3, 4, 5]].isfinite().all()


@pytest.mark.parametrize('module, word', [
    (nn.Sequential(nn.ReLU(), nn.Linear(4, 4)), 'Linear first'),
    (nn.Sequential(nn.Linear(4, 4), nn.ReLU()), 'expected LayerNorm, SiLU'),
    (nn.Sequential(nn.Linear(4, 20), nn.LayerNorm(20)), 'multiple of 16'),
    (nn.Sequential(nn.Linear(4, 16), nn.SiLU(), nn.LayerNorm(16)), 'in this order'),
    (nn.Sequential(), 'at least one')])
def test_other_layers_are_refused(module, word):
    with pytest.raises(ValueError, match=word):
        Chain(module, 4)
