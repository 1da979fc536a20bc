"""Objects found by eyes instead of object poses: rough places become beliefs."""

from model_testing import BLOCK, make_model, observe_at
import numpy as np
import pytest
import torch
from wm_ros.sensing import squared
from wm_ros.tasks import get_task
from wm_ros.types import CheckpointError, WmRosError
from wm_ros.world_model.eyes import Eyes, EyesConfig, Sight
from wm_ros.world_model.sight import load_looker, Looker, Seen
from wm_ros.world_model.weights import write_weights

IMAGE = np.zeros((32, 32, 3), np.uint8)


class Eye:
    """Sees what it is told; keeps what it was asked."""

    def __init__(self, spread=0.01):
        self.place, self.spread, self.asked = np.append(BLOCK[:3], 0.0), spread, []

    def look(self, image, near, age):
        self.asked.append((near, age))
        return None if self.place is None else Seen(self.place[None], np.array([self.spread]))


@pytest.fixture
def model():
    made = make_model('push')
    made.eyes = Eye()
    return made


def see(model, belief, stamp, image=IMAGE, **more):
    seen = observe_at(stamp, **more)
    object.__setattr__(seen, 'image', image)
    return model.observe(belief, seen)


def test_what_is_seen_first_is_believed_and_then_weighed(model):
    belief = see(model, None, 1.0)
    np.testing.assert_allclose(belief.state[15:18], BLOCK[:3], atol=1e-4)
    assert belief.uncertainty == pytest.approx(0.01, rel=1e-3) and belief.unseen == 0.0
    rng, uncertain = np.random.default_rng(0), []
    for k in range(1, 60):
        model.eyes.place[:3] = BLOCK[:3] + 0.01 * rng.normal(size=3)
        belief = see(model, belief, 1.0 + 0.025 * k)
        uncertain.append(belief.uncertainty)
    assert uncertain[0] < 0.008 and uncertain[-1] < 0.004
    # Noise of a centimetre, of which the filter leaves less than half.
    assert np.abs(belief.state[15:18] - BLOCK[:3]).max() < 0.007


def test_object_poses_need_no_eyes(model):
    belief = see(model, None, 1.0, poses=[BLOCK])
    assert not model.eyes.asked and belief.uncertainty == 0.0


def test_out_of_sight_the_belief_goes_on_and_grows_uncertain(model):
    belief = see(model, None, 1.0)
    uncertain = [belief.uncertainty]
    for k, (place, image) in enumerate([(None, IMAGE), (model.eyes.place, None)] * 4, 1):
        model.eyes.place = place
        belief = see(model, belief, 1.0 + 0.05 * k, image)
        uncertain.append(belief.uncertainty)
        assert belief.unseen == pytest.approx(0.05 * k)
    assert (np.diff(uncertain) > 0).all()


def test_what_is_far_from_expected_surprises_by_how_sharp_the_eyes_are(model):
    surprises = []
    for spread in (0.001, 0.05):
        model.eyes = Eye(spread)
        belief = see(model, None, 1.0)
        model.eyes.place = model.eyes.place + [0.05, 0.0, 0.0, 0.0]
        surprises.append(see(model, belief, 1.025).surprise)
    assert surprises[0] > 3 * surprises[1]


def test_the_eyes_are_told_where_to_expect_it_and_how_old_the_image_is(model):
    belief = see(model, None, 1.0)
    see(model, belief, 1.025, ages={'image': 0.02})
    near, age = model.eyes.asked[-1]
    assert age == 0.02 and near.shape == (1, 8)
    np.testing.assert_allclose(near[0, :3], BLOCK[:3], atol=0.02)


class Fixed(Eyes):
    """Eyes that see one thing whatever they look at."""

    def forward(self, frames):
        return Sight(torch.tensor([[[0.5, 0.1, 0.03]]]),
                     torch.tensor([[[np.cos(4 * 0.2), np.sin(4 * 0.2)]]], dtype=torch.float32),
                     torch.tensor([[0.004]]), torch.tensor([[self.logit]]))


@pytest.fixture
def looker():
    eyes = Fixed(EyesConfig(size=32, width=4, points=4, hidden=8))
    eyes.logit = 2.0
    return Looker(eyes, 1)


def test_a_looker_takes_age_and_symmetry_into_account(looker):
    found = looker.look(IMAGE)
    np.testing.assert_allclose(found.places, [[0.5, 0.1, 0.03, 0.2]], atol=1e-6)
    near = np.array([[0.0, 0.0, 0.0, 0.2 + np.pi / 2 + 0.1, 0.1, 0.0, 0.0, 1.0]])
    found = looker.look(IMAGE, near, 0.05)
    np.testing.assert_allclose(found.places, [[0.505, 0.1, 0.03, 0.25 + np.pi / 2]], atol=1e-6)
    np.testing.assert_allclose(found.spread, [0.004])


def test_what_is_out_of_sight_is_none(looker):
    looker._eyes.logit = -1.0
    assert looker.look(IMAGE) is None


def test_images_of_another_size_are_an_error(looker):
    with pytest.raises(WmRosError, match='got 64 x 48 pixels, expected 32 x 32'):
        looker.look(np.zeros((48, 64, 3), np.uint8))


def test_eyes_are_loaded_for_their_task(tmp_path):
    config = EyesConfig(size=32, objects=1, width=4, points=4, hidden=8)
    write_weights(tmp_path / 'eyes', Eyes(config), {'kind': 'eyes', 'config': config.to_dict()})
    load_looker(str(tmp_path / 'eyes'), get_task('push')).look(IMAGE)
    assert load_looker(str(tmp_path / 'eyes'), get_task('reach')) is None
    load_looker('panda_{task}_eyes', get_task('push'))
    with pytest.raises(CheckpointError, match='panda_stack_eyes'):
        load_looker('panda_{task}_eyes', get_task('stack'))
    assert load_looker('', get_task('push')) is None
    with pytest.raises(CheckpointError, match='no such file'):
        load_looker(str(tmp_path / 'none'), get_task('push'))
    with pytest.raises(WmRosError, match='eyes see 1 objects, the task has 2'):
        Looker(Eyes(config), 2)


def test_images_become_squares_by_their_middle():
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, 8:56] = 200
    assert (squared(image, 16) == 200).all() and squared(image, 16).shape == (16, 16, 3)
    small = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
    np.testing.assert_array_equal(squared(small, 16), small)
    assert squared(small, 4).shape == (4, 4, 3)
