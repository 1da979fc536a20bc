"""The world model: observe, imagine, propagate; with untrained networks."""

from model_testing import BLOCK, KINEMATICS, make_model, observe_at, ROBOT, SMALL
import numpy as np
import pytest
import torch
from wm_ros.robot.motion import MotionRule
from wm_ros.types import WmRosError
from wm_ros.world_model.agent.model import Setpoint

RULE = MotionRule.of(ROBOT)
TASKS = ('reach', 'push')


@pytest.fixture(scope='module', params=TASKS)
def model(request):
    return make_model(request.param)


@pytest.fixture(scope='module')
def pusher():
    return make_model('push')


def poses_of(model):
    return np.tile(BLOCK, (model.layout.objects, 1)) if model.layout.objects else None


def first_belief(model, **kwargs):
    return model.observe(None, observe_at(poses=poses_of(model), **kwargs))


def tensors(belief):
    return torch.tensor(belief.state), torch.tensor(belief.latent)


def setpoint_of(model, state):
    layout = model.layout
    state = np.asarray(state, dtype=float)
    return state[..., layout.setpoint_pose], state[..., layout.setpoint_twist]


def test_a_belief_tells_where_it_comes_from(model):
    seen = observe_at(3.0, commanded=ROBOT.home + 0.01, rates=np.full(7, 0.1),
                      poses=poses_of(model), gripper_width=0.02, commanded_gripper=0.03)
    belief = model.observe(None, seen)
    assert (belief.stamp, belief.checkpoint) == (3.0, model.checkpoint)
    assert belief.state.shape == (model.layout.width,) and belief.state.dtype == np.float32
    assert belief.latent.shape == (SMALL.latent,) and belief.latent.dtype == np.float32
    np.testing.assert_array_equal(belief.joint_positions, seen.joint_positions)
    np.testing.assert_array_equal(belief.commanded_positions, seen.commanded_positions)
    np.testing.assert_array_equal(belief.commanded_velocities, seen.commanded_velocities)
    assert (belief.gripper_width, belief.commanded_gripper) == (0.02, 0.03)
    assert belief.surprise == 0.0


def test_without_commands_the_arm_is_believed_to_stand(model):
    seen = observe_at(poses=poses_of(model), dq=np.ones(7), gripper_width=0.02)
    object.__setattr__(seen, 'commanded_positions', None)
    belief = model.observe(None, seen)
    np.testing.assert_array_equal(belief.commanded_positions, seen.joint_positions)
    assert not belief.commanded_velocities.any() and belief.commanded_gripper == 0.02


def test_latents_are_products_of_simplices(model):
    belief = first_belief(model)
    for _ in range(3):
        belief = model.observe(belief, observe_at(belief.stamp + 0.025, poses=poses_of(model)))
        np.testing.assert_allclose(belief.latent.reshape(-1, 8).sum(1), 1.0, atol=1e-5)
        assert (belief.latent >= 0).all()


def test_streams_do_not_mix(pusher):
    def stream(start):
        return [observe_at(1.0 + 0.025 * k, poses=[[start + 0.002 * k, *BLOCK[1:]]])
                for k in range(6)]
    alone = []
    for start in (0.4, 0.5):
        belief = None
        for seen in stream(start):
            belief = pusher.observe(belief, seen)
        alone.append(belief)
    both = [None, None]
    for pair in zip(stream(0.4), stream(0.5)):
        both = [pusher.observe(belief, seen) for belief, seen in zip(both, pair)]
    for one, other in zip(alone, both):
        np.testing.assert_array_equal(one.state, other.state)
        np.testing.assert_array_equal(one.latent, other.latent)
        assert one.surprise == other.surprise


def test_what_the_task_needs_and_nobody_has_seen_is_an_error(pusher):
    with pytest.raises(WmRosError, match='object'):
        pusher.observe(None, observe_at())
    hidden = pusher.observe(first_belief(pusher), observe_at(1.025))
    np.testing.assert_allclose(hidden.state[15:18], BLOCK[:3], atol=5e-3)


def test_a_belief_says_for_how_long_it_has_not_seen_its_objects(pusher):
    belief, before = first_belief(pusher), 0.0
    assert belief.unseen == belief.uncertainty == before == 0.0
    for k in range(1, 4):
        belief = pusher.observe(belief, observe_at(1.0 + 0.1 * k))
        assert belief.unseen == pytest.approx(0.1 * k)
        assert belief.uncertainty > before
        before = belief.uncertainty
    assert pusher.observe(belief, observe_at(1.4, poses=[BLOCK])).uncertainty == 0.0
    assert pusher.observe(belief, observe_at(1.4, poses=[BLOCK])).unseen == 0.0


