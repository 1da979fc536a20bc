"""The live table of the demo, and its last words."""

from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from wm_ros.demo.play import Row

_COLUMNS = (('task', 'left'), ('seed', 'right'), ('success', 'left'), ('time [s]', 'right'),
            ('off goal [cm]', 'right'), ('plans [Hz]', 'right'), ('latency p50 [ms]', 'right'),
            ('p99 [ms]', 'right'), ('surprise', 'right'), ('real time', 'right'))


def cells(row: Row):
    """Return what the table says of an episode."""
    return (row.task, str(row.seed), 'yes' if row.success else 'no', f'{row.time:.2f}',
            f'{100 * row.distance:.1f}', f'{row.plan_rate:.1f}', f'{row.latency_p50:.1f}',
            f'{row.latency_p99:.1f}', f'{row.surprise:.2f}', f'{row.real_time_factor:.3f}')


class Show:
    """A table that grows with each episode; in a pipe or a log, a line for each."""

    def __init__(self, console: Console):
        self._console, self._rows, self._text, self._live = console, [], '', None

    @contextmanager
    def running(self):
        """Show the table while the block runs."""
        if not self._console.is_terminal:
            self._line('  '.join(name for name, _ in _COLUMNS))
            yield self
            return
        with Live(self._table(), console=self._console, refresh_per_second=4) as self._live:
            yield self
            self.say('')

    def say(self, text: str):
        """Show what is under way."""
        self._text = text
        if self._live is not None:
            self._live.update(self._table())
        elif text:
            self._line(text)

    def add(self, row: Row):
        """Show one more episode."""
        self._rows.append(row)
        if self._live is not None:
            self._live.update(self._table())
        else:
            self._line('  '.join(cells(row)))

    def _line(self, text):
        self._console.print(text, highlight=False, soft_wrap=True)

    def _table(self):
        table = Table(caption=self._text or None)
        for name, justify in _COLUMNS:
            table.add_column(name, justify=justify)
        for row in self._rows:
            table.add_row(*cells(row), style=None if row.success else 'red')
        return table


def print_summary(console: Console, figures: dict):
    """Say what was reached, task by task."""
    def shown(value, form):
        return 'unknown' if value is None else format(value, form)
    for task, found in figures.items():
        mark = 'met' if found['met'] else 'MISSED'
        console.print(
            f'{task}: {found["successes"]} of {found["episodes"]} '
            f'(bar {found["bar"]:.0%}: {mark}), '
            f'{shown(found["time_of_successes_mean"], ".2f")} s to the goal, '
            f'{shown(found["plan_rate_hz_median"], ".1f")} plans a second, '
            f'latency {shown(found["latency_ms_p50"], ".1f")} ms p50, '
            f'{shown(found["latency_ms_p99"], ".1f")} ms p99, '
            f'real-time factor at least {found["real_time_factor_min"]:.3f}',
            highlight=False, soft_wrap=True)
        for failed in found['failed']:
            console.print(f'  seed {failed["seed"]} failed: '
                          + ('; '.join(failed['complaints']) or 'no node complained'),
                          highlight=False, soft_wrap=True)
        if not found['real_time']:
            console.print('  the machine was too busy for real time: rates and latencies are '
                          'not to be trusted', highlight=False, soft_wrap=True)
