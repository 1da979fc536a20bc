"""Eyes: where objects are in a frame."""

import json
import math

import pytest
from safetensors.torch import load_file
import torch
from wm_ros.cli import main
from wm_ros.learning.eyes import sight_errors
from wm_ros.world_model.eyes import Eyes, EyesConfig, Sight, yaw_of


@pytest.fixture(scope='module')
def recordings(tmp_path_factory):
    """Return a folder of recorded episodes with frames."""
    folder = tmp_path_factory.mktemp('seen')
    assert main(['collect', '--task', 'push', '--episodes', '3', '--frames', '32', '--plain',
                 '--output', str(folder)]) == 0
    return folder


def train(recordings, output, *more):
    return main(['train', '--task', 'push', '--model', 'eyes', '--data', str(recordings),
                 '--held-out', str(recordings), '--output', str(output), '--set', 'size=32',
                 *more])


def test_eyes_learn_where_the_block_is(recordings, tmp_path):
    figures = tmp_path / 'figures.json'
    assert train(recordings, tmp_path / 'eyes', '--set', 'updates=150', '--set', 'validate=50',
                 '--set', 'width=8', '--set', 'batch=32', '--set', 'learning_rate=4e-3', '--set',
                 'warmup=10', '--set', 'average=0.9', '--json', str(figures)) == 0
    said = json.loads(figures.read_text())
    # The middle of where blocks are is 13 cm away.
    assert said['position_median'] < 0.04 and said['seen_right'] > 0.8
    meta = json.loads((tmp_path / 'eyes.json').read_text())
    eyes = Eyes(EyesConfig(**meta['config']))
    eyes.load_state_dict(load_file(tmp_path / 'eyes.safetensors'))
    sight = eyes(torch.rand(5, 3, 32, 32))
    assert sight.positions.shape == (5, 1, 3) and (sight.spread > 0).all()


def test_debug_runs_every_part_in_seconds(recordings, tmp_path):
    assert train(recordings, tmp_path / 'eyes', '--debug-run') == 0


@pytest.mark.parametrize('more, word', [
    (('--set', 'objects=2'), 'got 1 in the recordings, expected 2'),
    (('--set', 'size=64'), 'got 32 pixels a side, expected 64'),
    (('--set', 'points=0'), 'expected at least 1')])
def test_bad_orders_are_one_line(recordings, tmp_path, capsys, more, word):
    assert train(recordings, tmp_path / 'eyes', *more) == 2
    error = capsys.readouterr().err
    assert error.startswith('wm_ros: error: ') and error.count('\n') == 1 and word in error


def test_of_the_four_yaws_the_one_nearby_counts():
    yaw = torch.tensor([0.1, 0.1 + math.pi / 2, -3.0, 2.0])
    turns = torch.stack([torch.cos(4 * yaw), torch.sin(4 * yaw)], -1)
    torch.testing.assert_close(yaw_of(turns, yaw + 0.3), yaw)
    assert yaw_of(turns).abs().max() <= math.pi / 4 + 1e-6


def test_errors_are_those_of_what_is_in_sight():
    batch = {'positions': torch.zeros(3, 1, 3), 'seen': torch.tensor([[1.0], [1.0], [0.0]]),
             'turns': torch.tensor([[[1.0, 0.0]]] * 3)}
    sight = Sight(torch.tensor([[[0.03, 0.04, 0.0]], [[0.0, 0.0, 0.01]], [[9.0, 0.0, 0.0]]]),
                  torch.tensor([[[-1.0, 0.0]]] * 3), torch.full((3, 1), 0.02),
                  torch.tensor([[2.0], [-2.0], [-2.0]]))
    found = sight_errors(sight, batch)
    assert found['position_median'] == pytest.approx(0.01)
    assert found['yaw_median'] == pytest.approx(math.pi / 4)
    assert found['within_2_spreads'] == 0.5
    assert found['seen_right'] == pytest.approx(2 / 3)
