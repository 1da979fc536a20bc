"""Receding horizon: plans, their continuity, and what they go on from."""

from dataclasses import replace

from model_testing import KINEMATICS, make_model, observe_at, ROBOT
from mpc_testing import belief_at, DELAY, DT, GOAL, goal_at, HOME, Loop, make_mpc, PARAMS, REACH
import numpy as np
import pytest
from wm_ros.planning import Mpc, PlannerSettings
from wm_ros.planning.registry import check_choice, PLANNERS, UNSEARCHED
from wm_ros.robot.trajectory import sample
from wm_ros.types import NoValidPlan, ParameterError


@pytest.mark.parametrize('name', sorted(PLANNERS))
def test_what_a_plan_holds(name):
    mpc = make_mpc(planner__type=name)
    belief = belief_at(mpc, commanded_gripper=0.04)
    plan = mpc.plan(belief, GOAL, None, 10.0 + DELAY)
    assert (plan.stamp, plan.observed, plan.dt) == (10.0 + DELAY, 10.0, DT)
    assert plan.planner == name and plan.solve_time > 0 and plan.dropped == 0
    assert plan.actions.shape == (8, 5) and plan.path.shape == (9, 3)
    assert plan.positions.shape == plan.velocities.shape == (9, 7)
    assert plan.gripper.shape == (9,)
    np.testing.assert_allclose(plan.gripper, 0.04)      # reach does not use it
    assert (np.abs(plan.actions) <= 1).all() and not plan.actions[:, 3:].any()
    for array in (plan.positions, plan.velocities, plan.path):
        assert np.isfinite(array).all()
    with pytest.raises(ValueError):
        plan.positions[0, 0] = 1.0


@pytest.mark.parametrize('name', sorted(PLANNERS))
def test_candidates_are_judged_by_the_body_as_well(name):
    """As the search has judged them: here by a box that stands where the arm's hand is."""
    def scores(**settings):
        mpc = make_mpc(planner__type=name, **settings)
        mpc.plan(belief_at(mpc), GOAL, None, 10.0)
        found = mpc.scores()
        assert found.shape == mpc.dream.actions.shape[:1] and found.isfinite().all()
        return found
    usual = scores()
    scores(objective__joint_limits=1.0)
    if name != 'nlp':       # which would find no plan
        boxed = scores(planner__keep_out=[*HOME, 0.2, 0.2, 0.2])
        assert boxed.max() < usual.min() - 10.0


@pytest.mark.parametrize('name', sorted(PLANNERS))
def test_boxes_are_for_planners_that_have_a_choice(name):
    settings = make_mpc(planner__type=name, planner__keep_out=[*HOME, 0.01, 0.01, 0.01]).settings
    check_choice(replace(settings, keep_out=()))
    if name in UNSEARCHED:
        with pytest.raises(ParameterError, match='keep_out: got boxes, .* would go through them'):
            check_choice(settings)
    else:
        check_choice(settings)


def test_joint_knots_are_on_the_path_of_the_actions():
    mpc = make_mpc()
    plan = mpc.plan(belief_at(mpc), GOAL, None, 10.0)
    place, rate = np.append(HOME, KINEMATICS.forward(ROBOT.home)[1]), np.zeros(4)
    for k, action in enumerate(plan.actions):
        np.testing.assert_allclose(KINEMATICS.forward(plan.positions[k])[0], place[:3],
                                   atol=4e-3)
        np.testing.assert_allclose(plan.path[k], place[:3], atol=1e-9)
        place, rate = mpc.rule.advance(place, rate, action[:4].astype(float))


@pytest.mark.parametrize('corner', [
    (0.69, 0.25, 0.42), (0.69, -0.25, 0.42), (0.29, 0.0, 0.1), (0.29, 0.25, 0.02),
    (0.5, 0.0, 0.42)])
def test_joints_stay_inside_their_limits(corner):
    loop = Loop(make_mpc())
    limits = ROBOT.limits
    for _ in range(60):
        plan = loop.step(goal_at(*corner))
        times = plan.stamp + np.linspace(0, 8 * DT, 60)
        positions = np.array([sample(plan, time)[0] for time in times])
        assert (positions >= limits.lower).all() and (positions <= limits.upper).all()


def test_it_gets_there():
    loop = Loop(make_mpc()).run(80)
    assert np.linalg.norm(KINEMATICS.forward(loop.command()[0])[0] - GOAL[:3]) < 0.02


@pytest.mark.parametrize('period, delay', [
    (0.025, 0.03), (0.025, 0.0), (0.05, 0.03), (0.1, 0.02), (0.01, 0.1), (0.0333, 0.05)])
def test_a_new_plan_starts_on_the_last_ones_motion(period, delay):
    loop = Loop(make_mpc(), period, delay)
    for step in range(40):
        last, plan = loop.plan, loop.step()
        if last is not None:
            q, dq, gripper = sample(last, plan.stamp)
            np.testing.assert_array_equal(plan.positions[0], q)
            np.testing.assert_array_equal(plan.velocities[0], dq)
            assert plan.gripper[0] == pytest.approx(gripper)
    assert np.abs(loop.plan.positions[0] - ROBOT.home).max() > 0.1


