"""Edge cases: found, kept in files, played again, learned from; and what is refused."""

from dataclasses import replace
import json

from model_testing import ROBOT
import numpy as np
import pytest
from sim.engines import make_scene
from sim.randomize import load_randomization
import torch
from wm_ros import seeds
from wm_ros.cli import main
from wm_ros.evaluation.comparison import compare
from wm_ros.evaluation.edge_cases import Case, Cases, load_cases
from wm_ros.evaluation.edge_cases.attempt import Attempt, Ending, scripted
from wm_ros.evaluation.edge_cases.population import Population
from wm_ros.evaluation.edge_cases.search import Search, SearchRequest
from wm_ros.evaluation.run import Evaluation, Request
from wm_ros.tasks import get_task
from wm_ros.types import WmRosError
import yaml

#: Joints that are not where they say they are mislead an agent, and not the script.
BIASED = """
terms:
  - {term: sensing.joint_bias, uniform: [-0.06, 0.06]}
  - {term: object.mass, how: scale, uniform: [0.5, 2.0]}
  - {term: camera.noise, uniform: [0.0, 0.1]}
"""
CASE = Case(870_000_003, {'object.mass': (0.1,), 'sensing.pose_bias': (0.01, -0.02, 1e-05)},
            0.12, 10.0, 3.5, '0123456789e1')
CASES = Cases('push', 'panda', (CASE, replace(CASE, seed=5, values={})), 'pybullet',
              parameters={'planner.horizon': 5}, search={'seed': 3})


def searching(folder, seed=0, **told):
    (folder / 'biased.yaml').write_text(BIASED)
    told = {'randomization': str(folder / 'biased.yaml'), 'planner': 'prior', **told}
    return Search(SearchRequest(Request('reach', 1, **told), count=3, episodes=60, seed=seed))


