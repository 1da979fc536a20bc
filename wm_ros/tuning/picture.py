"""Quality over the time of a plan: offline, and in the closed loop."""

from pathlib import Path
from typing import Any, Dict, Sequence

from wm_ros.files import whole


def draw(figures: Dict[str, Any], path: Path):
    """Draw what ``report.figures`` has found; a PNG, whole or not at all."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot, ticker
    canvas, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.6))
    candidates = figures['candidates']
    played = [one for one in candidates if 'episodes' in one]
    _draw(left, candidates, 'gain', figures['best'], figures['frontier_offline'])
    _draw(right, played, 'time_like_start', figures['best'], figures['frontier'])
    if figures['reference_gain'] is not None:
        left.axhline(figures['reference_gain'], color='0.6', linestyle=':',
                     label='as much search as the bounds allow')
    _draw_intervals(right, played)
    left.set(title=f'{figures["task"]}, {figures["planner"]}, offline',
             ylabel='imagined gain over the prior')
    right.set(title=f'{len(played)} of them in the closed loop', ylabel='time to the goal [s]')
    for axes in (left, right):
        axes.set(xscale='log', xlabel='plan time p99 [ms]')
        for axis in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
            axis(ticker.LogFormatter(minor_thresholds=(2, 0.4)))
        axes.axvline(figures['period_ms'], color='tab:red', linewidth=1, label='plan period')
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    canvas.tight_layout()
    with whole(path) as partial:
        canvas.savefig(partial, dpi=110, format='png')
    pyplot.close(canvas)


def _draw(axes, candidates: Sequence[Dict[str, Any]], name, best, front):
    """Draw candidates as points, the frontier through some, the start and the best marked."""
    at = {one['trial']: (one['plan_ms_p99'], one[name]) for one in candidates}
    axes.scatter(*zip(*at.values()), s=18, color='tab:blue', alpha=0.6) if at else None
    if front:
        axes.plot(*zip(*(at[number] for number in front)), color='tab:orange',
                  drawstyle='steps-post', label='frontier')
    for number, text, marker, size in ((0, 'start', 's', 12), (best, 'best', '*', 11)):
        if number in at:
            axes.plot(*at[number], marker, markersize=size, color='black', linestyle='none',
                      fillstyle='none' if marker == 's' else 'full', label=text)


def _draw_intervals(axes, played):
    """Draw the intervals of the differences from the start."""
    for one in played:
        if one['trial']:
            mean, low, high = one['minus_start']
            base = one['time_like_start'] - mean
            axes.plot([one['plan_ms_p99']] * 2, [base + low, base + high], color='tab:blue',
                      alpha=0.4, linewidth=1)
