"""What ``wm_ros tune`` says in the end: the frontier, its settings, and what they are worth."""

from rich.console import Console
from rich.table import Column, Table
from wm_ros.tuning.report import BUSY

#: Without lines, so that all fits into eighty characters.
_PLAIN = {'box': None, 'pad_edge': False, 'padding': (0, 1, 0, 0)}


def show(figures):
    """Print the frontier with the start and the best, and what is to be said of it."""
    shown = {0, figures['best'], *(figures['frontier'] or figures['frontier_offline'])}
    rows = [one for one in sorted(figures['candidates'], key=lambda one: one['plan_ms_p99'])
            if one['trial'] in shown]
    console = Console()
    for table in (_behaviour(rows, figures['best']), _settings(rows, figures)):
        console.print(table)
        console.print()
    for line in _words(figures):
        print(line)


def _behaviour(rows, best):
    table = _table(('plan ms\np50', '\np99', '\ngain', '\nsuccess', '\nof', 'seconds\nto goal',
                    '\nagainst the start'))
    for one in rows:
        played = ('', '', '', '')
        if 'episodes' in one:
            mean, low, high = one['minus_start']
            against = f'{mean:+.2f} ({low:+.2f} to {high:+.2f})' if one['trial'] else ''
            played = (f'{one["success_rate"]:.3f}', str(one['episodes']),
                      f'{one["time_like_start"]:.2f}', against)
        late = '' if one['in_time'] else ' late'
        table.add_row(_name(one['trial'], best), f'{one["plan_ms_p50"]:.1f}',
                      f'{one["plan_ms_p99"]:.1f}{late}', f'{one["gain"]:.2f}', *played)
    return table


def _settings(rows, figures):
    """Return a table with a column for each of ``rows``: names of parameters are long."""
    table = Table('', *(Column(_name(one['trial'], figures['best']), justify='right')
                        for one in rows), **_PLAIN)
    for name in figures['search']:
        table.add_row(name, *(_value(one['parameters'][name]) for one in rows))
    return table


def _value(value):
    return ('no', 'yes')[value] if isinstance(value, bool) else f'{value:g}'


def _table(names):
    return Table('\ntrial', *(Column(name, justify='right') for name in names), **_PLAIN)


def _name(number, best):
    words = [str(number)] if number else ['start']
    return ' '.join(words + ['best'] * (number == best))


def _words(figures):
    """Yield what the tables do not say."""
    yield (f'{figures["task"]}, {figures["planner"]}, checkpoint {figures["checkpoint"]}: '
           f'{figures["trials"]} trials ({figures["too_slow"]} far too slow) for a plan period '
           f'of {figures["period_ms"]:g} ms')
    found = figures['confirmation']
    if found:
        mean, low, high = found['minus_start']
        yield (f'on {found["best"]["episodes"]} episodes that nothing was chosen by: success '
               f'{found["best"]["success_rate"]:.3f}, of the start '
               f'{found["start"]["success_rate"]:.3f}; time to goal {mean:+.2f} s '
               f'(95 % {low:+.2f} to {high:+.2f}) against the start')
    if figures['load'] >= BUSY:
        yield (f'plan times were taken with a load of {figures["load"]:.1f}: on a computer with '
               'nothing else to do they are shorter')
