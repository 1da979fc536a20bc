"""Episodes on disk: whole or not there, and damage is named."""

from dataclasses import replace
import json
from pathlib import Path
import resource
import subprocess
import sys
import zlib

from killing import killed_at_rename
from model_testing import make_episode
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from wm_ros.data import read_episodes, read_rows, write_episode
from wm_ros.data.episodes import _checksum
from wm_ros.types import WmRosError

HERE = Path(__file__).parent
ARRAYS = ('states', 'goal', 'actions', 'rewards', 'expert')


def read(folder, task='reach'):
    """Return the episodes of a folder and what was complained of."""
    complaints = []
    return read_episodes(folder, task, complaints.append), complaints


def assert_same(first, second):
    for name in ARRAYS:
        ours, theirs = getattr(first, name), getattr(second, name)
        assert (ours is None) == (theirs is None), name
        if ours is not None:
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs)
    for name in ('task', 'success', 'source', 'randomisation', 'seed'):
        assert getattr(first, name) == getattr(second, name)


@pytest.mark.parametrize('expert', [True, False])
def test_what_is_read_is_what_was_written(tmp_path, expert):
    written = replace(make_episode('push', steps=7, seed=1, expert=expert),
                      randomisation={'friction': 0.4}, seed=7)
    path = write_episode(tmp_path / 'new' / 'folder', 3, written)
    assert path.name == 'episode_000003.safetensors'
    (episode,), complaints = read(path.parent, 'push')
    assert_same(episode, written)
    assert complaints == []


def test_episodes_come_in_the_order_of_their_numbers(tmp_path):
    for number in (11, 2, 100, 0):
        write_episode(tmp_path, number, make_episode(steps=number + 1))
    assert [len(e.actions) for e in read(tmp_path)[0]] == [1, 3, 12, 101]


def test_a_number_that_is_written_again_is_replaced(tmp_path):
    for steps in (9, 4):
        write_episode(tmp_path, 0, make_episode(steps=steps))
    (episode,), _ = read(tmp_path)
    assert len(episode.actions) == 4
    assert [path.name for path in tmp_path.iterdir()] == ['episode_000000.safetensors']


def test_episodes_of_another_task_are_named_and_left_out(tmp_path):
    write_episode(tmp_path, 0, make_episode('reach'))
    write_episode(tmp_path, 1, make_episode('push'))
    episodes, (complaint,) = read(tmp_path)
    assert [e.task for e in episodes] == ['reach']
    assert 'episode_000001.safetensors' in complaint and "'push'" in complaint


@pytest.mark.parametrize('content', ['nothing', 'folder'])
def test_a_folder_without_episodes_says_how_to_record_some(tmp_path, content):
    folder = tmp_path / 'data'
    if content == 'folder':
        folder.mkdir()
    with pytest.raises(WmRosError, match='no usable episode.*wm_ros collect --task reach'):
        read(folder)


def assert_skipped(folder, damage, path):
    """Assert that a damaged file beside a good one is skipped and named in one line."""
    write_episode(folder, 9, make_episode(steps=5))
    episodes, complaints = read(folder)
    assert [len(e.actions) for e in episodes] == [5], damage
    assert len(complaints) == 1 and str(path) in complaints[0], damage
    assert '\n' not in complaints[0]


@pytest.mark.parametrize('content', [
    b'', b'PK\x03\x04', b'no header at all', b'\x02' + bytes(7) + b'{}',
    np.float64(1.0).tobytes()])
def test_files_of_something_else_are_skipped(tmp_path, content):
    path = tmp_path / 'episode_000000.safetensors'
    path.write_bytes(content)
    assert_skipped(tmp_path, content, path)


def test_other_tensors_and_a_folder_are_skipped(tmp_path):
    (tmp_path / 'episode_000000.safetensors').mkdir()
    save_file({'weights': np.zeros(3)}, tmp_path / 'episode_000001.safetensors')
    write_episode(tmp_path, 2, make_episode(steps=5))
    episodes, complaints = read(tmp_path)
    assert len(episodes) == 1 and len(complaints) == 2


def test_a_truncated_file_is_skipped_wherever_it_ends(tmp_path):
    path = write_episode(tmp_path, 0, make_episode(steps=5))
    whole = path.read_bytes()
    for size in range(0, len(whole), 61):
        path.write_bytes(whole[:size])
        assert_skipped(tmp_path, size, path)


def test_flipped_bits_are_found_wherever_they_are(tmp_path):
    """Of the header, the description or a column."""
    path = write_episode(tmp_path, 0, make_episode(steps=5))
    write_episode(tmp_path, 9, make_episode(steps=6))
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(whole)
        place, bit = int(rng.integers(len(whole))), int(rng.integers(8))
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        episodes, complaints = read(tmp_path)
        assert len(episodes) == 1 and len(complaints) == 1, (place, bit)