def test_surprise_grows_when_an_object_jumps(pusher):
    belief, surprises = None, []
    for k in range(12):
        x = 0.5 + (0.05 if k >= 10 else 0.0)
        belief = pusher.observe(belief, observe_at(
            1.0 + 0.025 * k, poses=[[x, *BLOCK[1:]]]))
        surprises.append(belief.surprise)
    assert max(surprises[:10]) < 1.0        # a block that rests is what was expected
    assert surprises[10] == pytest.approx(0.05 / pusher.expected_innovation, rel=0.1)


def test_surprise_grows_when_the_arm_does_not_obey(model):
    still = first_belief(model)
    obeyed = model.observe(still, observe_at(1.025, poses=poses_of(model)))
    pushed = model.observe(still, observe_at(
        1.025, q=ROBOT.home + 0.1, commanded=ROBOT.home, poses=poses_of(model)))
    assert pushed.surprise > 10 * max(obeyed.surprise, 1.0)


def test_the_latent_changes_by_the_time_that_passed(model):
    belief = first_belief(model)
    state, latent = tensors(belief)

    def latent_after(elapsed):
        return model.observe(belief, observe_at(1.0 + elapsed, poses=poses_of(model))).latent
    stayed, moved = latent_after(1e-5), latent_after(0.05)
    step = np.abs(moved - stayed).max()
    assert step > 1e-3
    np.testing.assert_allclose(stayed, model.dynamics.encode(state, latent), atol=0.01 * step)
    assert np.abs(latent_after(0.025) - 0.5 * (moved + stayed)).max() < 0.1 * step


@pytest.mark.parametrize('stamp', [0.5, 1.6, 900.0])
def test_after_a_gap_the_latent_begins_anew(pusher, stamp):
    first = first_belief(pusher)
    latent = pusher.observe(None, observe_at(stamp, poses=[BLOCK])).latent
    later = pusher.observe(first, observe_at(stamp, poses=[BLOCK]))
    np.testing.assert_array_equal(later.latent, latent)
    assert later.surprise == 0.0


def test_shapes_of_dreams(model):
    state, latent = tensors(first_belief(model))
    actions = 2 * torch.rand(5, 7, 5) - 1
    dream = model.imagine(state, latent, actions)
    assert dream.states.shape == (5, 8, model.layout.width)
    assert dream.latents.shape == (5, 8, SMALL.latent)
    assert dream.disagreement.shape == (5, 7) and (dream.disagreement >= 0).all()
    assert torch.equal(dream.actions, actions)
    assert torch.equal(dream.states[:, 0], state.expand(5, -1))


def test_a_dream_is_step_after_step(model):
    state, latent = tensors(first_belief(model))
    actions = 2 * torch.rand(3, 4, 5) - 1
    dream = model.imagine(state, latent, actions)
    x, z = state.expand(3, -1), latent.expand(3, -1)
    for t in range(4):
        x, z, doubt = model.dynamics.step(x, z, actions[:, t])
        torch.testing.assert_close(dream.states[:, t + 1], x)
        torch.testing.assert_close(dream.latents[:, t + 1], z)
        torch.testing.assert_close(dream.disagreement[:, t], doubt)


def test_guided_futures_follow_the_prior(model):
    state, latent = tensors(first_belief(model))
    offsets, goal = 0.8 * torch.randn(5, 4, 5), torch.tensor([0.5, 0.1, 0.1])
    dream = model.imagine(state, latent, offsets, goal, guided=3)
    for t in range(4):
        prior = model.dynamics.policy(dream.states[:, t], dream.latents[:, t],
                                      goal.expand(5, 3)).detach()
        wanted = (offsets[:, t] + prior).clamp(-1, 1)
        torch.testing.assert_close(dream.actions[:3, t], wanted[:3])
        torch.testing.assert_close(dream.actions[3:, t], offsets[3:, t].clamp(-1, 1))
    again = model.imagine(state, latent, dream.actions)
    torch.testing.assert_close(again.states, dream.states)


def test_the_setpoint_of_a_dream_is_exact(model):
    state, latent = tensors(first_belief(model, rates=0.2 * np.ones(7)))
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (20, 15, 5)).astype(np.float32)
    dream = model.imagine(state, latent, torch.tensor(actions))
    place, rate = (np.tile(part, (20, 1)) for part in setpoint_of(model, state))
    for t in range(15):
        place, rate = RULE.advance(place, rate, actions[:, t, :4])
        dreamed = setpoint_of(model, dream.states[:, t + 1])
        np.testing.assert_allclose(dreamed[0], place, atol=1e-5)
        np.testing.assert_allclose(dreamed[1], rate, atol=5e-5)


def test_members_that_agree_have_no_doubt(model):
    state, latent = tensors(first_belief(model))
    actions = torch.rand(4, 3, 5)
    assert (model.imagine(state, latent, actions).disagreement > 0).all()
    alike = make_model(model.task.name)
    for parameter in (*alike.dynamics.ensemble.weights, *alike.dynamics.ensemble.biases):
        parameter.data = parameter.data[:1].expand_as(parameter).clone()
    assert alike.imagine(state, latent, actions).disagreement.max() < 1e-8


