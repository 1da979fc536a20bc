"""The training loop: it goes on after any end, to the same end, and keeps the best weights."""

from dataclasses import replace
import json
import os
from pathlib import Path
import signal
import subprocess
import sys

from loop_testing import CONFIG, Line
import numpy as np
import pytest
from safetensors.torch import load_file
import torch
from wm_ros.learning.loop import Loop, LoopConfig
from wm_ros.types import WmRosError
from wm_ros.world_model.weights import read_meta

HERE = Path(__file__).parent


def state(loop):
    return {name: tensor.clone() for name, tensor in loop.average.state_dict().items()}


def assert_same(first, second):
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name


@pytest.fixture(scope='module')
def straight(tmp_path_factory):
    """Return weights, curve and figures of a run that nothing disturbed."""
    job = Line()
    loop = Loop(job, CONFIG, tmp_path_factory.mktemp('straight') / 'line')
    figures = loop.run()
    return state(loop), job.curve, figures


def test_it_learns_and_says_what_came_of_it(straight, tmp_path):
    _, curve, figures = straight
    assert np.mean(curve[-10:]) < 0.3 * np.mean(curve[:10])
    assert figures['updates'] == 60 and figures['score'] < 0.5


@pytest.mark.parametrize('at', [1, 19, 20, 37, 59])
def test_ctrl_c_and_resume_come_to_the_same_end(straight, tmp_path, at):
    """Also in the middle of what is between two saved states: to the step."""
    def press(update):
        if update == at - 1:
            os.kill(os.getpid(), signal.SIGINT)
    output = tmp_path / 'line'
    before = signal.getsignal(signal.SIGINT)
    first = Loop(Line(press), CONFIG, output)
    with pytest.raises(KeyboardInterrupt):
        first.run()
    assert signal.getsignal(signal.SIGINT) is before
    assert first.update == at
    job = Line()
    loop = Loop(job, CONFIG, output, resume=True)
    figures = loop.run()
    weights, curve, expected = straight
    assert_same(state(loop), weights)
    assert first.job.curve + job.curve == curve
    assert figures['score'] == expected['score']
    assert sorted(path.name for path in tmp_path.iterdir()) == ['line.json', 'line.safetensors']


def test_a_kill_loses_only_what_came_after_the_last_saved_state(straight, tmp_path):
    script = (f'import os, signal\nfrom loop_testing import *\n'
              f'Loop(Line(lambda i: i == 47 and os.kill(os.getpid(), signal.SIGKILL)), CONFIG, '
              f'Path({str(tmp_path / "line")!r})).run()')
    process = subprocess.run([sys.executable, '-c', script], cwd=HERE, timeout=120, check=False)
    assert process.returncode == -signal.SIGKILL
    job = Line()
    loop = Loop(job, CONFIG, tmp_path / 'line', resume=True)
    assert loop.update == 40
    loop.run()
    assert_same(state(loop), straight[0])
    assert job.curve == straight[1][40:]


def test_the_best_weights_are_kept(tmp_path):
    """Scores that get worse do not replace what was better."""
    class Worse(Line):
        scores = [3.0, 1.0, 2.0]

        def validate(self, module):
            self.kept = {name: tensor.clone() for name, tensor in module.state_dict().items()}
            score = self.scores.pop(0)
            if score == 1.0:
                self.best = self.kept
            return {'score': score, 'other': 10 * score}

    job = Worse()
    figures = Loop(job, CONFIG, tmp_path / 'line').run()
    assert (figures['score'], figures['other']) == (1.0, 10.0)
    assert_same(job.best, load_file(tmp_path / 'line.safetensors'))
    meta = read_meta(tmp_path / 'line.json', {'kind': str, 'training': dict, 'best': dict})
    assert meta['best']['update'] == 40 and meta['best']['score'] == 1.0
    assert meta['training']['learning_rate'] == 0.01


