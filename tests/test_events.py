"""Rare events: each does what it says, in sight, and the next episode knows nothing of it."""

import numpy as np
import pytest
from sim.engines import make_scene
from sim.engines.mock import MockScene
from sim.events import happen, KINDS
from sim.quiet import pybullet
from sim.sensors.camera import Camera
from wm_ros.robot.robot import load_robot

ROBOT = load_robot('panda')


@pytest.fixture(scope='module', params=['pybullet', 'mujoco'])
def scene(request):
    """Yield a push scene that all tests of an engine share; each begins with a reset."""
    made = make_scene(request.param, ROBOT, 'push')
    yield made
    made.close()


def advance(scene, seconds):
    """Let time pass; return the block's poses [T, 7]."""
    poses = []
    for _ in range(round(240 * seconds)):
        scene.substep()
        poses.append(scene.object_poses[0])
    return np.array(poses)


def tilt(poses):
    """Return the angle [T] rad of the block's nearest axis to the vertical."""
    x, y, z, w = poses[:, 3:].T
    up = np.abs([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]).max(0)
    return np.arccos(np.clip(up, 0, 1))


@pytest.mark.parametrize('seed', range(5))
def test_a_tumbling_block_turns_over(scene, seed):
    scene.reset(seed)
    happen(scene, 'tumble', np.random.default_rng(seed))
    poses = advance(scene, 2.0)
    assert tilt(poses).max() > 0.4 and poses[:, 2].max() > 0.045
    assert poses[-1, 2] == pytest.approx(0.025, abs=0.003), 'it lies on the table again'


@pytest.mark.parametrize('seed', range(5))
def test_a_dropped_block_falls(scene, seed):
    scene.reset(seed)
    happen(scene, 'drop', np.random.default_rng(seed))
    poses = advance(scene, 1.5)
    assert poses[0, 2] > 0.12 and poses[-1, 2] == pytest.approx(0.025, abs=0.003)


@pytest.mark.parametrize('seed', range(5))
def test_a_stranger_stands_where_nothing_was(scene, seed):
    scene.reset(seed)
    happen(scene, 'appear', np.random.default_rng(seed))
    before = scene.object_poses
    advance(scene, 0.5)
    (box, pose), = scene.spawned
    assert pose[2] == pytest.approx(box.size[2] / 2, abs=2e-3)
    np.testing.assert_allclose(scene.object_poses, before, atol=2e-3)


@pytest.mark.parametrize('seed', range(5))
def test_a_stranger_flies_in_and_lands_on_the_table(scene, seed):
    scene.reset(seed)
    happen(scene, 'throw', np.random.default_rng(seed))
    (_, first), = scene.spawned
    advance(scene, 0.3)
    (_, flying), = scene.spawned
    assert np.linalg.norm(flying[:3] - first[:3]) > 0.15
    advance(scene, 2.0)
    (_, landed), = scene.spawned
    assert 0.005 < landed[2] < 0.09 and np.abs(landed[:2] - [0.45, 0.0]).max() < 0.5


def slid(scene, kind):
    """Return how far a block that is given 0.5 m/s slides in 0.3 s."""
    scene.reset(3)
    if kind:
        happen(scene, kind, np.random.default_rng(0))
    start = scene.object_poses[0]
    scene.move(0, start, [0.5, 0.0, 0.0])
    return np.linalg.norm(advance(scene, 0.3)[-1, :2] - start[:2])


def test_a_slippery_block_slides_far(scene):
    assert slid(scene, 'slippery') > 2.0 * slid(scene, None)


def mass_of_block(scene):
    """Return the mass [kg] that the engine computes with."""
    if hasattr(scene, 'model'):
        return scene.model.body('object 0').mass[0]
    return pybullet.getDynamicsInfo(scene.objects[0], -1, physicsClientId=scene.client)[0]


def test_a_heavy_block_weighs_five_times_as_much(scene):
    scene.reset(0)
    mass = mass_of_block(scene)
    happen(scene, 'heavy', np.random.default_rng(0))
    assert mass_of_block(scene) == pytest.approx(5 * mass)
    scene.reset(0)
    assert mass_of_block(scene) == mass


@pytest.mark.parametrize('kind', KINDS)
def test_the_next_episode_is_as_if_nothing_had_happened(scene, kind):
    """To the last bit, also in what the block does when it is touched."""
    def run():
        scene.reset(11)
        scene.move(0, scene.object_poses[0], [0.4, 0.1, 0.0])
        return advance(scene, 0.5)
    expected = run()
    scene.reset(12)
    happen(scene, kind, np.random.default_rng(1))
    advance(scene, 0.3)
    np.testing.assert_array_equal(run(), expected)
    assert scene.spawned == []


def test_strangers_are_seen_while_they_are_there(scene):
    camera = Camera(ROBOT, scene.task.boxes, 64, 64)
    scene.reset(4)
    arm = scene.arm.joint_positions, scene.arm.gripper_width
    happen(scene, 'appear', np.random.default_rng(0))
    without = camera.render(*arm, scene.object_poses).rgb
    with_it = camera.render(*arm, scene.object_poses, strangers=scene.spawned).rgb
    changed = (with_it != without).any(-1)
    (_, pose), = scene.spawned
    column, row = camera.look.view.project(pose[:3], 64, 64).astype(int)
    assert changed[row, column] and 4 < changed.sum() < 200
    np.testing.assert_array_equal(camera.render(*arm, scene.object_poses).rgb, without)
    camera.close()


def test_what_cannot_happen_is_refused():
    reach = MockScene(ROBOT, 'reach')
    with pytest.raises(ValueError, match='expected one of tumble'):
        happen(reach, 'juggle', np.random.default_rng(0))
    with pytest.raises(ValueError, match='reach has no object'):
        happen(reach, 'drop', np.random.default_rng(0))
    happen(reach, 'appear', np.random.default_rng(0))
    assert len(reach.spawned) == 1
    reach.reset(0)
    assert not reach.spawned
