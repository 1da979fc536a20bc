"""The product in lockstep: the same seed, success and time, every planner, delay and gate."""

from dataclasses import replace

import numpy as np
import pytest
from sim.scene import SUBSTEP
import torch
from wm_ros.evaluation.closed_loop import ClosedLoop
from wm_ros.evaluation.run import parameters, Request
from wm_ros.robot.robot import load_robot
from wm_ros.safety import GateSettings, SafetyGate
from wm_ros.tasks import get_task
from wm_ros.types import WmRosError
from wm_ros.world_model import load_checkpoint

ROBOT = load_robot('panda')
PRIOR = 'mpc_node:planner.type:=prior'     # the cheapest planner that gets there


@pytest.fixture(scope='module')
def loops():
    """Yield ``make(task, *settings)``, a loop that is made once and closed at the end."""
    torch.set_num_threads(1)    # as evaluations run; threads that wait for each other are slow
    made = {}

    def make(task='reach', *settings):
        if (task, settings) not in made:
            model = load_checkpoint('', ROBOT, get_task(task))
            made[task, settings] = ClosedLoop(
                ROBOT, task, model, parameters(Request(task, 1, settings=settings)))
        return made[task, settings]

    yield make
    for loop in made.values():
        loop.close()


class Watch:
    """Records what the arm did and was told, once per plan."""

    def __init__(self):
        self.times, self.positions, self.velocities, self.plans = [], [], [], []

    def __call__(self, scene, belief, plan):
        self.times.append(scene.time)
        self.positions.append(scene.arm.joint_positions)
        self.velocities.append(scene.arm.joint_velocities)
        self.plans.append(plan)


def untimed(result):
    """Return a result without the planner's times, which no seed determines."""
    assert all(value > 0.0 for value in result.plan_ms)
    return replace(result, plan_ms=[len(result.plan_ms)])


@pytest.mark.parametrize('planner', ['random', 'dither', 'mppi'])
def test_every_episode_has_noise_of_its_own(loops, planner):
    """One noise for all of them would make a thousand episodes worth little more than one."""
    loop = loops('reach', f'mpc_node:planner.type:={planner}', 'mpc_node:planner.seed:=7')
    own = [loop._settings_of(seed) for seed in (11, 12, 11)]
    assert own[0] == own[2] and own[0].seed != own[1].seed
    assert replace(own[0], seed=7) == loop.settings
    other = loops('reach', f'mpc_node:planner.type:={planner}', 'mpc_node:planner.seed:=8')
    assert other._settings_of(11).seed not in {settings.seed for settings in own}


def test_random_actions_of_two_episodes_differ(loops):
    loop, first = loops('reach', 'mpc_node:planner.type:=random'), {}
    for seed in (11, 12):
        watch = Watch()
        loop.run(seed, watch)
        first[seed] = np.array([plan.actions[0] for plan in watch.plans[:20]])
    # Where noise of one seed served all episodes, every single action was the same.
    assert (np.abs(first[11] - first[12]).max(1) > 0.01).all()


@pytest.mark.parametrize('task', ['reach', 'push'])
def test_the_same_seed_is_the_same_episode_to_the_bit(loops, task):
    """Whatever was played before it."""
    loop, runs = loops(task), []
    for seed in (3, 8, 3):
        watch = Watch()
        runs.append((untimed(loop.run(seed, watch)), watch))
    (first, seen), (other, _), (again, seen_again) = runs
    assert first == again != replace(other, seed=3)
    np.testing.assert_array_equal(seen.positions, seen_again.positions)
    for plan, same in zip(seen.plans, seen_again.plans):
        np.testing.assert_array_equal(plan.actions, same.actions)


def test_success_is_timed_until_the_goal_was_held(loops):
    loop = loops()
    result = loop.run(0)
    assert result.success
    assert result.time == loop.scene.time
    assert get_task('reach').hold_time <= result.time < get_task('reach').time_limit
    assert loop.scene.distance <= get_task('reach').tolerance


def test_failure_counts_as_the_time_limit(loops):
    result = loops('reach', 'mpc_node:planner.type:=random').run(0)
    assert not result.success
    assert result.time == get_task('reach').time_limit


@pytest.mark.parametrize('planner', ['mppi', 'prior', 'dither', 'random'])
def test_every_planner_runs(loops, planner):
    watch = Watch()
    result = loops('reach', f'mpc_node:planner.type:={planner}').run(1, watch)
    assert {plan.planner for plan in watch.plans} == {planner}
    assert len(result.plan_ms) == len(watch.plans) >= 40 * result.time - 1
    assert result.success == (planner != 'random')


def test_return_is_the_sum_of_rewards_at_the_rate_of_the_model(loops):
    """An arm that stands still is judged 20 times a second, from the same distance."""
    loop = loops('reach', PRIOR, 'safety_node:safety.speed_scale:=0.01')
    result = loop.run(0)
    steps = get_task('reach').time_limit / ROBOT.dt
    assert not result.success
    assert result.total_reward == pytest.approx(-steps * loop.scene.distance / 0.1, rel=0.1)


