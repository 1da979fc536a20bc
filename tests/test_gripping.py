"""Dynamics of tasks that grasp: the gripper's command is exact, and is known in beliefs."""

from contextlib import closing

from model_testing import KINEMATICS, make_dynamics, make_model, observe_at, ROBOT
import numpy as np
import pytest
from sim.engines.bullet import BulletScene
from sim.stepper import Stepper
import torch
from wm_ros.evaluation.run import make_loop, parameters, Request
from wm_ros.planning import Mpc, PlannerSettings
from wm_ros.robot.motion import GRIPPER_STEP
from wm_ros.tasks import get_task
from wm_ros.types import ParameterError
from wm_ros.world_model.state import StateEstimator, StateLayout
from wm_ros.world_model.tracks import Noise

SETTINGS = PlannerSettings.from_params({'planner.horizon': 6, 'planner.num_samples': 8,
                                        'planner.num_elites': 2, 'planner.num_policy_samples': 8})


@pytest.fixture(scope='module')
def stepper():
    scene = BulletScene(ROBOT, 'pick_and_place')
    yield Stepper(scene)
    scene.close()


def test_only_tasks_of_the_gripper_know_what_it_is_told():
    for task, grips in (('reach', 0), ('push', 0), ('pick_and_place', 1), ('stack', 1)):
        layout = StateLayout.of(get_task(task))
        assert layout.grips == bool(grips)
        assert layout.width == layout.heights.stop + grips


def test_what_the_gripper_is_told_is_imagined_as_it_is_executed(stepper):
    dynamics, rng = make_dynamics('pick_and_place'), np.random.default_rng(0)
    estimator = StateEstimator(ROBOT, get_task('pick_and_place'))
    seen = stepper.reset(3)
    state = estimator.update(None, 0.0, seen)
    for action in rng.uniform(-2, 2, (12, 5)).astype(np.float32):
        with torch.no_grad():
            moved = dynamics.move_setpoint(torch.tensor(state), torch.tensor(action))
        stamp, seen = seen.stamp, stepper.step(action)
        state = estimator.update(state, stamp, seen)
        assert float(moved[-1]) == pytest.approx(state[-1], abs=1e-6)
        assert float(moved[-1]) == pytest.approx(seen.commanded_gripper, abs=1e-6)
        assert ROBOT.gripper_min <= state[-1] <= ROBOT.gripper_max


def test_a_plan_opens_and_closes_as_its_actions_say(stepper):
    model = make_model('pick_and_place')
    mpc = Mpc(model, ROBOT, get_task('pick_and_place'), SETTINGS)
    belief = model.observe(None, stepper.reset(3))
    plan = mpc.plan(belief, stepper.scene.goal, None, belief.stamp)
    assert np.ptp(plan.actions[:, 4]) > 0.0
    widths = [belief.commanded_gripper]
    for action in plan.actions:
        widths.append(np.clip(widths[-1] + GRIPPER_STEP * np.clip(action[4], -1, 1),
                              ROBOT.gripper_min, ROBOT.gripper_max))
    np.testing.assert_allclose(plan.gripper, widths, atol=1e-6)
    np.testing.assert_allclose(mpc.dream.states[:, 0, -1], belief.commanded_gripper, atol=1e-6)


def test_beliefs_are_moved_on_along_what_the_gripper_was_told(stepper):
    model = make_model('pick_and_place')
    belief = model.observe(None, stepper.reset(3))
    later = stepper.step([0.0, 0.0, 0.0, 0.0, -1.0])
    told = belief.commanded_gripper, later.commanded_gripper
    assert told[1] < told[0] - 0.9 * GRIPPER_STEP or told[1] == ROBOT.gripper_min
    after = model.observe(belief, later)
    assert after.state[-1] == pytest.approx(told[1], abs=1e-6)


def test_nlp_says_that_it_does_not_grasp():
    mpc = Mpc(make_model('stack'), ROBOT, get_task('stack'), SETTINGS)
    with pytest.raises(ParameterError, match='planner.type: got nlp.* stack needs'):
        mpc.check({'planner.type': 'nlp'})


@pytest.mark.parametrize('engine', ['pybullet', 'mujoco'])
@pytest.mark.parametrize('task', ['pick_and_place', 'stack'])
def test_the_shipped_agents_grasp(task, engine):
    with closing(make_loop(task, parameters(Request(task, 1, engine=engine)))) as loop:
        assert all(loop.run(seed).success for seed in range(3))


@pytest.mark.parametrize('held', [True, False])
def test_a_block_in_the_hand_is_expected_to_go_where_the_hand_goes(held):
    """Its pose is noisy; that of the hand is not."""
    estimator = StateEstimator(ROBOT, get_task('pick_and_place'))
    noise, rng = Noise.unknown(1), np.random.default_rng(0)
    noise.things[0] = 3e-3, 3e-2
    where, state, errors = estimator.layout.object_position(0), None, []
    for k in range(120):
        q = ROBOT.home + 0.3 * np.sin(0.05 * k) * np.array([1, 0, 0, 0, 0, 0, 0])
        dq = 0.6 * np.cos(0.05 * k) * np.array([1, 0, 0, 0, 0, 0, 0])
        truth = KINEMATICS.forward(q)[0]
        pose = [*(truth + 3e-3 * rng.normal(size=3)), 0.0, 0.0, 0.0, 1.0]
        state = estimator.update(state, 0.025 * (k - 1), observe_at(
            0.025 * k, q=q, dq=dq, poses=[pose], gripper_width=0.04,
            commanded_gripper=0.0 if held else 0.04), noise=noise)
        errors.append(state[where] - truth)
    assert (np.std(errors[40:]) < 1.2e-3) == held
