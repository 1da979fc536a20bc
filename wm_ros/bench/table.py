"""Figures as tables: all of them on a terminal, those with a bar in Markdown."""

import re
from typing import Dict, List, Sequence

from wm_ros.bench.record import Figure, YES_NO
from wm_ros.types import WmRosError

BEGIN, END = '<!-- figures -->\n', '<!-- /figures -->'
_GRID = re.compile(r'(<!-- grid (\w+) -->\n).*?(<!-- /grid -->)', re.DOTALL)


def show(rows: Sequence[Figure]):
    """Print all rows."""
    from rich.console import Console
    from rich.table import Column, Table
    # A name that is cut off does not say which figure it is.
    table = Table(Column('figure', overflow='fold'), 'value', 'bar', 'holds', 'note')
    for row in rows:
        mark = '' if not row.bar else ('yes' if row.holds else '[red]no[/red]')
        table.add_row(row.figure, _value(row), row.bar, mark, row.note)
    Console().print(table)


def replace(text: str, rows: Sequence[Figure]) -> str:
    """
    Return ``text`` with the table between the marks; raises WmRosError without marks.

    Where it has marks ``grid NAME``, the rows called NAME_* are a table of their own there.
    """
    head, _, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not end or text.count(BEGIN) != 1 or text.count(END) != 1:
        raise WmRosError(f'expected one pair of marks {BEGIN.strip()} ... {END}')
    whole = head + BEGIN + markdown(rows) + END + tail
    return _GRID.sub(lambda mark: mark[1] + grid(rows, mark[2]) + mark[3], whole)


def markdown(rows: Sequence[Figure]) -> str:
    """
    Return a table of the rows that have a bar.

    Rows ``name/run1``, ``name/seed0`` are one line, and so are those of yes and no.
    """
    groups: Dict[str, List[Figure]] = {}
    for row in rows:
        if row.bar:
            name, _, variant = row.figure.partition('/')
            again = row.unit == YES_NO or not variant or re.fullmatch(r'(run|seed)\d+', variant)
            groups.setdefault(name if again else f'{name}, {variant}', []).append(row)
    lines = ['| figure | measured | bar | |', '|---|---|---|---|']
    for name, group in groups.items():
        holds = all(row.holds for row in group)
        lines.append(f'| {name.replace("_", " ")} | {_together(group)} | {group[0].bar} | '
                     f'{"holds" if holds else "missed"} |')
    return '\n'.join(lines) + '\n'


def grid(rows: Sequence[Figure], name: str) -> str:
    """Return a table of the rows ``<name>_<column>/<line>``, '' where there are none yet."""
    cells: Dict[str, Dict[str, Figure]] = {}
    for row in rows:
        column, _, line = row.figure.partition('/')
        if line and column.startswith(f'{name}_'):
            cells.setdefault(line, {})[column[len(name) + 1:]] = row
    if not cells:
        return ''
    columns = {column: row.unit for line in cells.values() for column, row in line.items()}
    head = [column.replace('_', ' ') + ('' if unit in ('', 'share', *column.split('_'))
                                        else f' [{unit}]') for column, unit in columns.items()]
    lines = [f'| | {" | ".join(head)} |', '|---|' + '---:|' * len(columns)]
    for line, found in cells.items():
        values = [_number(found[column]) if column in found else '' for column in columns]
        lines.append(f'| {line} | {" | ".join(values)} |')
    return '\n'.join(lines) + '\n'


def _together(group):
    """Return the values of rows that are variants of one figure."""
    if len(group) == 1:
        return _value(group[0])
    if group[0].unit == YES_NO:
        return f'{sum(row.holds for row in group)} of {len(group)} cases'
    least, most = (choose(group, key=lambda row: row.value) for choose in (min, max))
    if _number(least) == _number(most):
        return f'{_value(least)}, {len(group)} times'
    return f'{_number(least)} to {_value(most)} ({len(group)} runs)'


def _value(row):
    if isinstance(row.value, str):
        return row.value
    if row.unit == YES_NO:
        return 'yes' if row.value else 'no'
    return _number(row) if row.unit == 'share' else f'{_number(row)} {row.unit}'.strip()


def _number(row):
    return f'{row.value:.3f}' if row.unit == 'share' else f'{row.value:.4g}'
