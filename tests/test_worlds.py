"""Which episodes training records: as usual, and edge cases among them."""

from wm_ros.learning.worlds import Worlds


def test_a_share_of_what_is_learned_from_is_edge_cases():
    worlds = Worlds(100, 'usual', [(1, 'a'), (2, 'b'), (3, 'c')], 0.5)
    handed = [next(worlds) for _ in range(14)]
    assert handed[::2] == [(seed, 'usual') for seed in (101, 102, 103, 104, 106, 108, 110)]
    # As they are, then with other starts and goals, then as they are again.
    assert handed[1::2] == [(1, 'a'), (2, 'b'), (3, 'c'), (105, 'a'), (107, 'b'), (109, 'c'),
                            (1, 'a')]
    alone = Worlds(100, None)
    assert [next(alone) for _ in range(3)] == [(101, None), (102, None), (103, None)]
