"""Checkpoints: what is saved comes back; what is damaged, foreign or hostile does not."""

from contextlib import contextmanager
from dataclasses import replace
import hashlib
import json
import os
from pathlib import Path
import pickle
import re
import struct

from model_testing import make_dynamics, make_model, refusal, ROBOT, SMALL
import numpy as np
import pytest
from safetensors.torch import save as save_tensors
import torch
from wm_ros import paths
from wm_ros.robot.robot import load_robot
from wm_ros.tasks import get_task, TASKS
from wm_ros.types import CheckpointError, ParameterError
from wm_ros.world_model import load_checkpoint, save_checkpoint

REACH = get_task('reach')
MIB = 2 ** 20


@pytest.fixture
def saved(tmp_path):
    """Save a good checkpoint; return its path without an ending."""
    path = tmp_path / 'good'
    save_checkpoint(path, make_dynamics(), ROBOT, REACH, {'seed': 3}, 0.004)
    return path


def damage(path, weights=None, **meta):
    """Replace the weights by bytes, whose hash is made to agree, and entries of the JSON."""
    file = path.with_suffix('.json')
    data = {**json.loads(file.read_text()), **meta}
    if weights is not None:
        path.with_suffix('.safetensors').write_bytes(weights)
        data['weights_sha256'] = hashlib.sha256(weights).hexdigest()
    file.write_text(json.dumps({key: value for key, value in data.items() if value is not None}))


def tensors(**changes):
    """Return the bytes of good weights with changes: None takes a tensor away."""
    state = {**make_dynamics().state_dict(), **changes}
    return save_tensors({name: tensor.contiguous() for name, tensor in state.items()
                         if tensor is not None})


@pytest.mark.parametrize('task', sorted(TASKS))
def test_round_trip(tmp_path, task):
    dynamics = make_dynamics(task, seed=5)
    model = make_model(task, seed=5)
    digest = save_checkpoint(tmp_path / 'a', dynamics, ROBOT, get_task(task), {}, 0.004)
    loaded = load_checkpoint(str(tmp_path / 'a'), ROBOT, get_task(task))
    assert loaded.checkpoint == digest and len(digest) == 12 and int(digest, 16) >= 0
    assert loaded.expected_innovation == 0.004
    assert loaded.dynamics.config == SMALL and loaded.dynamics.config.latent == SMALL.latent
    state = torch.randn(loaded.layout.width)
    latent, actions = torch.rand(SMALL.latent), 2 * torch.rand(6, 4, 5) - 1
    for ours, theirs in zip(loaded.imagine(state, latent, actions),
                            model.imagine(state, latent, actions)):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0.0)
    for ours, theirs in zip(loaded.dynamics.state_dict().values(),
                            dynamics.state_dict().values()):
        assert torch.equal(ours, theirs)
    goal = torch.randn(3)
    for head in ('policy', 'reward', 'values'):
        assert torch.equal(getattr(loaded.dynamics, head)(state, latent, goal),
                           getattr(model.dynamics, head)(state, latent, goal))


@pytest.mark.parametrize('task', sorted(TASKS))
def test_what_is_shipped_fits(task):
    model = load_checkpoint('', ROBOT, get_task(task))
    assert len(model.checkpoint) == 12 and model.expected_innovation < 0.05
    assert (paths.checkpoint_dir() / f'panda_{task}.json').stat().st_size < 10000


@pytest.mark.parametrize('name', ['good', 'good.safetensors', 'good.json'])
def test_names_with_and_without_ending(saved, name):
    assert load_checkpoint(str(saved.with_name(name)), ROBOT, REACH)


def test_a_dot_in_the_name_is_no_ending(tmp_path):
    digests = [save_checkpoint(tmp_path / f'reach_v0.{i}', make_dynamics(seed=i), ROBOT, REACH,
                               {}, 0.004) for i in range(2)]
    assert digests[0] != digests[1]
    for i, digest in enumerate(digests):
        assert load_checkpoint(str(tmp_path / f'reach_v0.{i}'), ROBOT, REACH).checkpoint == digest


def test_saving_leaves_nothing_else(saved):
    assert sorted(file.name for file in saved.parent.iterdir()) == [
        'good.json', 'good.safetensors']


