"""Dreams of a latent model, which carry what they are worth; the loop over their steps."""

from typing import NamedTuple

import torch


class LatentDream(NamedTuple):
    """K imagined futures of H steps; what planners read of a ``Dream``, and what they return."""

    actions: torch.Tensor       # [K, H, A]
    states: torch.Tensor        # [K, H + 1, 0]: nothing is explicit
    latents: torch.Tensor       # [K, H + 1, D], in the precision that they were dreamed in
    disagreement: torch.Tensor  # [K, H], zeros: there is no ensemble
    rewards: torch.Tensor       # [K, H]
    values: torch.Tensor        # [K], of the end


def dreamed(actions, latents, rewards, values) -> LatentDream:
    """Return the dream of these parts."""
    return LatentDream(actions, latents.new_zeros(*latents.shape[:2], 0), latents,
                       torch.zeros_like(rewards), rewards, values)


class Rollout:
    """Rolls K futures from one latent in torch, with gradients where they are wanted."""

    def __init__(self, network):
        self._network = network

    def __call__(self, latent, actions, guided: int, heads) -> LatentDream:
        """
        Return the dream of ``actions`` [K, H, A] from ``latent`` [D].

        In the first ``guided`` futures they are added to the policy's; what leaves [-1, 1] is
        clipped.  ``heads`` are the value heads that are asked at the end.
        """
        network, z = self._network, latent.expand(len(actions), -1)
        taken, latents = [], [z]
        for action in actions.unbind(1):
            if guided:
                prior = network.policy(z[:guided])
                action = torch.cat([action[:guided] + prior, action[guided:]])
            taken.append(action.clamp(-1.0, 1.0))
            z = network.next(z, taken[-1])
            latents.append(z)
        acted, along = torch.stack(taken, 1), torch.stack(latents, 1)
        return dreamed(acted, along, network.reward(along[:, :-1], acted),
                       network.value(z, network.policy(z), heads))
