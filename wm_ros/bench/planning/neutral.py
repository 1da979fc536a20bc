"""
A problem that is nobody's own: a latent model of random weights, the same for all planners.

Latent dynamics as TD-MPC2's, one reward, one value of the end.  All planners dream as many
candidates over the same horizon, as often, with as many elites, noise of the same width (1, as
stable-worldmodel has it by default), and the same temperature where there is one.  What kind of
noise it is, and what becomes of the elites, is each planner's own.
"""

from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from wm_ros.planning.latent import latent_problem, Returns
from wm_ros.planning.registry import PLANNERS
from wm_ros.planning.settings import PlannerSettings
from wm_ros.world_model.tdmpc2 import LatentModel, Network, Sizes

HORIZON, ITERATIONS, WIDTH, TEMPERATURE = 10, 6, 1.0, 0.5
STARTS, STEP = 32, 0.1          # of gradient ascent
_SHRINKS, _LEAST = 1.25, 2      # as cem's population does, and down to how many times its elites


class Case(NamedTuple):
    """Sizes of a network, and how many candidates and elites there are."""

    sizes: Sizes
    candidates: int
    elites: int


def _sizes(latent, hidden):
    return Sizes(actions=7, latent=latent, hidden=hidden, values=1, averaged=1, bins=1)


CASES = {'S': Case(_sizes(64, 128), 256, 32), 'M': Case(_sizes(128, 256), 512, 64)}


def network_of(case: Case) -> Network:
    """Return the network of a case; the same each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Network(case.sizes).eval().requires_grad_(False)


def latents(case: Case, count: int) -> torch.Tensor:
    """Return latents [N, D] to plan from; the same each time."""
    rng = torch.Generator().manual_seed(1)
    drawn = torch.randn(count, case.sizes.latent // 8, 8, generator=rng)
    return torch.softmax(drawn, -1).flatten(1)


def worth(network: Network, latent, plan) -> float:
    """Return the return of a plan [H, A], by eager torch in float32."""
    dream = LatentModel(network, 'eager').imagine(None, latent, torch.as_tensor(plan)[None])
    return float(sum(Returns(network.sizes.discount).shares(dream).values()))


class Ours:
    """One of our planners: latent [D] in, plan [H, A] out."""

    def __init__(self, kind: str, case: Case, model: LatentModel):
        self._planner, self._model = PLANNERS[kind], model
        self._by_torch = kind == 'gradient'     # the others' dreams have threads of their own
        count = _first_population(case) if kind == 'cem' else case.candidates
        self._settings = PlannerSettings.from_params({
            'planner.horizon': HORIZON, 'planner.iterations': ITERATIONS,
            'planner.num_samples': count, 'planner.num_elites': case.elites,
            'planner.num_policy_samples': 0, 'planner.around_prior': False,
            'planner.noise_std': WIDTH, 'planner.temperature': TEMPERATURE,
            'planner.num_starts': STARTS, 'planner.step_size': STEP})
        self._rng = torch.Generator().manual_seed(0)
        self._nothing = np.zeros((HORIZON, case.sizes.actions), np.float32)

    def __call__(self, latent):
        problem = latent_problem(self._model, latent, self._settings, self._rng, self._nothing)
        with self._threads():
            return self._planner(problem).actions

    @contextmanager
    def _threads(self):
        """Give torch the threads that its documentation asks for."""
        before = torch.get_num_threads()
        torch.set_num_threads(before if self._by_torch else 1)
        yield
        torch.set_num_threads(before)


def _first_population(case):
    """Return with how many candidates cem begins to dream as many in all as the others do."""
    count = case.candidates
    while sum(max(_LEAST * case.elites, int(count / _SHRINKS ** i))
              for i in range(ITERATIONS)) < case.candidates * ITERATIONS:
        count += 1
    return count
