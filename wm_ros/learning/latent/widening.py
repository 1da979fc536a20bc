"""Bins that reach further, once rewards are greater than the first steps let expect."""

from dataclasses import replace
import math

import torch
from torch import nn
from wm_ros.world_model.tdmpc2 import AgentConfig, LatentAgent
from wm_ros.world_model.tdmpc2.network import MOST_BINS, MOST_LIMIT
from wm_ros.world_model.two_hot import TwoHot

_BELOW = 10.0       # of the logits of new bins, below the outermost one's of before


@torch.no_grad()
def widen(agent: LatentAgent, targets: nn.ModuleList, optimiser: torch.optim.Optimizer,
          limit: float):
    """
    Let the bins of ``agent`` and of its ``targets`` reach ``limit`` in symlog, or a little more.

    What the networks say stays what it was, but for what the new bins weigh; ``optimiser`` goes on
    with what it remembers.  Plain numbers have no bins, and need none.
    """
    network = agent.network
    if network.two_hot is None:
        return
    config = _wider(agent.config, limit)
    made = TwoHot(config.bins, config.limit).to(network.two_hot.middles.device)
    places = _places(network.two_hot, made)
    for head in (network.reward_head, *network.value_heads, *targets):
        _regrid(head[-1], places, optimiser)
    agent.config, network.sizes, network.two_hot = config, config.sizes, made


def _wider(config: AgentConfig, limit) -> AgentConfig:
    """
    Return ``config`` with bins up to ``limit``: as dense as before, so more of them.

    The same number of them further apart would lose answers: a head that is sure of one bin says
    nothing about places between.
    """
    apart = 2.0 * config.limit / (config.bins - 1)
    more = 2 * math.ceil((limit - config.limit) / apart)        # so that the old ones stay
    bins = min(config.bins + more, MOST_BINS)
    limit = min(max(limit, apart * (bins - 1) / 2.0), MOST_LIMIT)
    return replace(config, bins=bins, limit=limit)


def _places(before, after):
    """Return where the bins ``after`` are, in numbers of bins from the first ``before``."""
    low, high = before.middles[0], before.middles[-1]
    return (after.middles - low) / (high - low) * (len(before.middles) - 1)


def _regrid(layer: nn.Linear, places, optimiser):
    """Give ``layer``, and what ``optimiser`` remembers of it, rows at ``places`` of its rows."""
    for part in (layer.weight, layer.bias):
        memory = optimiser.state.get(part, {})
        for name, value in memory.items():
            if value.shape == part.shape:
                memory[name] = _rows(value, places)
        part.data, part.grad = _rows(part.data, places), None
    # Half a bin on: what rounding has put beyond the end is still the outermost bin.
    beyond = (places < -0.5) | (places > layer.out_features - 0.5)
    layer.bias.data[beyond] -= _BELOW
    layer.out_features = len(places)


def _rows(rows, places):
    """Return what is between ``rows`` [N, ...] at ``places``; beyond the ends, the end."""
    places = places.clamp(0, len(rows) - 1)
    below = places.floor().clamp(max=len(rows) - 2).long()
    share = (places - below).view(-1, *[1] * (rows.dim() - 1))
    return torch.lerp(rows[below], rows[below + 1], share)
