"""Figures of how near dreams come to what a core can multiply, and where the rest of them goes."""

import torch
from torch import nn
from wm_ros.bench.planning.timing import in_turns, middle, on_cores, ratios, spread_of
from wm_ros.bench.record import at_least, load_note, shown
from wm_ros.world_model.compiled.chain import Chain, PRECISIONS
from wm_ros.world_model.tdmpc2 import LatentModel, Network, Sizes

_CANDIDATES, _HORIZON, _ROUNDS = 512, 10, 30
_WIDTHS = ((128, 256), (256, 512), (512, 512))      # latent, hidden
_JUDGED, _BAR = 256, 0.6                            # latent of the size that has to hold the bar
_LARGE = 1024                                       # rows and columns of the large product
_COMMAND = 'wm_ros bench planning --only limit'


def limit():
    """Return the share of a large product's speed that dreams reach, and times of their parts."""
    rows = []
    for latent, hidden in _WIDTHS:
        for precision in PRECISIONS:
            times, work = on_cores(1, measured, latent, hidden, precision)
            rows += _rows(f'{latent} x {hidden}, {precision}', latent, times, work)
    return rows


def _rows(variant, latent, times, work):
    # Whichever of the two ways to multiply is faster, round by round.
    large = [2 * _LARGE ** 3 / 1e6 / min(pair) for pair in zip(times['product'], times['packed'])]
    reached = [work / 1e6 / dream for dream in times['dream']]
    shares = ratios(reached, large)
    note = (f'{middle(reached):.0f} of {middle(large):.0f} GFLOP/s, {_CANDIDATES} candidates x '
            f'{_HORIZON}, one core; {spread_of(shares)}; {load_note()}')
    name, parts = f'limit_share/{variant}', ('products', 'finishes', 'copies')
    rows = [at_least(name, middle(shares), _BAR, 'share', _COMMAND, note)
            if latent == _JUDGED else shown(name, middle(shares), 'share', _COMMAND, note)]
    told = {'dream': 'all', 'products': 'matrix products',
            'finishes': 'bias, LayerNorm, activation, SimNorm', 'copies': 'copies'}
    rows += [shown(f'limit_ms_{part}/{variant}', middle(times[part]), 'ms', _COMMAND,
                   f'{told[part]}; {spread_of(times[part], "ms")}') for part in told]
    rest = middle(times['dream']) - sum(middle(times[part]) for part in parts)
    return [*rows, shown(f'limit_ms_rest/{variant}', rest, 'ms', _COMMAND,
                         'calls, rewards and values; and what parts gain by running alone')]


def measured(latent, hidden, precision):
    """Return times [ms] of a dream, its parts and large products, and a dream's operations."""
    torch.manual_seed(0)
    network = Network(Sizes(actions=7, latent=latent, hidden=hidden, values=1, averaged=1, bins=1))
    model, kind = LatentModel(network, precision), PRECISIONS[precision]
    start = torch.full((latent,), 0.125)
    actions = 2 * torch.rand(_CANDIDATES, _HORIZON, 7) - 1
    parts = _Parts(network, precision, start, actions)
    a, b, out = (torch.rand(_LARGE, _LARGE).to(kind) for _ in range(3))
    packed = Chain(nn.Linear(_LARGE, _LARGE, bias=False), _LARGE, precision)
    with torch.inference_mode():
        packed(a)
        times = in_turns({
            'dream': lambda: model.imagine(None, start, actions),
            'products': parts.products, 'finishes': parts.finishes, 'copies': parts.copies,
            'product': lambda: torch.mm(a, b, out=out),
            'packed': lambda: packed.steps[0].product(a)}, _ROUNDS)
    return times, operations(network, _CANDIDATES, _HORIZON)


def operations(network, candidates, horizon) -> int:
    """Return the floating-point operations of a dream's products: two for each weight and row."""
    def weights(*modules):
        return sum(layer.weight.numel() for module in modules for layer in module.modules()
                   if isinstance(layer, nn.Linear))
    asked = network.value_heads[:network.sizes.averaged]
    return 2 * candidates * (horizon * weights(network.transition, network.reward_head)
                             + weights(network.policy_head, *asked))


class _Parts:
    """The parts of a dream, each alone, on the same shapes and as often."""

    def __init__(self, network, precision, start, actions):
        sizes = network.sizes
        count, horizon, _ = actions.shape
        self._start, self._actions, self._latent = start, actions, sizes.latent
        width = sizes.latent + sizes.actions
        self._given = torch.zeros(horizon + 1, count, width + -width % 16,
                                  dtype=PRECISIONS[precision])
        self._work = []         # steps of chains, what goes in and comes out, and how often
        for module, times in ((network.transition, horizon), (network.reward_head, horizon),
                              (network.policy_head, 1), (network.value_heads[0], 1)):
            chain = Chain(module, count, precision, self._given.shape[2])
            x = self._given[0]
            chain(x)            # takes the weights
            for step in chain.steps:
                self._work.append((step, x, step.product(x), times))
                x = self._work[-1][2]

    def products(self):
        for step, x, _, times in self._work:
            for _ in range(times):
                step.product(x)

    def finishes(self):
        for step, _, out, times in self._work:
            for _ in range(times):
                step.finish(out)

    def copies(self):
        given = torch.empty_like(self._given)
        given[0, :, :self._latent], given[..., self._latent:] = self._start, 0.0
        width = self._actions.shape[2]
        given[:-1, :, self._latent:self._latent + width] = \
            self._actions.clone().clamp_(-1.0, 1.0).transpose(0, 1)
        for t in range(len(given) - 1):
            given[t + 1, :, :self._latent] = self._given[0, :, :self._latent]
