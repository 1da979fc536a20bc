"""What a latent agent is trained on: windows of episodes, with goals in hindsight."""

from env_testing import NAMES, NEAR, register
import numpy as np
import pytest
from wm_ros.learning.latent.collect import Collector, Wander
from wm_ros.learning.latent.environment import Environment
from wm_ros.learning.latent.goals import GoalReward
from wm_ros.learning.latent.replay import Played, Replay

GAMMA, HORIZON = 0.9, 3
register()


def played(name, steps=600, hindsight=0.8, capacity=5000):
    """Return an environment and a replay of random steps in some of them, and the episodes."""
    environments = [Environment(NAMES[name]) for _ in range(3)]
    reward = GoalReward(environments[0]) if environments[0].relabels else None
    replay, episodes, seeds = Replay(environments[0].widths, capacity, GAMMA, reward,
                                     hindsight), [], iter(range(10 ** 6))
    add = replay.add
    replay.add = lambda episode: (episodes.append(episode), add(episode))
    collector = Collector(environments, replay, np.random.default_rng(0), lambda: next(seeds),
                          0.1, 0.2)
    done = 0
    while done < steps:
        done += collector.round(None)
    collector.cut()
    return environments[0], replay, episodes


def origin(episodes, seen):
    """Return the episode and the step [B] at which each ``seen`` [B, O + G] was."""
    found = {tuple(row): (episode, t) for episode in episodes
             for t, row in enumerate(episode.seen)}
    return [found[tuple(row)] for row in seen]


@pytest.mark.parametrize('name', ['point', 'lasting', 'single'])
def test_rewards_in_hindsight_are_those_of_the_environment(name):
    environment, replay, episodes = played(name, hindsight=1.0)
    windows = replay.sample(np.random.default_rng(1), 200, HORIZON)
    met = 0
    for b, (episode, t) in enumerate(origin(episodes, windows.seen[0])):
        goal = windows.goal[b]
        assert any((goal == row).all() for row in episode.seen[t + 1:, 2:])
        for k in range(HORIZON):
            assert windows.known[k, b] == (t + k < len(episode.actions))
            if not windows.known[k, b]:
                continue
            achieved = episode.seen[t + k + 1, 2:]
            reward = environment.compute_reward(achieved, goal)
            assert windows.rewards[k, b] == reward
            assert (windows.actions[k, b] == episode.actions[t + k]).all()
            assert (windows.seen[k + 1, b] == episode.seen[t + k + 1]).all()
            assert windows.ended[k, b] == (reward == 0 and name != 'lasting')
            met += reward == 0
    assert 50 < met < 500


def test_most_goals_in_hindsight_are_not_achieved_from_the_start():
    _, replay, _ = played('point', hindsight=1.0)
    windows = replay.sample(np.random.default_rng(1), 400, 1)
    near = np.linalg.norm(windows.seen[0, :, 2:] - windows.goal, axis=-1) <= NEAR
    assert 0.05 <= near.mean() <= 0.15
    assert (windows.over[0] == near).all()      # the episode would have been over


def test_bounds_are_the_returns_that_were_reached():
    environment, replay, episodes = played('point')
    windows = replay.sample(np.random.default_rng(1), 200, HORIZON)
    finite = 0
    for b, (episode, t) in enumerate(origin(episodes, windows.seen[0])):
        goal = windows.goal[b]
        for k in range(HORIZON):
            total, reached = 0.0, False
            for n, seen in enumerate(episode.seen[t + k + 1:]):
                reward = environment.compute_reward(seen[2:], goal)
                total += GAMMA ** n * reward
                if reward == 0:
                    reached = True
                    break
            if np.isfinite(windows.bound[k, b]):
                finite += 1
                assert reached and windows.bound[k, b] == pytest.approx(total, abs=1e-5)
            else:       # after the achieved moment that the goal was taken from, or never
                assert not reached or not windows.known[k, b] or k > 0
    assert finite > 300


def test_after_its_end_nothing_follows_and_after_a_time_limit_nobody_knows():
    replay = Replay(Environment(NAMES['plain']).widths, 2000, GAMMA)
    none = np.zeros((3, 0), np.float32)
    for terminated, place in ((True, 5.0), (False, 7.0)):
        replay.add(Played(np.full((3, 1), place, np.float32), none, np.full((2, 1), 0.5),
                          np.array([-1.0, -2.0]), terminated, None))
    windows = replay.sample(np.random.default_rng(0), 200, 3)
    cases = set()
    for b in range(200):
        first = windows.rewards[0, b] == -1
        terminated = windows.seen[0, b, 0] == 5
        cases.add((bool(first), bool(terminated)))
        left = 2 if first else 1
        after = np.arange(3) >= left
        assert (windows.known[:, b] == (~after | terminated)).all()
        assert (windows.over[:, b] == (after & terminated)).all()
        assert (windows.ended[:, b] == ((np.arange(3) >= left - 1) & terminated)).all()
        assert windows.rewards[:, b].tolist() == [-1, -2, 0][:3] if first else [-2, 0, 0]
        bound = [-1 - 2 * GAMMA, -2.0][2 - left:] if terminated else [-np.inf] * left
        assert windows.bound[:left, b].tolist() == pytest.approx(bound)
    assert len(cases) == 4


def test_the_oldest_episodes_make_room_as_a_whole():
    _, replay, episodes = played('point', steps=3000, capacity=200)
    rng = np.random.default_rng(2)
    assert replay.filled <= 200
    last = episodes[-20:]
    for _ in range(20):
        windows = replay.sample(rng, 50, HORIZON)
        for b, (episode, t) in enumerate(origin(episodes[-100:], windows.seen[0])):
            steps = np.minimum(t + np.arange(HORIZON + 1), len(episode.actions))
            assert (windows.seen[:, b] == episode.seen[steps]).all()
    left = replay.arrays['left']
    assert (left[(left > 0).nonzero()[0] + 1] == left[left > 0] - 1).all()
    assert any((replay.arrays['seen'] == last[-1].seen[0]).all(1))


def test_what_wanders_is_random_for_a_share_of_all_steps_and_held():
    wander = Wander(np.random.default_rng(0), 2, 0.0, 0.3)
    done = np.array([wander(np.zeros(2)) for _ in range(20_000)])
    strange = done.any(1)
    assert strange.mean() == pytest.approx(0.3, abs=0.03)
    held = strange[1:] & (done[1:] == done[:-1]).all(1)
    assert held.sum() / strange.sum() == pytest.approx(1 - 1 / 4, abs=0.05)
