"""Conditions in the scenes of both engines: physics, objects, table, sensors."""

import numpy as np
import pytest
from sim.engines import make_scene
from sim.quiet import pybullet
from sim.randomize import TERMS
from sim.randomize.config import parse
from sim.scene import SUBSTEP
from sim.sensors.pictures import Pictures
from sim.stepper import Stepper
from sim.witness import Witness, Witnessing
from sim_testing import episode, record
from wm_ros.evaluation.edge_cases.attempt import scripted
from wm_ros.robot.robot import load_robot
from wm_ros.world_model.state import quaternion_yaw

ROBOT = load_robot('panda')
ENGINES = ('pybullet', 'mujoco')


def stepper_of(engine, *rows, task='push'):
    rows = [{'term': name, 'value': value} for name, value in rows]
    randomization = parse({'terms': rows}, 'made', 'made') if rows else None
    return Stepper(make_scene(engine, ROBOT, task, randomization))


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


def slide(engine, *rows):
    """Return how far a block slides [m] that is given a speed of 0.5 m/s."""
    stepper = stepper_of(engine, *rows)
    stepper.reset(0)
    scene = stepper.scene
    begin = np.array([0.5, 0.0, scene.boxes[0].size[2] / 2, 0, 0, 0, 1.0])
    scene.move(0, begin, [0.0, 0.5, 0.0])
    for _ in range(240):
        scene.substep()
    return float(np.linalg.norm(scene.object_poses[0, :2] - begin[:2]))


def test_friction_is_the_product_of_both(engine):
    usual = slide(engine)
    assert usual == pytest.approx(0.5 ** 2 / (2 * 0.5 * 9.81), rel=0.15)
    assert slide(engine, ('object.friction', 0.25)) == pytest.approx(2 * usual, rel=0.2)
    assert slide(engine, ('physics.table_friction', 0.5)) == pytest.approx(2 * usual, rel=0.2)
    assert slide(engine, ('physics.gravity', 4.905)) == pytest.approx(2 * usual, rel=0.2)


def effort(engine, *rows):
    """Return the efforts [N] N m at rest."""
    stepper = stepper_of(engine, *rows, task='reach')
    stepper.reset(0)
    for _ in range(240):
        stepper.scene.substep()
    return stepper.scene.arm.joint_efforts


def test_links_weigh_what_they_are_told(engine):
    usual = effort(engine)
    np.testing.assert_allclose(effort(engine, ('physics.link_mass', 1.5)), 1.5 * usual, atol=0.6)
    np.testing.assert_allclose(effort(engine, ('physics.gravity', 4.905)), 0.5 * usual, atol=0.6)


def lag(engine, *rows):
    """Return how far [rad] the arm is behind a command that moves on, at most."""
    stepper = stepper_of(engine, *rows, task='reach')
    stepper.reset(1)
    worst = 0.0
    for _ in range(20):
        seen = stepper.step([0.5, 0.5, 0.5, 0.0, 0.0])
        worst = max(worst, np.abs(seen.commanded_positions - seen.joint_positions).max())
    return worst


@pytest.mark.parametrize('row', [('physics.motor_gain', 0.2), ('actuation.delay', 0.1),
                                 ('actuation.lag', 0.1),
                                 ('physics.motor_effort', 0.1), ('actuation.backlash', 0.02)])
def test_weak_motors_and_late_commands_fall_behind(engine, row):
    assert lag(engine, row) > 1.5 * lag(engine) + 0.002


def test_objects_are_of_the_episode(engine):
    rows = [{'term': 'object.size', 'how': 'scale', 'uniform': [0.7, 1.3]},
            {'term': 'object.round', 'choice': [0.0, 1.0]},
            {'term': 'object.mass', 'how': 'scale', 'uniform': [0.5, 2.0]}]
    scene = make_scene(engine, ROBOT, 'stack', parse({'terms': rows}, 'made', 'made'))
    stepper, shapes = Stepper(scene), set()
    for seed in range(6):
        stepper.reset(seed)
        for _ in range(20):
            scene.substep()
        for box, pose in zip(scene.boxes, scene.object_poses):
            assert pose[2] == pytest.approx(box.size[2] / 2, abs=1e-3)     # it lies on the table
            shapes.add((box.shape, round(box.size[0], 4)))
    assert len(shapes) == 12 and {shape for shape, _ in shapes} == {'box', 'cylinder'}
    scene.close()


