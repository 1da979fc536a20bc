"""Episodes in lockstep with a planner or the policy alone, and what came of them."""

import time
from typing import Callable, Iterable, List, NamedTuple, Optional, Tuple

import numpy as np
import torch
from wm_ros import paths
from wm_ros.evaluation.statistics import percentiles, wilson
from wm_ros.learning.latent.environment import Environment, Moment
from wm_ros.learning.latent.settings import JUDGES
from wm_ros.planning.latent import latent_problem
from wm_ros.planning.registry import PLANNERS
from wm_ros.planning.settings import PlannerSettings
from wm_ros.types import CheckpointError, WmRosError
from wm_ros.world_model.load import hash_of, load_part
from wm_ros.world_model.tdmpc2 import LatentAgent, LatentModel

#: What planners are set to where nobody says otherwise: a short look ahead around the policy.
PLANNER = {'planner.type': 'mppi', 'planner.horizon': 3, 'planner.num_samples': 64,
           'planner.num_elites': 8, 'planner.iterations': 2, 'planner.noise_std': 0.3,
           'planner.temperature': 0.5, 'planner.num_policy_samples': 32}


class Result(NamedTuple):
    """What came of one episode."""

    seed: int
    success: Optional[bool]     # None where the environment never says
    total: float                # of rewards
    steps: int
    plan_ms: List[float]


def load(reference: str, environment: Environment) -> Tuple[LatentAgent, str]:
    """
    Return the agent of the checkpoint ``reference``, and its hash (12 hex).

    Raises CheckpointError for one of an environment of other widths.
    """
    agent = load_part(reference, 'latent_agent')
    widths = tuple(getattr(agent.config, name) for name in environment.widths._fields)
    if widths != environment.widths:
        raise CheckpointError(
            f'checkpoint {paths.find_weights(reference)}: observations, goals and actions are of '
            f'{widths} numbers, those of {environment.name} of {tuple(environment.widths)}')
    return agent, hash_of(reference)[:12]


class Actor:
    """
    Acts with a planner in the agent's dreams; with ``prior`` as the policy does.

    Raises WmRosError for a planner that latent models are not enough for.
    """

    def __init__(self, agent: LatentAgent, settings: PlannerSettings, backend: str = 'float32'):
        known = *JUDGES, 'random'
        if settings.type not in known:
            raise WmRosError(f'planner.type: got {settings.type!r}, expected one of '
                             f'{", ".join(known)} with a latent agent')
        self._agent, self.settings = agent, settings
        self._device = next(agent.parameters()).device
        self._model = None
        if settings.type != 'prior':
            self._model = LatentModel(agent.network, backend, str(self._device))

    def begin(self, seed: int):
        """Forget the last episode; what is drawn in the next one follows from ``seed``."""
        self._rng = torch.Generator().manual_seed(1000 * self.settings.seed + seed)
        self._warm = None

    @torch.no_grad()
    def __call__(self, moment: Moment) -> np.ndarray:
        """Return the action [A]."""
        seen, goal = (torch.from_numpy(part).to(self._device) for part in moment)
        latent = self._agent.encoder(seen, goal)
        if self._model is None:
            return self._agent.network.policy(latent).cpu().numpy()
        solution = PLANNERS[self.settings.type](latent_problem(
            self._model, latent, self.settings, self._rng, self._warm))
        if self.settings.warm_start:
            plan = solution.actions if solution.offsets is None else solution.offsets
            self._warm = np.concatenate([plan[1:], np.zeros_like(plan[:1])])
        return solution.actions[0]


def play(environment: Environment, actor: Actor, seeds: Iterable[int],
         advance: Optional[Callable] = None) -> List[Result]:
    """
    Return what comes of the episodes of ``seeds``; ``advance(results)`` hears of each.

    Some environments speak of success only where there is one: of one that ``tells``, episodes of
    which it says nothing have failed.
    """
    results: List[Result] = []
    for seed in seeds:
        actor.begin(seed)
        results.append(_episode(environment, actor, seed))
        if advance is not None:
            advance(results)
    if not environment.tells:
        return results
    return [result._replace(success=bool(result.success)) for result in results]


def _episode(environment, actor, seed):
    moment, total, times = environment.reset(seed), 0.0, []
    while True:
        began = time.perf_counter()
        action = actor(moment)
        times.append(1e3 * (time.perf_counter() - began))
        step = environment.step(action)
        moment, total = step.moment, total + step.reward
        if step.terminated or step.truncated:
            return Result(seed, step.success, total, len(times), times)


def brief(results: List[Result]) -> dict:
    """Return success, where environments say, and return so far, for progress."""
    figures = figures_of(results)
    told = {'success': figures['success_rate'], 'return': figures['return_mean']}
    return {name: value for name, value in told.items() if value is not None}


def success_of(succeeded: Optional[int], episodes: int) -> dict:
    """Return the rate of success and its interval; both None where nobody knows."""
    if succeeded is None:
        return {'success_rate': None, 'success_ci95': None}
    return {'success_rate': succeeded / episodes,
            'success_ci95': list(wilson(succeeded, episodes))}


def figures_of(results: List[Result]) -> dict:
    """Return success (None where no episode says), return and length, on average."""
    told = [result.success for result in results]
    succeeded = None if set(told) <= {None} else told.count(True)
    p50, p99 = percentiles([ms for result in results for ms in result.plan_ms])
    return {
        'episodes': len(results), **success_of(succeeded, len(results)),
        'return_mean': float(np.mean([result.total for result in results])),
        'return_std': float(np.std([result.total for result in results])),
        'steps_mean': float(np.mean([result.steps for result in results])),
        'plan_ms_p50': p50, 'plan_ms_p99': p99}
