"""Two reports of the same episodes, compared pair by pair."""

import json
from pathlib import Path
from typing import Any, Dict, List, Mapping

import numpy as np
from wm_ros.evaluation.played import played
from wm_ros.evaluation.statistics import paired, paired_ratio, paired_shares, wilson
from wm_ros.types import WmRosError

#: What two reports must have in common.
_SAME = ('task', 'env', 'seed', 'episodes')
#: What a comparison says of each report, where the report says it.
_TOLD = ('robot', 'engine', 'sensors', 'randomization', 'ros', 'env_args', 'trained_in',
         'checkpoint', 'planner', 'horizon', 'plan_ms_p50', 'plan_ms_p99', 'return_mean',
         'steps_mean', 'jerk_rms', 'held_share', 'limited_share')
_SETTINGS, _NUMBERS = _TOLD[:10], _TOLD[10:]


def load(path: str) -> Dict[str, Any]:
    """
    Return the report that ``wm_ros evaluate --json`` has written to ``path``.

    Raises WmRosError for anything else.
    """
    try:
        figures = json.loads(Path(path).read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise WmRosError(f'--compare {path}: {error}') from error
    wrong = _wrong(figures)
    if wrong:
        raise WmRosError(f'--compare {path}: {wrong}; expected what wm_ros evaluate --json writes')
    return figures


def _wrong(figures) -> str:
    """Return what keeps ``figures`` from being a report, '' for nothing."""
    if not isinstance(figures, dict):
        return 'got no report'
    kind, measure = ('env', 'return') if 'env' in figures else ('task', 'time')
    for name, of in ((kind, str), ('seed', int), ('episodes', int), (f'{measure}s', list),
                     ('failed_seeds', list)):
        if not isinstance(figures.get(name), of):
            return f'got no {name}'
    if not isinstance(figures.get('success_rate'), (type(None), int, float)):
        return 'got no success_rate'
    count, values = figures['episodes'], figures[f'{measure}s']
    if count < 1 or len(values) != count or not all(
            type(value) in (int, float) and np.isfinite(value) for value in values):
        return f'got other than a finite {measure} of each of {count} episodes'
    seeds = figures.get('seeds', [])
    if not (isinstance(seeds, list) and len(seeds) in (0, count)
            and all(type(seed) is int for seed in seeds)):
        return f'got other than a seed of each of {count} episodes'
    if not all(type(seed) is int and seed in played(figures)
               for seed in figures['failed_seeds']):
        return 'got failed_seeds that were not played'
    for name in _NUMBERS:
        if not isinstance(figures.get(name), (int, float, type(None))):
            return f'got a {name} that is no number'
    rows = figures.get('changed_parameters', [])
    if not (isinstance(rows, list) and all(
            isinstance(row, dict) and {'name', 'value', 'shipped'} <= set(row) for row in rows)):
        return 'got changed_parameters without name, value and shipped'
    return ''


def compare(first: Mapping[str, Any], second: Mapping[str, Any], names=('A', 'B')
            ) -> Dict[str, Any]:
    """
    Return what ``second`` does otherwise than ``first``; ``names`` are the files' names.

    Differences are second minus first, the ratio of failures second by first, each with its
    95 % interval: of shares by scores (``paired_shares``), of times and returns by Student's t, of
    the ratio by bootstrap over episodes.  Times [s] of failures are the time limit; of a Gymnasium
    environment there are returns in place of times, and success only where both reports have it.
    Raises WmRosError where the two are not of the same episodes.
    """
    _check_same(first, second, names)
    measure = 'return' if 'env' in first else 'time'
    values = [np.array(report[f'{measure}s'], dtype=float) for report in (first, second)]
    found = {**{name: first[name] for name in (*_SAME, 'edge_cases', 'seeds') if name in first},
             'a': _side(first, names[0]), 'b': _side(second, names[1]),
             f'{measure}_difference': list(paired(values[1], values[0]))}
    if _tells(first) and _tells(second):
        failed = [np.array([seed in report['failed_seeds'] for seed in played(first)])
                  for report in (first, second)]
        found.update(_successes(played(first), *failed))
        both = ~failed[0] & ~failed[1]
        found[f'{measure}_difference_both_succeed'] = \
            list(paired(values[1][both], values[0][both])) if both.any() else None
    return {**found, 'differs': _differs(first, second)}


def _check_same(first, second, names):
    for name in _SAME:
        one, other = first.get(name, 'none'), second.get(name, 'none')
        if one != other:
            raise WmRosError(
                f'--compare: {names[0]} is of {name} {one}, {names[1]} of {other}; expected the '
                'same episodes: task or environment, --seed and --episodes')
    if first.get('seeds') != second.get('seeds') or (
            'seeds' in first and first.get('episodes_drawn') != second.get('episodes_drawn')):
        raise WmRosError(f'--compare: {names[0]} and {names[1]} are not of the same edge cases; '
                         'expected the same file of --edge-cases')


def _tells(report) -> bool:
    """Return whether a report knows success; some environments never speak of it."""
    return 'env' not in report or report.get('success_rate') is not None


def _successes(seeds, first, second) -> Dict[str, Any]:
    """Return what the masks of failed episodes say of success."""
    return {
        'success_difference': list(paired_shares(~second, ~first)),
        'both_succeed': int((~first & ~second).sum()),
        'failure_ratio': list(paired_ratio(second, first)),
        'failed_only_a': _where(seeds, first & ~second),
        'failed_only_b': _where(seeds, second & ~first),
        'failed_both': _where(seeds, first & second)}


def _where(seeds, mask) -> List[int]:
    return [seed for seed, there in zip(seeds, mask) if there]


def _side(report, name):
    measure, side = 'returns' if 'env' in report else 'times', {'file': name}
    if _tells(report):
        count = report['episodes']
        successes = count - len(set(report['failed_seeds']))
        side.update(success_rate=successes / count, success_ci95=list(wilson(successes, count)))
    if measure == 'times':
        side['time_to_goal_mean'] = float(np.mean(report['times']))
    return {**side, **{key: report[key] for key in _TOLD if key in report},
            measure: list(report[measure]), 'failed_seeds': list(report['failed_seeds'])}


def _differs(first, second) -> List[Dict[str, Any]]:
    """Return what was otherwise in the product or its world: name, a, b."""
    shipped = {row['name']: row['shipped'] for report in (first, second)
               for row in report.get('changed_parameters', ())}
    sides = [{**_parameters(report, shipped), **{name: report.get(name) for name in _SETTINGS}}
             for report in (first, second)]
    names = dict.fromkeys([*_SETTINGS, *sides[0], *sides[1]])
    if all('parameters' in report for report in (first, second)):
        for name in ('planner', 'horizon'):     # they are among the parameters
            del names[name]
    found = [{'name': name, 'a': sides[0].get(name), 'b': sides[1].get(name)} for name in names
             if sides[0].get(name) != sides[1].get(name)]
    # A file of the same name may say something else by now.
    same = first.get('randomization') == second.get('randomization')
    return found + (_otherwise_drawn(first, second) if same else [])


def _otherwise_drawn(first, second):
    """Return the numbers that were not drawn alike for all episodes, with their ranges."""
    sides = [report.get('episodes_drawn', []) for report in (first, second)]
    names = dict.fromkeys(name for side in sides for drawn in side for name in drawn)
    found = []
    for name in names:
        values = [[drawn.get(name) for drawn in side] for side in sides]
        if values[0] != values[1]:
            found.append({'name': f'{name}, as drawn',
                          **dict(zip('ab', map(_range, values)))})
    return found


def _range(values):
    there = [value for value in values if value is not None]
    return f'{min(there):g} to {max(there):g}' if there else None


def _parameters(report, shipped):
    """Return the planner's parameters, and others that are not as shipped in any report."""
    found = dict(shipped) if 'changed_parameters' in report else {}
    found.update((row['name'], row['value']) for row in report.get('changed_parameters', ()))
    return {**found, **report.get('parameters', {})}
