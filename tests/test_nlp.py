"""Nonlinear programming: exact derivatives, limits that hold, plans that are worth more."""

from dataclasses import replace

from model_testing import KINEMATICS, make_dynamics, make_model, ROBOT
import numpy as np
from planning_testing import ARM, problem, SETTINGS
import pytest
from wm_ros.planning.nlp.limits import Limits
from wm_ros.planning.nlp.linear import Motion
from wm_ros.planning.nlp.planner import nlp
from wm_ros.planning.nlp.trajectory import Trajectory
from wm_ros.planning.nlp.transition import Transition
from wm_ros.planning.nlp.worth import Judge
from wm_ros.planning.unsearched import prior
from wm_ros.types import NoValidPlan

FAST = replace(SETTINGS, iterations=3)
HERE = KINEMATICS.forward(ROBOT.home)[0]
ASIDE = np.array([HERE[0], HERE[1] + 0.3, HERE[2]])


def trajectory(task='push', horizon=4, seed=0):
    """Return a motion, and a trajectory of some joint motion whose stages fit together."""
    rng, given = np.random.default_rng(seed), problem(make_model(task))
    motion = Motion(ROBOT, given.model.dynamics, horizon)
    state = given.state.numpy().astype(float)
    inside = motion.transition.take(state, given.latent.numpy())
    at = Trajectory(ROBOT.home, np.zeros(7), state[6:14], state[14], ROBOT.dt,
                    0.2 * rng.normal(size=(horizon, 7)), np.tile(inside, (horizon + 1, 1)))
    return motion, at, given


