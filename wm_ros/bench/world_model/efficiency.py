"""Figures of sample efficiency: success of push over environment steps, ours beside SAC's."""

from contextlib import closing
from dataclasses import replace
import json
from typing import Dict, List

import numpy as np
import torch
from wm_ros.bench.record import at_least, shown
from wm_ros.bench.world_model.workshop import FOLDER
from wm_ros.evaluation.closed_loop import ClosedLoop
from wm_ros.evaluation.run import parameters, Request
from wm_ros.files import write_json
from wm_ros.learning.recipe import ALONE_PLANNER, get_recipe, Recipe
from wm_ros.learning.train import Training
from wm_ros.param_table import MPC
from wm_ros.robot.robot import load_robot
from wm_ros.types import WmRosError
from wm_ros.world_model import WorldModel

_SEEDS, _BAR = (0, 1, 2), 0.8
_JUDGED, _FIRST_JUDGED = 50, 200_000        # episodes at each point, and the seed of the first
_FEW = Recipe(first_episodes=20, first_updates=1500, rounds=6, prior_episodes=10,
              planner_episodes=5, round_updates=400, last_updates=0)
_SAC_STEPS, _SAC_EVERY = 60_000, 5_000
_REACH_STEPS, _REACH_EVERY = 10_000, 1_000      # of the same SAC, on what it does learn soon
_COMMAND = 'wm_ros bench world_model --only efficiency'


def efficiency():
    """Return how many environment steps it takes until four of five pushes succeed."""
    torch.set_num_threads(1)
    if not all(file.is_file() for file in (
            *(_file('sac', seed) for seed in _SEEDS), _file('sac-reach', _SEEDS[0]))):
        _learner()      # before hours of work
    rows, needed = [], {}
    for name, seeds in (('ours', _SEEDS), ('alone', _SEEDS[:1]), ('sac', _SEEDS),
                        ('sac-reach', _SEEDS[:1])):
        curves = [curve(name, seed) for seed in seeds]
        needed[name] = [_needed(points) for points in curves]
        rows += [shown(f'efficiency_success/{name}/seed{seed}/{point["steps"]}',
                       point['success'], 'share', _COMMAND, _WORDS[name])
                 for seed, points in zip(seeds, curves) for point in points]
        rows += [shown(f'efficiency_steps_to_{_BAR:.0%}/{name}/seed{seed}', steps, 'steps',
                       _COMMAND, '' if reached else 'not reached by then')
                 for seed, (steps, reached) in zip(seeds, needed[name])]
    ours = max(steps for steps, _ in needed['ours'])
    theirs = min(steps for steps, _ in needed['sac'])
    there = all(reached for _, reached in needed['ours'])
    return [at_least('efficiency_fewer_steps', theirs / ours if there else 0.0, 2.0, 'times',
                     _COMMAND, f'the best of {len(_SEEDS)} seeds of SAC, which gets no '
                     'demonstrations, over the worst of ours; every demonstrated step counts'
                     + ('' if any(reached for _, reached in needed['sac']) else
                        '; SAC is not there when it ends, so it is more')), *rows]


_WORDS = {'ours': 'scripted and labelled steps counted', 'alone': 'no demonstrations',
          'sac': 'stable-baselines3: SAC, hindsight replay, same observations and reward',
          'sac-reach': 'the same SAC on reach: that it learns where less is to be found'}
_MAKERS = {'ours': lambda seed: _ours(seed, True), 'alone': lambda seed: _ours(seed, False),
           'sac': lambda seed: _sac(seed, 'push', _SAC_STEPS, _SAC_EVERY),
           'sac-reach': lambda seed: _sac(seed, 'reach', _REACH_STEPS, _REACH_EVERY)}


def curve(name: str, seed: int) -> List[Dict[str, float]]:
    """Return [{steps, success}] of one run, made now where it lacks."""
    file = _file(name, seed)
    if not file.is_file():
        write_json(file, _MAKERS[name](seed))
    return json.loads(file.read_text(encoding='utf-8'))


