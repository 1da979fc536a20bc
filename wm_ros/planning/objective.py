"""What a dream is worth: small terms, added up by weight."""

import math
from typing import Callable, Dict, Mapping, Optional

import torch
from wm_ros.planning.posture import Posture, TERMS
from wm_ros.tasks import TaskSpec
from wm_ros.world_model.agent.model import WorldModel
from wm_ros.world_model.agent.rollout import Dream

_UNIT = 0.1         # [m], distances count in units of it
_INSIDE = 0.8       # share of the tolerance that a dream aims to be inside of
_EDGE = 0.004       # [m], softness of that border
_MOVING = 0.05      # [m/s] that count as moving altogether
_BEHIND = 0.05      # [m], from the subject's centre to where an approach ends


class Objective:
    """
    Scores imaginations for one model and task; each term is [K, H] or [K], more is better.

    Scores are discounted sums over the horizon; the terms' weights come from parameters
    ``objective.<name>``, and terms of weight 0 are not computed.
    """

    def __init__(self, model: WorldModel, task: TaskSpec):
        self._model, self._task = model, task
        self._subject = model.layout.subject(task)
        self._speed = torch.as_tensor(model.dynamics.rule.speed)
        self._terms: Dict[str, Callable] = {
            'reward': self._reward, 'value': self._value, 'goal': self._goal,
            'arrival': self._arrival,
            'approach': self._approach, 'disagreement': self._disagreement,
            'smoothness': self._smoothness, 'effort': self._effort}

    def shares(self, dream: Dream, goal, weights: Mapping[str, float],
               posture: Optional[Posture] = None):
        """
        Return each weighted term's part of the score, {name: [K]}; ``goal`` [3] tensor.

        Terms about the arm behind the setpoint count where its ``posture`` is known.

        Gradients lead through it where the dream has them.
        """
        horizon = dream.actions.shape[1]
        discount = self._model.dynamics.config.discount
        scale = discount ** torch.arange(horizon, device=goal.device)
        parts = {}
        for name, weight in weights.items():
            if weight > 0 and (posture is not None or name not in TERMS):
                term = (TERMS[name](dream, posture) if name in TERMS
                        else self._terms[name](dream, goal))
                parts[name] = weight * ((term * scale).sum(1) if term.dim() == 2
                                        else term * discount ** horizon)
        return parts

    def rewards(self, dream: Dream, goals, weights: Mapping[str, float]):
        """
        Return what each step [K, H] is worth: all terms but the value of the end.

        ``goals`` [K, 3], one of each future.
        """
        found = torch.zeros_like(dream.disagreement)
        for name, weight in weights.items():
            if weight > 0 and name != 'value' and name not in TERMS:
                found = found + weight * self._terms[name](dream, goals[:, None])
        return found

    def score(self, dream: Dream, goal, weights: Mapping[str, float],
              posture: Optional[Posture] = None):
        """Return the score [K] of each candidate; see ``shares``."""
        parts = self.shares(dream, goal, weights, posture)
        if not parts:
            return torch.zeros(dream.actions.shape[0], device=goal.device)
        return sum(parts.values())

    def _goal(self, dream, goal):
        place = dream.states[:, 1:, self._subject]
        return -(place - goal).norm(dim=-1) / _UNIT

    def _arrival(self, dream, goal):
        """Count the steps at which the subject is not yet at rest inside the tolerance."""
        states = dream.states[..., self._subject]
        distance = (states[:, 1:] - goal).norm(dim=-1)
        speed = torch.diff(states, dim=1).norm(dim=-1) / self._model.dynamics.rule.dt
        outside = torch.sigmoid((distance - _INSIDE * self._task.tolerance) / _EDGE)
        lacking = outside
        if math.isfinite(self._task.rest_speed):
            lacking = torch.maximum(lacking, (speed / _MOVING).clamp(max=1.0))
        if self._task.clearance:
            away = (dream.states[:, 1:, self._model.layout.ee] - states[:, 1:]).norm(dim=-1)
            lacking = torch.maximum(
                lacking, torch.sigmoid((self._task.clearance - away) / _EDGE))
        return -lacking

    def _approach(self, dream, goal):
        """Bring the end effector to the object: to grasp it, or to push it to the goal."""
        ee = dream.states[:, 1:, self._model.layout.ee]
        thing = dream.states[:, 1:, self._subject]
        if self._task.grips:
            return -(ee - thing).norm(dim=-1) / _UNIT
        away = thing - goal
        behind = thing + _BEHIND * away / away.norm(dim=-1, keepdim=True).clamp(min=1e-3)
        return -(ee - behind).norm(dim=-1) / _UNIT

    def _disagreement(self, dream, goal):
        return -dream.disagreement / _UNIT

    def _smoothness(self, dream, goal):
        """Count how actions change, the first of them from the motion that the arm is in."""
        twist = dream.states[:, :1, self._model.layout.setpoint_twist] / self._speed.to(
            dream.states)
        now = torch.cat([twist.clamp(-1.0, 1.0), dream.actions[:, :1, 4:]], -1)
        return -torch.diff(torch.cat([now, dream.actions], 1), dim=1).square().sum(-1)

    def _effort(self, dream, goal):
        return -dream.actions.square().sum(-1)

    def _heads_input(self, dream, goal, last=False):
        states, latents = dream.states[:, 1:], dream.latents[:, 1:]
        if last:
            states, latents = states[:, -1], latents[:, -1]
        return states, latents, goal.expand(*states.shape[:-1], 3)

    def _reward(self, dream, goal):
        return self._model.dynamics.reward(*self._heads_input(dream, goal))

    def _value(self, dream, goal):
        """Trust the value heads only as far as they agree: their lower edge."""
        model = self._model.dynamics if dream.states.requires_grad else self._model
        values = model.values(*self._heads_input(dream, goal, last=True))
        return values.mean(0) - values.std(0)
