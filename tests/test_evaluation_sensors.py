"""Sensors in lockstep: each kind of sample at its own rate, with its age."""

from model_testing import ROBOT
import numpy as np
import pytest
from sim.engines.bullet import BulletScene
from sim.scene import SUBSTEP
from wm_ros.evaluation.run import parameters, Request
from wm_ros.evaluation.sensors import Sensors
from wm_ros.sensing.buffer import StampedBuffer


@pytest.fixture(scope='module')
def scene():
    made = BulletScene(ROBOT, 'push')
    yield made
    made.close()


def watched(scene, *settings, seconds=0.8, velocity=0.2):
    """Return observations at 40 Hz of a block that slides, and where it was all the while."""
    sensors = Sensors(scene, parameters(Request('push', 1, settings=settings)))
    scene.reset(3)
    sensors.restart(3)
    rows, places = [], []
    for substep in range(round(seconds / SUBSTEP)):
        scene.move(0, scene.object_poses[0], [velocity, 0.0, 0.0])
        places.append(scene.object_poses[0].copy())
        sensors.sample()
        if substep % 6 == 0:
            rows.append(sensors.observe(StampedBuffer('command')))
        scene.substep()
    return rows, np.array(places)


def test_poses_are_those_of_their_own_moment(scene):
    rows, places = watched(scene, 'robot_node:object_rate:=10.0')
    ages = np.array([row.ages['object_poses'] for row in rows])
    np.testing.assert_allclose(ages[:8], [0, 0.025, 0.05, 0.075] * 2, atol=1e-9)
    for row, age in zip(rows, ages):
        then = round((row.stamp - age) / SUBSTEP)
        np.testing.assert_array_equal(row.object_poses[0], places[then])
    assert rows[7].object_poses[0, 0] > rows[0].object_poses[0, 0] + 0.01


def test_what_is_lost_makes_the_last_one_older_until_it_is_too_old(scene):
    rows, _ = watched(scene, 'robot_node:faults.poses_lost:=1.0', 'robot_node:faults.begin:=0.3',
                      'sensor_node:object_timeout:=0.2')
    there = np.array([row.object_poses is not None for row in rows])
    stamps = np.array([row.stamp for row in rows])
    assert there[stamps < 0.45].all() and not there[stamps > 0.51].any()
    assert max(row.ages.get('object_poses', 0.0) for row in rows) > 0.15


def test_wrench_unless_it_is_not_wanted(scene):
    rows, _ = watched(scene, 'sensor_node:use_wrench:=false', seconds=0.1)
    assert all(row.wrench is None for row in rows)
    rows, _ = watched(scene, seconds=0.1)
    assert all(np.isfinite(row.wrench).all() and row.ages['wrench'] < 0.011 for row in rows)
