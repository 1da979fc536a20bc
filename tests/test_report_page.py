"""Pages: complete in themselves, well formed, with the figures of the JSON, all escaped."""

import base64
from html.parser import HTMLParser
import json
from pathlib import Path
import re

import imageio.v3 as imageio
import numpy as np
import pytest
from sim.randomize import load_randomization
from wm_ros.cli import main
from wm_ros.evaluation.comparison import compare, load
from wm_ros.evaluation.report.comparison_page import comparison_page, verdict
from wm_ros.evaluation.report.films import chosen_seeds, RATE, SIZE
from wm_ros.evaluation.report.html import Html, interval, join, number, table, tag
from wm_ros.evaluation.report.page import page
from wm_ros.evaluation.report.plots import sensitivity

#: The small evaluation is run once, by one process.
pytestmark = pytest.mark.xdist_group('report_page')
#: Of seeds 2, 3 and 4 the first has motors that are strong enough.
WEAK = """
terms:
  - {term: physics.motor_gain, choice: [0.02, 1.0]}
  - {term: sensing.joint_bias, normal: [0.0, 0.0005]}
"""
HOSTILE = '<script>alert("1")</script>&\'<img src=http://x>'
_VOID = ('meta', 'img', 'br')


class Page(HTMLParser):
    """What is on a page: tags with attributes, rows of tables, text; all tags are closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.rows, self.text, self._open = [], [], [], []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in _VOID:
            self._open.append(tag)
        if tag == 'tr':
            self.rows.append([])
        if tag in ('td', 'th'):
            self.rows[-1].append('')

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        if {'td', 'th'} & set(self._open):
            self.rows[-1][-1] += data

    def of(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def content(address):
    """Return the bytes that stand in the address itself."""
    head, _, data = address.partition(';base64,')
    assert head.startswith('data:')
    return base64.b64decode(data, validate=True)


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """Return the figures, the page as text and as what is on it, of one success, two failures."""
    folder = tmp_path_factory.mktemp('page')
    (folder / 'weak.yaml').write_text(WEAK)
    assert main(['evaluate', '--task', 'reach', '--planner', 'prior', '--jobs', '1', '--seed', '2',
                 '--episodes', '3', '--randomization', str(folder / 'weak.yaml'),
                 '--set', 'planner.horizon:=4', '--sweep', 'physics.gravity=9:10:2',
                 '--json', str(folder / 'out.json'), '--report', str(folder / 'out.html')]) == 0
    text = (folder / 'out.html').read_text(encoding='utf-8')
    return json.loads((folder / 'out.json').read_text()), text, Page(text), folder


def alone(text, parsed):
    """Assert that a page loads nothing from anywhere, and that its ids are its own."""
    for _, attributes in parsed.tags:
        for name in ('src', 'href', 'xlink:href', 'poster', 'srcset', 'data', 'action'):
            assert attributes.get(name, '#').startswith(('#', 'data:'))
    assert not {'script', 'link', 'iframe', 'object', 'base'} & {tag for tag, _ in parsed.tags}
    assert '@import' not in text and not re.search(r'url\((?!#)', text)
    ids = [attributes['id'] for _, attributes in parsed.tags if 'id' in attributes]
    assert len(ids) == len(set(ids))
    used = re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', text)
    assert {a or b for a, b in used} <= set(ids)


def test_a_page_needs_nothing_but_itself(made):
    _, text, parsed, _ = made
    alone(text, parsed)
    assert text.startswith('<!DOCTYPE html>') and len(parsed.of('svg')) == 3


def test_what_was_drawn_is_reported_for_each_episode(made):
    figures, _, _, folder = made
    randomization = load_randomization(str(folder / 'weak.yaml'))
    assert figures['episodes_drawn'] == [
        randomization.draw(seed, (), 7).numbers() for seed in (2, 3, 4)]
    assert figures['failed_seeds'] == [3, 4]
    first = figures['sensitivity'][0]
    assert first['factor'] == 'physics.motor_gain' and first['explained'] == 1.0
    assert [(one['low'], one['success_rate']) for one in first['bins']] == [
        (0.02, 0.0), (1.0, 1.0)]


def test_the_figures_are_those_of_the_json(made):
    figures, _, parsed, _ = made
    said = parsed.text
    for text in (number(figures['success_rate']), f'95 %: {interval(figures["success_ci95"])}',
                 number(figures['time_to_goal_mean'], 2, 's'), '3, 4',
                 number(figures['plan_ms_p50'], 1, 'ms')):
        assert text in said, text
    points = figures['sweeps']['physics.gravity']
    rows = [row for row in parsed.rows if row[1:2] == ['3']]
    assert rows == [[f'{point["value"]:g}', '3', number(point['success_rate']),
                     interval(point['success_ci95']),
                     number(point['time_to_goal_mean'], 2, 's')] for point in points]
    factors = [row[0].split()[0] for row in parsed.rows if len(row) == 8 and row[0] != 'factor']
    assert factors == [row['factor'] for row in figures['sensitivity']]


def test_parameters_that_differ_are_listed_with_the_shipped_ones(made):
    figures, _, parsed, folder = made
    assert ['planner.horizon', '4', '10', 'mpc_node'] in parsed.rows
    assert ['randomization', str(folder / 'weak.yaml'), '""', 'robot_node'] in parsed.rows
    assert [row['name'] for row in figures['changed_parameters']] == [
        'randomization', 'planner.horizon', 'planner.type']


def test_films_show_the_episodes_that_were_evaluated(made):
    figures, _, parsed, _ = made
    assert chosen_seeds(figures) == {3: '', 4: '', 2: 'the median time of all that reach it'}
    videos = parsed.of('video')
    assert [video['title'] for video in videos] == ['seed 3', 'seed 4', 'seed 2']
    for seed, video, strip in zip((3, 4, 2), videos, parsed.of('img')):
        frames = imageio.imread(content(video['src']), extension='.mp4', plugin='FFMPEG')
        assert frames.shape[1:] == (SIZE, SIZE, 3)
        time = figures['times'][seed - 2]
        assert len(frames) == pytest.approx(RATE * (time + 0.6), abs=2)
        moved = np.abs(frames[len(frames) // 2].astype(float) - frames[0]).max()
        assert frames[0].std() > 20 and moved > 60      # there is something, and it moves
        poster = imageio.imread(content(video['poster']))
        assert np.abs(poster.astype(float) - frames[0]).mean() < 4
        assert imageio.imread(content(strip['src'])).shape[1] > 900
    assert not any('this time' in text for text in parsed.text)
    assert sum('not reached in 5.00 s' in text for text in parsed.text) == 2


def test_chosen_are_six_failures_and_two_successes():
    figures = {'seed': 10, 'episodes': 12, 'times': [5.0] * 9 + [1.0, 3.0, 2.0],
               'failed_seeds': [*range(10, 19)]}
    assert list(chosen_seeds(figures)) == [10, 11, 12, 13, 14, 15, 21, 20]
    assert list(chosen_seeds({**figures, 'times': [1.0], 'failed_seeds': []})) == [10]


def test_a_page_without_failures_films_or_anything_drawn(made):
    figures = {**made[0], 'failed_seeds': [], 'changed_parameters': []}
    for name in ('sensitivity', 'episodes_drawn', 'sweeps'):
        figures.pop(name)
    text = page(figures)
    parsed = Page(text)
    alone(text, parsed)
    assert parsed.text.count('None.') == 2 and not parsed.of('video')


def test_all_text_is_escaped(made):
    figures = json.loads(json.dumps(made[0]))
    for name in ('robot', 'planner', 'checkpoint', 'engine', 'sensors', 'randomization'):
        figures[name] = HOSTILE
    figures['changed_parameters'] = [
        {'name': HOSTILE, 'nodes': [HOSTILE], 'value': HOSTILE, 'shipped': [HOSTILE]}]
    text = page(figures)
    alone(text, Page(text))
    assert any(HOSTILE in said for said in Page(text).text)


def test_the_manual_speaks_of_figures_that_there_are(made, compared):
    told = (Path(__file__).parents[1] / 'docs' / 'evaluation.md').read_text(encoding='utf-8')
    for part, figures in zip(told.split('| name in the JSON |')[1:], (made[0], compared[0])):
        names = re.findall(r'`(\w+)`', ' '.join(
            row.split('|')[1] for row in part.split('\n\n')[0].splitlines()[2:]))
        assert len(names) >= 8 and set(names) <= set(figures)


def test_elements():
    assert tag('p', '<&>', Html('<b>'), None, 3) == '<p>&lt;&amp;&gt;<b>3</p>'
    assert tag('img', src='a"b', alt=None, hidden=True, class_='x') \
        == '<img src="a&quot;b" hidden class="x">'
    assert join('<', Html('<i>')) == '&lt;<i>'
    assert '<td class="number">1</td>' in table([('a', True)], [[1]])


@pytest.mark.parametrize('value, text', [
    (None, '–'), (float('nan'), '–'), (float('inf'), '∞'), (-0.0004, '0.000'), (0.5, '+0.500'),
    (-1.25, '−1.250')])
def test_numbers_as_people_read_them(value, text):
    assert number(value, sign=True) == text


def test_one_factor_and_many_have_a_plot_each():
    row = {'factor': 'physics.gravity', 'bins': [
        {'low': 9.0, 'high': 9.5, 'success_rate': 1.0, 'success_ci95': [0.9, 1.0]}]}
    for count in (1, 5):
        text = sensitivity([row] * count, 0.9)
        assert text.count('physics.gravity') == count and 'm/s^2' in text


@pytest.fixture
def compared(made, tmp_path):
    """Return a comparison of the evaluation with one that fails otherwise, and its files."""
    other = {**made[0], 'failed_seeds': [2], 'times': [5.0, 1.0, 1.2], 'checkpoint': HOSTILE}
    paths = [str(tmp_path / name) for name in ('a<b>.json', 'b.json')]
    for path, figures in zip(paths, (made[0], other)):
        with open(path, 'w') as file:
            json.dump(figures, file)
    return compare(*map(load, paths), names=paths), paths


def test_the_page_of_a_comparison(compared, tmp_path, capsys):
    found, paths = compared
    out = tmp_path / 'both.html'
    assert main(['evaluate', '--compare', *paths, '--report', str(out)]) == 0
    text = out.read_text(encoding='utf-8')
    parsed = Page(text)
    alone(text, parsed)
    assert text == comparison_page(found) and len(parsed.of('svg')) == 1
    difference = found['success_difference']
    assert number(difference[0], sign=True) in parsed.text
    assert interval(difference[1:], sign=True) in parsed.text
    assert ['only A fails', '2', '3, 4'] in parsed.rows
    assert ['only B fails', '1', '2'] in parsed.rows and ['both fail', '0', '–'] in parsed.rows
    assert ['checkpoint', found['a']['checkpoint'], HOSTILE] in parsed.rows
    assert paths[0] in parsed.text


@pytest.mark.parametrize('success, time, said', [
    ((0.1, 0.05, 0.2), (-1, -2, -0.5), 'B succeeds more often. B is at the goal sooner.'),
    ((-0.1, -0.2, -0.05), (0, -1, 1), 'B succeeds less often. These episodes do not tell which of '
     'the two is at the goal sooner.'),
    ((0, 0, 0), (0, -1, 1), 'These episodes do not tell which of the two succeeds more often, nor '
     'which of the two is at the goal sooner.')])
def test_the_verdict_is_what_the_intervals_say(success, time, said):
    assert verdict({'success_difference': success, 'time_difference': time}) == said


def test_files_of_one_name_are_refused(tmp_path, capsys):
    same = str(tmp_path / 'out')
    assert main(['evaluate', '--task', 'reach', '--json', same, '--report', same]) == 2
    assert 'name another file' in capsys.readouterr().err
