"""Episodes on disk: whole or not there, and damage is named."""

from dataclasses import replace
import io
import json
from pathlib import Path
import resource
import subprocess
import sys
import zipfile

from killing import killed_at_rename
from model_testing import make_episode
import numpy as np
import pytest
from wm_ros.data import read_episodes, write_episode
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
    for name in ('task', 'success', 'source', 'randomisation'):
        assert getattr(first, name) == getattr(second, name)


@pytest.mark.parametrize('expert', [True, False])
def test_what_is_read_is_what_was_written(tmp_path, expert):
    written = replace(make_episode('push', steps=7, seed=1, expert=expert),
                      randomisation={'friction': 0.4})
    path = write_episode(tmp_path / 'new' / 'folder', 3, written)
    assert path.name == 'episode_000003.npz'
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
    assert [path.name for path in tmp_path.iterdir()] == ['episode_000000.npz']


def test_episodes_of_another_task_are_named_and_left_out(tmp_path):
    write_episode(tmp_path, 0, make_episode('reach'))
    write_episode(tmp_path, 1, make_episode('push'))
    episodes, (complaint,) = read(tmp_path)
    assert [e.task for e in episodes] == ['reach']
    assert 'episode_000001.npz' in complaint and "'push'" in complaint


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
    b'', b'PK\x03\x04', b'no zip at all', b'\x80\x04\x95N.', np.float64(1.0).tobytes()])
def test_files_of_something_else_are_skipped(tmp_path, content):
    path = tmp_path / 'episode_000000.npz'
    path.write_bytes(content)
    assert_skipped(tmp_path, content, path)


def test_a_single_array_and_a_folder_are_skipped(tmp_path):
    (tmp_path / 'episode_000000.npz').mkdir()
    with open(tmp_path / 'episode_000001.npz', 'wb') as file:
        np.save(file, np.zeros(3))
    write_episode(tmp_path, 2, make_episode(steps=5))
    episodes, complaints = read(tmp_path)
    assert len(episodes) == 1 and len(complaints) == 2


def test_a_truncated_file_is_skipped_wherever_it_ends(tmp_path):
    path = write_episode(tmp_path, 0, make_episode(steps=5))
    whole = path.read_bytes()
    for size in range(0, len(whole), 61):
        path.write_bytes(whole[:size])
        assert_skipped(tmp_path, size, path)


def test_flipped_bytes_never_end_the_reading(tmp_path):
    """Of the zip, of the compressed streams: skipped, or harmless (such as a date)."""
    original = make_episode(steps=5)
    path = write_episode(tmp_path, 0, original)
    write_episode(tmp_path, 9, make_episode(steps=6))
    whole = path.read_bytes()
    rng, skipped = np.random.default_rng(0), 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        episodes, complaints = read(tmp_path)
        skipped += len(complaints)
        if not complaints:
            assert_same(replace(episodes[0], expert=original.expert), original)
    assert skipped > 200


def rewritten(path, **changes):
    """Put other arrays into an episode file; None takes one out."""
    with np.load(path, allow_pickle=False) as data:
        arrays = {name: data[name] for name in data}
    arrays.update(changes)
    with open(path, 'wb') as file:
        np.savez(file, **{name: value for name, value in arrays.items() if value is not None})


@pytest.mark.parametrize('changes', [
    {'rewards': None}, {'about': None}, {'about': np.array('{"task": ')},
    {'about': np.array('[]')}, {'about': np.array(json.dumps({'task': 'reach'}))},
    {'states': np.zeros((4, 15))}, {'states': np.zeros(6)}, {'rewards': np.zeros(4)},
    {'rewards': np.zeros((5, 2))}, {'actions': np.zeros(5)}, {'goal': np.zeros(3)},
    {'goal': np.float64(0.0)}, {'expert': np.zeros((4, 5))}, {'expert': np.zeros((5, 3))},
    {'expert': np.full((5, 5), np.nan)}, {'states': np.full((6, 15), np.inf)},
    {'goal': np.array(['a'] * 7)}], ids=lambda changes: '-'.join(changes))
def test_arrays_that_do_not_fit_each_other_are_skipped(tmp_path, changes):
    path = write_episode(tmp_path, 0, make_episode(steps=5))
    rewritten(path, **changes)
    assert_skipped(tmp_path, changes, path)


def test_a_broken_array_header_is_skipped(tmp_path):
    path = write_episode(tmp_path, 0, make_episode(steps=5))
    header = io.BytesIO()
    np.save(header, np.zeros((5, 5)))
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for broken in (header.getvalue().replace(b'(5, 5)', b'(5, 5 '), b'1', b''):
        with zipfile.ZipFile(path, 'w') as archive:
            for name, content in parts.items():
                archive.writestr(name, broken if name == 'actions.npy' else content)
        assert_skipped(tmp_path, broken, path)


def test_pickles_are_never_run(tmp_path):
    class Trap:

        def __reduce__(self):
            return open, (str(tmp_path / 'sprung'), 'w')

    path = write_episode(tmp_path, 0, make_episode(steps=5))
    rewritten(path, goal=np.array([Trap()] * 7, dtype=object))
    assert_skipped(tmp_path, 'a pickle', path)
    assert not (tmp_path / 'sprung').exists()


WRITE = """
from model_testing import make_episode
from wm_ros.data import write_episode
write_episode({folder!r}, 0, make_episode(steps=9))
"""


def test_a_kill_before_the_end_leaves_the_old_file(tmp_path):
    write_episode(tmp_path, 0, make_episode(steps=5))
    killed_at_rename(WRITE.format(folder=str(tmp_path)), '.npz')
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