def test_doubt_is_the_spread_of_the_subject_in_metres(model):
    # The members differ by a constant: +2, -2 and 0 mm along x.
    spread = make_model(model.task.name)
    ensemble = spread.dynamics.ensemble
    ensemble.weights[-1].data.zero_()
    ensemble.biases[-1].data.zero_()
    slot = 6 if model.layout.objects else 0
    ensemble.biases[-1].data[:, 0, slot] = torch.tensor([2.0, -2.0, 0.0])
    dream = spread.imagine(*tensors(first_belief(spread)), torch.rand(4, 3, 5))
    torch.testing.assert_close(dream.disagreement,
                               torch.full((4, 3), 2e-3 * (2 / 3) ** 0.5))


def standing(belief):
    place, yaw = KINEMATICS.forward(belief.commanded_positions)
    return Setpoint(np.append(place, yaw), np.zeros(4))


@pytest.mark.parametrize('gap', [0.025, 0.05, 0.1, 0.2, 0.4])
def test_seldom_observations_are_no_surprise(gap):
    """A gap is imagined step by step: what moves as the model knows it is foreseen."""
    model = make_model('reach')
    model.dynamics.lag.copy_(torch.tensor([[0.0, 0.0], [0.0, 0.0], [ROBOT.dt, 0.0], [0.0, 1.0]]))
    for parameter in (model.dynamics.ensemble.weights[-1], model.dynamics.ensemble.biases[-1]):
        parameter.data.zero_()
    q, way = ROBOT.home, np.array([0.1, 0.0, 0.0, 0.0, 0.0, 0.0])
    rates = np.linalg.pinv(KINEMATICS.jacobian(q)) @ way
    belief = None
    for k in range(4):
        rates = np.linalg.pinv(KINEMATICS.jacobian(q)) @ way
        belief = model.observe(belief, observe_at(
            1.0 + k * gap, q=q, dq=rates, commanded=q, rates=rates))
        place, yaw = KINEMATICS.forward(q)
        place[0] += 0.1 * gap
        q = KINEMATICS.follow(q, place[None], np.array([yaw]), way[None, :3], np.zeros(1))[0][0]
    assert belief.surprise * model.expected_innovation < 0.002


def test_no_delay_changes_nothing(model):
    belief = first_belief(model)
    state, latent = model.propagate(belief, lambda time: standing(belief), belief.stamp)
    np.testing.assert_allclose(state, belief.state, atol=1e-6)
    np.testing.assert_array_equal(latent, belief.latent)


def test_a_whole_step_of_known_commands_is_a_step_of_the_dream(model):
    action = np.array([0.5, -0.25, 0.125, 0.0, 0.0])
    rates = np.linalg.pinv(KINEMATICS.jacobian(ROBOT.home)) @ np.append(
        action[:3] * RULE.speed[:3], np.zeros(3))
    belief = first_belief(model, rates=rates, dq=rates)
    state, latent = tensors(belief)
    begin = setpoint_of(model, state)
    after, _, _ = model.dynamics.step(
        state[None], latent[None], torch.tensor(action[None], dtype=torch.float32))
    place, rate = RULE.advance(*begin, action[:4])
    known, z = model.propagate(belief, lambda time: Setpoint(place, rate), 1.0 + ROBOT.dt)
    np.testing.assert_allclose(known, after[0].detach(), atol=2e-5)
    expected = model.imagine(state, latent, torch.tensor(action[None, None],
                                                         dtype=torch.float32)).latents[0, 1]
    np.testing.assert_allclose(z, expected, atol=1e-3)


def test_half_a_step_goes_half_the_way(model):
    belief = first_belief(model)
    start = standing(belief)
    speed = np.array([0.2, 0.0, 0.0, 0.0])

    def moving(time):
        return Setpoint(start.position + speed * (time - 1.0), speed)
    x = [model.propagate(belief, moving, 1.0 + t)[0] for t in (0.0, 0.025, 0.05, 0.1, 0.12)]
    setpoints = np.array([setpoint_of(model, state)[0][0] for state in x])
    np.testing.assert_allclose(setpoints - setpoints[0], [0, 0.005, 0.01, 0.02, 0.024],
                               atol=1e-5)
    ee = np.array([float(state[0]) for state in x])
    assert (np.diff(ee) > 0).all() and ee[-1] - ee[0] == pytest.approx(0.024, abs=6e-3)


def test_models_do_not_change(model):
    before = {name: tensor.clone() for name, tensor in model.dynamics.state_dict().items()}
    belief = first_belief(model)
    model.imagine(*tensors(belief), torch.rand(2, 3, 5))
    model.observe(belief, observe_at(1.02, poses=poses_of(model)))
    for name, tensor in model.dynamics.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert not any(p.requires_grad for p in model.dynamics.parameters())
