"""The record of a bench, its tables, and the command: goes on, keeps order, refuses damage."""

from dataclasses import asdict
import json
import re
import subprocess
import sys
from types import ModuleType

from killing import killed_at_rename
import pytest
from wm_ros.bench import BENCHES
from wm_ros.bench.record import at_least, at_most, Figure, load_note, Record, shown, true
from wm_ros.bench.suite import Part
from wm_ros.bench.table import BEGIN, END, markdown, replace
from wm_ros.cli import INTERRUPTED, main
from wm_ros.types import WmRosError

ORDER = ('first', 'second', 'last')


def row(name, value=1.0, bar=0.5):
    return at_least(name, value, bar, 'm', f'wm_ros measure {name}')


@pytest.fixture
def record(tmp_path):
    return Record(tmp_path / 'results' / 'small.json', ORDER)


def reopened(record):
    return Record(record.path, ORDER)


def test_figures_hold_up_to_their_bar():
    for make, holding, missing in ((at_least, 0.5, 0.49), (at_most, 0.5, 0.51)):
        assert make('f', holding, 0.5, '', '').holds
        assert not make('f', missing, 0.5, '', '').holds
        assert not make('f', float('nan'), 0.5, '', '').holds
    # Judged as measured, not as shown: 0.94999999 is not 0.95.
    assert not at_least('f', 0.94999999, 0.95, '', '').holds
    assert true('f', True, '').holds and not true('f', False, '').holds
    assert shown('f', float('nan'), '', '').holds


def test_timings_are_noted_with_load_and_speed_of_the_machine():
    note = re.fullmatch(r'load [0-9.]+ \(1 min\), [0-9.]+ \(5 min\) on [0-9]+ cores, '
                        r'a million additions in ([0-9]+) ms', load_note())
    assert note and int(note[1]) > 0


def test_what_was_stored_is_read_again(record):
    rows = [row('a', 0.123456789), shown('b', 'words', '', 'c', 'a note'), true('c', False, 'd')]
    record.store('first', rows)
    assert reopened(record).rows('first') == rows
    assert rows[0].value == 0.12346
    assert json.loads(record.path.read_text()) == [asdict(figure) for figure in rows]


def test_rows_keep_the_order_of_the_bench_however_they_came(record):
    for name in ('last', 'first', 'second'):
        record.store(name, [row(f'{name}_{i}') for i in range(2)])
    names = [figure.figure for figure in reopened(record).everything()]
    assert names == ['first_0', 'first_1', 'second_0', 'second_1', 'last_0', 'last_1']
    assert [figure['figure'] for figure in json.loads(record.path.read_text())] == names


def test_a_part_that_is_measured_again_is_replaced(record):
    record.store('first', [row('old'), row('older')])
    record.store('second', [row('kept')])
    record.store('first', [row('new')])
    assert [figure.figure for figure in reopened(record).everything()] == ['new', 'kept']


def test_parts_that_were_not_measured_are_empty(record):
    assert record.everything() == [] and record.rows('second') == []


@pytest.mark.parametrize('content', [
    '', '[{"figure": "a"', 'null', '3', '{"figure": "a"}', '["a"]', '[{"figure": "a"}]',
    '[{"unknown": 1}]', '\x00\x01', b'\xff\xfe'])
def test_a_damaged_part_is_refused_by_name(record, content):
    record.store('first', [row('a')])
    record.store('second', [row('b')])
    file = record.path.with_suffix('.parts') / 'second.json'
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    for read in (lambda: reopened(record).rows('second'), reopened(record).everything):
        with pytest.raises(WmRosError, match='second.json: damaged .*measure again'):
            read()
    assert reopened(record).rows('first') == [row('a')]


STORE = """
from pathlib import Path
from wm_ros.bench.record import at_least, Record
Record(Path({path!r}), ('first', 'second', 'last')).store(
    'first', [at_least('new', 2.0, 0.5, 'm', '')])
"""


@pytest.mark.parametrize('suffix, kept', [('first.json', 'old'), ('small.json', 'new')])
def test_a_kill_while_storing_leaves_whole_files(record, suffix, kept):
    record.store('first', [row('old')])
    killed_at_rename(STORE.format(path=str(record.path)), suffix)
    (figure,) = reopened(record).rows('first')
    assert figure.figure == kept
    assert json.loads(record.path.read_text())[0]['figure'] == 'old'


def test_the_table_holds_rows_with_a_bar_and_runs_as_one():
    rows = [true('mistake/a', True, ''), true('mistake/b', False, ''),
            row('reach_success', 0.991), shown('for_comparison', 3.0, 's', ''),
            at_most('minutes/run1', 4.0, 10, 'min', ''),
            at_most('minutes/run2', 12.0, 10, 'min', ''),
            at_least('rate/seed0', 119.98, 100, 'Hz', ''),
            at_least('rate/seed1', 120.01, 100, 'Hz', ''),
            at_least('told/heavy', 0.9, 0.8, '', ''), at_least('told/throw', 0.7, 0.8, '', ''),
            at_least('success', 0.9994, 0.5, 'share', '')]
    lines = markdown(rows).splitlines()[2:]
    assert lines == ['| mistake | 1 of 2 cases | yes | missed |',
                     '| reach success | 0.991 m | >= 0.5 | holds |',
                     '| minutes | 4 to 12 min (2 runs) | <= 10 | missed |',
                     '| rate | 120 Hz, 2 times | >= 100 | holds |',
                     '| told, heavy | 0.9 | >= 0.8 | holds |',
                     '| told, throw | 0.7 | >= 0.8 | missed |',
                     '| success | 0.999 | >= 0.5 | holds |']


