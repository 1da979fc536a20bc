"""The promising ones in the closed loop: all on the same episodes, fewer of them on more."""

from dataclasses import dataclass, replace
import math
from typing import Any, Callable, Dict, List, Mapping, Tuple

import numpy as np
from wm_ros.evaluation.run import Evaluation, Request
from wm_ros.evaluation.statistics import paired, wilson
from wm_ros.tuning.parameter_file import setting


@dataclass(frozen=True)
class Played:
    """Episodes in the order of their seeds."""

    times: Tuple[float, ...] = ()       # [s] to the goal; the time limit on failure
    successes: Tuple[bool, ...] = ()

    @property
    def time(self) -> float:
        """Return the mean time to the goal [s]; infinite without episodes."""
        return float(np.mean(self.times)) if self.times else math.inf

    def figures(self) -> Dict[str, Any]:
        """Return what ``wm_ros evaluate`` says of them, under the same names."""
        won, count = sum(self.successes), len(self.times)
        return {'episodes': count, 'success_rate': won / count if count else math.nan,
                'success_ci95': list(wilson(won, count)), 'time_to_goal_mean': self.time}

    def minus(self, other: 'Played') -> Tuple[float, float, float]:
        """Return the mean difference of times [s] in the episodes of both, and its interval."""
        count = min(len(self.times), len(other.times))
        return paired(self.times[:count], other.times[:count]) if count else (math.nan,) * 3


def rounds(candidates: int, episodes: int) -> List[Tuple[int, int]]:
    """
    Return (how many are played, on how many episodes altogether), from round to round.

    Successive halving (Jamieson and Talwalkar 2016): half as many on twice as many.
    """
    made = []
    for halved in (4, 2, 1):
        made.append((math.ceil(candidates * halved / 4), math.ceil(episodes / halved)))
    return made


def play(request: Request, parameters: Mapping[str, Any], played: Played, episodes: int,
         progress: Callable[[int], None] = lambda episodes: None) -> Played:
    """
    Return ``played`` with more episodes, until there are ``episodes``.

    ``request`` says what else is as usual, and with ``seed`` which episode is the first one;
    ``parameters`` of the mpc node come on top of it.
    """
    have = len(played.times)
    if have >= episodes:
        return played
    settings = request.settings + tuple(
        setting(name, value) for name, value in parameters.items())
    evaluation = Evaluation(replace(request, seed=request.seed + have, episodes=episodes - have,
                                    settings=settings))
    results = evaluation.run(lambda so_far: progress(have + len(so_far)))
    return Played(played.times + tuple(round(float(result.time), 4) for result in results),
                  played.successes + tuple(bool(result.success) for result in results))
