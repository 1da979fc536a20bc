"""The explicit state: its layout, and how observations become it."""

from model_testing import BLOCK, KINEMATICS, observe_at, ROBOT
import numpy as np
import pytest
from wm_ros.tasks import get_task
from wm_ros.types import WmRosError
from wm_ros.world_model.state import quaternion_yaw, StateEstimator, StateLayout

LAYOUT = StateLayout(1)
PERIOD = 0.025


@pytest.fixture(scope='module')
def estimator():
    return StateEstimator(ROBOT, get_task('push'))


def block(x=0.5, y=0.1, yaw=0.0):
    return np.array([[x, y, 0.025, 0.0, 0.0, np.sin(yaw / 2), np.cos(yaw / 2)]])


def track(estimator, poses, period=PERIOD):
    """Return the object's slots [T, 8] along ``poses`` seen one after another."""
    state, rows = None, []
    for k, pose in enumerate(poses):
        now = observe_at(k * period, poses=pose)
        state = estimator.update(state, (k - 1) * period, now)
        rows.append(state[LAYOUT.object_slots(0)])
    return np.array(rows)


@pytest.mark.parametrize('objects', [0, 1, 3])
def test_everything_has_a_place_of_its_own(objects):
    layout = StateLayout(objects)
    taken = []
    for where in (layout.ee, layout.ee_velocity, layout.setpoint, layout.setpoint_velocity,
                  *(layout.object_slots(i) for i in range(objects))):
        taken += range(where.start, where.stop)
    taken += [layout.yaw, layout.yaw_rate, layout.gripper]
    assert sorted(taken) == list(range(layout.width))
    for i in range(objects):
        assert layout.object_position(i).start == layout.object_slots(i).start
        assert layout.object_position(i).stop == layout.object_slots(i).start + 3


def test_the_subject_is_what_the_goal_refers_to():
    assert StateLayout(0).subject(get_task('reach')) == LAYOUT.ee
    assert LAYOUT.subject(get_task('push')) == LAYOUT.object_position(0)


@pytest.mark.parametrize('yaw', [-3.0, -0.5, 0.0, 1.0, 3.1])
def test_yaw_of_a_quaternion(yaw):
    quaternion = np.array([0.0, 0.0, np.sin(yaw / 2), np.cos(yaw / 2)])
    assert quaternion_yaw(quaternion) == pytest.approx(yaw)
    assert quaternion_yaw(-quaternion) == pytest.approx(yaw)


def test_yaw_does_not_leap_where_something_is_tipped_over():
    tipped = []
    for tilt in np.linspace(0.0, 0.6 * np.pi, 40):      # about a level axis, then turned by 0.7
        tip = np.array([np.sin(tilt / 2), 0.0, 0.0, np.cos(tilt / 2)])
        (x, _, _, w), sine, cosine = tip, np.sin(0.35), np.cos(0.35)
        tipped.append([cosine * x, sine * x, sine * w, cosine * w])
    np.testing.assert_allclose(quaternion_yaw(tipped), 0.7, atol=1e-9)


def test_the_arm_is_known_exactly(estimator):
    rng = np.random.default_rng(0)
    q, commanded = ROBOT.home + 0.1 * rng.normal(size=(2, 7))
    dq, rates = rng.normal(size=(2, 7))
    state = estimator.update(None, 0.0, observe_at(
        q=q, dq=dq, commanded=commanded, rates=rates, poses=block(), gripper_width=0.03))
    assert state.dtype == np.float32 and state.shape == (LAYOUT.width,)
    place, yaw = KINEMATICS.forward(commanded)
    twist = KINEMATICS.jacobian(commanded) @ rates
    np.testing.assert_allclose(state[LAYOUT.ee], KINEMATICS.forward(q)[0], atol=1e-6)
    np.testing.assert_allclose(state[LAYOUT.ee_velocity], KINEMATICS.jacobian(q)[:3] @ dq,
                               atol=1e-6)
    np.testing.assert_allclose(state[LAYOUT.setpoint], place, atol=1e-6)
    np.testing.assert_allclose(state[LAYOUT.setpoint_velocity], twist[:3], atol=1e-6)
    assert state[LAYOUT.yaw] == pytest.approx(yaw, abs=1e-6)
    assert state[LAYOUT.yaw_rate] == pytest.approx(twist[5], abs=1e-6)
    assert state[LAYOUT.gripper] == np.float32(0.03)


