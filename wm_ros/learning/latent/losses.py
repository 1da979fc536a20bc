"""Losses of a latent agent on windows of experience (TD-MPC2's section 3, and what goals add)."""

from dataclasses import dataclass
from typing import Dict, NamedTuple, Tuple

import torch
from torch import nn
from wm_ros.world_model.tdmpc2 import LatentAgent


@dataclass(frozen=True)
class Weights:
    """What counts how much."""

    consistency: float = 20.0
    reward: float = 0.1
    value: float = 0.1
    fading: float = 0.8         # of later steps of a window
    smoothing: float = 0.1      # noise of the actions whose values are targets (TD3)
    effort: float = 0.01        # of actions squared, beside values in units of their spread
    imitation: float = 0.0      # of actions in hindsight that seem better than the policy's


class Batch(NamedTuple):
    """``replay.Windows`` as tensors on the agent's device."""

    seen: torch.Tensor
    goal: torch.Tensor
    actions: torch.Tensor
    rewards: torch.Tensor
    ended: torch.Tensor
    over: torch.Tensor
    known: torch.Tensor
    bound: torch.Tensor


class Seen(NamedTuple):
    """What the model losses leave for the policy's."""

    latents: torch.Tensor       # [H + 1, B, D] of what was seen, without gradients
    actions: torch.Tensor       # [H, B, A]


def model_losses(agent: LatentAgent, targets: nn.ModuleList, batch: Batch, weights: Weights,
                 limits: Tuple[float, float]) -> Tuple[Dict[str, torch.Tensor], Seen]:
    """
    Return ``loss`` and its parts, and what the policy's loss needs.

    From the first latent on the window is imagined; what is imagined has to be what was seen
    next, and rewards and values are learned from it, as dreams will ask for them.
    """
    network = agent.network
    dreamed = [agent.encoder(batch.seen[0], batch.goal)]
    with torch.no_grad():
        after = agent.encoder(batch.seen[1:], batch.goal.expand(*batch.seen[1:].shape[:2], -1))
    for action in batch.actions[:-1]:
        dreamed.append(network.next(dreamed[-1], action))
    last = network.next(dreamed[-1], batch.actions[-1])
    share = batch.known * weights.fading ** torch.arange(
        len(batch.actions), device=after.device)[:, None]
    share = share / share.sum()
    both = torch.cat([torch.stack(dreamed), batch.actions], -1)
    wanted = value_targets(agent, targets, after, batch, weights, limits)
    missed = (torch.stack([*dreamed[1:], last]) - after).square().mean(-1)
    parts = {
        'consistency': (share * missed).sum(),
        'reward': (share * error(network, network.reward_head(both), batch.rewards)).sum(),
        'value': sum((share * error(network, head(both), wanted)).sum()
                     for head in network.value_heads)}
    parts['loss'] = sum(getattr(weights, name) * part for name, part in parts.items())
    parts['target'] = (share * wanted).sum()
    return parts, Seen(torch.cat([dreamed[0].detach()[None], after]), batch.actions)


def error(network, output, numbers):
    """Return how far a head's ``output`` [..., bins] is from ``numbers`` [...]."""
    if network.two_hot is None:
        return (output[..., 0] - numbers).square()
    return network.two_hot.loss(output, numbers)


@torch.no_grad()
def value_targets(agent, targets, after, batch: Batch, weights: Weights, limits):
    """
    Return what values [H, B] should be, ``after`` [H, B, D] being the latents of what followed.

    The least of the target heads' values of what the policy does next; no less than the return
    that was reached from there, which is a bound wherever the same can be done again (He et al.
    2017); and within ``limits``, the returns that rewards can add up to.
    """
    network = agent.network
    action = network.policy(after)
    noise = (weights.smoothing * torch.randn_like(action)).clamp(-0.5, 0.5)
    both = torch.cat([after, (action + noise).clamp(-1.0, 1.0)], -1)
    values = torch.stack([network.number(head(both)) for head in targets]).amin(0)
    wanted = batch.rewards + network.sizes.discount * (1.0 - batch.ended) * values
    wanted = torch.maximum(wanted, batch.bound).clamp(*limits)
    return torch.where(batch.over > 0, 0.0, wanted)


def policy_loss(agent: LatentAgent, seen: Seen, weights: Weights, spread: float):
    """
    Return the policy's loss: values uphill, in units of their ``spread``, at little effort.

    ``imitation`` adds the actions that were done, where their value is above the policy's (Nair
    et al. 2018).  No gradient is meant for anything but the policy.
    """
    network, heads = agent.network, range(agent.config.values)
    latents = seen.latents[::len(seen.actions)]         # first and last
    action = network.policy(latents)
    values = network.value(latents, action, heads)
    loss = (weights.effort * action.square().sum(-1) - values / spread).mean()
    if weights.imitation:
        with torch.no_grad():
            better = network.value(latents[0], seen.actions[0], heads) > values[0]
        strayed = (action[0] - seen.actions[0]).square().sum(-1)
        loss = loss + weights.imitation * (better * strayed).mean()
    return loss, values.detach()
