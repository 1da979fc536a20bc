"""Worlds that become harder where success holds, and easier where it does not."""

from dataclasses import replace

import numpy as np
import pytest
from sim.randomize import load_randomization
from sim.randomize.config import parse
from sim.tasks import make_task
from wm_ros.learning.curriculum import Curriculum

BOXES = make_task('stack').boxes
ROWS = (
    {'term': 'object.mass', 'how': 'scale', 'log_uniform': [0.25, 4.0]},
    {'term': 'actuation.delay', 'uniform': [0.0, 0.1]},
    {'term': 'sensing.pose_bias', 'uniform': [-0.01, 0.01]})


def made(*rows):
    return parse({'terms': list(rows)}, 'made', 'made.yaml')


def test_narrowed_worlds_are_so_far_from_what_is_usual():
    whole = made(*ROWS)
    half, shut = whole.narrowed([0.5] * 3), whole.narrowed([0.0] * 3)
    for seed in range(20):
        full, found = (one.draw(seed, BOXES, 7) for one in (whole, half))
        assert found.actuation.delay == pytest.approx(0.5 * full.actuation.delay)
        assert found.sensing.pose_bias == pytest.approx(0.5 * np.array(full.sensing.pose_bias))
        for box, wide, like in zip(found.boxes, full.boxes, BOXES):
            assert box.mass / like.mass == pytest.approx((wide.mass / like.mass) ** 0.5)
        usual = shut.draw(seed, BOXES, 7)
        assert usual.actuation.delay == 0.0
        assert [box.mass for box in usual.boxes] == pytest.approx([box.mass for box in BOXES])


def test_what_is_usually_nothing_has_a_share_of_any_distribution():
    whole = made({'term': 'actuation.delay', 'log_uniform': [0.005, 0.1]},
                 {'term': 'sensing.joint_bias', 'log_uniform': [0.001, 0.01]})
    part = whole.narrowed([0.25] * 2)
    for seed in range(20):
        full, found = (one.draw(seed, BOXES, 7) for one in (whole, part))
        assert found.actuation.delay == pytest.approx(0.25 * full.actuation.delay)
        assert found.sensing.joint_bias == pytest.approx(
            0.25 * np.array(full.sensing.joint_bias))
        assert whole.extents(seed, 2, 7) == pytest.approx([
            full.actuation.delay / 0.1, max(full.sensing.joint_bias) / 0.01])


def test_a_colour_that_lacks_red_has_a_share_of_it():
    black = tuple(replace(box, colour=(0.0, 0.5, 0.5, 1.0)) for box in BOXES)
    whole = made({'term': 'object.colour', 'log_uniform': [0.2, 0.8]})
    full, found = (one.draw(1, black, 7).boxes[0].colour
                   for one in (whole, whole.narrowed([0.5])))
    assert found[0] == pytest.approx(0.5 * full[0])
    assert found[1] == pytest.approx(np.sqrt(0.5 * full[1]))


def test_extents_say_how_far_out_the_numbers_of_an_episode_are():
    whole = made(*ROWS)
    for seed in range(20):
        found, extents = whole.draw(seed, BOXES, 7), whole.extents(seed, 2, 7)
        ratios = [box.mass / like.mass for box, like in zip(found.boxes, BOXES)]
        assert extents == pytest.approx([
            np.abs(np.log(ratios)).max() / np.log(4.0), found.actuation.delay / 0.1,
            np.abs(found.sensing.pose_bias).max() / 0.01])
        assert whole.narrowed([0.3] * 3).extents(seed, 2, 7) == extents


def test_entries_are_widened_where_success_holds_and_narrowed_where_it_does_not():
    curriculum = Curriculum(made(*ROWS), 2, 7)
    assert list(curriculum.to_dict().values()) == [0.2] * 3
    for seed in range(200):
        curriculum.note(seed, True)
    assert curriculum.to_dict() == {'object.mass': 1.0, 'actuation.delay': 1.0,
                                    'sensing.pose_bias': 1.0}
    # Episodes fail where the command is late: that is taken back, and most of all that.
    for seed in range(200, 400):
        late = curriculum.worlds.extents(seed, 2, 7)[1] >= 0.7
        curriculum.note(seed, not late)
    shares = curriculum.to_dict()
    assert shares['actuation.delay'] == 0.2 < min(shares['object.mass'],
                                                  shares['sensing.pose_bias'])


@pytest.mark.parametrize('row', [
    {'term': 'actuation.lag', 'when': 'startup', 'uniform': [0.0, 0.3]},
    {'term': 'actuation.lag', 'normal': [0.15, 0.04]},
    {'term': 'actuation.lag', 'choice': [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.3]}])
@pytest.mark.parametrize('run', range(3))
def test_what_is_seldom_far_out_is_widened_too(row, run):
    """Also what is drawn once: far out or not, all episodes have it."""
    curriculum = Curriculum(parse({'terms': [row]}, 'made', 'made', run), 1, 7)
    for seed in range(200):
        curriculum.note(seed, True)
    assert curriculum.to_dict() == {'actuation.lag': 1.0}


def test_what_a_task_has_none_of_stands_in_nobodys_way():
    curriculum = Curriculum(load_randomization('usual'), 0, 7)
    for seed in range(300):
        curriculum.note(seed, True)
    assert set(curriculum.to_dict().values()) == {1.0}
    curriculum.worlds.draw(5, make_task('reach').boxes, 7)


def test_the_worlds_are_those_of_the_shares():
    curriculum = Curriculum(load_randomization('usual'), 1, 7)
    first = curriculum.worlds.draw(5, make_task('push').boxes, 7)
    for seed in range(300):
        curriculum.note(seed, True)
    last = curriculum.worlds.draw(5, make_task('push').boxes, 7)
    assert first.actuation.delay == pytest.approx(0.2 * last.actuation.delay)