@pytest.mark.parametrize('name', ['/', '', '.', 'good/', 'no\0name'])
def test_names_that_are_none(saved, name, monkeypatch):
    monkeypatch.setattr(paths, 'checkpoint_dir', lambda: saved.parent / 'empty')
    monkeypatch.chdir(saved.parent.parent)
    assert 'checkpoint' in refusal(name)


@pytest.mark.parametrize('ending', ['.json', '.safetensors'])
def test_missing_files(saved, ending):
    saved.with_suffix(ending).unlink()
    said = refusal(saved)
    assert f'good{ending}: no such file' in said and 'wm_ros train' in said


def test_a_missing_one_is_trained_for_the_same_robot_or_another_is_named():
    with pytest.raises(CheckpointError, match='panda_push, .*wm_ros train --task push --robot '
                       'ur5e --output ur5e_push'):
        load_checkpoint('', load_robot('ur5e'), get_task('push'))
    assert '--robot' not in refusal('nowhere')


@pytest.mark.parametrize('ending', ['.json', '.safetensors'])
def test_folders_in_the_place_of_files(saved, ending):
    file = saved.with_suffix(ending)
    file.unlink()
    os.mkdir(file)
    assert 'no such file' in refusal(saved)


def test_pickle_bombs_do_not_go_off(saved, tmp_path):
    class Bomb:

        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'exploded'),)

    torch.save({'weight': Bomb()}, tmp_path / 'zip')
    for data in (pickle.dumps(Bomb()), (tmp_path / 'zip').read_bytes()):
        saved.with_suffix('.safetensors').write_bytes(data)
        assert 'damaged' in refusal(saved)
        damage(saved, data)
        assert 'not a safetensors file' in refusal(saved)
    assert not (tmp_path / 'exploded').exists()
    pickle.loads(pickle.dumps(Bomb()))
    assert (tmp_path / 'exploded').exists()      # it was a bomb indeed


@pytest.mark.parametrize('share', [0.0, 0.001, 0.5, 0.999])
def test_truncated_weights(saved, share):
    data = saved.with_suffix('.safetensors').read_bytes()
    part = data[:int(share * len(data))]
    saved.with_suffix('.safetensors').write_bytes(part)
    assert 'damaged' in refusal(saved)
    damage(saved, part)
    refusal(saved)


def test_a_flipped_bit_is_found_anywhere(saved):
    file = saved.with_suffix('.safetensors')
    data = file.read_bytes()
    rng = np.random.default_rng(0)
    for place in [0, 7, 8, len(data) - 1, *rng.integers(len(data), size=20)]:
        flipped = bytearray(data)
        flipped[place] ^= 1 << rng.integers(8)
        file.write_bytes(flipped)
        assert 'damaged: its SHA-256' in refusal(saved)


def test_garbage_never_escapes(saved):
    data = saved.with_suffix('.safetensors').read_bytes()
    header = struct.unpack('<Q', data[:8])[0]
    rng, refused = np.random.default_rng(1), 0
    for _ in range(300):
        mangled = bytearray(data)
        for place in rng.integers(8 + header, size=rng.integers(1, 6)):
            mangled[place] = rng.integers(256)
        damage(saved, bytes(mangled))
        try:
            load_checkpoint(str(saved), ROBOT, REACH)
        except CheckpointError as error:
            assert '\n' not in str(error)
            refused += 1
    assert refused > 250


@contextmanager
def little_memory():
    """Fail where the process takes 100 MB more than it has."""
    Path('/proc/self/clear_refs').write_text('5')       # the peak begins anew
    before = memory('VmRSS')
    yield
    assert memory('VmHWM') - before < 100


def memory(name):
    """Return a line of this process's memory [MB]."""
    status = Path('/proc/self/status').read_text()
    return int(re.search(rf'{name}:\s+(\d+) kB', status).group(1)) / 1024


@pytest.mark.skipif(not Path('/proc/self/clear_refs').exists(), reason='only Linux tells')
def test_a_header_of_a_gigabyte_takes_no_memory(saved):
    with little_memory():
        refuse_large_headers(saved)


def refuse_large_headers(saved):
    file = saved.with_suffix('.safetensors')
    damage(saved, struct.pack('<Q', 2 ** 30) + b'{}')
    assert 'not a safetensors file' in refusal(saved)
    with open(file, 'wb') as stream:        # a sparse file: really that long
        stream.write(struct.pack('<Q', 2 ** 30) + b'{')
        stream.truncate(2 ** 30 + 8)
    assert 'bytes, expected less' in refusal(saved)
    damage(saved, struct.pack('<Q', 2 ** 63) + b'{}')
    assert 'not a safetensors file' in refusal(saved)


