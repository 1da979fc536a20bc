"""
Figures of blocks that stack was never trained on: the agent beside a policy cloned from its data.

What is made for it stays in ``benchmarks/work``: a bench that was interrupted goes on.
"""

from typing import Dict, List

import numpy as np
from wm_ros.bench.record import at_most, Figure, shown, true
from wm_ros.bench.sim_to_real.clones import make, play, Source, tuned
from wm_ros.bench.sim_to_real.parts import outcomes, played
from wm_ros.evaluation.statistics import paired_ratio

_EPISODES, _FEWER, _WORLDS = 1000, 200, 'unseen_blocks'
_MOST = 0.6             # of the clone's errors, that the agent may make
_COMMAND = 'wm_ros bench sim_to_real --only unseen'
#: A fifth of the episodes that the recipe takes, and all of them.
_FEW = Source('stack_few', ('first_episodes=60', 'prior_episodes=12', 'planner_episodes=3'))
_ALL = Source('stack_agent')


def unseen() -> List[Figure]:
    """Return the errors of the agent on unseen blocks as a share of its clone's errors."""
    _FEW.collect()
    number, told = tuned(_FEW)
    lost = {'agent': _lost(_FEW.checkpoint, _EPISODES),
            'prior': _lost(_FEW.checkpoint, _FEWER, planner='prior'),
            'clone': play(_FEW, number, range(_EPISODES), _WORLDS).failed}
    return _rows(lost, f'cloned from the {_FEW.count} episodes of the agent, {told}') + _with_all()


def _lost(checkpoint: str, episodes: int, **asked) -> np.ndarray:
    """Return which episodes an agent fails."""
    asked = {'randomization': _WORLDS, **asked}
    return np.array(outcomes(played('stack', checkpoint, episodes, asked))) == 0.0


def _rows(lost: Dict[str, np.ndarray], told: str):
    rows = [shown(f'unseen_errors/{name}', failed.mean(), 'share', _COMMAND,
                  told if name == 'clone' else f'{len(failed)} episodes')
            for name, failed in lost.items()]
    ratio, low, high = paired_ratio(lost['agent'], lost['clone'])
    words = (f'errors of the agent by those of the clone, {_EPISODES} paired episodes: '
             f'95 % from {low:.3f} to {high:.3f}')
    return rows + [at_most('unseen_error_ratio', ratio, _MOST, 'ratio', _COMMAND, words),
                   true('unseen_error_ratio_interval_below_1', high < 1.0, _COMMAND, words)]


def _with_all():
    """Return the same of the shipped agent and a clone with the usual settings."""
    _ALL.collect()
    make(_ALL, range(1))
    lost = {'agent': _lost('panda_stack', _FEWER),
            'clone': play(_ALL, 0, range(_FEWER), _WORLDS).failed}
    return [shown(f'unseen_errors_of_all_data/{name}', failed.mean(), 'share', _COMMAND,
                  f'{len(failed)} episodes; {_ALL.count} episodes to learn from')
            for name, failed in lost.items()]