def test_commands_are_smooth_across_plans():
    loop = Loop(make_mpc())
    commands = []
    for _ in range(60):
        loop.step()
        for share in (0.0, 1 / 3, 2 / 3):
            loop.now += share * loop.period
            commands.append(loop.command()[1])
            loop.now -= share * loop.period
    jumps = np.abs(np.diff(commands, axis=0)).max()
    assert jumps < 0.1 and np.abs(commands).max() > 0.3


@pytest.mark.parametrize('period, delay', [(0.025, 0.03), (0.05, 0.03), (0.025, 0.1)])
def test_while_the_gate_holds_plans_begin_at_the_command(period, delay):
    loop = Loop(make_mpc(), period, delay).run(int(0.5 / period))
    # The gate holds: for two seconds the command stands.
    was, loop.held = loop.command()[0], loop.plans[2].positions[0]
    assert np.abs(was - loop.held).max() > 0.1
    loop.step()
    np.testing.assert_array_equal(loop.plan.positions[0], loop.held)
    assert not loop.plan.velocities[0].any()
    for _ in range(int(2.0 / period)):
        plan = loop.step()
        # What the next plan may take for a motion that begins.
        assert np.abs(plan.positions[0] - loop.held).max() < 0.05 + 0.6 * delay
    offs = [np.abs(plan.positions[0] - loop.held).max() for plan in loop.plans[-20:]]
    assert min(offs) == 0.0


def test_after_a_gap_the_plan_begins_at_the_command():
    loop = Loop(make_mpc()).run(20)
    loop.now += 3.0
    stood = loop.command()[0]
    assert np.abs(stood - ROBOT.home).max() > 0.1
    plan = loop.step()
    np.testing.assert_array_equal(plan.positions[0], stood)
    assert not plan.velocities[0].any()


def test_after_a_jump_back_of_the_clock_the_plan_begins_at_the_command():
    loop = Loop(make_mpc()).run(20)
    old = loop.plan
    belief = belief_at(loop.mpc, 2.0, q=ROBOT.home + 0.05)
    plan = loop.mpc.plan(belief, GOAL, old, 2.0 + DELAY)
    np.testing.assert_array_equal(plan.positions[0], ROBOT.home + 0.05)


def test_commands_that_nobody_planned_are_taken_on():
    mpc = make_mpc()
    dq = np.full(7, 0.2)
    plan = mpc.plan(belief_at(mpc, dq=dq), GOAL, None, 10.0 + DELAY)
    np.testing.assert_allclose(plan.positions[0], ROBOT.home + DELAY * dq)
    np.testing.assert_array_equal(plan.velocities[0], dq)
    far = mpc.plan(belief_at(mpc, dq=dq), GOAL, None, 11.0)     # but not for long
    assert np.abs(far.positions[0] - ROBOT.home).max() <= 0.05 * 0.2 + 1e-9


def test_a_command_that_the_arm_is_far_from_is_one_that_nobody_follows():
    mpc = make_mpc()
    belief = belief_at(mpc, dq=np.full(7, 0.2))
    moved = replace(belief, joint_positions=ROBOT.home - 0.2)
    plan = mpc.plan(moved, GOAL, None, 10.0 + DELAY)
    np.testing.assert_allclose(plan.positions[0], ROBOT.home - 0.2)
    assert not plan.velocities[0].any()
    lagging = replace(belief, joint_positions=ROBOT.home - 0.1)
    plan = mpc.plan(lagging, GOAL, None, 10.0 + DELAY)
    assert np.abs(plan.positions[0] - ROBOT.home).max() < 0.01


def test_a_plan_for_where_the_arm_was_is_not_gone_on_with():
    """It was under way when the arm was reset; the command still stands where it began."""
    mpc = make_mpc()
    old = mpc.plan(belief_at(mpc, 10.0), GOAL, None, 10.0 + DELAY)
    moved = ROBOT.home + [0.5, 0.2, 0.0, 0.1, 0.0, 0.0, 0.0]
    belief = mpc.model.observe(None, observe_at(10.025, q=moved, commanded=ROBOT.home))
    plan = mpc.plan(belief, GOAL, old, 10.025 + DELAY)
    np.testing.assert_array_equal(plan.positions[0], moved)


def test_an_arm_that_lags_behind_a_quick_command_follows_it():
    loop = Loop(make_mpc()).run(8)
    q, dq, _ = loop.command()
    assert np.abs(dq).max() > 0.3
    belief = replace(belief_at(loop.mpc, loop.now, q=q, dq=dq), joint_positions=q - 0.17)
    plan = loop.mpc.plan(belief, GOAL, loop.plan, loop.now + DELAY)
    np.testing.assert_allclose(plan.positions[0], sample(loop.plan, loop.now + DELAY)[0])