def test_what_is_drawn_of_a_seed_is_the_same_whatever_came_before(engine):
    rows = [{'term': 'object.size', 'how': 'scale', 'uniform': [0.8, 1.2]},
            {'term': 'object.friction', 'how': 'scale', 'uniform': [0.5, 2.0]},
            {'term': 'physics.link_mass', 'uniform': [0.8, 1.2]},
            {'term': 'actuation.jitter', 'value': 0.02}, {'term': 'actuation.loss', 'value': 0.1},
            {'term': 'sensing.pose_noise', 'value': 0.005},
            {'term': 'sensing.pose_delay', 'value': 0.04},
            {'term': 'scenery.distractors', 'choice': [0, 1, 2]},
            {'term': 'physics.gravity', 'when': 'interval', 'every': [0.3, 0.6],
             'uniform': [9.0, 10.0]}]
    stepper = Stepper(make_scene(engine, ROBOT, 'push', parse({'terms': rows}, 'made', 'made')))
    first = record(stepper, 5, 40)
    for seed in (8, 9):
        episode(stepper, seed)
    np.testing.assert_array_equal(record(stepper, 5, 40), first)


def test_a_higher_table_lifts_all_that_is_on_it(engine):
    low, high = stepper_of(engine), stepper_of(engine, ('scenery.table_height', 0.04))
    before, after = low.reset(2).object_poses, high.reset(2).object_poses
    assert after[0, 2] - before[0, 2] == pytest.approx(0.04)
    assert high.scene.goal[2] - low.scene.goal[2] == pytest.approx(0.04)
    for _ in range(60):
        high.scene.substep()
    np.testing.assert_allclose(high.scene.object_poses, after, atol=1e-3)


@pytest.mark.parametrize('height', [TERMS['scenery.table_height'].low, 0.1])
@pytest.mark.parametrize('task', ['push', 'pick_and_place', 'stack'])
def test_scripts_work_on_tables_of_any_height(task, height):
    scene = stepper_of('pybullet', ('scenery.table_height', height), task=task).scene
    assert [scripted(scene, seed).success for seed in range(3)] == [True] * 3
    scene.close()


@pytest.mark.parametrize('looks', [False, True])
def test_cameras_see_the_table_where_it_is(looks):
    """The block lies on it, in pictures as in physics."""
    above = []
    for height in (0.0, 0.1):
        scene = stepper_of('pybullet', ('scenery.table_height', height)).scene
        witness = Witness(scene, Witnessing(looks=looks))
        scene.reset(1)
        witness.begin(1)
        place = pybullet.getBasePositionAndOrientation(
            witness._camera._table, physicsClientId=witness._camera._client)[0]
        above.append(scene.object_poses[0, 2] - place[2])
        witness.close()
        scene.close()
    assert above[1] == pytest.approx(above[0])


def test_distractors_stand_aside(engine):
    stepper = stepper_of(engine, ('scenery.distractors', 3))
    for seed in range(3):
        stepper.reset(seed)
        scene = stepper.scene
        places = np.array([pose[:2] for _, pose in scene.spawned])
        assert len(places) == 3
        counts = np.vstack([scene.goal[None, :2], scene.object_poses[:, :2]])
        assert np.linalg.norm(places[:, None] - counts[None], axis=-1).min() > 0.1


def sensed(*rows, steps=200):
    """Return observations of an arm that stands, and the truth of each."""
    stepper = stepper_of('pybullet', *rows)
    stepper.reset(1)
    scene, seen, truth = stepper.scene, [], []
    for _ in range(steps):
        seen.append(stepper.step(np.zeros(5)))
        truth.append((scene.arm.joint_positions, scene.arm.joint_velocities,
                      scene.object_poses[0], scene.arm.wrench))
    return seen, truth


def test_noise_is_as_wide_as_it_is_told():
    seen, truth = sensed(
        ('sensing.joint_noise', 0.002), ('sensing.velocity_noise', 0.05),
        ('sensing.pose_noise', 0.01), ('sensing.yaw_noise', 0.1), ('sensing.wrench_noise', 2.0))
    q, dq, pose, wrench = (np.array(column) for column in zip(*truth))
    for name, off, width in (
            ('joints', [s.joint_positions for s in seen] - q, 0.002),
            ('rates', [s.joint_velocities for s in seen] - dq, 0.05),
            ('places', [s.object_poses[0, :3] for s in seen] - pose[:, :3], 0.01),
            ('force', [s.wrench[:3] for s in seen] - wrench[:, :3], 2.0),
            ('torque', [s.wrench[3:] for s in seen] - wrench[:, 3:], 0.2)):
        assert np.std(off, axis=0) == pytest.approx(width, rel=0.25), name
        assert np.mean(off, axis=0) == pytest.approx(0.0, abs=0.4 * width), name
    twist = quaternion_yaw([s.object_poses[0, 3:] for s in seen]) - quaternion_yaw(pose[:, 3:])
    assert np.std((twist + np.pi) % (2 * np.pi)) == pytest.approx(0.1, rel=0.25)