def test_derivatives_of_the_learned_step_are_exact():
    transition, rng = Transition(make_dynamics('push')), np.random.default_rng(0)
    inside = 0.3 + 0.05 * rng.normal(size=(2, transition.inside))
    setpoints = 0.3 + 0.02 * rng.normal(size=(3, 8))
    values, by = transition(inside, setpoints, 0.0)
    assert by.shape == (2, transition.inside + 1, transition.inside + 16)
    for column in range(by.shape[2]):
        given, known = inside.copy(), setpoints.copy()
        if column < transition.inside:
            given[0, column] += 1e-3
        else:
            known[(column - transition.inside) // 8, (column - transition.inside) % 8] += 1e-3
        change = (transition(given, known, 0.0)[0][0] - values[0]) / 1e-3
        assert np.abs(change - by[0, :, column]).max() < 0.02 * max(1, np.abs(change).max())


def test_a_trajectory_is_linear_to_first_order():
    """What the condensed slopes foresee is what a small change of the joint rates does."""
    motion, at, _ = trajectory()
    at = at.moved(at.rates, motion.closed(at).stages.values)
    for _ in range(3):      # stages that fit together
        at = at.moved(at.rates, motion.closed(at).stages.values)
    linear, change = motion.closed(at), 1e-3 * np.random.default_rng(1).normal(size=at.rates.shape)
    assert np.abs(linear.stages.values).max() < 1e-5
    moved = motion.closed(at.moved(at.rates + change, linear.stages.slopes @ change.ravel()))
    for name in ('setpoints', 'states', 'latents', 'actions', 'spread'):
        before, after = getattr(linear, name), getattr(moved, name)
        real, foreseen = after.values - before.values, before.slopes @ change.ravel()
        assert np.abs(real - foreseen).max() < 0.05 * np.abs(foreseen).max() + 1e-6, name


def test_slopes_and_curvature_are_those_of_the_objective():
    motion, at, given = trajectory()
    given = replace(given, settings=replace(given.settings, weights={
        'goal': 1.0, 'effort': 0.5, 'smoothness': 0.3, 'value': 1.0, 'disagreement': 2.0}))
    judge, linear = Judge(given), motion.open(at)
    worth, change = judge(linear), 1e-2 * np.random.default_rng(1).normal(size=at.rates.shape)
    still = np.zeros(at.inside[1:].shape)
    more, less = (judge(motion.open(at.moved(at.rates + sign * change, still))).score
                  for sign in (1, -1))
    foreseen = worth.slope[:change.size] @ change.ravel()
    assert 0.5 * (more - less) == pytest.approx(foreseen, rel=0.02)
    curvature = np.linalg.eigvalsh(judge.curvature(motion.closed(at)))
    assert curvature.max() < 1e-6 and curvature.min() < -0.1


@pytest.mark.parametrize('task', ['reach', 'push'])
def test_it_finds_more_than_the_prior(task):
    given = problem(make_model(task), FAST, goal=ASIDE)
    assert nlp(given).score > prior(given).score


def test_the_path_keeps_all_limits():
    given = problem(make_model('reach'), replace(FAST, horizon=8), goal=ASIDE)
    solution = nlp(given)
    path, rates = solution.path
    limits = ROBOT.limits
    before = np.vstack([np.zeros(7), rates[:-1]])
    assert (np.abs(rates) <= limits.velocity).all()
    assert (np.abs(rates - before) <= limits.acceleration * ROBOT.dt).all()
    assert (path >= limits.lower).all() and (path <= limits.upper).all()
    for q in path:
        assert np.abs(KINEMATICS.rotation(q)[:2, 2]).max() < 0.01      # it points down
        assert abs(KINEMATICS.forward(q)[1] - KINEMATICS.forward(ROBOT.home)[1]) < 0.01
    assert np.abs(solution.actions[:, :3]).max() > 0.5     # and it does go there
    assert np.abs(solution.actions[:, :4]).max() <= 1.0


def test_no_link_enters_a_box():
    """Straight on to the goal the hand would; a soft price would let it."""
    box = (*(0.5 * (HERE + ASIDE)), 0.06, 0.06, 0.06)
    settings = replace(FAST, horizon=10, keep_out=box)
    given = problem(make_model('reach'), settings, goal=ASIDE)
    motion = Motion(ROBOT, given.model.dynamics, 10)
    limits = Limits(ARM, motion, given.model.dynamics.rule, False)
    free = nlp(replace(given, settings=replace(settings, keep_out=()), start=given.start._replace(
        boxes=problem(given.model).start.boxes, detour=None)))
    kept = nlp(given)
    room = [limits.room(Trajectory(ROBOT.home, np.zeros(7), np.zeros(8), 0.0, ROBOT.dt,
                                   found.path[1], np.zeros((11, 1))), given.start.boxes)
            for found in (free, kept)]
    assert room[0] < 0.0 <= room[1]


def test_the_prior_is_dreamed_once_a_plan():
    """For the arm's posture and for where the program begins: on the control path."""
    settings = replace(FAST, horizon=10, keep_out=(*ASIDE, 0.04, 0.04, 0.04))
    given, seen = problem(make_model('reach'), settings, goal=ASIDE), []
    dream = given.model.imagine
    given.model.imagine = lambda *args: seen.append(args) or dream(*args)
    nlp(given)
    assert sum(args[-1] == 1 and not args[2].any() for args in seen) == 1


def test_an_arm_inside_a_box_makes_no_plan():
    given = problem(make_model('reach'), replace(FAST, keep_out=(*HERE, 0.3, 0.3, 0.3)))
    with pytest.raises(NoValidPlan, match='keeps out of the boxes: the arm would be .* cm inside'):
        nlp(given)


def test_ipopt_finds_what_a_few_quadratic_programs_do():
    """The same problem by another way: it finds no less, and keeps the same limits."""
    given = problem(make_model('reach'), replace(FAST, horizon=4), goal=ASIDE)
    quick = nlp(given)
    slow = nlp(replace(given, settings=replace(given.settings, solver='ipopt')))
    assert slow.score >= quick.score - 1e-3
    assert slow.score == pytest.approx(quick.score, abs=0.05)
    assert (np.abs(slow.path[1]) <= ROBOT.limits.velocity).all()


def test_a_deadline_ends_it_after_an_iteration():
    given = problem(make_model('reach'), replace(FAST, iterations=50), goal=ASIDE)
    assert nlp(replace(given, deadline=0.0)).iterations == 1
