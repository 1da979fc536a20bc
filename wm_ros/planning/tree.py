"""
Tree search over offsets sampled around the policy prior (Sampled and Gumbel MuZero).

A node is what has been added to the prior so far; where it leads is what the prior makes of it up
to the horizon, with the value at the end, dreamed whole.  Actions are continuous, so a node's
children are samples (Hubert et al. 2021).  At the root sequential halving shares out the
simulations, below it children are visited in the proportions of the improved policy (Danihelka
et al. 2022).  The visits of a round, one to each root action that is left, are dreamed together.
"""

import math
from typing import List

import numpy as np
import torch
from wm_ros.planning.candidates import all_finite, dream_of, no_valid_plan, scored
from wm_ros.planning.problem import Clock, Problem, Solution
from wm_ros.planning.solution import solution_of

_VISITS, _SCALE = 50.0, 0.1     # of the improved policy: how many logits a value is worth


class _Node:
    """Offsets [d, A] chosen so far, and the mean return of the futures that went through it."""

    def __init__(self, offsets: np.ndarray):
        self.offsets = offsets
        self.children: List['_Node'] = []
        self.visits, self.value = 0, 0.0
        self.best, self.best_score = offsets, -math.inf     # below it

    def take(self, score: float, offsets: np.ndarray):
        """Count a future."""
        self.visits += 1
        self.value += (score - self.value) / self.visits
        if score > self.best_score:
            self.best, self.best_score = offsets, score


class _Tree:
    """Grows below the root; knows the range of the returns so far."""

    def __init__(self, problem: Problem):
        self._problem, settings = problem, problem.settings
        self._active = problem.model.dynamics.active.cpu().numpy()
        self._rng = np.random.default_rng(
            int(torch.randint(2 ** 31, (), generator=problem.rng)))
        self._hold = math.ceil(settings.horizon / settings.depth)
        self._low, self._high = math.inf, -math.inf
        self.rounds = self.dropped = 0
        nothing = _Node(np.zeros((0, len(self._active)), np.float32))
        self.root = self._children(nothing, settings.num_samples)

    def _children(self, node, count):
        """Return children of ``node``: the first goes on as the prior does, the others do not."""
        steps = self._rng.normal(size=(count, 1, len(self._active)))
        steps *= self._active * self._problem.settings.noise_std
        steps[0] = 0.0
        return [_Node(np.concatenate([node.offsets, np.tile(step, (self._hold, 1))]))
                for step in steps.astype(np.float32)]

    def visit(self, nodes: List[_Node]):
        """Dream one more future of each of these root actions."""
        ways = [self._way(node) for node in nodes]
        offered = self.offered([way[-1].offsets for way in ways])
        dream = dream_of(self._problem, offered, len(offered))
        scores, _ = scored(self._problem, dream)
        good = all_finite(scores, dream)
        for way, score in zip([way for way, kept in zip(ways, good) if kept],
                              scores[good].tolist()):
            self._low, self._high = min(self._low, score), max(self._high, score)
            for node in way:
                node.take(score, way[-1].offsets)
        self.rounds, self.dropped = self.rounds + 1, self.dropped + int((~good).sum())

    def offered(self, chosen: List[np.ndarray]) -> torch.Tensor:
        """Return candidates [K, H, A] of offsets [d, A] each, with none from there on."""
        horizon = self._problem.settings.horizon
        offered = torch.zeros(len(chosen), horizon, len(self._active))
        for row, offsets in zip(offered, chosen):
            row[:len(offsets)] = torch.from_numpy(offsets[:horizon])
        return offered.to(self._problem.goal.device)

    def _way(self, node) -> List[_Node]:
        """Return the way from ``node`` down to one that was not visited, or cannot go on."""
        settings, way = self._problem.settings, [node]
        while way[-1].visits and len(way[-1].offsets) < settings.horizon:
            node = way[-1]
            if not node.children:
                node.children = self._children(node, settings.num_children)
            way.append(self._wanted(node))
        return way

    def _wanted(self, node):
        """Return the child whose visits lag most behind the improved policy."""
        visits = np.array([child.visits for child in node.children])
        values = np.array([child.value if child.visits else node.value
                           for child in node.children])
        values = (values - self._low) / max(self._high - self._low, 1e-9)
        policy = np.exp((_VISITS + visits.max()) * _SCALE * (values - values.max()))
        lag = policy / policy.sum() - visits / (1 + visits.sum())
        return node.children[int(lag.argmax())]


def tree(problem: Problem) -> Solution:
    """Return the best future that begins with the root action that is left in the end."""
    settings, clock, grown = problem.settings, Clock(problem.deadline), _Tree(problem)
    halvings = max(1, math.ceil(math.log2(len(grown.root))))
    nodes = grown.root
    while len(nodes) > 1:
        for _ in range(max(1, settings.simulations // (halvings * len(nodes)))):
            if clock.another():
                grown.visit(nodes)
        nodes = [node for node in nodes if node.visits]
        if not nodes:
            raise no_valid_plan(grown.dropped)
        nodes = sorted(nodes, key=lambda node: -node.value)[:max(1, len(nodes) // 2)]
    known = [node for node in grown.root if node.visits]
    offered = grown.offered([node.best for node in known])
    dream, winner = dream_of(problem, offered, len(offered)), known.index(nodes[0])
    scores, shares = scored(problem, dream)
    if not all_finite(scores, dream)[winner]:
        raise no_valid_plan(1)
    return solution_of(dream, shares, torch.tensor([winner], device=scores.device),
                       torch.ones_like(scores[:1]), grown.rounds, grown.dropped, offered[winner])
