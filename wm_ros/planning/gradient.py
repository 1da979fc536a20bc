"""
Gradient ascent through the dream: Adam (Kingma and Ba 2015) from several starts.

Starts are the last plan, the policy prior, and offsets from it, so that not all end on the same
hill.  They stay candidates beside what they became: the plan is never worse than its starts.
"""

import torch
from wm_ros.planning.candidates import correlated_noise, dream_of, finite_elites, scored
from wm_ros.planning.problem import Clock, Problem, Solution
from wm_ros.planning.solution import solution_of, warm_start

_KEEP = 0.8, 0.95           # of Adam's moments: a plan has few iterations
_WIDEST = 2.0               # offset from the prior, share of full action


def gradient(problem: Problem) -> Solution:
    """Return the best future of all starts and of where they led."""
    settings, clock = problem.settings, Clock(problem.deadline)
    active, starts = problem.model.dynamics.active, _starts(problem)
    point, first, second = starts, torch.zeros_like(starts), torch.zeros_like(starts)
    iterations = 0
    while iterations < settings.iterations and clock.another():
        slope = _slope(problem, point)
        iterations += 1
        first = torch.lerp(slope, first, _KEEP[0])
        second = torch.lerp(slope.square(), second, _KEEP[1])
        size = (second / (1 - _KEEP[1] ** iterations)).sqrt() + 1e-8
        step = settings.step_size * first / (1 - _KEEP[0] ** iterations) / size
        widest = _WIDEST if settings.around_prior else 1.0
        point = (point + step * active).clamp(-widest, widest)
    offered = torch.cat([starts, point])
    dream = dream_of(problem, offered, len(offered) if settings.around_prior else 0)
    scores, shares = scored(problem, dream)
    best, dropped = finite_elites(scores, dream, 1)
    return solution_of(dream, shares, best, torch.ones_like(scores[:1]), iterations, dropped,
                       offered[best[0]] if settings.around_prior else None)


def _starts(problem):
    """Return starts [S, H, A]: the prior, or rest, the last plan if there is one, and others."""
    settings, active = problem.settings, problem.model.dynamics.active
    noise = correlated_noise(settings.num_starts, settings.horizon, len(active), settings,
                             problem.rng)
    starts = noise.to(active.device) * active * settings.noise_std
    starts[0] = 0.0
    warm = warm_start(problem)
    if warm is not None:
        starts[-1] = warm
    return starts


def _slope(problem, point):
    """Return the gradient [S, H, A] of each start's score; 0 where it is not finite."""
    with torch.enable_grad():
        point = point.detach().requires_grad_(True)
        dream = problem.model.imagine_with_gradients(
            problem.state, problem.latent, point, problem.goal,
            len(point) if problem.settings.around_prior else 0)
        scores, _ = scored(problem, dream)
        (slope,) = torch.autograd.grad(scores.sum(), point)
    return slope.nan_to_num(0.0, 0.0, 0.0)
