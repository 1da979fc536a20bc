"""Parts of the world model that are trained on recordings, from the command line."""

import json
import math
import subprocess
import sys

import pytest
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
import torch
from wm_ros.cli import main
from wm_ros.learning.configured import configured
from wm_ros.learning.loop import LoopConfig
from wm_ros.learning.tokenizer import _use, TokenizerTraining
from wm_ros.types import WmRosError
from wm_ros.world_model.tokens import FrameConfig, FrameTokenizer

SMALL = [f'--set={text}' for text in (
    'size=32', 'colours=4', 'whole=2', 'coarse=16', 'fovea=6', 'fine=6', 'width=8', 'bits=8',
    'batch=8',
    'held_out=16')]


@pytest.fixture(scope='module')
def recordings(tmp_path_factory):
    """Return two folders of recorded episodes: to train on, and held out."""
    folders = []
    for name, seed in (('seen', 0), ('others', 5_000_000)):
        folders.append(tmp_path_factory.mktemp(name))
        assert main(['collect', '--task', 'push', '--source', 'script', '--episodes', '2',
                     '--frames', '32', '--seed', str(seed), '--output', str(folders[-1])]) == 0
    return folders


def train(recordings, output, *more):
    return main(['train', '--task', 'push', '--model', 'tokenizer', '--data',
                 str(recordings[0]), '--held-out', str(recordings[1]), '--output', str(output),
                 *SMALL, *more])


def test_a_tokenizer_learns_and_is_written(recordings, tmp_path, capsys):
    figures = tmp_path / 'figures.json'
    assert train(recordings, tmp_path / 'eyes', '--set', 'updates=150', '--set', 'validate=50',
                 '--set', 'learning_rate=5e-3', '--set', 'warmup=20', '--json', str(figures)) == 0
    said = json.loads(figures.read_text())
    assert {'psnr', 'ssim', 'psnr_objects', 'used_coarse', 'used_whole',
            'even_fine', 'updates', 'seconds'} <= set(said)
    assert said['psnr'] > 12.0 and 'eyes.safetensors' in capsys.readouterr().out
    meta = json.loads((tmp_path / 'eyes.json').read_text())
    assert meta['kind'] == 'frame_tokenizer' and meta['best']['psnr'] == said['psnr']
    asked = {'updates': 150, 'warmup': 20, 'batch': 8, 'objects': 30.0, 'task': 'push',
             'recordings': {'data': [recordings[0].name], 'held_out': [recordings[1].name]}}
    assert meta['training'].items() >= asked.items()
    tokenizer = FrameTokenizer(FrameConfig(**meta['config']))
    tokenizer.load_state_dict(load_file(tmp_path / 'eyes.safetensors'))


def test_of_several_processes_one_writes_and_speaks(recordings, tmp_path):
    done = subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2',
         '-m', 'wm_ros', 'train', '--task', 'push', '--model', 'tokenizer', '--data',
         str(recordings[0]), '--held-out', str(recordings[1]), '--output',
         str(tmp_path / 'eyes'), '--json', str(tmp_path / 'figures.json'), '--debug-run', *SMALL],
        capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('eyes.safetensors') == 1
    assert {'psnr', 'updates'} <= set(json.loads((tmp_path / 'figures.json').read_text()))


