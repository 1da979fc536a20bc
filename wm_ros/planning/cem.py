"""
Cross-entropy method (iCEM, Pinneri et al. 2020): a population that shrinks around its best.

Coloured noise, so that candidates go somewhere; elites that are kept from one iteration to the
next; the mean among the last candidates; and the best of all futures is taken, not their mean.
"""

import torch
from wm_ros.planning.candidates import coloured_noise, dream_of, finite_elites, scored
from wm_ros.planning.problem import Clock, Problem, Solution
from wm_ros.planning.solution import solution_of, warm_start

_DECAY = 1.25           # by which the population shrinks from iteration to iteration
_KEPT = 0.3             # share of the elites that are candidates again
_MOMENTUM = 0.1         # of mean and width
_NARROWEST = 0.05       # share of full action


def cem(problem: Problem) -> Solution:
    """Return the best future of the last iteration."""
    settings, clock = problem.settings, Clock(problem.deadline)
    active = problem.model.dynamics.active
    warm = warm_start(problem)
    mean = torch.zeros(settings.horizon, len(active), device=active.device) \
        if warm is None else warm
    width, kept = torch.full_like(mean, settings.noise_std), mean[:0, None]
    iterations = dropped = 0
    while iterations < settings.iterations and clock.another():
        count = max(2 * settings.num_elites, int(settings.num_samples / _DECAY ** iterations))
        offered = _offered(problem, min(count, settings.num_samples), mean, width)
        kept = kept.reshape(-1, *mean.shape)
        offered[-len(kept) - 1:-1] = kept
        dream = dream_of(problem, offered, len(offered) if settings.around_prior else 0)
        scores, shares = scored(problem, dream)
        elites, lost = finite_elites(scores, dream, settings.num_elites)
        best = (offered if settings.around_prior else dream.actions)[elites]
        mean = torch.lerp(best.mean(0), mean, _MOMENTUM)
        width = torch.lerp(best.std(0, correction=0), width, _MOMENTUM).clamp(
            min=min(_NARROWEST, settings.noise_std))
        kept = best[:max(1, int(_KEPT * len(best)))]
        iterations, dropped = iterations + 1, dropped + lost
    return solution_of(dream, shares, elites[:1], torch.ones_like(scores[:1]), iterations, dropped,
                       best[0] if settings.around_prior else None)


def _offered(problem, count, mean, width):
    """Return ``count`` candidates; the last is the mean, the first the prior where followed."""
    settings, active = problem.settings, problem.model.dynamics.active
    noise = coloured_noise(count, settings.horizon, len(active), settings.noise_exponent,
                           problem.rng)
    offered = (mean + noise.to(mean.device) * width) * active
    if settings.around_prior:
        offered[0] = 0.0
    offered[-1] = mean
    return offered