def test_only_what_is_between_the_marks_is_replaced():
    text = f'# Title\n\n{BEGIN}old\n{END}\n| a table | of its own |\n'
    rows = [row('a')]
    done = replace(text, rows)
    assert done == f'# Title\n\n{BEGIN}{markdown(rows)}{END}\n| a table | of its own |\n'
    assert replace(done, rows) == done


@pytest.mark.parametrize('text', [
    '', BEGIN, END, f'{END} {BEGIN}', f'{BEGIN}{END}{BEGIN}{END}', f'{BEGIN}{BEGIN}{END}'])
def test_text_without_one_pair_of_marks_is_refused(text):
    with pytest.raises(WmRosError, match='expected one pair of marks'):
        replace(text, [row('a')])


def results(tmp_path, value=1.0):
    """Return a folder in which every part of main_job has one figure."""
    record = Record(tmp_path / 'main_job.json', [part.name for part in BENCHES['main_job']])
    for part in BENCHES['main_job']:
        record.store(part.name, [Figure(part.name, value, 'm', '>= 0.5', value >= 0.5, '')])
    return ['bench', 'main_job', '--results', str(tmp_path)]


def test_a_bench_that_is_complete_measures_nothing_and_tells_the_bars(tmp_path, capsys):
    """Measuring takes hours: this ends at once, and changes nothing."""
    line = results(tmp_path / 'good')
    before = (tmp_path / 'good' / 'main_job.json').read_bytes()
    assert main(line) == 0
    assert 'measuring' not in capsys.readouterr().out
    assert (tmp_path / 'good' / 'main_job.json').read_bytes() == before
    assert main(results(tmp_path / 'bad', 0.1)) == 1
    assert main(['bench', 'main_job', '--show', '--results', str(tmp_path / 'empty')]) == 1


@pytest.fixture
def measured(monkeypatch):
    """Add a bench 'small' of three quick parts; return the names of those measured so far."""
    done = []

    def part(name):
        def measure():
            done.append(name)
            if done == ['first', 'second']:     # the first time, somebody presses Ctrl-C
                raise KeyboardInterrupt
            return [row(name, len(done))]
        return measure

    quick = ModuleType('wm_ros.bench.quick')
    for name in ORDER:
        setattr(quick, name, part(name))
    monkeypatch.setitem(sys.modules, quick.__name__, quick)
    monkeypatch.setitem(BENCHES, 'small', tuple(Part(n, 'quick', n, '') for n in ORDER))
    return done


def test_an_interrupted_bench_goes_on_with_what_is_missing(tmp_path, measured):
    line = ['bench', 'small', '--results', str(tmp_path)]
    file = tmp_path / 'small.json'

    def rows():
        return [(figure['figure'], figure['value']) for figure in json.loads(file.read_text())]

    assert main(line) == INTERRUPTED
    assert rows() == [('first', 1)]
    assert main(line) == 0
    assert measured == ['first', 'second', 'second', 'last']
    assert rows() == [('first', 1), ('second', 3), ('last', 4)]
    assert main([*line, '--only', 'first']) == 0
    assert rows() == [('first', 5), ('second', 3), ('last', 4)]
    assert main([*line, '--only', 'last', '--only', 'first']) == 0
    assert measured[5:] == ['first', 'last']
    assert main([*line, '--again']) == 0
    assert measured[7:] == list(ORDER)


def test_a_grid_has_a_line_for_each_variant():
    rows = [at_least('quality_success/push/mppi', 1.0, 0.8, 'share', ''),
            shown('quality_plan_ms/push/mppi', 4.02, 'ms', ''),
            at_least('quality_success/push/nlp', 0.95, 0.8, 'share', ''),
            shown('quality_return/push/nlp', -109.9, '', ''), shown('load', 1.0, '', '')]
    text = f'{BEGIN}{END}\n<!-- grid quality -->\nold\n<!-- /grid -->\nthe end\n'
    done = replace(text, rows)
    assert done.endswith(
        '<!-- grid quality -->\n| | success | plan ms | return |\n|---|---:|---:|---:|\n'
        '| push/mppi | 1.000 | 4.02 |  |\n| push/nlp | 0.950 |  | -109.9 |\n'
        '<!-- /grid -->\nthe end\n')
    assert replace(done, rows) == done


def test_update_writes_the_table_into_the_file(tmp_path, capsys):
    text = tmp_path / 'README.md'
    text.write_text(f'before\n{BEGIN}old\n{END}\nafter\n')
    assert main([*results(tmp_path / 'all'), '--show', '--update', str(text)]) == 0
    lines = text.read_text().splitlines()
    assert (lines[0], lines[-1]) == ('before', 'after')
    assert 'old' not in lines and '| success | 1 m | >= 0.5 | holds |' in lines
    assert len(lines) == 6 + len(BENCHES['main_job'])


@pytest.mark.parametrize('line, word', [
    (('juggle',), 'unknown bench'), (('main_job', '--only', 'juggle'), '--only'),
    (('main_job', '--update', '{here}/none.md'), 'none.md'),
    (('main_job', '--update', '{here}/plain.md'), 'expected one pair of marks'),
    (('main_job', '--update', '{here}'), '--update')])
def test_bad_arguments_are_one_line_before_anything_is_measured(tmp_path, line, word):
    (tmp_path / 'plain.md').write_text('no marks')
    line = [part.format(here=tmp_path) for part in line]
    # A process of its own: were it to measure, that would take hours, and this ends it.
    process = subprocess.run(
        [sys.executable, '-m', 'wm_ros', 'bench', *line, '--results', str(tmp_path / 'results')],
        capture_output=True, text=True, timeout=60, check=False)
    assert (process.returncode, process.stdout) == (2, '')
    assert process.stderr.startswith('wm_ros: error: ') and process.stderr.count('\n') == 1
    assert word in process.stderr