def test_the_belief_is_brought_to_the_moment_of_acting():
    mpc = make_mpc()
    dq = np.linalg.pinv(KINEMATICS.jacobian(ROBOT.home)) @ [0.2, 0, 0, 0, 0, 0]
    mpc.plan(belief_at(mpc, dq=dq), GOAL, None, 10.0)
    now = mpc.dream.states[0, 0, :9].numpy()
    mpc.plan(belief_at(mpc, dq=dq), GOAL, None, 10.0 + DELAY)
    then = mpc.dream.states[0, 0, :9].numpy()
    np.testing.assert_allclose(then[6:9] - now[6:9], [0.2 * DELAY, 0, 0], atol=1e-3)
    assert 0.1 * DELAY < then[0] - now[0] < 0.3 * DELAY


@pytest.mark.parametrize('delay', [0.0, 0.03, 0.1, 0.2])
def test_with_any_delay_it_knows_where_the_arm_will_be(delay):
    loop = Loop(make_mpc(), 0.025, delay).run(8 + int(delay / 0.025))
    assert np.abs(loop.plan.velocities[0]).max() > 0.3
    for _ in range(4):
        plan = loop.step()
        imagined = loop.mpc.dream.states[0, 0, :3].numpy()
        np.testing.assert_allclose(imagined, KINEMATICS.forward(plan.positions[0])[0],
                                   atol=4e-3)


def test_the_dither_goes_with_the_moment_of_acting():
    mpcs = [make_mpc(planner__type=name) for name in ('dither', 'prior')]
    belief = belief_at(mpcs[0])
    noise = []
    for act_at in (10.0, 10.0, 10.9):
        dither, prior = (mpc.plan(belief, GOAL, None, act_at).actions for mpc in mpcs)
        noise.append((dither - prior)[0, :3])
    np.testing.assert_allclose(noise[0], noise[1], atol=1e-6)
    assert np.abs(noise[0] - noise[2]).max() > 0.05


def test_an_actor_acts_alone_or_is_what_searches_look_around():
    mpcs = {names: make_mpc(planner__type=names[0], planner__prior=names[1])
            for names in (('prior', 'policy'), ('actor', 'policy'), ('prior', 'actor'))}
    plans = {names: mpc.plan(belief_at(mpc), GOAL, None, 10.0) for names, mpc in mpcs.items()}
    prior, actor, same = (plan.actions for plan in plans.values())
    np.testing.assert_array_equal(actor, same)
    assert np.abs(actor - prior).max() > 0.01
    mpc = make_mpc(planner__noise_std=0.0, planner__prior='actor')
    np.testing.assert_allclose(mpc.plan(belief_at(mpc), GOAL, None, 10.0).actions, actor,
                               atol=1e-6)


def test_without_an_actor_there_is_nothing_to_follow():
    for params in ({'planner.type': 'actor'}, {'planner.prior': 'actor'}):
        with pytest.raises(ParameterError, match='wm_ros train --model actor'):
            Mpc(make_model(), ROBOT, REACH, PlannerSettings.from_params(params))


def test_the_same_seed_gives_the_same_plans():
    first, again = Loop(make_mpc()).run(15), Loop(make_mpc()).run(15)
    other = Loop(make_mpc(planner__seed=7)).run(15)
    for one, same in zip(first.plans, again.plans):
        np.testing.assert_array_equal(one.actions, same.actions)
        np.testing.assert_array_equal(one.positions, same.positions)
    assert not np.array_equal(first.plans[-1].actions, other.plans[-1].actions)


def test_settings_change_between_plans():
    loop = Loop(make_mpc()).run(5)
    for horizon, planner in ((3, 'mppi'), (12, 'cem'), (12, 'prior'), (5, 'gradient')):
        loop.mpc.reconfigure({**PARAMS, 'planner.horizon': horizon, 'planner.type': planner})
        last, plan = loop.plan, loop.step()
        assert len(plan.actions) == horizon and plan.planner == planner
        np.testing.assert_array_equal(plan.positions[0], sample(last, plan.stamp)[0])


def test_no_valid_plan_and_the_next_good_cycle_recovers():
    loop = Loop(make_mpc()).run(5)
    last = loop.plan
    q, dq, _ = loop.command()
    good = loop.mpc.model.observe(loop.belief, observe_at(loop.now, q=q, dq=dq))
    state = good.state.copy()
    state[3] = np.nan
    for bad in (replace(good, state=state), replace(good, latent=good.latent * np.nan),
                replace(good, commanded_positions=q * np.nan)):
        with pytest.raises(NoValidPlan):
            loop.mpc.plan(bad, GOAL, last, loop.now + DELAY)
    with pytest.raises(NoValidPlan):
        loop.mpc.plan(good, GOAL * np.nan, last, loop.now + DELAY)
    plan = loop.mpc.plan(good, GOAL, last, loop.now + DELAY)
    np.testing.assert_array_equal(plan.positions[0], sample(last, plan.stamp)[0])
    assert np.isfinite(plan.positions).all() and plan.dropped == 0
