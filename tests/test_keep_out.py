"""Boxes to keep out of: distances, ways around them, and what they cost."""

from dataclasses import replace

from model_testing import KINEMATICS, make_model, ROBOT
import numpy as np
from planning_testing import ARM, problem, SETTINGS
import pytest
import torch
from wm_ros.planning import PlannerSettings
from wm_ros.planning.arm import Arm
from wm_ros.planning.candidates import dream_of
from wm_ros.planning.detour import Detour, Terrain
from wm_ros.planning.keep_out import Boxes
from wm_ros.planning.objective import Objective
from wm_ros.planning.posture import joint_limits, keep_out, Posture
from wm_ros.planning.surroundings import Surroundings
from wm_ros.types import ParameterError
from wm_ros.world_model.agent.rollout import Dream

BOX = (0.5, 0.0, 0.2, 0.2, 0.4, 0.1)
HERE = KINEMATICS.forward(ROBOT.home)[0]


@pytest.fixture(scope='module')
def terrain():
    return Terrain(ARM)


@pytest.mark.parametrize('point, expected', [
    ((0.7, 0.0, 0.2), 0.1), ((0.5, -0.3, 0.2), 0.1), ((0.63, 0.24, 0.2), 0.05),
    ((0.5, 0.0, 0.2), -0.05), ((0.58, 0.0, 0.2), -0.02)])
def test_distance_is_that_to_the_nearest_point_of_a_box(point, expected):
    boxes = Boxes.from_numbers(BOX)
    assert boxes.distance(torch.tensor(point)).tolist() == pytest.approx([expected], abs=1e-6)


def test_distance_leads_straight_away_from_a_box():
    point = torch.tensor([[0.63, 0.24, 0.2], [0.5, 0.0, 0.24], [0.6, 0.0, 0.2]],
                         requires_grad=True)
    Boxes.from_numbers(BOX).distance(point).sum().backward()
    assert point.grad[0].tolist() == pytest.approx([0.6, 0.8, 0.0], abs=1e-5)
    assert point.grad[1].tolist() == pytest.approx([0.0, 0.0, 1.0])
    assert torch.isfinite(point.grad).all()


@pytest.mark.parametrize('numbers, said', [
    ([0.5, 0.0, 0.2], 'got 3 numbers'), ([0.5, 0.0, 0.2, 0.1, 0.0, 0.1], 'lengths above 0 m')])
def test_half_a_box_is_refused(numbers, said):
    with pytest.raises(ParameterError, match=said):
        PlannerSettings.from_params({'planner.keep_out': numbers})


def test_a_box_in_the_way_makes_it_longer_and_a_box_aside_does_not(terrain):
    goal, places = np.array([0.5, 0.24, 0.1]), torch.tensor([[0.5, -0.24, 0.1]])
    across = Detour(terrain, Boxes.from_numbers((0.5, 0.0, 0.1, 0.04, 0.04, 0.04)), goal)
    aside = Detour(terrain, Boxes.from_numbers((0.32, 0.2, 0.9, 0.02, 0.02, 0.02)), goal)
    assert 0.03 < float(across.more(places)) < 0.4
    assert float(aside.more(places)) == pytest.approx(0.0, abs=1e-6)
    assert float(across.more(torch.tensor([[0.5, 0.2, 0.1]]))) == pytest.approx(0.0, abs=1e-6)


def test_the_way_around_keeps_out(terrain):
    boxes, goal = Boxes.from_numbers((0.5, 0.0, 0.1, 0.04, 0.04, 0.04)), np.array([0.5, 0.24, 0.1])
    way = Detour(terrain, boxes, goal).way_from([0.5, -0.24, 0.1], 60)
    path = KINEMATICS.follow(ROBOT.home, np.repeat(way, 4, 0), np.zeros(4 * len(way)),
                             np.zeros((4 * len(way), 3)), np.zeros(4 * len(way)))[0][12:]
    apart = boxes.distance(torch.as_tensor(ARM.body.places(path)[0], dtype=torch.float32))
    assert float((apart[..., 0] - torch.as_tensor(ARM.body.radii)).min()) > 0.0
    assert np.linalg.norm(way[-1] - goal) < 0.03


