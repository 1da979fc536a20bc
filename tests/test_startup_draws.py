"""What is drawn once in a run: by whose seed, and how an episode of the run is played again."""

from dataclasses import replace
import json

import pytest
from sim.randomize import load_randomization
from sim.randomize.config import parse
from sim.tasks import make_task
from wm_ros.cli import main
from wm_ros.data import read_episodes
from wm_ros.evaluation.report.page import page
from wm_ros.evaluation.run import Evaluation, Request
from wm_ros.tuning.run import TuningRequest


def made(row, seed=0):
    return parse({'terms': [row]}, 'made', 'made', seed)


def drawn(randomization, seed=3):
    return randomization.draw(seed, make_task('push').boxes, 7)


def test_at_startup_it_is_drawn_once():
    row = {'term': 'physics.gravity', 'when': 'startup', 'uniform': [8.0, 11.0]}
    first = {drawn(made(row), seed).physics.gravity for seed in range(5)}
    other = {drawn(made(row, 1), seed).physics.gravity for seed in range(5)}
    assert len(first) == len(other) == 1 and first != other


@pytest.fixture
def once(tmp_path):
    """Return a file that draws a gravity once in a run, and the gravity of a seed."""
    file = tmp_path / 'once.yaml'
    file.write_text('terms: [{term: physics.gravity, when: startup, uniform: [8.0, 11.0]}]')
    return str(file), lambda seed: drawn(load_randomization(str(file), seed)).physics.gravity


def test_the_seed_of_an_evaluation_decides_what_it_draws_once(once):
    file, gravity = once
    asked = Request('reach', 2, seed=5, planner='prior', randomization=file)
    for request, seed in ((asked, 5), (replace(asked, startup=4), 4),
                          (TuningRequest('reach', seed=4, planner='prior',
                                         randomization=file).evaluation(3, 1), 4)):
        results = Evaluation(request).run()
        assert [dict(result.drawn) for result in results] == [
            {'physics.gravity': gravity(seed)}] * request.episodes
    assert gravity(5) != gravity(4) != gravity(0)


def test_an_episode_of_a_run_is_played_again_by_itself(once, tmp_path, capsys):
    """With what the whole run had drawn once; and the page says how."""
    file, gravity = once
    told = ['evaluate', '--task', 'reach', '--planner', 'prior', '--randomization', file, '--jobs',
            '1', '--episodes', '1', '--json', str(tmp_path / 'out.json')]
    assert main([*told, '--seed', '7', '--startup', '5']) == 0
    figures = json.loads((tmp_path / 'out.json').read_text())
    assert figures['episodes_drawn'] == [{'physics.gravity': gravity(5)}]
    assert figures['startup'] == 5
    assert '--seed 7 --startup 5' in page({**figures, 'failed_seeds': [7]}, [])
    assert main([*told, '--startup', '-1']) == 2 and main([*told, '--startup', '1', '--ros']) == 2
    assert main(['evaluate', '--task', 'reach', '--startup', '1', '--edge-cases', file]) == 2


@pytest.mark.parametrize('source', ['script', 'agent'])
def test_the_seed_of_a_recording_decides_what_it_draws_once(once, tmp_path, source):
    file, gravity = once
    assert main(['collect', '--task', 'reach', '--source', source, '--episodes', '2', '--seed',
                 '3', '--randomization', file, '--output', str(tmp_path / 'data')]) == 0
    for episode in read_episodes(tmp_path / 'data', 'reach', pytest.fail):
        assert dict(episode.randomisation) == {'physics.gravity': gravity(3)}


def test_the_seed_of_a_training_decides_what_it_draws_once(once, tmp_path):
    file, gravity = once
    assert main(['train', '--task', 'reach', '--debug-run', '--seed', '3', '--randomization', file,
                 '--keep', str(tmp_path / 'kept'), '--output', str(tmp_path / 'model')]) == 0
    kept = read_episodes(tmp_path / 'kept', 'reach', pytest.fail)
    assert {episode.randomisation['physics.gravity'] for episode in kept} == {gravity(3)}


def test_the_command_shows_what_a_seed_draws_once(once, tmp_path, capsys):
    file, gravity = once
    line = ['randomization', 'show', file, '--episodes', '3', '--output', str(tmp_path / 'p.png')]
    assert main([*line, '--seed', '3']) == 0
    assert f'{gravity(3):.3g}' in capsys.readouterr().out
    assert main([*line, '--seed', '-1']) == 2
    assert '--seed: got -1, expected at least 0' in capsys.readouterr().err
