"""The page of an evaluation."""

import datetime
import json
from typing import Any, List, Mapping, Sequence

import numpy as np
from sim.randomize import TERMS
from wm_ros import __version__
from wm_ros.evaluation.played import played
from wm_ros.evaluation.report import plots
from wm_ros.evaluation.report.films import Film, RATE
from wm_ros.evaluation.report.html import (
    cards, data, document, Html, interval, join, note, number, pairs, section, seeds, short,
    table, tag)
from wm_ros.tasks import get_task

_PLOTTED = 12           # factors that have a plot, those that explain most
_TOLD = 6               # factors that a film's caption tells at once
_COLUMNS = (('factor', False), ('worst in', True), ('success', True), ('best in', True),
            ('success', True), ('explains', True), ('by chance', True), ('time', True))
#: Further figures: name, what it is called, digits, unit.
_FIGURES = (('return_mean', 'return', 2, ''),
            ('jerk_rms', 'jerk of commands, RMS', 0, 'rad/s³'),
            ('limited_share', 'gate limited the command', 4, 'of cycles'),
            ('held_share', 'gate held the arm', 4, 'of cycles'),
            ('surprise_p50', 'surprise p50', 3, ''), ('surprise_p99', 'surprise p99', 3, ''),
            ('latency_p99_ms', 'latency p99', 1, 'ms'), ('plan_rate_hz', 'plan rate', 1, 'Hz'),
            ('gate_rate_hz', 'gate rate', 1, 'Hz'), ('late_share', 'late plans', 4, 'of plans'),
            ('real_time_factor', 'real time factor', 3, ''))


def page(figures: Mapping[str, Any], films: Sequence[Film] = ()) -> str:
    """Return the page of a report of ``wm_ros evaluate --json``, with films of its episodes."""
    parts = [_head(figures), _headline(figures), _setting(figures), _changed(figures),
             _times(figures), _sensitivity(figures), _sweeps(figures), _failed(figures),
             _films(figures, films), foot()]
    return document(f'{figures["task"]}: evaluation', *parts)


def foot() -> Html:
    """Return where a page is from."""
    return tag('footer', f'Written by wm_ros {__version__} on {datetime.date.today()}. Intervals '
               'are 95 %: of rates by Wilson, of their differences by Tango, of '
               'differences of times and returns by Student. '
               'docs/evaluation.md says what each figure means.')


def shown(value: Any) -> str:
    """Return a parameter's value as a file would have it."""
    if value is None:
        return '–'
    return value if isinstance(value, str) and value else json.dumps(value)


def _head(figures):
    how = 'through the live graph of ROS nodes' if figures['ros'] else 'in lockstep'
    return join(tag('h1', f'{figures["task"]}, {figures["robot"]}'),
                tag('p', f'{figures["episodes"]} episodes, '
                    f'{which(figures)}, {how}; planner '
                    f'{figures["planner"]}, checkpoint {figures["checkpoint"]}', class_='lead'))


def which(figures: Mapping[str, Any]) -> str:
    """Return which episodes a report, or a comparison, is of."""
    if 'edge_cases' in figures:
        return f'edge cases of {figures["edge_cases"]}'
    return seeds(figures['seed'], figures['episodes'])


def _headline(figures):
    times, failed = figures['times'], len(figures['failed_seeds'])
    p50, p90 = np.percentile(times, [50, 90])
    return cards([
        ('success', number(figures['success_rate']),
         f'95 %: {interval(figures["success_ci95"])}'),
        ('failures', str(failed), f'of {figures["episodes"]} episodes'),
        ('time to goal, mean', number(figures['time_to_goal_mean'], 2, 's'),
         f'median {number(p50, 2)}, p90 {number(p90, 2, "s")}'),
        ('plan time, median', number(figures['plan_ms_p50'], 1, 'ms'),
         f'p99 {number(figures["plan_ms_p99"], 1, "ms")}')])


def _setting(figures):
    rows = [(name, figures.get(key) or usual) for name, key, usual in (
        ('engine', 'engine', ''), ('sensors', 'sensors', ''),
        ('randomization', 'randomization', 'none'), ('planner', 'planner', ''))]
    rows.append(('horizon', f'{figures["horizon"]:g} steps'))
    rows += [(name, number(figures[key], digits, unit))
             for key, name, digits, unit in _FIGURES if key in figures]
    return section('Setting and further figures', pairs(rows))


def _changed(figures):
    rows = figures.get('changed_parameters', ())
    title = 'Parameters that differ from the shipped ones'
    if not rows:
        return section(title, tag('p', 'None.'))
    return section(title, table(
        [('parameter', False), ('value', True), ('shipped', True), ('node', False)],
        [(tag('code', row['name']), tag('code', shown(row['value'])),
          tag('code', shown(row['shipped'])), ', '.join(row['nodes'])) for row in rows]))


