"""Two reports of the same episodes, compared pair by pair."""

import json
from pathlib import Path
from typing import Any, Dict, List, Mapping

import numpy as np
from wm_ros.evaluation.played import played
from wm_ros.evaluation.statistics import paired, paired_ratio, paired_shares, wilson
from wm_ros.types import WmRosError

#: What two reports must have in common.
_SAME = ('task', 'seed', 'episodes')
#: What a comparison says of each report, where the report says it.
_TOLD = ('robot', 'engine', 'sensors', 'randomization', 'ros', 'checkpoint', 'planner', 'horizon',
         'plan_ms_p50', 'plan_ms_p99', 'return_mean', 'jerk_rms', 'held_share', 'limited_share')
_SETTINGS, _NUMBERS = _TOLD[:8], _TOLD[8:]


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
    for name, kind in (('task', str), ('seed', int), ('episodes', int), ('times', list),
                       ('failed_seeds', list)):
        if not isinstance(figures.get(name), kind):
            return f'got no {name}'
    count, times = figures['episodes'], figures['times']
    if count < 1 or len(times) != count or not all(
            type(time) in (int, float) and np.isfinite(time) for time in times):
        return f'got other than a finite time of each of {count} episodes'
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
    95 % interval: of shares by scores (``paired_shares``), of times by Student's t, of the ratio
    by bootstrap over episodes.  Times [s] of failures are the time limit.  Raises WmRosError where
    the two are not of the same episodes.
    """
    for name in _SAME:
        if first[name] != second[name]:
            raise WmRosError(
                f'--compare: {names[0]} is of {name} {first[name]}, {names[1]} of '
                f'{second[name]}; expected the same episodes: task, --seed and --episodes')
    if first.get('seeds') != second.get('seeds') or (
            'seeds' in first and first.get('episodes_drawn') != second.get('episodes_drawn')):
        raise WmRosError(f'--compare: {names[0]} and {names[1]} are not of the same edge cases; '
                         'expected the same file of --edge-cases')
    seeds = played(first)
    failed = [np.array([seed in report['failed_seeds'] for seed in seeds])
              for report in (first, second)]
    times = [np.array(report['times'], dtype=float) for report in (first, second)]
    success, both = [~lost for lost in failed], ~failed[0] & ~failed[1]
    return {
        **{name: first[name] for name in (*_SAME, 'edge_cases', 'seeds') if name in first},
        'a': _side(first, names[0]), 'b': _side(second, names[1]),
        'success_difference': list(paired_shares(success[1], success[0])),
        'time_difference': list(paired(times[1], times[0])),
        'time_difference_both_succeed': list(paired(times[1][both], times[0][both]))
        if both.any() else None,
        'both_succeed': int(both.sum()),
        'failure_ratio': list(paired_ratio(failed[1], failed[0])),
        'failed_only_a': _where(seeds, failed[0] & ~failed[1]),
        'failed_only_b': _where(seeds, failed[1] & ~failed[0]),
        'failed_both': _where(seeds, failed[0] & failed[1]),
        'differs': _differs(first, second)}


def _where(seeds, mask) -> List[int]:
    return [seed for seed, there in zip(seeds, mask) if there]


def _side(report, name):
    count = report['episodes']
    successes = count - len(set(report['failed_seeds']))
    return {'file': name, 'success_rate': successes / count,
            'success_ci95': list(wilson(successes, count)),
            'time_to_goal_mean': float(np.mean(report['times'])),
            **{key: report[key] for key in _TOLD if key in report},
            'times': list(report['times']), 'failed_seeds': list(report['failed_seeds'])}


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
