"""The page of a comparison."""

from typing import Any, Mapping

from wm_ros.evaluation.report import comparison_plots
from wm_ros.evaluation.report.html import (
    cards, document, interval, join, note, number, section, table, tag)
from wm_ros.evaluation.report.page import foot, shown, which
from wm_ros.tasks import get_task

_FIGURES = (('success_rate', 'success', 3, ''),
            ('time_to_goal_mean', 'time to goal, mean', 2, 's'),
            ('plan_ms_p50', 'plan time, median', 1, 'ms'),
            ('plan_ms_p99', 'plan time p99', 1, 'ms'),
            ('return_mean', 'return', 2, ''), ('steps_mean', 'steps of an episode', 1, ''),
            ('jerk_rms', 'jerk of commands, RMS', 0, 'rad/s³'),
            ('limited_share', 'gate limited the command, of cycles', 4, ''),
            ('held_share', 'gate held the arm, of cycles', 4, ''))


def comparison_page(comparison: Mapping[str, Any]) -> str:
    """Return the page of what ``evaluation.comparison.compare`` has found."""
    first, second = comparison['a'], comparison['b']
    name = comparison.get('task') or comparison['env']
    head = join(
        tag('h1', f'{name}: B against A'),
        tag('p', f'The same {comparison["episodes"]} episodes, '
            f'{which(comparison)}. A is ',
            tag('code', first['file']), ', B is ', tag('code', second['file']), '.',
            class_='lead'))
    return document(f'{name}: comparison', head, _headline(comparison),
                    tag('p', verdict(comparison)), _sides(first, second), _differs(comparison),
                    _pairs(comparison) if 'task' in comparison else None,
                    _lost(comparison) if 'failed_both' in comparison else None, foot())


def verdict(comparison: Mapping[str, Any]) -> str:
    """Return in words what the intervals of the differences say."""
    told, untold = [], []
    for key, less, more, what in (
            ('success_difference', 'B succeeds less often', 'B succeeds more often',
             'which of the two succeeds more often'),
            ('time_difference', 'B is at the goal sooner', 'B is at the goal later',
             'which of the two is at the goal sooner'),
            ('return_difference', 'B gets the lower return', 'B gets the higher return',
             'which of the two gets the higher return')):
        if key not in comparison:
            continue
        _, low, high = comparison[key]
        if low > 0 or high < 0:
            told.append(f'{more if low > 0 else less}.')
        else:
            untold.append(what)
    if untold:
        told.append(f'These episodes do not tell {", nor ".join(untold)}.')
    return ' '.join(told)


def _headline(comparison):
    rows = [(f'success of {name}', number(side['success_rate']), interval(side['success_ci95']))
            for name, side in (('A', comparison['a']), ('B', comparison['b']))
            if 'success_rate' in side]
    for key, name, digits, unit, sign in (
            ('success_difference', 'success, B minus A', 3, '', True),
            ('failure_ratio', 'failures, B by A', 2, '', False),
            ('time_difference', 'time to goal, B minus A', 3, 's', True),
            ('return_difference', 'return, B minus A', 3, '', True)):
        if key in comparison:
            value, *ends = comparison[key]
            rows.append((name, number(value, digits, unit, sign),
                         interval(ends, digits, unit, sign)))
    return cards(rows)


def _sides(first, second):
    rows = [(name, *(number(side.get(key), digits, unit) for side in (first, second)))
            for key, name, digits, unit in _FIGURES if key in first or key in second]
    return section('Figures', table([('', False), ('A', True), ('B', True)], rows),
                   note('The time of a failure is the time limit.') if 'times' in first else None)


def _differs(comparison):
    title, rows = 'What differs between the two', comparison['differs']
    if not rows:
        return section(title, tag('p', 'Nothing that the reports tell of.'))
    return section(title, table(
        [('', False), ('A', True), ('B', True)],
        [(tag('code', row['name']), tag('code', shown(row['a'])), tag('code', shown(row['b'])))
         for row in rows]))


def _pairs(comparison):
    both = comparison['time_difference_both_succeed']
    said = f'Both reach the goal in {comparison["both_succeed"]} episodes'
    if both is not None:
        said += (f'; there the time of B minus that of A is {number(both[0], 3, "s", sign=True)} '
                 f'({interval(both[1:], 3, "s", sign=True)})')
    limit = get_task(comparison['task']).time_limit
    return section('Pair by pair', note(f'{said}.'),
                   tag('figure', comparison_plots.pairs(comparison, limit)))


def _lost(comparison):
    return section('Failed seeds', table(
        [('', False), ('episodes', True), ('seeds', False)],
        [(name, len(comparison[key]), ', '.join(map(str, comparison[key])) or '–')
         for name, key in (('only A fails', 'failed_only_a'), ('only B fails', 'failed_only_b'),
                           ('both fail', 'failed_both'))]))
