"""Moments of recorded episodes at which plans are made, again and again."""

from typing import Callable, Iterable, List, NamedTuple, Optional

import numpy as np
from wm_ros.evaluation.closed_loop import ClosedLoop
from wm_ros.types import Belief, NoValidPlan, Plan


class Moment(NamedTuple):
    """What a plan is made from; see ``planning.Mpc.plan``."""

    belief: Belief
    goal: np.ndarray            # [7]
    previous: Optional[Plan]
    act_at: float               # [s]


def record(loop: ClosedLoop, seeds: Iterable[int], each: int,
           progress: Callable[[int], None] = lambda episodes: None) -> List[Moment]:
    """
    Return ``each`` moments of every episode of ``seeds``, from its begin to near its end.

    Raises NoValidPlan where no plan was made at all.
    """
    moments: List[Moment] = []
    for number, seed in enumerate(seeds):
        seen: List[Moment] = []

        def watch(scene, belief, plan):
            seen.append(Moment(belief, np.array(scene.goal), watch.previous, plan.stamp))
            watch.previous = plan

        watch.previous = None
        loop.run(seed, watch=watch)
        # The last moments of an episode, at the goal, say nothing of the way there.
        chosen = np.linspace(0, len(seen), each, endpoint=False).astype(int)
        moments += [seen[index] for index in np.unique(chosen) if seen]
        progress(number + 1)
    if not moments:
        raise NoValidPlan('no plan was made in the recorded episodes: is the checkpoint trained?')
    return moments