def test_a_plan_acts_after_the_delay(loops):
    delay = 0.1
    for wanted in (0.0, delay):
        loop = loops('reach', PRIOR, f'mpc_node:planner.action_delay:={wanted}')
        watch = Watch()
        result = loop.run(0, watch)
        for time, plan in zip(watch.times, watch.plans):
            assert plan.observed == pytest.approx(time, abs=1e-9)
            assert plan.stamp - plan.observed == pytest.approx(wanted, abs=SUBSTEP)
        way = np.abs(np.array(watch.positions) - watch.positions[0]).max(1)
        early = way[np.array(watch.times) < delay]
        assert result.success
        # The gate has no plan before, and holds the arm where it stands.
        assert (early.max() < 1e-3) == (wanted == delay)
        period = loop._gate_settings.period
        assert (result.held * period >= delay - period) == (wanted == delay)


def test_the_gate_limits_the_speed(loops):
    scale = 0.1
    loop = loops('reach', PRIOR, f'safety_node:safety.speed_scale:={scale}')
    watch = Watch()
    result = loop.run(0, watch)
    assert result.limited > 10
    fastest = np.abs(watch.velocities).max(0)
    assert (fastest <= 1.05 * scale * ROBOT.limits.velocity).all()
    free = Watch()
    assert loops('reach', PRIOR).run(0, free).limited < result.limited
    assert (np.abs(free.velocities).max(0) > fastest).any()


def test_joint_limits_of_the_parameters_hold(loops):
    free, kept = Watch(), Watch()
    loops('reach', PRIOR).run(0, free)
    start, room = free.positions[0][0], 0.05
    edge = room + GateSettings().position_margin
    loops('reach', PRIOR, f'safety_node:joint_limits.panda_joint1.max_position:={start + edge}',
          f'safety_node:joint_limits.panda_joint1.min_position:={start - edge}').run(0, kept)
    turned, freely = (np.abs(np.array(watch.positions)[:, 0] - start).max()
                      for watch in (kept, free))
    assert 0.5 * room < turned < room + 0.005
    assert freely > 2 * room


def test_a_slower_planner_plans_less_often(loops):
    watch = Watch()
    loops('reach', PRIOR, 'mpc_node:planner.rate:=10.0').run(0, watch)
    np.testing.assert_allclose(np.diff(watch.times), 0.1, atol=1e-9)


def test_a_slower_planner_is_no_worse_a_filter(loops):
    """The world model hears of every observation, as in the graph."""
    often = loops('reach', PRIOR).run(0)
    seldom = loops('reach', PRIOR, 'mpc_node:planner.rate:=10.0').run(0)
    for result in (often, seldom):
        assert len(result.surprises) == pytest.approx(40 * result.time, abs=2)
    assert 0.0 < np.median(seldom.surprises) < 1.5 * np.median(often.surprises)


def test_the_belief_knows_the_command_of_its_own_moment(loops, monkeypatch):
    loop, commands, seen = loops('reach', PRIOR), {}, []
    gate, observe = SafetyGate.step, loop.model.observe

    def step(self, now, plan, measured):
        command, status = gate(self, now, plan, measured)
        commands[round(command.stamp / SUBSTEP)] = command.positions
        return command, status

    def watched(previous, observation):
        seen.append((round(observation.stamp / SUBSTEP), observation.commanded_positions))
        return observe(previous, observation)

    monkeypatch.setattr(SafetyGate, 'step', step)
    monkeypatch.setattr(loop.model, 'observe', watched)
    loop.run(3)
    assert len(seen) > 30
    for moment, positions in seen[1:]:
        np.testing.assert_array_equal(positions, commands[moment])


@pytest.mark.parametrize('rate', [60.0, 100.0, 120.0])
def test_the_gate_runs_at_its_rate(loops, rate):
    result = loops('reach', PRIOR, f'safety_node:safety.rate:={rate}').run(0)
    assert result.success and result.cycles == pytest.approx(rate * result.time, abs=2)


def test_rates_beyond_the_physics_are_refused(loops):
    with pytest.raises(WmRosError, match='at most 240 Hz'):
        loops('reach', PRIOR, 'safety_node:safety.rate:=500.0')


def test_a_box_in_the_way_is_gone_around(loops):
    """Straight on the hand would go through it; every substep it is measured to stay out."""
    loop = loops('reach', 'mpc_node:planner.type:=nlp')
    loop.scene.reset(4)
    start, goal = loop.scene.situation().end_effector, loop.scene.goal[:3]
    centre, usual = 0.5 * (start + goal), loop.settings
    least = {}
    for name, box in (('free', ()), ('kept', (*centre, 0.08, 0.08, 0.08))):
        loop.settings, distances = replace(usual, keep_out=box), []
        result = loop.run(4, each=lambda scene, d=distances: d.append(
            scene.arm_distance(centre, (0.08, 0.08, 0.08))))
        assert result.success
        least[name] = min(distances)
    loop.settings = usual
    assert least['free'] < 0.0 < least['kept']
