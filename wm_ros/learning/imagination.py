"""Training of an actor in the imagination of an agent's model, from states that were recorded."""

from dataclasses import dataclass
from typing import Dict, Mapping

import numpy as np
import torch
from torch.func import functional_call
from wm_ros.data import Bank
from wm_ros.learning import losses, parallel
from wm_ros.learning.loop import Job
from wm_ros.planning.objective import Objective
from wm_ros.world_model import collective
from wm_ros.world_model.agent.actor import Actor
from wm_ros.world_model.agent.model import WorldModel
from wm_ros.world_model.agent.rollout import Dream

#: Columns of recordings that it needs.
COLUMNS = ('states', 'answered', 'goal')
_SETTLING_RATE = 1e-3


@dataclass(frozen=True)
class ActorTraining:
    """What is the actor's own in its training."""

    model: str = ''             # the agent's checkpoint; '': the shipped one of the task
    batch: int = 128            # states from which it imagines
    filtered: int = 4           # observations before each, from which the latent is filtered
    settling: int = 300         # updates of the critics alone, before the actor moves
    steps: int = 12             # imagined
    mixing: float = 0.95        # lambda of the returns
    noise: float = 0.1          # of the imagined actions
    anchor: float = 120.0       # weight of how far it leaves the policy prior, squared
    held_out: int = 256         # states that it is validated on
    judged: int = 40            # steps imagined from there


class ImaginationJob(Job):
    """
    Returns of imagined futures, uphill through the dynamics; critics learn what they are.

    As in Dreamer (Hafner et al. 2020) the gradient leads through the dreamed steps; the agent's
    model stays as it is.  A step is worth what it is to the planners, by ``weights``: what the
    ensemble disagrees on costs, since an actor finds a model's errors as well as a search does;
    and it is held near the policy prior, whose actions the data are of (as TD3+BC, Fujimoto and
    Gu 2021).
    """

    def __init__(self, training: ActorTraining, model: WorldModel, weights: Mapping[str, float],
                 train: Bank, held_out: Bank, seed: int = 0):
        torch.manual_seed(seed)
        self.training, self._model = training, model
        self._objective, self._weights = Objective(model, model.task), dict(weights)
        self._dynamics, self.device = model.dynamics, model.device
        self.module = Actor.like(self._dynamics).to(self.device)
        self._train, self._seed = train, seed
        self._held_out = self._starts(held_out.sample(
            np.random.default_rng(0), training.held_out, training.filtered + 1))

    def prepare(self):
        """Let the critics learn what the prior is worth, or the actor would climb their errors."""
        critics = self.module.critics
        optimiser = torch.optim.Adam(critics.parameters(), _SETTLING_RATE)
        for number in range(self.training.settling):
            rng = np.random.default_rng((self._seed, number, 1))
            torch.manual_seed(int(rng.integers(2 ** 62)) + collective.rank())
            optimiser.zero_grad()
            self.losses(rng)['critics'].backward()
            parallel.mean_gradients(critics)
            optimiser.step()
        self.module.zero_grad()

    def losses(self, rng):
        """Return the losses of futures from a batch of states."""
        columns = self._train.sample(rng, self.training.batch, self.training.filtered + 1)
        starts = self._starts({name: parallel.share(column)
                               for name, column in columns.items()})
        return self._losses(self.module, starts, self.training.noise)

    def validate(self, module):
        """
        Return what becomes of held-out states over many steps, without noise; most wins.

        No critic is asked: what they think changes while they learn.
        """
        _, rewards, strayed = self._imagined(module, self._held_out, 0.0, self.training.judged)
        imagined, strayed = float(self._mean(rewards)), float(strayed)
        return {'score': self.training.anchor * strayed - imagined, 'imagined': imagined,
                'strayed': strayed, 'reward': float(rewards.mean())}

    def meta(self):
        """Return kind and configuration, and whose imagination it learned in."""
        return {'kind': 'actor', 'config': self.module.config.to_dict(),
                'agent': self._model.checkpoint, 'objective': self._weights}

    @torch.no_grad()
    def _starts(self, columns):
        """Return states [B, X], latents [B, D] and goals [B, 3] at the end of windows."""
        states, actions = (torch.as_tensor(columns[name], device=self.device).transpose(0, 1)
                           for name in COLUMNS[:2])
        posterior, _ = losses.filter_latents(
            self._dynamics, states, actions[:-1], self._dynamics.initial_latent(states[0]))
        goals = torch.as_tensor(columns['goal'][:, -1, :3], dtype=torch.float32,
                                device=self.device)
        return states[-1], posterior[-1], goals

    def _losses(self, module, starts, noise) -> Dict[str, torch.Tensor]:
        given, rewards, strayed = self._imagined(module, starts, noise, self.training.steps)
        discount = self._dynamics.config.discount
        values = torch.stack([_fixed(critic, given) for critic in module.critics])
        # The lower edge of what they think: what is not known is not worth having.
        values = values.mean(0) - values.std(0)
        returns = losses.lambda_returns(rewards, values, discount, self.training.mixing)
        imagined = self._mean(returns)
        critics = (module.values(given[:-1].detach()) - returns.detach()).square().mean()
        return {'loss': critics - imagined + self.training.anchor * strayed, 'critics': critics,
                'imagined': imagined, 'strayed': strayed, 'reward': rewards.mean()}

    def _mean(self, numbers):
        """Return the mean of numbers [H, B], later ones discounted."""
        weights = self._dynamics.config.discount ** torch.arange(
            len(numbers), device=self.device)[:, None]
        return (weights * numbers).mean() / weights.mean()

    def _imagined(self, module, starts, noise, steps):
        """Return what heads are given [H + 1, B, I], rewards [H, B], and how far it strayed."""
        dynamics, (x, z, goals) = self._dynamics, starts
        actions, states, latents, doubts = [], [x], [z], []
        given, strayed = [dynamics.given(x, z, goals)], 0.0
        for _ in range(steps):
            action = module.act(given[-1])
            usual = torch.tanh(dynamics.policy_head(given[-1].detach()))
            strayed = strayed + ((action - usual) * dynamics.active).square().sum(-1).mean()
            action = (action + noise * torch.randn_like(action)).clamp(-1, 1) * dynamics.active
            x, z, doubt = dynamics.step(x, z, action)
            for row, value in zip((actions, states, latents, doubts), (action, x, z, doubt)):
                row.append(value)
            given.append(dynamics.given(x, z, goals))
        dream = Dream(*(torch.stack(part, 1) for part in (actions, states, latents, doubts)))
        rewards = self._objective.rewards(dream, goals, self._weights).T
        return torch.stack(given), rewards, strayed / steps


def _fixed(critic, given):
    """Return what ``critic`` thinks; gradients lead to what it is given, not to its weights."""
    weights = {name: weight.detach() for name, weight in critic.named_parameters()}
    return functional_call(critic, weights, (given,))[..., 0]
