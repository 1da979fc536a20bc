"""Watching dreams from the command line: observed above dreamed."""

import json

import imageio.v2 as imageio
import numpy as np
import pytest
import torch
from wm_ros.cli import main
from wm_ros.data import Bank
from wm_ros.evaluation.strip import begin_of, busiest, Film, likeness, strip


@pytest.fixture(scope='module')
def parts(tmp_path_factory):
    """Return recordings, a model of sequences and its decoder; they know nothing."""
    folder = tmp_path_factory.mktemp('parts')
    assert main(['collect', '--task', 'push', '--source', 'script', '--episodes', '2',
                 '--frames', '32', '--plain', '--output', str(folder / 'seen')]) == 0
    for kind, settings in (('sequence', ('inputs=states+wrench', 'kind=simnorm')),
                           ('decoder', ('size=32', f'model={folder / "sequence"}'))):
        assert main(['train', '--task', 'push', '--data', str(folder / 'seen'), '--held-out',
                     str(folder / 'seen'), '--output', str(folder / kind), '--debug-run',
                     '--model', kind, *(f'--set={text}' for text in settings)]) == 0
    return folder


def dream(parts, output, *more):
    return main(['dream', '--task', 'push', '--data', str(parts / 'seen'), '--model',
                 str(parts / 'sequence'), '--decoder', str(parts / 'decoder'), '--output',
                 str(output), *more])


def test_a_strip_has_what_was_seen_above_what_is_dreamed(parts, tmp_path, capsys):
    assert dream(parts, tmp_path / 'dream.png', '--episode', '1', '--steps', '10') == 0
    picture = imageio.imread(tmp_path / 'dream.png')
    assert picture.shape == (3 * (2 * 34 - 2), 3 * (6 * 34 - 2), 3)
    states, frames = (Bank(parts / 'seen', 'push', pytest.fail, (name,)).episode(1)[name]
                      for name in ('states', 'frames'))
    first = begin_of(states, 10)
    np.testing.assert_array_equal(picture[:96:3, :96:3], frames[first])
    np.testing.assert_array_equal(picture[:96:3, -96::3], frames[first + 10])
    assert 'episode 1, 10 steps; PSNR' in capsys.readouterr().out


def test_a_film_has_a_picture_for_each_step(parts, tmp_path):
    assert dream(parts, tmp_path / 'dream.gif', '--steps', '7') == 0
    assert len(imageio.mimread(tmp_path / 'dream.gif')) == 8


@pytest.mark.parametrize('more, words', [
    (['--steps', '0'], '--steps: got 0'), (['--episode', '9'], '--episode: got 9'),
    (['--steps', '9000'], 'no episode has 9009'),
    (['--steps', '900', '--episode', '0'], 'expected at least 909'),
    (['--decoder', 'none'], 'none'),
    (['--output', 'missing/dream.png'], 'missing/dream.png')])
def test_bad_orders_are_one_line(parts, tmp_path, monkeypatch, capsys, more, words):
    monkeypatch.chdir(tmp_path)
    assert dream(parts, 'dream.png', *more) == 2
    assert words in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_a_decoder_of_another_models_latents_is_refused(parts, tmp_path, capsys):
    for ending in ('.json', '.safetensors'):
        (tmp_path / f'decoder{ending}').write_bytes((parts / f'decoder{ending}').read_bytes())
    file = tmp_path / 'decoder.json'
    meta = json.loads(file.read_text())
    file.write_text(json.dumps({**meta, 'model_sha256': 'x' * 64}))
    assert dream(parts, tmp_path / 'dream.png', '--decoder', str(tmp_path / 'decoder')) == 2
    assert 'draws the latents of other weights' in capsys.readouterr().err


def test_it_begins_just_before_something_moves(tmp_path):
    states = np.zeros((60, 23), np.float32)
    states[30:, 15] = 0.1
    assert begin_of(states, 25) == 28 and begin_of(states, 40) == 19
    assert begin_of(states[:, :15], 25) == 8


def test_the_busiest_episode_is_that_whose_object_goes_farthest(parts):
    bank = Bank(parts / 'seen', 'push', pytest.fail, ('states',))
    far = []
    for i in range(2):
        places = bank.episode(i)['states'][:, 15:18]
        first = begin_of(bank.episode(i)['states'], 20)
        far.append(np.linalg.norm(places[first + 20] - places[first]))
    assert busiest(bank, 20) == int(np.argmax(far))


def test_likeness_is_psnr():
    film = Film(torch.zeros(3, 3, 8, 8), torch.full((3, 3, 8, 8), 0.1))
    np.testing.assert_allclose(likeness(film), 20.0, atol=1e-4)
    assert strip(film, [0, 2], 1).shape == (2 * 10 - 2, 2 * 10 - 2, 3)
