"""A sentinel in the closed loop: what is usual to it, and how it takes what is not."""

from typing import Callable, Dict, Iterable, List, Optional

import numpy as np
from wm_ros.evaluation.closed_loop import ClosedLoop
from wm_ros.types import WmRosError
from wm_ros.world_model.alarm import Alarm
from wm_ros.world_model.sentinel import Sentinel

_LEAST_ROWS = 2000      # a quantile of one in a thousand needs some


def keep_watch(loop: ClosedLoop, sentinel: Sentinel, seed: int,
               meddle: Optional[Callable] = None) -> List[Dict[str, np.ndarray]]:
    """
    Return what ``sentinel.see`` returns of each step of an episode of ``loop``.

    ``meddle(scene)`` is called at every belief, and may change the physics.
    """
    rows = []

    def sense(scene, belief, observation):
        if meddle is not None:
            meddle(scene)
        off = sentinel.see(belief.stamp, belief.state, observation.wrench)
        if off is not None:
            rows.append(off)
    sentinel.restart()
    loop.run(seed, sense=sense)
    return rows


def usual(loop: ClosedLoop, sentinel: Sentinel, seeds: Iterable[int],
          progress: Callable[[int], None] = lambda done: None) -> Alarm:
    """
    Return the alarm to which the episodes of ``seeds`` are usual.

    Raises WmRosError where they are too few to tell what happens once in a thousand steps.
    """
    rows: List[Dict[str, np.ndarray]] = []
    for done, seed in enumerate(seeds, 1):
        rows += keep_watch(loop, sentinel, seed)
        progress(done)
    if len(rows) < _LEAST_ROWS:
        raise WmRosError(f'got {len(rows)} steps, expected at least {_LEAST_ROWS}: more episodes '
                         'are needed to tell what is usual')
    return Alarm.fit({name: np.stack([row[name] for row in rows])[:, None] for name in rows[0]})