def test_the_agent_is_trained_by_one_process(recordings, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('WORLD_SIZE', '2')
    assert main(['train', '--task', 'push', '--output', str(tmp_path / 'agent')]) == 2
    assert 'the agent is trained by one process' in capsys.readouterr().err


def test_debug_runs_every_part_in_seconds(recordings, tmp_path):
    assert train(recordings, tmp_path / 'eyes', '--debug-run') == 0


def test_tensorboard_gets_scalars_and_pictures(recordings, tmp_path):
    assert train(recordings, tmp_path / 'eyes', '--set', 'updates=20', '--set', 'validate=10',
                 '--log-dir', str(tmp_path / 'log')) == 0
    events = EventAccumulator(str(tmp_path / 'log'))
    events.Reload()
    tags = events.Tags()
    assert 'train/loss' in tags['scalars'] and 'validation/psnr' in tags['scalars']
    assert tags['images'] == ['reconstruction']
    assert [event.step for event in events.Scalars('validation/psnr')] == [10, 20]


@pytest.mark.parametrize('more, word', [
    (('--set', 'widht=8'), "did you mean 'width'"), (('--set', 'width=wide'), 'expected int'),
    (('--set', 'width'), 'expected KEY=VALUE'), (('--set', 'bits=99'), 'bits, window_bits: got'),
    (('--set', 'size=64'), 'got 32 pixels a side, expected 64'),
    (('--resume',), 'nothing to resume'), (('--held-out', ''), 'add --held-out'),
    (('--data', 'nowhere'), 'no usable episode'), (('--model', 'ear'), "--model: got 'ear'"),
    (('--device', 'abacus'), "torch cannot use 'abacus'"),
    (('--model', 'agent'), 'is for parts')])
def test_bad_orders_are_one_line(recordings, tmp_path, capsys, more, word):
    assert train(recordings, tmp_path / 'eyes', *more) == 2
    error = capsys.readouterr().err
    assert error.startswith('wm_ros: error: ') and error.count('\n') == 1 and word in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('model', ['tokenizer', 'agent'])
def test_figures_do_not_overwrite_the_checkpoint(recordings, tmp_path, capsys, model):
    output = tmp_path / 'eyes'
    assert main(['train', '--task', 'push', '--model', model, '--output', str(output), '--data',
                 str(recordings[0]), '--json', f'{output}.json'] + (
                     ['--held-out', str(recordings[1])] if model != 'agent' else [])) == 2
    assert 'would overwrite its description' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_settings_go_where_they_belong():
    frame, own, loop = configured(
        (FrameConfig, TokenizerTraining, LoopConfig),
        ['width=64', 'objects=2.5', 'updates=7', 'quantizer=vq'], {'updates': 5, 'seed': 3})
    assert (frame.width, frame.quantizer, own.objects) == (64, 'vq', 2.5)
    assert (loop.updates, loop.seed) == (7, 3)
    with pytest.raises(WmRosError, match='expected KEY=VALUE'):
        configured((FrameConfig,), ['updates=7'], {})


def test_what_is_measured_is_what_tokens_keep():
    """Of a tokenizer that draws grey: the PSNR of grey."""
    from wm_ros.learning.tokenizer import measure
    torch.manual_seed(0)
    tokenizer = FrameTokenizer(FrameConfig(size=32, colours=0, whole=0, coarse=16, fovea=0, fine=0,
                                           width=8)).eval()
    for part in (tokenizer.paint.rest, tokenizer.paint.colours):
        torch.nn.init.zeros_(part.weight)
        torch.nn.init.zeros_(part.bias)
    frames = torch.full((3, 3, 32, 32), 0.5)
    frames[:, :, 8:12, 8:16] = 0.6
    boxes = torch.tensor([[[8, 8, 12, 16]]]).expand(3, 1, 4)
    found = measure(tokenizer, {'frames': frames, 'boxes': boxes})
    assert found['psnr_objects'] == pytest.approx(20.0, abs=1e-3)
    assert found['psnr'] == pytest.approx(-10 * math.log10(0.01 * 32 / 1024), abs=1e-3)
    assert found['used_coarse'] <= 48 / 2048


def test_codes_in_use_are_those_that_occur_and_even_is_their_perplexity():
    found = _use({'even': torch.tensor([3, 3, 3, 3]), 'half': torch.tensor([5, 5, 0, 0]),
                  'one': torch.tensor([9, 0, 0, 0])})
    assert [found[f'used_{name}'] for name in ('even', 'half', 'one')] == [1.0, 0.5, 0.25]
    assert [found[f'even_{name}'] for name in ('even', 'half', 'one')] == pytest.approx(
        [1.0, 0.5, 0.25])