def test_a_bias_is_the_same_all_the_time():
    seen, truth = sensed(('sensing.pose_bias', [0.01, -0.02, 0.005]), ('sensing.joint_bias', 0.01),
                         ('sensing.height_bias', 0.01), steps=5)
    for observation, (q, _, pose, _) in zip(seen, truth):
        np.testing.assert_allclose(observation.object_poses[0, :3] - pose[:3],
                                   [0.01, -0.02, 0.015], atol=1e-9)
        np.testing.assert_allclose(observation.joint_positions - q, 0.01, atol=1e-9)


def test_poses_come_late_and_say_how_old_they_are():
    stepper = stepper_of('pybullet', ('sensing.pose_delay', 0.1))
    stepper.reset(1)
    stepper.scene.move(0, stepper.scene.object_poses[0], [0.0, 1.0, 0.0])
    truths, scene = {0.0: scene_pose(stepper.scene)}, stepper.scene
    for step in range(10):
        seen = stepper.step(np.zeros(5))
        truths[round(scene.time, 6)] = scene_pose(scene)
        age = seen.ages['object_poses']
        assert age == pytest.approx(0.1, abs=SUBSTEP) if step >= 2 else age <= 0.1 + 1e-9
        if step >= 2:
            np.testing.assert_allclose(seen.object_poses[0, :3],
                                       truths[round(seen.stamp - age, 6)], atol=1e-9)


def scene_pose(scene):
    return scene.object_poses[0, :3].copy()


def test_poses_that_are_lost_leave_the_last_ones():
    seen, _ = sensed(('sensing.pose_loss', 0.5))
    ages = np.array([s.ages['object_poses'] for s in seen])
    assert np.mean(ages > 0.01) == pytest.approx(0.5, abs=0.12) and ages.max() > 0.15


def test_truth_and_success_know_nothing_of_the_sensors():
    stepper = stepper_of('pybullet', ('sensing.pose_bias', [0.05, 0.0, 0.0]),
                         ('sensing.joint_bias', 0.05))
    plain = stepper_of('pybullet')
    stepper.reset(3)
    plain.reset(3)
    first, second = stepper.scene.situation(), plain.scene.situation()
    for name, value in vars(first).items():
        np.testing.assert_array_equal(value, getattr(second, name), err_msg=name)


def test_objects_change_on_the_way(engine):
    rows = [{'term': 'object.friction', 'when': 'interval', 'every': 0.3, 'uniform': [0.05, 0.6]}]
    scene = make_scene(engine, ROBOT, 'push', parse({'terms': rows}, 'made', 'made'))
    scene.reset(0)
    found = set()
    for moment in (0.05, 0.35, 0.65):
        while scene.time < moment:
            scene.substep()
        scene.move(0, [0.5, 0.0, 0.025, 0, 0, 0, 1.0], [0.0, 0.5, 0.0])
        for _ in range(12):
            scene.substep()
        slower = 0.5 - np.linalg.norm(scene.object_velocities[0])
        assert slower == pytest.approx(scene.boxes[0].friction * 9.81 * 12 * SUBSTEP, abs=0.03)
        found.add(scene.boxes[0].friction)
    assert len(found) == 3
    scene.close()


def test_pictures_come_late_and_some_never():
    scene = stepper_of('pybullet', ('camera.delay', 0.1), ('camera.loss', 0.4)).scene
    scene.reset(1)
    taken = []
    pictures = Pictures(scene, lambda stamp, *state: taken.append((scene.time, stamp)))
    for step in range(480):
        if step % 8 == 0:
            pictures.shoot(scene.time)
        pictures.deliver()
        scene.substep()
    late = np.array([now - stamp for now, stamp in taken])
    np.testing.assert_allclose(late, 0.1, atol=SUBSTEP + 1e-9)
    assert len(taken) == pytest.approx(0.6 * 57, abs=10)