def test_without_a_command_the_arm_is_where_it_is_driven_to(estimator):
    rng = np.random.default_rng(1)
    seen = observe_at(q=ROBOT.home + 0.1, dq=rng.normal(size=7), poses=block())
    object.__setattr__(seen, 'commanded_positions', None)
    state = estimator.update(None, 0.0, seen)
    np.testing.assert_array_equal(state[LAYOUT.setpoint], state[LAYOUT.ee])
    np.testing.assert_array_equal(state[LAYOUT.setpoint_velocity], state[LAYOUT.ee_velocity])


def test_an_object_is_where_it_is_seen_and_at_first_at_rest(estimator):
    rows = track(estimator, [block(0.5, 0.1, 0.7)])
    np.testing.assert_allclose(rows[0], [0.5, 0.1, 0.025, 0.7, 0, 0, 0, 0], atol=1e-6)


def test_velocities_are_low_passed_differences(estimator):
    speed, spin = 0.2, 1.5
    rows = track(estimator, [block(0.4 + speed * PERIOD * k, 0.1, spin * PERIOD * k)
                             for k in range(20)])
    passed = 1.0 - np.exp(-PERIOD / 0.03 * np.arange(20))
    np.testing.assert_allclose(rows[:, 4], speed * passed, atol=1e-4)
    np.testing.assert_allclose(rows[:, 7], spin * passed, atol=1e-4)
    assert np.abs(rows[:, 5:7]).max() < 1e-6


def test_noise_of_poses_is_damped(estimator):
    rng = np.random.default_rng(2)
    rows = track(estimator, [block(0.5 + 1e-3 * rng.normal()) for _ in range(400)])
    raw = np.std(np.diff(rows[:, 0])) / PERIOD
    assert np.std(rows[20:, 4]) < 0.65 * raw


def test_an_object_that_comes_back_has_not_leapt(estimator):
    """It was hidden all the while it went there."""
    state, step, hidden = None, 0.025, range(10, 22)
    for k in range(24):
        seen = k not in hidden
        unseen = step * (k - hidden.start) if hidden.start < k <= hidden.stop else 0.0
        place = block(0.4 + 0.1 * step * k) if seen else None
        state = estimator.update(state, step * (k - 1), observe_at(step * k, poses=place), unseen)
        if seen and k > 5:
            assert state[LAYOUT.object_slots(0)][4] == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize('rate, late', [(50.0, 0.0), (30.0, 0.0), (40.0, 0.04), (10.0, 0.03)])
def test_poses_that_come_at_their_own_rate_and_late(estimator, rate, late):
    """A step of the estimate is no step of the poses: their own stamps count."""
    speed, state, seen_at = 0.2, None, 0.0
    for k in range(80):
        now = PERIOD * k
        sample = np.floor((now - late) * rate + 1e-6) / rate        # the newest that has come
        seen = observe_at(now, poses=block(0.4 + speed * sample, 0.1, 0.3 * sample),
                          ages={'object_poses': now - sample})
        state = estimator.update(state, now - PERIOD, seen, now - PERIOD - seen_at)
        seen_at = sample
        if k > 40:
            found = state[LAYOUT.object_slots(0)]
            np.testing.assert_allclose(found[:4], [0.4 + speed * now, 0.1, 0.025, 0.3 * now],
                                       atol=2e-3)
            np.testing.assert_allclose(found[4:], [speed, 0, 0, 0.3], atol=5e-3)


def test_the_low_pass_counts_time_not_observations(estimator):
    rows = {period: track(estimator, [block(0.4 + 0.2 * period * k) for k in range(steps)],
                          period)
            for period, steps in ((0.01, 7), (0.03, 3), (0.06, 2))}
    for row in rows.values():
        assert row[-1, 4] == pytest.approx(0.2 * (1 - np.exp(-2)), rel=1e-3)


