"""
What every latent dynamics has in common: filter, imagine, and be read.

A state is a NamedTuple of tensors [B, ...].  Steps of time run along the first dimension of
sequences, [T, B, ...], as in the recordings that they are cut from.
"""

from abc import ABC, abstractmethod
from typing import Dict, NamedTuple

import torch
from torch import nn


class Filtered(NamedTuple):
    """A sequence that was filtered: features [T, B, F], the last state, and the losses."""

    features: torch.Tensor
    states: tuple               # a state whose tensors are [T, B, ...]
    losses: Dict[str, torch.Tensor]


class LatentDynamics(nn.Module, ABC):
    """
    A latent state that is filtered from embeddings of what is seen, and rolled forward.

    ``observe`` takes what is seen now and the action before it; ``imagine`` takes an action
    and nothing else.  ``features`` is what heads read.
    """

    feature_width: int

    @abstractmethod
    def initial(self, batch: int, device=None):
        """Return the state [B, ...] before anything was seen."""

    @abstractmethod
    def observe(self, state, action, embedding):
        """Return the state after ``action`` [B, A], having seen ``embedding`` [B, E]."""

    @abstractmethod
    def imagine(self, state, action):
        """Return the state after ``action`` [B, A], drawn if the dynamics is stochastic."""

    @abstractmethod
    def features(self, state) -> torch.Tensor:
        """Return what heads read [B, F] of a state."""

    @abstractmethod
    def filter(self, embeddings, actions) -> Filtered:  # noqa: A003
        """
        Return the filtered sequence of ``embeddings`` [T, B, E].

        ``actions`` [T, B, A] are those before each of them, zeros before the first.  The losses
        are those that teach the dynamics to foresee its own states.
        """

    def dream(self, state, actions):
        """Return the features [H, B, F] after each of ``actions`` [H, B, A]."""
        found = []
        for action in actions:
            state = self.imagine(state, action)
            found.append(self.features(state))
        return torch.stack(found)


def stacked(states):
    """Return one state with tensors [T, B, ...] of a list of states [B, ...]."""
    return _mapped(lambda *parts: torch.stack(parts), *states)


def at(states, t):
    """Return the state [B, ...] at time ``t`` of states [T, B, ...]."""
    return _mapped(lambda part: part[t], states)


def _mapped(function, *states):
    """Return a state of what ``function`` makes of each tensor of states, nested or not."""
    if isinstance(states[0], torch.Tensor):
        return function(*states)
    return type(states[0])(*(_mapped(function, *parts) for parts in zip(*states)))