@pytest.fixture(scope='module')
def found(tmp_path_factory):
    """Return a search of three cases of reach, which has ended, and its file."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp('found')
    search = searching(folder)
    search.run()
    search.cases().write(str(folder / 'cases.yaml'))
    return search, folder / 'cases.yaml'


def evaluate(file, *more):
    return main(['evaluate', '--task', 'reach', '--planner', 'prior', '--jobs', '1',
                 '--edge-cases', str(file), *more])


def test_what_was_found_fails_again_and_only_that(found, tmp_path):
    search, file = found
    assert evaluate(file, '--json', str(tmp_path / 'out.json')) == 0
    figures = json.loads((tmp_path / 'out.json').read_text())
    cases = load_cases(str(file)).cases
    assert len(cases) == 3 and figures['success_rate'] == 0.0
    assert figures['failed_seeds'] == figures['seeds'] == [case.seed for case in cases]
    assert figures['edge_cases'] == str(file) and figures['randomization'] == 'biased'
    assert [one['sensing.joint_bias[2]'] for one in figures['episodes_drawn']] == [
        case.values['sensing.joint_bias'][2] for case in cases]
    # Each by itself as well, and as far from the goal as was written down.
    loop = Evaluation(Request('reach', 1, planner='prior'), load_cases(str(file)))

    def distances(one, episode):
        one.randomize(episode[1])
        assert not one.run(episode[0]).success
        return one.scene.distance

    assert list(loop.share(distances, loop.episodes[::-1])) == pytest.approx(
        [case.distance for case in cases[::-1]], abs=1e-4)


def test_the_script_solves_what_the_agent_does_not(found):
    _, file = found
    for case in load_cases(str(file)).cases:
        scene = make_scene('pybullet', ROBOT, 'reach', case.randomization)
        ending = scripted(scene, case.seed)
        scene.close()
        assert ending.success and ending.time == pytest.approx(case.script_time, abs=1e-4)
        assert case.time == get_task('reach').time_limit and case.distance > 0.0


def test_the_same_seed_finds_the_same_cases_and_another_one_others(found, tmp_path):
    search, file = found
    again = searching(tmp_path)
    again.run()
    assert again.cases() == search.cases()
    other = searching(tmp_path, seed=1)
    other.run()
    scenes = [{case.seed for case in one.cases().cases} for one in (search, other)]
    assert len(scenes[0] | scenes[1]) == 6
    first = seeds.EDGE_CASES
    assert all(first <= seed < first + seeds.SCENES for seed in scenes[0])
    assert all(first + seeds.SCENES <= seed for seed in scenes[1])


@pytest.mark.slow
def test_two_processes_find_the_same(found, tmp_path):
    shared = searching(tmp_path, jobs=2)
    shared.run()
    assert shared.cases() == found[0].cases()


def test_worlds_are_within_the_file_and_of_what_matters(found):
    """Reach has no objects, and without a camera nothing is seen of its noise."""
    search, _ = found
    assert search.box.names == ('sensing.joint_bias',) * 7
    for case in search.cases().cases:
        assert set(case.values) == {'sensing.joint_bias'}
        assert np.abs(case.values['sensing.joint_bias']).max() <= 0.06
    figures = search.figures()
    assert figures['found'] == 3 <= figures['scenes'] <= figures['episodes'] <= 60
    assert len(figures['lean']) == 7


def tried(place, badness, case=None):
    return Attempt(place, badness, case, False)


def test_where_the_agent_did_worst_worlds_like_that_follow():
    population = Population(range(100, 200), 6, 0)
    first = population.wave()
    assert [place.seed for place in first] == list(range(100, 164))
    for number, place in enumerate(first):
        population.take(tried(place, number / 100))
    population.take(tried(first[5], 1.5, CASE))         # done with
    second = population.wave()
    assert [place.seed for place in second[:40:4]] == list(range(163, 153, -1))
    assert [place.seed for place in second[40:]] == list(range(164, 188))
    before = {place.seed: place.shares for place in first}
    off = [np.subtract(place.shares, before[place.seed]) for place in second[:40]]
    assert 0.05 < np.abs(off).mean() < 0.2              # as far as two draws: 0.33
    assert 0.0 < np.min([place.shares for place in second]) < 1.0


def test_steps_leave_even_draws_evenly_drawn():
    """Or cases would come from the corners, where hardly anything is drawn."""
    population = Population([1], 2000, 0)
    shares = population.wave()[0].shares
    for _ in range(30):
        shares = population._near(shares)
    np.testing.assert_allclose(np.quantile(shares, [0.05, 0.3, 0.7, 0.95]),
                               [0.05, 0.3, 0.7, 0.95], atol=0.03)


def test_a_scene_that_does_not_break_is_given_up():
    population = Population([1, 2], 3, 0)
    for place in population.wave():
        population.take(tried(place, place.seed / 4))
    waves = 0
    while places := population.wave():
        for place in places:
            population.take(tried(place, 0.4))
        waves += 1
    assert waves == 6       # four worlds each time, 24 in all


def test_badness_goes_on_where_success_ends():
    task = get_task('push')
    endings = [Ending(True, 2.0, 0.01), Ending(True, 9.0, 0.05), Ending(False, 10.0, 0.01),
               Ending(False, 10.0, 0.2), Ending(False, 10.0, 9.0)]
    found = [ending.badness(task) for ending in endings]
    assert found == sorted(found) and found[1] < 1.0 < found[2] and found[-1] < 2.0


def test_files_keep_everything(tmp_path):
    file = tmp_path / 'cases.yaml'
    CASES.write(str(file))
    assert load_cases(str(file)) == replace(CASES, name=str(file))
    assert file.read_text().splitlines()[1].endswith(
        '--edge-cases cases.yaml --set planner.horizon:=5')
    pinned = load_cases(str(file)).cases[0].randomization
    boxes = make_scene('mock', ROBOT, 'push').task.boxes
    for seed in (1, 2):
        assert pinned.draw(seed, boxes, 7).drawn == CASE.values
    assert pinned.changes(1, 10.0) == ()


def test_some_of_a_file(tmp_path):
    assert CASES.some(0, 1).cases == CASES.cases[:1]
    assert CASES.some(5, 9).cases == CASES.cases[1:]
    with pytest.raises(WmRosError, match='--seed: got 4, expected that of a case'):
        CASES.some(4, 1)


@pytest.mark.parametrize('change, said', [
    ({'format': 2}, 'expected a file of wm_ros edge_cases, format 1'),
    ({'task': 5}, 'task: got 5, expected a text'), ({'cases': {}}, 'expected a list'),
    ({'cases': []}, 'cases: got none'), ({'cases': [3]}, 'case 1: got 3, expected seed, '),
    ({'unheard': 1}, 'unheard: not known'), ({'search': 1}, 'search: got 1, expected a mapping'),
    ({'seed': True}, 'case 1: seed: got True, expected an integer'),
    ({'seed': -1}, 'case 1: seed: got -1'), ({'seed': 5}, 'seed 5: got more than one case'),
    ({'distance': float('nan')}, 'distance: got nan, expected a finite number'),
    ({'time': 'long'}, "time: got 'long'"), ({'values': [1]}, 'values: got [1], expected a map'),
    ({'values': {'object.mas': 1}}, "term: got 'object.mas', expected one of"),
    ({'values': {'object.mass': 50}}, 'object.mass: from 50 to 50 kg, expected within'),
    ({'values': {'object.mass': [[1], [1, 2]]}}, 'case 1: '),
    ({'values': {'object.mass': 'heavy'}}, 'expected finite numbers'),
    ({'values': {'object.mass': []}}, 'expected finite numbers')])
def test_files_that_are_wrong_are_one_line(tmp_path, change, said):
    file = tmp_path / 'cases.yaml'
    CASES.write(str(file))
    data = yaml.safe_load(file.read_text())
    for name, value in change.items():
        (data['cases'][0] if name in data['cases'][0] else data)[name] = value
    file.write_text(yaml.safe_dump(data))
    with pytest.raises(WmRosError) as raised:
        load_cases(str(file))
    assert str(raised.value).startswith(f'edge cases {file}: ') and said in str(raised.value)
    assert '\n' not in str(raised.value)


def test_files_that_are_none_are_refused(tmp_path):
    for text in ('cases: {', 'a text', 'format: 1'):
        (tmp_path / 'bad.yaml').write_text(text)
        with pytest.raises(WmRosError, match='edge cases .*bad.yaml: '):
            load_cases(str(tmp_path / 'bad.yaml'))


@pytest.mark.parametrize('line, said', [
    (('--edge-cases', '{here}/none.yaml'), 'none.yaml'),
    (('--edge-cases', '{here}/cases.yaml'), "are of task 'push', expected 'reach'"),
    (('--edge-cases', '{here}/cases.yaml', '--randomization', 'usual'), 'worlds of their own'),
    (('--edge-cases', '{here}/cases.yaml', '--ros'), 'leave --ros away'),
    (('--edge-cases', '{here}/cases.yaml', '--seed', '3'), '--seed: got 3'),
    (('--edge-cases', '{here}/cases.yaml', '--episodes', '0'), '--episodes: got 0')])
def test_evaluations_that_make_no_sense_are_one_line(tmp_path, capsys, line, said):
    CASES.write(str(tmp_path / 'cases.yaml'))
    assert main(['evaluate', '--task', 'reach', '--planner', 'prior', '--jobs', '1',
                 *(part.format(here=tmp_path) for part in line)]) == 2
    out, error = capsys.readouterr()
    assert error.startswith('wm_ros: error: ') and error.count('\n') == 1 and said in error
    assert out == ''


def test_worlds_that_no_scene_has_are_refused(tmp_path, capsys):
    two = replace(CASES, cases=(replace(CASE, values={'object.mass': (0.1, 0.2)}),))
    two.write(str(tmp_path / 'cases.yaml'))
    assert main(['evaluate', '--task', 'push', '--edge-cases', str(tmp_path / 'cases.yaml')]) == 2
    said = capsys.readouterr().err
    assert f'case {CASE.seed}: object.mass: value: got 2 numbers, expected 1' in said


@pytest.mark.parametrize('line, said', [
    (('--count', '0'), '--count: got 0'), (('--seed', '2000'), '--seed: got 2000'),
    (('--episodes', '0'), '--episodes: got 0'),
    (('--output', '{here}/none/cases.yaml'), '--output'),
    (('--task', 'juggle'), 'unknown task'), (('--checkpoint', '{here}/none'), 'none.safetensors'),
    (('--randomization', ''), 'makes vary what matters to reach'),
    (('--randomization', 'unseen_blocks'), 'makes vary what matters to reach'),
    (('--set', 'planner.deadline_ms:=5'), 'not the same twice')])
def test_searches_that_make_no_sense_are_one_line(tmp_path, capsys, line, said):
    assert main(['edge_cases', '--task', 'reach', '--output', str(tmp_path / 'cases.yaml'),
                 '--jobs', '1', *(part.format(here=tmp_path) for part in line)]) == 2
    out, error = capsys.readouterr()
    assert error.startswith('wm_ros: error: ') and error.count('\n') == 1 and said in error
    assert out == '' and not list(tmp_path.iterdir())


def test_the_command_says_when_the_agent_masters_everything(tmp_path, capsys):
    """Nothing is written then."""
    (tmp_path / 'easy.yaml').write_text(
        'terms:\n  - {term: sensing.joint_bias, uniform: [0, 1.0e-6]}\n')
    assert main(['edge_cases', '--task', 'reach', '--planner', 'prior', '--episodes', '5',
                 '--randomization', str(tmp_path / 'easy.yaml'), '--jobs', '1', '--output',
                 str(tmp_path / 'cases.yaml')]) == 2
    assert 'no edge case of reach in 5 episodes' in capsys.readouterr().err
    assert not (tmp_path / 'cases.yaml').exists()


def test_reports_of_the_same_cases_are_compared():
    one = {'task': 'push', 'seed': 5, 'episodes': 2, 'times': [10.0, 10.0], 'seeds': [5, 9],
           'failed_seeds': [5, 9], 'edge_cases': 'a.yaml'}
    other = {**one, 'times': [3.0, 10.0], 'failed_seeds': [9]}
    found = compare(one, other)
    assert (found['failed_only_a'], found['failed_both']) == ([5], [9])
    for seeds_there in ([5, 8], None):
        with pytest.raises(WmRosError, match='not of the same edge cases'):
            compare(one, {**other, 'seeds': seeds_there})
    drawn = [{'actuation.lag': 0.1}, {'actuation.lag': 0.2}]
    with pytest.raises(WmRosError, match='not of the same edge cases'):
        compare({**one, 'episodes_drawn': drawn}, {**other, 'episodes_drawn': drawn[::-1]})


def test_the_shipped_randomization_is_searched_for_push():
    search = Search(SearchRequest(Request('push', 1, randomization='usual')))
    terms = {entry.term.name for entry in load_randomization('usual').entries}
    assert set(search.box.names) == terms and len(search.box.names) == len(terms) + 6 + 2