def test_a_turn_beyond_half_a_circle_has_no_jump(estimator):
    spin = 4.0
    rows = track(estimator, [block(yaw=2.8 + spin * PERIOD * k) for k in range(20)])
    np.testing.assert_allclose(rows[:, 3], 2.8 + spin * PERIOD * np.arange(20), atol=1e-5)
    assert rows[-1, 7] == pytest.approx(spin, rel=1e-3) and rows[:, 7].max() < spin + 1e-3


def test_an_object_that_is_not_seen_stays_where_it_was(estimator):
    state = None
    for k in range(5):
        state = estimator.update(state, (k - 1) * PERIOD, observe_at(
            k * PERIOD, poses=block(0.4 + 0.01 * k)))
    assert state[LAYOUT.object_slots(0)][4] > 0.1
    hidden = estimator.update(state, 4 * PERIOD, observe_at(5 * PERIOD))
    np.testing.assert_array_equal(hidden[LAYOUT.object_slots(0)][:4],
                                  state[LAYOUT.object_slots(0)][:4])
    assert not hidden[LAYOUT.object_slots(0)][4:].any()


def test_an_object_that_was_never_seen_is_an_error(estimator):
    with pytest.raises(WmRosError, match='no object pose has been seen.*expected 1'):
        estimator.update(None, 0.0, observe_at())


def test_a_task_without_objects_needs_none():
    state = StateEstimator(ROBOT, get_task('reach')).update(None, 0.0, observe_at())
    assert state.shape == (StateLayout(0).width,)
    StateEstimator(ROBOT, get_task('reach')).update(None, 0.0, observe_at(poses=block()))


@pytest.mark.parametrize('shape', [(0, 7), (2, 7), (1, 6), (7,)])
def test_poses_of_another_number_are_an_error(estimator, shape):
    with pytest.raises(WmRosError, match='object_poses: got shape'):
        estimator.update(None, 0.0, observe_at(poses=np.zeros(shape)))


@pytest.mark.parametrize('stamp', [-5.0, 0.9, 2.5])
def test_after_a_jump_of_the_clock_it_begins_anew(estimator, stamp):
    state = estimator.update(None, 0.0, observe_at(1.0, poses=block(0.4)))
    jumped = estimator.update(state, 1.0, observe_at(stamp, poses=block(0.6)))
    np.testing.assert_allclose(jumped[LAYOUT.object_slots(0)],
                               [0.6, 0.1, 0.025, 0, 0, 0, 0, 0], atol=1e-6)
    with pytest.raises(WmRosError, match='no object pose'):
        estimator.update(state, 1.0, observe_at(stamp))


def test_the_same_moment_twice_keeps_the_velocity(estimator):
    rows = track(estimator, [block(0.4), block(0.41), block(0.42)])
    state = np.zeros(LAYOUT.width, np.float32)
    state[LAYOUT.object_slots(0)] = rows[-1]
    again = estimator.update(state, 1.0, observe_at(1.0, poses=block(0.42)))
    np.testing.assert_allclose(again[LAYOUT.object_slots(0)], rows[-1], atol=1e-6)


def test_nothing_given_is_changed(estimator):
    poses = BLOCK[None].copy()
    state = estimator.update(None, 0.0, observe_at(poses=poses))
    kept = state.copy()
    estimator.update(state, 1.0, observe_at(1.1, poses=block(0.6)))
    np.testing.assert_array_equal(state, kept)
    np.testing.assert_array_equal(poses[0], BLOCK)


def test_no_thing_is_believed_to_be_faster_than_things_are(estimator):
    """Neither one whose yaw leaps as it tips over, nor one that a model lets run away."""
    rows = track(estimator, [block(0.5 + 0.3 * (k % 2), yaw=1.5 * (k % 2)) for k in range(20)],
                 period=0.005)
    assert np.abs(rows[:, 4:7]).max() == 5.0 and np.abs(rows[:, 7]).max() == 30.0
    state = np.zeros(LAYOUT.width)
    state[LAYOUT.object_slots(0)] = 4 * [0.1] + 4 * [1e20]
    blind = estimator.update(np.zeros(LAYOUT.width), 0.0, observe_at(PERIOD), expected=state)
    np.testing.assert_array_equal(blind[LAYOUT.object_slots(0)][4:], [5, 5, 5, 30])
