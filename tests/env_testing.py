"""A tiny goal environment: a point on a square that has to get to a place."""

import gymnasium
from gymnasium import spaces
import numpy as np

STRIDE, NEAR = 0.25, 0.2
NAMES = {'point': 'wm_ros_test/Point-v0', 'lasting': 'wm_ros_test/Lasting-v0',
         'single': 'wm_ros_test/Single-v0', 'plain': 'wm_ros_test/Plain-v0',
         'discrete': 'wm_ros_test/Discrete-v0', 'image': 'wm_ros_test/Image-v0',
         'words': 'wm_ros_test/Words-v0', 'boundless': 'wm_ros_test/Boundless-v0',
         'proud': 'wm_ros_test/Proud-v0', 'late': 'wm_ros_test/Late-v0',
         'runtime': 'wm_ros_test/Runtime-v0', 'attribute': 'wm_ros_test/Attribute-v0'}


class Point(gymnasium.Env):
    """
    ``observation`` [2] and ``achieved_goal`` [2] are the place; an episode ends with success.

    An action of 1 is 0.25; the reward is 0 within 0.2 of the goal, else -1.  Where it is
    ``proud`` it speaks of success only where there is one.
    """

    def __init__(self, lasting=False, single=False, proud=False, shift=0.0):
        box = spaces.Box(-9.0, 9.0, (2,), np.float32)
        self.observation_space = spaces.Dict(
            {name: box for name in ('observation', 'achieved_goal', 'desired_goal')})
        self.action_space = spaces.Box(-0.5, 0.5, (2,), np.float32)
        self._lasting, self._single, self._proud = lasting, single, proud
        self._shift = shift

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.goal = self.np_random.uniform(-1.0, 1.0, (2, 2)).astype(np.float32)
        return self._seen(), {}

    def step(self, action):
        self.place = (self.place + 2 * STRIDE * action + self._shift).astype(np.float32)
        reward = float(self.compute_reward(self.place, self.goal, {}))
        success = reward == 0.0
        return (self._seen(), reward, success and not self._lasting, False,
                {'is_success': success} if success or not self._proud else {})

    def compute_reward(self, achieved, desired, info):
        if self._single and np.ndim(achieved) > 1:
            raise ValueError('one at a time')
        far = np.linalg.norm(np.subtract(achieved, desired), axis=-1) > NEAR
        return -far.astype(np.float32)

    def _seen(self):
        return {'observation': self.place, 'achieved_goal': self.place,
                'desired_goal': self.goal}


class Plain(gymnasium.Env):
    """Without goals: a number that has to be brought to 0, in six steps; it ends beyond 1.5."""

    observation_space = spaces.Box(-2.0, 2.0, (1,), np.float64)
    action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def __init__(self, observations=None, actions=None):
        self.observation_space = observations or self.observation_space
        self.action_space = actions or self.action_space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = self.np_random.uniform(-1.0, 1.0)
        return np.array([self.place]), {}

    def step(self, action):
        self.place += 0.5 * float(action[0])
        return np.array([self.place]), -abs(self.place), abs(self.place) > 1.5, False, {}


class Late(Plain):
    """Speaks of success, within 0.3 of 0, from its 50th episode on, of all of its instances."""

    episodes = 0

    def reset(self, *, seed=None, options=None):
        Late.episodes += 1
        return super().reset(seed=seed, options=options)

    def step(self, action):
        *told, info = super().step(action)
        return (*told, {'is_success': abs(self.place) < 0.3} if Late.episodes >= 50 else info)


def runtime():
    """Fail as what has no display does."""
    raise RuntimeError('no display:\nis there one?')


def attribute():
    """Fail as what was written for another version does."""
    raise AttributeError('np.bool8')


def register():
    """Register all of them."""
    many = spaces.Box(-np.inf, np.inf, (1,), np.float32)
    for name, entry, settings in (
            ('point', Point, {}), ('lasting', Point, {'lasting': True}),
            ('single', Point, {'single': True}), ('proud', Point, {'proud': True}),
            ('plain', Plain, {}), ('late', Late, {}), ('runtime', runtime, {}),
            ('attribute', attribute, {}),
            ('discrete', Plain, {'actions': spaces.Discrete(3)}),
            ('image', Plain, {'observations': spaces.Box(0, 255, (8, 8, 3), np.uint8)}),
            ('words', Plain, {'observations': spaces.Dict({'text': spaces.Text(5)})}),
            ('boundless', Plain, {'actions': many})):
        if NAMES[name] not in gymnasium.registry:
            gymnasium.register(NAMES[name], entry, max_episode_steps=12 if entry is Point else 6,
                               kwargs=settings, disable_env_checker=True)