@pytest.mark.skipif(not Path('/proc/self/clear_refs').exists(), reason='only Linux tells')
def test_absurd_sizes_take_no_memory(saved):
    with little_memory():
        refuse_absurd_sizes(saved)


def refuse_absurd_sizes(saved):
    config = replace(SMALL, members=64, ensemble_hidden=4096, hidden=4096).to_dict()
    damage(saved, config=config)
    assert 'expected torch.float32' in refusal(saved)
    for name, value in (('members', 10 ** 9), ('hidden', 0), ('latent', -8), ('latent', 12),
                        ('values', 1), ('hidden', 16.5), ('hidden', True), ('hidden', '16'),
                        ('discount', 2.0), ('discount', float('nan')), ('members', 10 ** 400),
                        ('hidden', [16]), ('latent', 10 ** 6)):
        damage(saved, config={**SMALL.to_dict(), name: value})
        assert f'config.{name}' in refusal(saved)


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(saved, bad):
    lag = torch.zeros(4, 2)
    lag[2, 1] = bad
    damage(saved, tensors(lag=lag))
    assert 'lag holds values that are not finite' in refusal(saved)


@pytest.mark.parametrize('changes, said', [
    ({'lag': torch.zeros(2, 4)}, r'lag is torch.float32 \(2, 4\)'),
    ({'lag': torch.full((4, 2), 1e300, dtype=torch.float64)}, 'lag is torch.float64'),
    ({'lag': torch.zeros(4, 2, dtype=torch.int64)}, 'lag is torch.int64'),
    ({'lag': torch.zeros(4, 2, dtype=torch.complex64)}, 'lag is'),
    ({'lag': torch.zeros(0)}, 'lag is'), ({'lag': None}, "'lag' is missing"),
    ({'lag\nlag': torch.zeros(4, 2)}, 'is not known')])
def test_weights_of_other_shapes_types_and_names(saved, changes, said):
    damage(saved, tensors(**changes))
    assert re.search(said, refusal(saved))


def test_weights_of_other_sizes_than_configured(saved):
    damage(saved, config=replace(SMALL, hidden=32).to_dict())
    assert 'expected torch.float32' in refusal(saved)
    damage(saved, config={**SMALL.to_dict(), 'depth': 3})
    assert 'does not fit its configuration' in refusal(saved)


@pytest.mark.parametrize('text', [
    '', '[]', '3', 'null', '{}', '{"format": 1', '[' * 100000, '\x00', '9' * 10000,
    '{"format": 1e999}', '{"a":' * 5000 + '1' + '}' * 5000])
def test_json_that_is_no_description(saved, text):
    saved.with_suffix('.json').write_text(text)
    assert 'good.json' in refusal(saved)


def test_json_that_is_not_text(saved):
    saved.with_suffix('.json').write_bytes(bytes(range(256)))
    assert 'not valid JSON' in refusal(saved)


def test_json_that_is_too_long(saved):
    saved.with_suffix('.json').write_text('{"a": "' + 'x' * MIB + '"}')
    assert 'expected less than' in refusal(saved)


@pytest.mark.parametrize('key, value', [
    ('format', 2), ('format', '1'), ('format', None), ('task', None), ('task', 3),
    ('task', 'x\ny' * 1000), ('config', []), ('fingerprint', None), ('weights_sha256', 7),
    ('weights_sha256', 'a\nb'), ('expected_innovation', None), ('expected_innovation', 0.0),
    ('expected_innovation', -1.0), ('expected_innovation', float('nan')),
    ('expected_innovation', float('inf')), ('expected_innovation', 'small'),
    ('object_names', None), ('object_names', 'block'), ('object_names', [3] * 10 ** 4)])
def test_entries_of_the_json(saved, key, value):
    damage(saved, **{key: value})
    refusal(saved)


def test_a_device_that_is_not_there(saved):
    for device in ('warp', 'cuda:99', ''):
        with pytest.raises(ParameterError, match='device') as caught:
            load_checkpoint(str(saved), ROBOT, REACH, device=device)
        assert '\n' not in str(caught.value)
