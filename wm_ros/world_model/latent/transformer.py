"""
An autoregressive transformer over tokens (IRIS, Micheli et al. 2023).

What is seen is cut into tokens, one for each number, by bins; the transformer foresees them
one after the other, and what it draws is what it sees next.  The baseline that latents have
to be better than over many steps.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional
from wm_ros.world_model.latent.base import Filtered, LatentDynamics


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes."""

    width: int = 128
    layers: int = 3
    heads: int = 4
    bins: int = 256             # per number, between -1 and 1 after scaling
    memory: int = 8             # steps that are looked back on


class TokenState(NamedTuple):
    """The last steps' tokens [B, L, K], the actions before them [B, L, A], features [B, F]."""

    tokens: torch.Tensor
    actions: torch.Tensor
    seen: torch.Tensor


class TokenTransformer(LatentDynamics):
    """
    Foresees the ``numbers`` K of what is seen [K], which stand for embeddings here.

    Numbers are scaled by ``low`` and ``high`` [K], the range that the bins share out; one that
    is NaN is missing, which is a token of its own.  Each step is the action before it and its
    K tokens.
    """

    def __init__(self, numbers: int, actions: int,
                 config: TransformerConfig = TransformerConfig()):
        super().__init__()
        self.config, self.numbers, self.feature_width = config, numbers, config.width
        self.register_buffer('low', -torch.ones(numbers))
        self.register_buffer('high', torch.ones(numbers))
        width = config.width
        self.token = nn.Embedding(config.bins + 1, width)
        self.act = nn.Linear(actions, width)
        self.place = nn.Parameter(0.02 * torch.randn(numbers + 1, width))
        self.moment = nn.Parameter(0.02 * torch.randn(config.memory, width))
        self.layers = nn.ModuleList(_Layer(width, config.heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.guess = nn.Linear(width, config.bins)

    @torch.no_grad()
    def fit_range(self, numbers):
        """Learn the range of ``numbers`` [..., K]."""
        flat = numbers.flatten(0, -2)
        low = flat.nan_to_num(nan=float('inf')).amin(0)
        high = flat.nan_to_num(nan=-float('inf')).amax(0)
        margin = 0.05 * (high - low).clamp(min=1e-3)
        self.low.copy_(low - margin)
        self.high.copy_(high + margin)

    def tokenise(self, numbers):
        """Return the tokens [..., K] of numbers [..., K]."""
        bins, there = self.config.bins, numbers.isfinite()
        share = (numbers.nan_to_num() - self.low) / (self.high - self.low)
        tokens = (share * bins).floor().clamp(0, bins - 1).long()
        return torch.where(there, tokens, bins)

    def initial(self, batch, device=None):
        """Return a state without any step."""
        return TokenState(
            torch.zeros(batch, 0, self.numbers, dtype=torch.long, device=device),
            torch.zeros(batch, 0, self.act.in_features, device=device),
            torch.zeros(batch, self.feature_width, device=device))

    def observe(self, state, action, embedding):
        """Return the state with one more step: ``embedding`` [B, K] are the numbers seen."""
        return self._read(state, action, self.tokenise(embedding))

    def imagine(self, state, action):
        """Return the state with one more step, whose tokens are drawn one after the other."""
        tokens, actions = self._recent(state, action)
        caches = [None] * len(self.layers)
        hidden = self._run(self._embed(tokens, actions)[:, :-self.numbers], caches)
        drawn = []
        for k in range(self.numbers):
            chances = torch.softmax(self.guess(hidden[:, -1]), -1)
            drawn.append(torch.multinomial(chances, 1))
            last = self._token(drawn[-1], k, tokens.shape[1] - 1)
            hidden = self._run(last, caches)
        return TokenState(torch.cat([tokens[:, :-1], torch.stack(drawn, -1)], 1), actions,
                          hidden[:, -1])

    def features(self, state):
        """Return what the transformer makes of all up to the last token [B, F]."""
        return state.seen

    def filter(self, embeddings, actions):  # noqa: A003
        """
        Return features at each step, and the cross entropy of the tokens [nats each].

        Sequences are cut into parts of ``memory`` steps, each read for itself: a feature holds
        the steps since its part began, where ``observe`` looks back on ``memory`` steps always.
        """
        steps = self.config.memory
        tokens = self.tokenise(embeddings).transpose(0, 1)
        hidden, losses, count = [], [], tokens.new_zeros(())
        for first in range(0, len(embeddings), steps):
            part = tokens[:, first:first + steps]
            rows = self._run(self._embed(part, actions.transpose(0, 1)[:, first:first + steps]))
            rows = rows.unflatten(1, (part.shape[1], self.numbers + 1))
            hidden.append(rows[:, :, -1])
            # The first step of a window is given: nothing before it says what it will be.
            logits = self.guess(rows[:, 1:, :-1])
            losses.append(functional.cross_entropy(
                logits.flatten(0, -2), part[:, 1:].flatten(), reduction='sum',
                ignore_index=self.config.bins))
            count = count + (part[:, 1:] < self.config.bins).sum()
        features = torch.cat(hidden, 1).transpose(0, 1)
        return Filtered(features, (), {'tokens': sum(losses) / count.clamp(min=1)})

    def _read(self, state, action, tokens):
        before, actions = self._recent(state, action)
        tokens = torch.cat([before[:, :-1], tokens[:, None]], 1)
        hidden = self._run(self._embed(tokens, actions))
        return TokenState(tokens, actions, hidden[:, -1])

    def _recent(self, state, action):
        """Return tokens and actions of the steps to look back on, with one more to be filled."""
        empty = state.tokens.new_zeros(len(state.tokens), 1, self.numbers)
        tokens = torch.cat([state.tokens, empty], 1)[:, -self.config.memory:]
        actions = torch.cat([state.actions, action[:, None]], 1)[:, -self.config.memory:]
        return tokens, actions

    def _embed(self, tokens, actions):
        """Return the sequence [B, L * (1 + K), W] of tokens [B, L, K] and actions [B, L, A]."""
        rows = torch.cat([self.act(actions)[:, :, None], self.token(tokens)], 2)
        rows = rows + self.place + self.moment[:tokens.shape[1], None]
        return rows.flatten(1, 2)

    def _token(self, drawn, k, moment):
        """Return the sequence [B, 1, W] of token ``k`` of a step, drawn [B, 1]."""
        return self.token(drawn) + self.place[k + 1] + self.moment[moment]

    def _run(self, x, caches=None):
        """Return what comes out for x [B, N, W]; with ``caches`` it goes on where they end."""
        for i, layer in enumerate(self.layers):
            x, cache = layer(x, None if caches is None else caches[i])
            if caches is not None:
                caches[i] = cache
        return self.norm(x)


class _Layer(nn.Module):
    """Causal attention and an MLP, each behind a norm."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.think = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(),
                                   nn.Linear(4 * width, width))

    def forward(self, x, cache=None):
        """Return x [B, N, W], changed, and keys and values of all so far."""
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
                             for part in self.mix(self.norm1(x)).chunk(3, -1))
        if cache is not None:
            key, value = torch.cat([cache[0], key], 2), torch.cat([cache[1], value], 2)
        mixed = functional.scaled_dot_product_attention(
            query, key, value, is_causal=cache is None and x.shape[1] > 1)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.think(self.norm2(x)), (key, value)
