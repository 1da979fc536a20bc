"""The plots of an evaluation's page."""

import math
from typing import Any, Mapping, Optional, Sequence

import numpy as np
from sim.randomize import TERMS
from wm_ros.evaluation.report.canvas import BAD, canvas, GOOD, inline, LINE, SOFT, WIDTH
from wm_ros.evaluation.report.html import Html

_BINS = 40
_COLUMNS = 4            # of plots beside each other


def times(seconds: Sequence[float], failed: Sequence[bool], limit: float) -> Html:
    """Return a histogram of times to the goal; failures have a bar beyond the limit."""
    seconds, failed = np.array(seconds), np.array(failed, dtype=bool)
    with canvas(WIDTH, 2.6) as figure:
        axes = figure.subplots()
        axes.hist(seconds[~failed], np.linspace(0.0, limit, _BINS + 1), color=GOOD,
                  edgecolor='white', linewidth=0.6, label=f'reached, {(~failed).sum()}')
        if failed.any():
            axes.bar(limit * (1 + 1.5 / _BINS), failed.sum(), limit / _BINS, color=BAD,
                     label=f'not reached, {failed.sum()}')
        axes.axvline(limit, color=SOFT, linewidth=0.8, linestyle=':', label='time limit')
        axes.set(xlabel='time to goal [s]', ylabel='episodes', xlim=(0, limit * 1.06))
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.legend(loc='upper left' if np.median(seconds) > limit / 2 else 'upper center')
        return inline(figure, 'times', 'Histogram of times to the goal')


def sensitivity(rows: Sequence[Mapping[str, Any]], rate: float) -> Html:
    """Return success by bins of each factor in ``rows``; ``rate`` is that of all episodes."""
    columns = min(_COLUMNS, len(rows))
    lines = math.ceil(len(rows) / columns)
    with canvas(WIDTH * columns / _COLUMNS, 0.4 + 2.0 * lines) as figure:
        plots = figure.subplots(lines, columns, squeeze=False, sharey=True)
        for axes in plots.flat[len(rows):]:
            axes.set_axis_off()
        for axes, row in zip(plots.flat, rows):
            _bins(axes, row, rate)
        for axes in plots[:, 0]:
            axes.set_ylabel('success')
        plots[0, 0].set_ylim(_bottom(bin_['success_ci95'][0] for row in rows
                                     for bin_ in row['bins']), 1.02)
        return inline(figure, 'sensitivity', 'Success rate by what was drawn')


def _bins(axes, row, rate):
    """Draw the rate in each bin at the bin's middle; a bar is as wide as the bin."""
    bins = row['bins']
    middles = [(one['low'] + one['high']) / 2 for one in bins]
    axes.axhline(rate, color=SOFT, linewidth=0.9, linestyle=':')
    axes.hlines([one['success_rate'] for one in bins], [one['low'] for one in bins],
                [one['high'] for one in bins], color=GOOD, linewidth=1.0)
    _with_intervals(axes, middles, bins, GOOD, line=False)
    axes.set_title(row['factor'])
    axes.set_xlabel(unit_of(row['factor']))
    axes.xaxis.get_major_locator().set_params(nbins=4)


def sweep(term: str, points: Sequence[Mapping[str, Any]], base: Mapping[str, Any],
          limit: float) -> Html:
    """Return success and time to goal over a swept term; ``base`` are figures without it."""
    values = [point['value'] for point in points]
    with canvas(WIDTH, 2.9) as figure:
        left, right = figure.subplots(1, 2)
        _with_intervals(left, values, points, GOOD)
        left.set(ylabel='success', ylim=(_bottom(
            point['success_ci95'][0] for point in [*points, base]), 1.02))
        left.axhline(base['success_rate'], color=SOFT, linewidth=0.9, linestyle=':',
                     label='without the sweep')
        right.plot(values, [point['time_to_goal_mean'] for point in points], 'o-', ms=4,
                   color=GOOD)
        right.axhline(base['time_to_goal_mean'], color=SOFT, linewidth=0.9, linestyle=':')
        right.axhline(limit, color=LINE, linewidth=1.2)
        right.set(ylabel='time to goal, mean [s]', ylim=(0, 1.06 * limit))
        for axes in (left, right):
            axes.set_xlabel(_axis_of(term))
            _scale(axes, values)
        left.legend(loc='lower left')
        return inline(figure, f'sweep-{term.replace(".", "-")}', f'Success over {term}')


def _scale(axes, values):
    """Show values in equal ratios at equal distances, with ticks where they are."""
    ratios, steps = np.diff(np.log(values)) if values[0] > 0 else None, np.diff(values)
    if ratios is not None and np.ptp(ratios) < np.ptp(steps) / np.mean(steps) * np.mean(ratios):
        axes.set_xscale('log')
        axes.minorticks_off()
    if len(values) <= 8:
        axes.set_xticks(values, [f'{value:.3g}' for value in values])


def _with_intervals(axes, places, rows, colour, line=True):
    rates = np.array([row['success_rate'] for row in rows])
    ends = np.array([row['success_ci95'] for row in rows])
    # A rate of 1 is rounded off its interval now and then.
    below, above = np.maximum(rates - ends[:, 0], 0), np.maximum(ends[:, 1] - rates, 0)
    axes.errorbar(places, rates, [below, above], fmt='o-' if line else 'o', ms=4, color=colour,
                  elinewidth=1.0, capsize=2.5)


def _bottom(rates) -> float:
    """Return where an axis of success begins: at 0, or higher where all are high."""
    lowest = min(rates)
    return -0.02 if lowest < 0.5 else math.floor(10 * lowest - 0.5) / 10


def unit_of(factor: str) -> str:
    """Return the unit of something drawn, '' for none."""
    term = TERMS.get(factor.split('[')[0])
    return '' if term is None else term.unit


def _axis_of(name: str) -> str:
    """Return what a swept term is, with its unit."""
    term: Optional[Any] = TERMS.get(name)
    if term is not None and term.usual is None:
        return f"{name}, times the task's own"
    unit = unit_of(name)
    return f'{name} [{unit}]' if unit else name
