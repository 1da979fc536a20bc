"""Pictures of the scene: what is seen where, and that they come from another process."""

import os

import numpy as np
import pytest
from sim.engines.bullet import BulletScene
from sim.quiet import pybullet
from sim.sensors.camera import Camera, render
from sim.sensors.look import draw, Look
from sim.sensors.view import CameraProcess, View
from sim.tasks import stranger
from wm_ros.robot.robot import load_robot

ROBOT = load_robot('panda')
RED = np.array([0.85, 0.25, 0.2])


@pytest.fixture
def scene():
    """Yield a push scene."""
    made = BulletScene(ROBOT, 'push')
    made.reset(3)
    yield made
    made.close()


def state(scene):
    """Return what a camera is told."""
    return scene.arm.joint_positions, scene.arm.gripper_width, scene.object_poses


def reddish(rgb):
    """Return the mean column and row of the block's pixels, and how many there are."""
    share = rgb / np.maximum(rgb.sum(-1, keepdims=True), 1)
    rows, columns = np.nonzero(share[..., 0] > 0.5)
    return columns.mean(), rows.mean(), len(rows)


@pytest.mark.parametrize('where', [(0.4, 0.2), (0.6, -0.2), (0.45, 0.0)])
def test_block_is_seen_where_the_projection_says(where):
    """Picture, matrices and intrinsics speak of the same camera."""
    camera = Camera(ROBOT, BulletScene(ROBOT, 'push').task.boxes, 160, 120)
    pose = np.array([[*where, 0.025, 0, 0, 0, 1.0]])
    column, row, count = reddish(camera.render(ROBOT.home, 0.04, pose).rgb)
    expected = View().project(pose[0, :3], 160, 120)
    assert count > 8
    assert (column, row) == pytest.approx(expected, abs=3.0)
    camera.close()


def test_depth_is_metres_along_the_axis():
    """The middle of the table is as far as geometry says; the sky has no end."""
    view = View()
    camera = Camera(ROBOT, (), 64, 64, depth=True)
    depth = camera.render(ROBOT.home, 0.0).depth
    point = np.array([0.6, 0.2, 0.0])
    column, row = view.project(point, 64, 64)
    along = view.axes()[2] @ (point - view.eye)
    assert depth[int(row), int(column)] == pytest.approx(along, abs=0.03)
    assert np.isinf(depth[0, 0]) and depth.dtype == np.float32
    camera.close()


def test_moving_the_arm_changes_the_picture(scene):
    """And a picture of the same state is the same."""
    camera = Camera(ROBOT, scene.task.boxes, 64, 64)
    first = camera.render(*state(scene)).rgb
    assert np.array_equal(first, camera.render(*state(scene)).rgb)
    moved = camera.render(scene.arm.joint_positions + 0.3, *state(scene)[1:]).rgb
    assert (first != moved).any(-1).mean() > 0.03
    camera.close()


def test_a_look_changes_the_picture_and_goes_again(scene):
    """The background's rows go from one colour to the other, the block has its own."""
    camera = Camera(ROBOT, scene.task.boxes, 64, 64)
    before = camera.render(*state(scene)).rgb
    camera.dress(Look(sky=(1.0, 0.0, 0.0), horizon=(0.0, 0.0, 1.0), boxes=((0.0, 1.0, 0.0),)))
    other = camera.render(*state(scene)).rgb
    assert other[0, 0].tolist() == [255, 0, 0] and 0 < other[32, 0, 2] < 255
    column, row = View().project(scene.object_poses[0, :3], 64, 64).astype(int)
    assert other[row, column, 1] > 100 > other[row, column, 0]
    camera.dress(Look())
    assert np.array_equal(camera.render(*state(scene)).rgb, before)
    camera.close()


def test_strangers_of_other_episodes_leave_nothing_behind(scene):
    """A camera that has seen many has no more in its world than a new one, and sees the same."""
    rng = np.random.default_rng(0)
    told = [[(stranger(rng), np.array([0.4 + 0.05 * i, 0.2, 0.03, 0, 0, 0, 1.0]))
             for i in range(3)] for _ in range(8)]
    camera, bodies = Camera(ROBOT, scene.task.boxes, 64, 64, segments=True), []
    for strangers in [*told, [], told[0]]:
        seen = camera.render(*state(scene), strangers=strangers)
        bodies.append(pybullet.getNumBodies(physicsClientId=camera._client))
        fresh = Camera(ROBOT, scene.task.boxes, 64, 64, segments=True)
        expected = fresh.render(*state(scene), strangers=strangers)
        fresh.close()
        assert np.array_equal(seen.rgb, expected.rgb)
        assert np.array_equal(seen.objects, expected.objects)
    camera.close()
    assert bodies == [bodies[-1]] * 8 + [bodies[-1] - 3, bodies[-1]]


def test_all_that_matters_stays_in_sight_of_every_camera():
    """Wherever a drawn camera stands: blocks on the table, and the arm above it."""
    rng = np.random.default_rng(0)
    corners = np.array(np.meshgrid([0.29, 0.67], [-0.26, 0.26], [0.0, 0.2])).reshape(3, -1).T
    for _ in range(300):
        seen = draw(rng).view.project(corners, 64, 64)
        assert (seen > 0).all() and (seen < 64).all()


def test_drawn_looks_are_those_of_their_seed():
    first, again, other = (draw(np.random.default_rng(seed), 2) for seed in (1, 1, 2))
    assert first == again != other
    for colour in first.boxes:
        assert np.linalg.norm(np.subtract(colour, first.table)) > 0.5


def test_render_of_a_scene_shows_the_goal(scene):
    """The environment's picture has a green marker that a robot's camera does not see."""
    picture = render(scene, 128, 96)
    green = (picture[..., 1] > 1.6 * picture[..., 0]) & (picture[..., 1] > 1.6 * picture[..., 2])
    assert picture.shape == (96, 128, 3) and green.sum() > 3


def test_camera_process_gives_the_same_pictures_and_ends(scene):
    """Rendering elsewhere changes nothing, and leaves no process behind."""
    camera = Camera(ROBOT, scene.task.boxes, 64, 48, depth=True)
    process = CameraProcess('panda', 'push', 64, 48, depth=True)
    expected = camera.render(*state(scene))
    for _ in range(3):
        process.request(*state(scene))
        frame = process.receive()
        assert np.array_equal(frame.rgb, expected.rgb)
        assert np.array_equal(frame.depth, expected.depth)
    pid = process._process.pid
    process.close()
    process.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    camera.close()


def test_receive_after_the_end_says_so(scene):
    """A camera process that dies is noticed, not waited for."""
    process = CameraProcess('panda', 'push', 64, 48)
    process._process.kill()
    assert process.receive() is None
    process.close()