def _times(figures):
    failed = set(figures['failed_seeds'])
    lost = [seed in failed for seed in played(figures)]
    return section('Time to goal', tag('figure', plots.times(
        figures['times'], lost, get_task(figures['task']).time_limit)))


def _sensitivity(figures):
    rows = figures.get('sensitivity')
    if not rows:
        return None
    most, others = rows[:_PLOTTED], rows[_PLOTTED:]
    rest = tag('details', tag('summary', f'{len(others)} more factors, which explain less'),
               table(_COLUMNS, map(_factor, others))) if others else None
    return section(
        'What success depends on',
        note('Success in quantile bins of what was drawn for each episode; bars are 95 % '
             'intervals, the dotted line is all episodes. “Explains” is the share of the variance '
             'of success between episodes that the bins account for, “by chance” how often '
             f'shuffled episodes give as much: of {len(rows)} factors, '
             f'about {number(0.05 * len(rows), 1)} are below 0.05 where nothing matters. “Time” '
             'is the rank correlation with the time to goal.'),
        tag('figure', plots.sensitivity(most, figures['success_rate'])),
        table(_COLUMNS, map(_factor, most)), rest)


def _factor(row):
    ordered = sorted(row['bins'], key=lambda one: one['success_rate'])
    unit = plots.unit_of(row['factor'])
    cells = [join(row['factor'], tag('span', f' {unit}', class_='soft') if unit else None)]
    for one in (ordered[0], ordered[-1]):
        low, high = short(one['low']), short(one['high'])
        cells += [low if low == high else f'{low} … {high}', number(one['success_rate'])]
    return [*cells, number(row['explained']), number(row['chance']),
            number(row['time_correlation'], 2, sign=True)]


def _sweeps(figures):
    limit = get_task(figures['task']).time_limit
    return join(*(section(
        f'Sweep of {term}',
        note('The same episodes at each value. ' + _meaning(term)),
        tag('figure', plots.sweep(term, points, figures, limit)),
        table([('value', True), ('episodes', True), ('success', True), ('95 %', True),
               ('time to goal', True)],
              [(short(point['value']), point['episodes'], number(point['success_rate']),
                interval(point['success_ci95']), number(point['time_to_goal_mean'], 2, 's'))
               for point in points]))
        for term, points in figures.get('sweeps', {}).items()))


def _meaning(term) -> str:
    known = TERMS.get(term)
    return '' if known is None else f'{term}: {known.doc[0].lower()}{known.doc[1:]}'


def _failed(figures):
    failed = figures['failed_seeds']
    if not failed:
        return section('Failed seeds', tag('p', 'None.'))
    again = f'wm_ros evaluate --task {figures["task"]} --episodes 1 --seed {failed[0]}'
    if 'startup' in figures:
        again += f' --startup {figures["startup"]}'
    return section(
        'Failed seeds', tag('p', ', '.join(map(str, failed))),
        note('A seed gives the same episode again: ', tag('code', again),
             ' with the options of this evaluation.'))


def _films(figures, films):
    if not films:
        return None
    return section('Films', note(
        f'Played again from their seeds in lockstep, {RATE} pictures a second in real time; the '
        'green ball is the goal.'), *(_film(figures, film) for film in films))


def _film(figures, film):
    result = film.result
    how = 'reached after' if result.success else 'not reached in'
    said = [f'{how} {number(result.time, 2, "s")}']
    if film.title:
        said.append(film.title)
    if result.held:
        said.append(f'the gate held the arm in {number(result.held / result.cycles, 2)} of its '
                    'cycles')
    if film.otherwise:
        said.append('this time; plans with a deadline differ from run to run')
    drawn = _drawn(figures, result.drawn)
    moments = ', '.join(number(moment, 1) for moment in film.moments)
    return tag(
        'article',
        tag('video', src=data('video/mp4', film.video), controls=True, loop=True, muted=True,
            playsinline=True, preload='metadata', poster=data('image/jpeg', film.poster),
            title=f'seed {result.seed}'),
        tag('div', tag('h3', tag('span', class_='verdict' + ' lost' * (not result.success)),
                       f'seed {result.seed}'), tag('p', '; '.join(said), '.'),
            tag('img', src=data('image/jpeg', film.strip), alt=f'pictures at {moments} s'),
            note(f'at {moments} s'), *drawn), class_='film')


def _drawn(figures, numbers: Mapping[str, float]) -> List[Html]:
    """Return what was drawn for an episode: what explains most, and the rest to unfold."""
    if not numbers:
        return []
    names = [row['factor'] for row in figures.get('sensitivity', ()) if row['factor'] in numbers]
    names += [name for name in numbers if name not in names]
    rows = [(name, f'{short(numbers[name])} {plots.unit_of(name)}'.strip()) for name in names]
    found = [pairs(rows[:_TOLD])]
    if rows[_TOLD:]:
        found.append(tag('details', tag('summary', f'{len(rows) - _TOLD} more that were drawn'),
                         pairs(rows[_TOLD:])))
    return found