def _file(name, seed):
    return FOLDER / f'efficiency_{name}_{seed}.json'


def _needed(points):
    """Return the steps from which on success stays at the bar, and whether there are any."""
    for i, point in enumerate(points):
        if all(later['success'] >= _BAR for later in points[i:]):
            return _crossing(points[i - 1] if i else {'steps': 0, 'success': 0.0}, point), True
    return points[-1]['steps'], False


def _crossing(below, above):
    """Return at how many steps the line between two points reaches the bar."""
    share = (_BAR - below['success']) / (above['success'] - below['success'])
    return round(below['steps'] + share * (above['steps'] - below['steps']))


class _Watched(Training):
    """A training whose agent is judged after each stage of updates."""

    def watch(self, params) -> List[Dict[str, float]]:
        """Train; return success over steps."""
        self.points, self._params = [], params
        self.run()
        return self.points

    def _updates(self, stage, count):
        super()._updates(stage, count)
        if not count:
            return
        model = WorldModel(self.dynamics, self.robot, self.task, backend='auto')
        self.dynamics.eval()
        with closing(ClosedLoop(self.robot, self.task.name, model, self._params)) as loop:
            successes = [loop.run(_FIRST_JUDGED + i).success for i in range(_JUDGED)]
        self.dynamics.train().requires_grad_(True)
        self.points.append({'steps': self.replay.steps, 'success': float(np.mean(successes))})
        print(stage, self.points[-1], flush=True)


def _ours(seed, demonstrations):
    robot, params = load_robot('panda'), parameters(Request('push', 1))
    recipe = _FEW if demonstrations else replace(get_recipe('push', False), last_updates=0)
    if not demonstrations:
        params[MPC].update(ALONE_PLANNER)
    planner = {name: value for name, value in params[MPC].items()
               if name.startswith(('planner.', 'objective.'))}
    training = _Watched(robot, 'push', recipe, seed, planner)
    try:
        return training.watch(params)
    finally:
        training.close()


def _learner():
    try:
        from stable_baselines3 import HerReplayBuffer, SAC
    except ImportError as error:
        raise WmRosError("this bench needs pip install 'wm_ros[bench]'") from error
    return HerReplayBuffer, SAC


def _sac(seed, task, steps, every):
    """Return the curve of SAC with hindsight replay, as its documentation advises for goals."""
    HerReplayBuffer, SAC = _learner()
    env, judge = _env(task), _env(task)
    agent = SAC('MultiInputPolicy', env, learning_rate=1e-3, gamma=0.95, tau=0.05,
                batch_size=256, learning_starts=1000, buffer_size=steps, seed=seed,
                replay_buffer_class=HerReplayBuffer,
                replay_buffer_kwargs={'n_sampled_goal': 4, 'goal_selection_strategy': 'future'},
                policy_kwargs={'net_arch': [256, 256, 256]})
    points = []
    for made in range(every, steps + 1, every):
        agent.learn(every, reset_num_timesteps=False)
        points.append({'steps': made, 'success': _judged(agent, judge)})
        print('sac', task, seed, points[-1], flush=True)
    return points


def _env(task):
    import gymnasium
    from sim.env import register

    class Active(gymnasium.ActionWrapper):
        """The three components of the action that count; the others stay 0, as for ours."""

        def __init__(self, env):
            super().__init__(env)
            self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (3,), np.float32)

        def action(self, action):
            """Return the whole action."""
            return np.append(action, [0.0, 0.0]).astype(np.float32)

    register()
    return Active(gymnasium.make(f'wm_ros/Panda{task.title()}-v0'))


def _judged(agent, env):
    successes = []
    for i in range(_JUDGED):
        observation, info = env.reset(seed=_FIRST_JUDGED + i)
        ended = False
        while not ended:
            action, _ = agent.predict(observation, deterministic=True)
            observation, _, done, late, info = env.step(action)
            ended = done or late
        successes.append(info['is_success'])
    return float(np.mean(successes))
