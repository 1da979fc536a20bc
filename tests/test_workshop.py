"""What the world model's figures are measured on: recipes that can be followed, and plots."""

from pathlib import Path

import imageio.v2 as imageio
import pytest
from wm_ros.bench.drawing import draw
from wm_ros.bench.record import shown
from wm_ros.bench.world_model import workshop
from wm_ros.cli import parser_for
from wm_ros.learning.configured import configured
from wm_ros.learning.eyes import EyesTraining
from wm_ros.learning.loop import LoopConfig
from wm_ros.learning.sequence import SequenceTraining
from wm_ros.learning.tokenizer import TokenizerTraining
from wm_ros.world_model.eyes import EyesConfig
from wm_ros.world_model.sequence import SequenceConfig
from wm_ros.world_model.tokens import FrameConfig

KINDS = {'tokenizer': (FrameConfig, TokenizerTraining, LoopConfig),
         'sequence': (SequenceConfig, SequenceTraining, LoopConfig),
         'eyes': (EyesConfig, EyesTraining, LoopConfig)}


@pytest.mark.parametrize('name', workshop.MODELS)
def test_recipes_can_be_followed(name):
    recipe = workshop.MODELS[name]
    assert {*recipe.data.split(), recipe.held_out} <= {*workshop.RECORDINGS, *workshop.BRANCHES}
    configured(KINDS[recipe.model], recipe.settings, {})
    line = workshop.training(name, 'output')
    assert parser_for(line).parse_args(line).model == recipe.model


@pytest.mark.parametrize('name', workshop.RECORDINGS)
def test_recordings_are_those_that_collect_makes(name):
    line = ['collect', '--task', 'push', '--output', 'x', *workshop.RECORDINGS[name].split()]
    assert parser_for(line).parse_args(line).frames in (16, 64, 128)


@pytest.fixture
def orders(tmp_path, monkeypatch):
    """Return the command lines that the workshop gives; they only leave what it looks for."""
    found = []

    def run(*line):
        found.append(line)
        if line[0] == 'train':
            (tmp_path / 'tokens_large.done.json').write_text('{}')
        else:
            Path(line[line.index('--output') + 1]).mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(workshop, 'run', run)
    monkeypatch.setattr(workshop, 'FOLDER', tmp_path)
    return found


def test_twins_are_replays_of_what_they_are_twins_of(orders, tmp_path):
    workshop.recording('heavy_twin')
    first, second = orders
    assert '--events' in first and first[first.index('--output') + 1].endswith('heavy')
    assert second[second.index('--replay') + 1] == str(tmp_path / 'data' / 'heavy')


def test_twins_of_what_was_recorded_anew_are_made_anew(orders, monkeypatch):
    workshop.recording('heavy_twin')
    monkeypatch.setitem(workshop.RECORDINGS, 'heavy', '--episodes 3 --frames 64')
    workshop.recording('heavy_twin')
    assert len(orders) == 4 and '--replay' in orders[-1]


def test_splits_are_of_eighty_tokens():
    assert all(sum(split) == 80 for split in workshop.SPLITS)
    assert set(workshop.BY_SPLIT.values()) <= set(workshop.MODELS)


def test_what_lacks_is_made_once(orders, tmp_path):
    half = tmp_path / 'data' / 'large' / 'episode_000000.safetensors'
    half.parent.mkdir(parents=True)
    half.touch()
    assert workshop.trained('tokens_large') == str(tmp_path / 'tokens_large')
    assert [line[0] for line in orders] == ['collect', 'collect', 'train']
    assert not half.exists() and '--resume' not in orders[-1]
    workshop.trained('tokens_large')
    assert len(orders) == 3


def test_a_training_that_was_stopped_goes_on(orders, tmp_path):
    workshop.trained('tokens_large')
    (tmp_path / 'tokens_large.done.json').unlink()
    (tmp_path / 'tokens_large.resume.safetensors').touch()
    workshop.trained('tokens_large')
    assert orders[-1][-1] == '--resume'


def test_what_another_recipe_made_is_made_anew(orders, tmp_path, monkeypatch):
    workshop.trained('tokens_large')
    (tmp_path / 'tokens_large.resume.safetensors').touch()
    recipe = workshop.MODELS['tokens_large']
    monkeypatch.setitem(workshop.MODELS, 'tokens_large', recipe._replace(
        settings=(*recipe.settings, 'batch=8')))
    monkeypatch.setitem(workshop.RECORDINGS, 'large', '--episodes 3 --frames 128')
    kept = tmp_path / 'data' / 'large_held' / 'episode_000000.safetensors'
    old = tmp_path / 'data' / 'large' / 'episode_000000.safetensors'
    kept.touch()
    old.touch()
    del orders[:]
    workshop.trained('tokens_large')
    assert [line[0] for line in orders] == ['collect', 'train'] and orders[-1][-1] != '--resume'
    assert kept.exists() and not old.exists()


def test_branches_are_recorded_by_themselves(orders, tmp_path, monkeypatch):
    monkeypatch.setitem(workshop.BRANCHES, 'slide', ('slide', 2, 0))
    folder = workshop.recording('slide')
    assert not orders and len(list(folder.glob('episode_*.safetensors'))) == 2


def test_plots_are_drawn_of_rows_and_nothing_else(tmp_path):
    rows = [shown(f'horizon_{part}/{kind}/{h}', 0.01 * h, 'm', '')
            for part in ('block', 'end_effector') for kind in ('rssm', 'stays') for h in (1, 5)]
    assert [path.name for path in draw(rows, tmp_path / 'plots')] == ['horizons.png']
    rows += [shown('rare_error/0/80/0', 0.02, '', '', 'tokens; usual 0.01000, 25.00 dB'),
             shown('rare_error/16/48/16', 0.01, '', '', 'tokens; usual 0.00900, 26.00 dB'),
             shown('doubt_reliability/states/0.50', 0.4, 'share', ''),
             shown('efficiency_success/ours/seed0/2000', 0.5, 'share', '')]
    written = draw(rows, tmp_path / 'plots')
    assert [path.stem for path in written] == [
        'horizons', 'rare_events', 'reliability', 'efficiency']
    assert all(imageio.imread(path).std() > 5 for path in written)