def test_a_run_goes_on_as_it_began(tmp_path):
    with pytest.raises(WmRosError, match='nothing to resume'):
        Loop(Line(), CONFIG, tmp_path / 'line', resume=True)
    job = Line()
    job.about = {'objects': 3.0}
    loop = Loop(job, CONFIG, tmp_path / 'line')
    loop._save()
    job.about = {'objects': 5.0}
    with pytest.raises(WmRosError, match='objects 3.0, not 5.0'):
        Loop(job, CONFIG, tmp_path / 'line', resume=True)
    job = Line(batch=8)
    with pytest.raises(WmRosError, match='batch 32, not 8'):    # what the checkpoint would say
        Loop(job, CONFIG, tmp_path / 'line', resume=True)
    with pytest.raises(WmRosError, match='learning_rate 0.01, not 0.1'):
        Loop(Line(), replace(CONFIG, learning_rate=0.1), tmp_path / 'line', resume=True)
    path = loop.state_path
    whole = path.read_bytes()
    for damage in (whole[:len(whole) // 2], b'', b'nothing'):
        path.write_bytes(damage)
        with pytest.raises(WmRosError, match='damaged'):
            Loop(Line(), CONFIG, tmp_path / 'line', resume=True)


def test_a_run_that_has_not_ended_is_not_begun_over(tmp_path):
    """Hours of it would be lost to a --resume that was forgotten."""
    Loop(Line(), CONFIG, tmp_path / 'line')._save()
    before = (tmp_path / 'line.resume.safetensors').read_bytes()
    with pytest.raises(WmRosError, match='has not ended: add --resume, or delete it'):
        Loop(Line(), CONFIG, tmp_path / 'line')
    assert (tmp_path / 'line.resume.safetensors').read_bytes() == before


def test_divergence_is_named(tmp_path):
    class Broken(Line):

        def losses(self, rng):
            return {'loss': super().losses(rng)['loss'] * float('nan')}

    with pytest.raises(WmRosError, match='diverged at update 20'):
        Loop(Broken(), CONFIG, tmp_path / 'line').run()


def test_divergence_leaves_what_was_good(tmp_path):
    """Between two looks at the loss: neither weights nor state are replaced."""
    class Breaks(Line):

        def losses(self, rng):
            found = super().losses(rng)
            return {'loss': found['loss'] * float('nan' if self.update > 25 else 1.0)}

    config = replace(CONFIG, validate=15)
    with pytest.raises(WmRosError, match='diverged at update 30'):
        Loop(Breaks(), config, tmp_path / 'line').run()
    assert Loop(Breaks(), config, tmp_path / 'line', resume=True).update == 15
    assert all(part.isfinite().all() for part in load_file(
        tmp_path / 'line.safetensors').values())


def test_a_flipped_bit_in_the_state_is_noticed(tmp_path):
    Loop(Line(), CONFIG, tmp_path / 'line')._save()
    file = tmp_path / 'line.resume.safetensors'
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes(data)
    with pytest.raises(WmRosError, match='checksum'):
        Loop(Line(), CONFIG, tmp_path / 'line', resume=True)


@pytest.mark.parametrize('precision', ['bfloat16', 'float16'])
def test_mixed_precision_learns_too(tmp_path, precision):
    job = Line()
    Loop(job, replace(CONFIG, precision=precision), tmp_path / 'line').run()
    assert np.mean(job.curve[-10:]) < 0.4 * np.mean(job.curve[:10])


@pytest.mark.parametrize('wrong', [{'updates': 0}, {'validate': 0}, {'precision': 'int8'}])
def test_loops_that_make_no_sense_are_refused(wrong):
    with pytest.raises(WmRosError, match='training: got'):
        LoopConfig(**{'updates': 10, **wrong})


def test_progress_has_a_rate_and_what_is_left(tmp_path):
    heard = []
    Loop(Line(), CONFIG, tmp_path / 'line',
         report=lambda *said: heard.append(said)).run()
    assert [said[1:3] for said in heard] == [(20, 60), (40, 60), (60, 60)]
    assert all(said[3]['per_second'] > 0 for said in heard) and heard[-1][3]['left_s'] == 0


@pytest.mark.slow
def test_two_processes_learn_what_one_does(tmp_path):
    """The batch is shared between them, gradients are averaged: the same loss curve."""
    for count in (1, 2):
        folder = tmp_path / str(count)
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node',
             str(count), str(HERE / 'loop_testing.py'), str(folder)], cwd=HERE,
            capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr
    one, first, second = (json.loads((tmp_path / name).read_text()) for name in (
        '1/process_0.json', '2/process_0.json', '2/process_1.json'))
    np.testing.assert_allclose(np.mean([first['curve'], second['curve']], axis=0), one['curve'],
                               rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(first['weights'], one['weights'], rtol=1e-3, atol=1e-5)
    assert first['weights'] == second['weights']
    # Codes are put on features of whichever batch: not those of one process, but one book.
    assert first['book'] == second['book']
    assert (tmp_path / '2' / 'line.safetensors').exists()
