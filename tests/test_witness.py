"""What a recording sees beside states: frames, streams, where objects are, what is rare."""

import numpy as np
import pytest
from sim.events import KINDS
from sim.witness import Witnessing
from wm_ros.learning.collect import Collector, record
from wm_ros.robot.robot import load_robot

ROBOT = load_robot('panda')


def recorded(witnessing, task='push', source='script', seed=900_000_001):
    """Return the episode and the kind of event in it."""
    collector = Collector(ROBOT, task, witnessing)
    episode = record(collector, source, seed, np.random.default_rng(0))
    event = collector.witness.event
    collector.close()
    return episode, event


def test_each_observation_has_a_row_of_each_stream():
    episode, event = recorded(Witnessing(size=32))
    rows = len(episode.actions) + 1
    shapes = {name: (stream.shape, str(stream.dtype)) for name, stream in episode.streams.items()}
    assert event is None
    assert shapes == {
        'frames': ((rows, 32, 32, 3), 'uint8'), 'joints': ((rows, 15), 'float32'),
        'wrench': ((rows, 6), 'float32'), 'objects': ((rows, 1, 7), 'float32'),
        'boxes': ((rows, 2, 4), 'int16'), 'rare': ((rows,), 'bool'), 'event': ((rows,), 'int8'),
        'late': ((rows,), 'float32')}
    # The block moved, and its picture with it.
    assert np.ptp(episode.streams['boxes'][:, 0], axis=0).max() > 2
    assert not episode.streams['rare'].any() and not episode.streams['boxes'][:, 1].any()


def test_what_is_seen_changes_nothing_else():
    """States, actions and rewards are those of an episode that nobody watches."""
    seen, _ = recorded(Witnessing(), source='noisy')
    plain = Collector(ROBOT, 'push')
    unseen = record(plain, 'noisy', 900_000_001, np.random.default_rng(0))
    plain.close()
    assert set(unseen.streams) == {'late', 'wrench'}
    for name in ('states', 'actions', 'rewards', 'expert'):
        np.testing.assert_array_equal(getattr(seen, name), getattr(unseen, name))


def test_episodes_look_different_and_each_like_itself():
    first, again, other = (recorded(Witnessing(), seed=seed)[0].streams['frames']
                           for seed in (900_000_001, 900_000_001, 900_000_002))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[0].astype(int) - other[0]).mean() > 10
    plain = [recorded(Witnessing(looks=False), seed=seed)[0].streams['frames'][0]
             for seed in (900_000_001, 900_000_002)]
    assert np.abs(plain[0].astype(int) - plain[1]).mean() < 10


def test_looks_can_change_within_an_episode():
    frames = recorded(Witnessing(size=32, rows=3))[0].streams['frames'][:9].astype(int)
    change = np.abs(np.diff(frames, axis=0)).mean((1, 2, 3))
    assert change[[2, 5]].min() > 10 * change[[0, 1, 3, 4, 6, 7]].max()
    np.testing.assert_array_equal(frames[:3], recorded(Witnessing(size=32))[0].streams[
        'frames'][:3])


def test_boxes_enclose_the_object():
    """In a plain look the block is the only red thing."""
    streams = recorded(Witnessing(looks=False))[0].streams
    for frame, (box, _) in zip(streams['frames'][::5], streams['boxes'][::5]):
        share = frame / np.maximum(frame.sum(-1, keepdims=True), 1)
        rows, columns = np.nonzero(share[..., 0] > 0.55)
        if len(rows):
            assert box[0] <= rows.min() and rows.max() < box[2]
            assert box[1] <= columns.min() and columns.max() < box[3]


@pytest.mark.parametrize('kind', ['tumble', 'drop', 'appear'])
def test_events_are_rare_rows(kind):
    """They begin after the first rows; a stranger stays, the others pass."""
    episode, event = recorded(Witnessing(events={kind: 1.0}))
    rare = episode.streams['rare']
    happened = episode.streams['event']
    first = int(np.flatnonzero(happened)[0])
    assert event == kind and (happened[first:] == 1 + list(KINDS).index(kind)).all()
    assert 4 < first < 41 and not rare[:first].any()
    assert not rare[:4].any() and rare.any()
    assert rare[-1] == (kind == 'appear')
    assert episode.streams['boxes'][:, 1].any() == (kind == 'appear')


def test_events_come_in_their_share_of_the_episodes():
    collector = Collector(ROBOT, 'push', Witnessing(size=16, events={'drop': 0.2, 'throw': 0.1}))
    kinds = []
    for seed in range(2000):
        collector.witness.begin(seed)
        kinds.append(collector.witness.event)
    collector.close()
    for kind, share in (('drop', 0.2), ('throw', 0.1), (None, 0.7)):
        assert kinds.count(kind) / 2000 == pytest.approx(share, abs=0.03)