def dream_to(model, *offset):
    """Return a posture along rest, and a dream whose setpoint is off by ``offset`` m of it."""
    given = problem(model, replace(SETTINGS, horizon=4))
    still = dream_of(given, torch.zeros(1, 4, 5), 0)
    moved = still.states.clone()
    moved[:, :, model.layout.setpoint] += torch.tensor(offset)
    return still, Dream(still.actions, moved, still.latents, still.disagreement)


def test_what_is_too_near_costs_by_the_centimetre():
    model = make_model('reach')
    still, lower = dream_to(model, 0.0, 0.0, -0.05)
    below = (*HERE[:2], HERE[2] - 0.085, 0.1, 0.1, 0.1)
    posture = Posture.along(ARM, ROBOT.home, np.zeros(7), still.states[0],
                            Boxes.from_numbers(below))
    before, after = (float(keep_out(dream, posture)[0, -1]) for dream in (still, lower))
    assert before == pytest.approx(0.0) or before > -1.0
    assert before - after == pytest.approx(5.0, abs=1.1)


def test_joints_behind_the_setpoint_are_where_the_arm_will_be():
    """To first order: a centimetre aside, they are right to a hundredth of a radian."""
    model = make_model('reach')
    still, aside = dream_to(model, 0.01, 0.01, -0.01)
    found = [Posture.along(ARM, ROBOT.home, np.zeros(7), dream.states[0], Boxes.from_numbers(()))
             for dream in (still, aside)]
    guess = found[0].joints + torch.einsum('hnp,hp->hn', found[0].joints_by_pose,
                                           found[0].off(aside)[0])
    assert float((guess - found[1].joints)[-1].abs().max()) < 0.02
    assert float((found[0].joints - found[1].joints)[-1].abs().max()) > 0.02
    assert float(joint_limits(still, found[0]).abs().max()) == 0.0
    near = found[0]._replace(limits=torch.stack([found[0].joints[0] - 0.05,
                                                 found[0].joints[0] + 1.0]))
    assert float(joint_limits(still, near)[0, 0]) == pytest.approx(-7 * (2 / 3) ** 2, abs=1e-3)


def test_joints_cost_near_their_limits_without_a_body():
    """A robot whose file has no spheres yet can still be kept from its joints' limits."""
    model = make_model('reach')
    still, _ = dream_to(model, 0.0, 0.0, 0.0)
    posture = Posture.along(Arm(replace(ROBOT, spheres=())), ROBOT.home, np.zeros(7),
                            still.states[0], Boxes.from_numbers(()))
    shares = Objective(model, model.task).shares(
        still, torch.tensor([0.5, 0.0, 0.2]), {'joint_limits': 1.0, 'keep_out': 3.0}, posture)
    assert float(shares['joint_limits']) == float(shares['keep_out']) == 0.0


def test_boxes_need_a_body():
    around = Surroundings(replace(ROBOT, spheres=()), make_model('reach').task)
    around.prepare(())
    with pytest.raises(ParameterError, match='planner.keep_out: robot panda: spheres: got none'):
        around.prepare(BOX)


def test_terms_about_the_body_count_where_the_body_is_known():
    model = make_model('reach')
    still, _ = dream_to(model, 0.0, 0.0, 0.0)
    posture = Posture.along(ARM, ROBOT.home, np.zeros(7), still.states[0],
                            Boxes.from_numbers((*HERE, 0.1, 0.1, 0.1)))
    objective, weights = Objective(model, model.task), {'goal': 1.0, 'keep_out': 2.0}
    goal = torch.tensor([0.5, 0.0, 0.2])
    assert set(objective.shares(still, goal, weights)) == {'goal'}
    shares = objective.shares(still, goal, weights, posture)
    assert set(shares) == {'goal', 'keep_out'} and float(shares['keep_out']) < -1.0