def rewritten(path, about=None, **changes):
    """Put other columns or another description into an episode file, with right checksums."""
    with safe_open(path, 'numpy') as file:
        columns = {name: file.get_tensor(name) for name in file.keys()}
        about = file.metadata()['about'] if about is None else about
    columns.update(changes)
    columns = {name: column for name, column in columns.items() if column is not None}
    sums = {'about': zlib.crc32(about.encode()),
            **{name: _checksum(column) for name, column in columns.items()}}
    save_file(columns, path, {'about': about, 'crc32': json.dumps(sums)})


@pytest.mark.parametrize('changes', [
    {'rewards': None}, {'about': '{"task": '}, {'about': '[]'}, {'about': '{"task": "reach"}'},
    {'states': np.zeros((4, 15))}, {'states': np.zeros(6)}, {'rewards': np.zeros(4)},
    {'rewards': np.zeros((5, 2))}, {'actions': np.zeros(5)}, {'goal': np.zeros(3)},
    {'goal': np.zeros(())}, {'expert': np.zeros((4, 5))}, {'expert': np.zeros((5, 3))},
    {'expert': np.full((5, 5), np.nan)}, {'states': np.full((6, 15), np.inf)}],
    ids=lambda changes: '-'.join(changes))
def test_arrays_that_do_not_fit_each_other_are_skipped(tmp_path, changes):
    path = write_episode(tmp_path, 0, make_episode(steps=5))
    rewritten(path, **changes)
    assert_skipped(tmp_path, changes, path)


def with_frames(steps=5):
    """Return an episode with two streams."""
    rng = np.random.default_rng(steps)
    return replace(make_episode(steps=steps), streams={
        'frames': rng.integers(0, 256, (steps + 1, 8, 8, 3)).astype(np.uint8),
        'wrench': rng.normal(size=(steps + 1, 6)).astype(np.float32)})


def test_streams_are_read_where_they_are_asked_for(tmp_path):
    written = with_frames()
    path = write_episode(tmp_path, 0, written)
    assert read(tmp_path)[0][0].streams == {}
    (episode,) = read_episodes(tmp_path, 'reach', pytest.fail, streams=('wrench', 'frames'))
    assert set(episode.streams) == {'frames', 'wrench'}
    for name, rows in episode.streams.items():
        np.testing.assert_array_equal(rows, written.streams[name])
    np.testing.assert_array_equal(read_rows(path, 'frames', 2, 4), written.streams['frames'][2:4])


def test_files_without_a_stream_that_is_needed_are_skipped(tmp_path):
    write_episode(tmp_path, 0, make_episode())
    write_episode(tmp_path, 1, with_frames())
    complaints = []
    episodes = read_episodes(tmp_path, 'reach', complaints.append, ('frames',))
    assert len(episodes) == 1 and 'recorded without frames' in complaints[0]


def test_a_stream_that_is_too_short_is_skipped(tmp_path):
    episode = with_frames()
    episode = replace(episode, streams={'frames': episode.streams['frames'][:-1]})
    write_episode(tmp_path, 0, episode)
    with pytest.raises(WmRosError, match='no usable'):
        read_episodes(tmp_path, 'reach', lambda _: None, ('frames',))


WRITE = """
from model_testing import make_episode
from wm_ros.data import write_episode
write_episode({folder!r}, 0, make_episode(steps=9))
"""


def test_a_kill_before_the_end_leaves_the_old_file(tmp_path):
    write_episode(tmp_path, 0, make_episode(steps=5))
    killed_at_rename(WRITE.format(folder=str(tmp_path)), '.safetensors')
    (episode,), complaints = read(tmp_path)
    assert len(episode.actions) == 5 and complaints == []


def test_a_full_disk_leaves_the_old_file(tmp_path):
    write_episode(tmp_path, 0, make_episode(steps=5))
    most = 500      # [bytes] of any file; an episode is larger
    process = subprocess.run(
        [sys.executable, '-c', WRITE.format(folder=str(tmp_path))], cwd=HERE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
        capture_output=True, text=True, timeout=60, check=False)
    assert process.returncode == 1 and 'File too large' in process.stderr
    (episode,), complaints = read(tmp_path)
    assert len(episode.actions) == 5 and complaints == []


def test_many_skipped_files_are_not_named_one_by_one(tmp_path):
    for number in range(30):
        write_episode(tmp_path, number, make_episode())
    complaints = []
    with pytest.raises(WmRosError, match='no usable episode'):
        read_episodes(tmp_path, 'juggle', complaints.append)
    assert len(complaints) == 21 and 'episode_000029' in complaints[-1]
    assert '10 more skipped' in complaints[-1]


def test_several_folders_are_read_one_after_the_other(tmp_path):
    for number, name in enumerate(('first', 'second')):
        write_episode(tmp_path / name, 0, make_episode(steps=3 + number))
    folders = [tmp_path / 'second', tmp_path / 'first']
    assert [len(e.actions) for e in read_episodes(folders, 'reach', pytest.fail)] == [4, 3]
    with pytest.raises(WmRosError, match='third'):
        read_episodes([*folders, tmp_path / 'third'], 'reach', pytest.fail)
