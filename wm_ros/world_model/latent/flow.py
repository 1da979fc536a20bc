"""
Stochastic futures by flow matching (Lipman et al. 2023), on top of any latent dynamics.

A flow carries noise to the next latent, given the one before and the action.  What may
happen in several ways is drawn in several ways; a deterministic dynamics can only foresee
their mean.
"""

from dataclasses import dataclass

import torch
from torch import nn
from wm_ros.world_model.latent.base import at, Filtered, LatentDynamics
from wm_ros.world_model.networks import mlp, tempered

_FOLLOW = 0.02          # share of a batch in the running width of targets
_LEAST = 1e-3           # width in all of a target
_NARROW, _WIDE = -6.0, 2.5  # natural logarithms of the widths that there are, as shares of it
_FAR = 6.0              # widths from the mean
_KEPT = 0.5, 0.9        # share of the truth in what a led dream draws


@dataclass(frozen=True)
class FlowConfig:
    """Sizes, steps of the integration, and the loss's weight."""

    hidden: int = 256
    steps: int = 6              # of Euler's method, from noise to a latent
    weight: float = 1.0


class Flow(nn.Module):
    """
    Draws targets [..., N] given conditions [..., C].

    Mean and width of what is drawn follow from the condition: where there is nothing to draw the
    width is nothing as well.  With one width for all, the rest of noise that a few steps of
    integration leave would be that of the wildest moments, in quiet ones too.
    """

    def __init__(self, target: int, condition: int, config: FlowConfig = FlowConfig()):
        super().__init__()
        self.config, self.width = config, target
        self.register_buffer('scale', torch.ones(target))
        self.register_buffer('started', torch.tensor(False))
        self.frame = mlp((condition, config.hidden, 2 * target))
        self.velocity = mlp((target + condition + 8, config.hidden, config.hidden, target))

    @torch.no_grad()
    def _follow(self, targets):
        """Let the width in all of targets [..., N] follow them."""
        flat = targets.flatten(0, -2).float()
        self.scale.lerp_(flat.square().mean(0).sqrt().clamp(min=_LEAST),
                         _FOLLOW if self.started else 1.0)
        self.started.fill_(True)

    def loss(self, targets, conditions):
        """Return the loss [scalar] of targets [..., N], conditions [..., C]."""
        if self.training:
            self._follow(targets)
        mean, width = self._frame(conditions)
        off = targets - mean
        fit = (off / self.scale).square().mean()
        # A width of its own: with a mean of the same likelihood, both would settle for wide.
        likely = (tempered(off.detach() / width) + (width / self.scale).log()).mean()
        end = (off / width).detach().clamp(-_FAR, _FAR)
        start = torch.randn_like(end)
        time = torch.rand_like(end[..., :1])
        between = torch.lerp(start, end, time)
        drawn = (self._velocity(between, time, conditions) - (end - start)).square().mean()
        return drawn + fit + likely

    def draw(self, conditions, steps: int = 0):
        """Return a target [..., N] for each of ``conditions`` [..., C]."""
        x = torch.randn(*conditions.shape[:-1], self.width, device=conditions.device,
                        dtype=conditions.dtype)
        mean, width = self._frame(conditions)
        return mean + width * self._carried(x, torch.zeros_like(x[..., :1]), conditions,
                                            steps or self.config.steps)

    def redraw(self, targets, conditions):
        """Return targets as they might have been drawn, each near its own [..., N] (SDEdit)."""
        mean, width = self._frame(conditions)
        end = ((targets - mean) / width).clamp(-_FAR, _FAR)
        time = torch.empty_like(end[..., :1]).uniform_(*_KEPT)
        return mean + width * self._carried(torch.lerp(torch.randn_like(end), end, time), time,
                                            conditions, max(1, self.config.steps // 2))

    def _carried(self, x, time, conditions, steps):
        """Return where the flow carries ``x`` [..., N] to from ``time`` [..., 1] on."""
        step = (1.0 - time) / steps
        for k in range(steps):
            x = x + self._velocity(x, time + k * step, conditions) * step
        return x

    def _frame(self, conditions):
        """Return mean and width [..., N] of what is drawn."""
        mean, log = self.frame(conditions).chunk(2, -1)
        log = _NARROW + (_WIDE - _NARROW) * torch.sigmoid(log)
        return mean * self.scale, self.scale * log.exp()

    def _velocity(self, x, time, conditions):
        turns = torch.pi * time * torch.arange(1, 5, device=x.device)
        return self.velocity(torch.cat([x, turns.sin(), turns.cos(), conditions], -1))


class FlowDynamics(LatentDynamics):
    """
    ``base`` with draws from a flow added to what it imagines.

    What is drawn is by how much the base will be wrong: nothing where it knows, this way or
    that where it cannot.  The base provides ``lead(state, action)``, which returns a condition
    [B, C], its own guess [B, N] and what is carried over; ``target(states)``, the vector [N]
    that the guess is about; and ``land(carried, target)``, the state that it makes.
    """

    def __init__(self, base: LatentDynamics, config: FlowConfig = FlowConfig()):
        super().__init__()
        self.base, self.config = base, config
        self.feature_width = base.feature_width
        self.flow = Flow(base.target_width, base.condition_width + base.target_width, config)

    def initial(self, batch, device=None):
        """Return the base's."""
        return self.base.initial(batch, device)

    def observe(self, state, action, embedding):
        """Return the base's."""
        return self.base.observe(state, action, embedding)

    def imagine(self, state, action):
        """Return a drawn next state."""
        condition, guess, carried = self.base.lead(state, action)
        drawn = self.flow.draw(torch.cat([condition, guess], -1))
        return self.base.land(carried, guess + drawn)

    def features(self, state):
        """Return the base's."""
        return self.base.features(state)

    def filter(self, embeddings, actions):  # noqa: A003
        """Return what the base does, with the flow's loss beside its own."""
        found = self.base.filter(embeddings, actions)
        # The latents are what the base's losses make them; the flow learns to draw them.
        with torch.no_grad():
            condition, guess, _ = self.base.lead(at(found.states, slice(0, -1)), actions[1:])
            wrong = self.base.target(at(found.states, slice(1, None))) - guess
            conditions = torch.cat([condition, guess], -1)
            rolled = self._rolled(found.states, actions)
        targets, conditions = (torch.cat([part.flatten(0, 1), more.flatten(0, 1)])
                               for part, more in zip((wrong, conditions), rolled))
        loss = self.config.weight * self.flow.loss(targets, conditions)
        return Filtered(found.features, found.states, {**found.losses, 'flow': loss})

    def _rolled(self, states, actions):
        """
        Return targets and conditions [H, B, ...] along a dream that keeps to what happened.

        Drawn latents are not quite those that are filtered, and a flow that knows only these
        drifts off in a dream of many steps, from one way to another.  So the dream is led: what
        is drawn in it is noise halfway on its way from the truth, and the flow learns to go on
        from there as it went on.
        """
        first = int(torch.randint(len(actions) - 1, ()))
        state, targets, conditions = at(states, first), [], []
        for t in range(first + 1, len(actions)):
            condition, guess, carried = self.base.lead(state, actions[t])
            conditions.append(torch.cat([condition, guess], -1))
            targets.append(self.base.target(at(states, t)) - guess)
            state = self.base.land(carried, guess + self.flow.redraw(targets[-1],
                                                                     conditions[-1]))
        return torch.stack(targets), torch.stack(conditions)
