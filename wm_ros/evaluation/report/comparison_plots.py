"""The plots of a comparison's page."""

from typing import Any, Mapping

import numpy as np
from wm_ros.evaluation.played import played
from wm_ros.evaluation.report.canvas import BAD, canvas, GOOD, inline, LINE, SOFT, WIDTH
from wm_ros.evaluation.report.html import Html


def pairs(comparison: Mapping[str, Any], limit: float) -> Html:
    """Return both times of each episode against each other, and a histogram of differences."""
    first, second = (np.array(comparison[side]['times']) for side in 'ab')
    lost = [np.isin(played(comparison), comparison[side]['failed_seeds']) for side in 'ab']
    with canvas(WIDTH, 3.9) as figure:
        left, right = figure.subplots(1, 2)
        left.plot([0, limit], [0, limit], color=SOFT, linewidth=0.9, linestyle=':')
        either = lost[0] | lost[1]
        for mask, colour, said in ((~either, GOOD, 'both reach it'),
                                   (either, BAD, 'not reached by at least one')):
            if mask.any():
                left.plot(first[mask], second[mask], 'o', ms=3.5, alpha=0.6, mew=0, color=colour,
                          label=f'{said}, {mask.sum()}')
        ends = (0, 1.04 * limit)
        left.set(xlabel='time to goal of A [s]', ylabel='time to goal of B [s]', xlim=ends,
                 ylim=ends)
        left.legend(loc='lower right')
        _differences(right, (second - first)[~either], comparison)
        return inline(figure, 'pairs', 'Times to the goal, pair by pair')


def _differences(axes, difference, comparison):
    """Draw those of episodes in which both reach the goal."""
    if len(difference):
        wide = max(0.05, np.abs(difference).max())
        axes.hist(difference, np.linspace(-wide, wide, 42), color=GOOD, edgecolor='white',
                  linewidth=0.6)
        mean, low, high = comparison['time_difference_both_succeed']
        axes.axvspan(low, high, color=LINE, zorder=0)
        axes.axvline(mean, color=BAD, linewidth=1.2, label='mean, and its 95 % interval')
        axes.legend(loc='upper left')
    axes.axvline(0.0, color=SOFT, linewidth=0.9, linestyle=':')
    axes.set(xlabel='time of B minus time of A [s], both reach it', ylabel='episodes')
    axes.yaxis.get_major_locator().set_params(integer=True)
