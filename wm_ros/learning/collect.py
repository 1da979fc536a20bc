"""Episodes out of the simulator: scripted with noise, random, or by any policy."""

from typing import Callable, List, Optional

import numpy as np
from sim.engines import make_scene
from sim.randomize import Randomization
from sim.stepper import Stepper
from sim.witness import columns_of, Witness, Witnessing
from wm_ros import seeds
from wm_ros.data.answered import LATE
from wm_ros.robot.robot import Robot
from wm_ros.tasks import get_task
from wm_ros.types import ACTION_NAMES, Episode, WmRosError
from wm_ros.world_model.tracker import StateTracker


class Noise:
    """
    Correlated noise in bursts: a share of the time the action is disturbed or replaced.

    Bursts leave the script's narrow way, and the script, asked again from there, shows how
    to come back (DART, Laskey et al. 2017).
    """

    def __init__(self, rng, std=0.6, burst=0.08, length=8, correlation=0.8):
        self.rng, self.std, self.burst, self.length = rng, std, burst, length
        self.correlation = correlation
        self.value = np.zeros(len(ACTION_NAMES))
        self.left = 0

    def __call__(self, action):
        """Return ``action`` [A], disturbed or not."""
        if self.left == 0 and self.rng.random() < self.burst:
            self.left = 1 + self.rng.integers(self.length)
            self.replace = self.rng.random() < 0.5
            self.value = self.rng.normal(size=len(action)) * self.std * 1.5
        if self.left == 0:
            return action
        self.left -= 1
        c = self.correlation
        self.value = c * self.value + np.sqrt(1 - c * c) * self.std * self.rng.normal(
            size=len(action))
        return np.clip(self.value + (0 if self.replace else action), -1, 1)


class Collector:
    """
    Runs episodes of ``task`` and records them; one physics world, reused.

    With ``witnessing`` the episodes hold the streams of ``sim.witness.Witness``; they are of
    worlds as ``randomization`` draws them, and say what was drawn.
    """

    def __init__(self, robot: Robot, task: str, witnessing: Optional[Witnessing] = None,
                 randomization: Optional[Randomization] = None, engine: str = 'pybullet'):
        self.task = get_task(task)
        self.scene = make_scene(engine, robot, task, randomization)
        self.stepper = Stepper(self.scene)
        self.witness = None if witnessing is None else Witness(self.scene, witnessing)
        self.tracker = StateTracker(robot, self.task)
        self.mask = np.array(self.task.active, dtype=float)

    def randomize(self, randomization: Optional[Randomization]):
        """Let the following episodes be drawn by another randomization."""
        self.scene.randomization = randomization

    def run(self, seed: int, act: Optional[Callable], source: str,
            disturb: Optional[Callable] = None, label: bool = True,
            linger: int = 10, steps: Optional[int] = None) -> Episode:
        """
        Return the episode of ``seed`` under ``act(state [X], goal [7], observation)`` -> [A].

        ``act`` None means the script.  ``disturb`` changes the action before it is
        executed; ``label`` records what the script would do (these steps count as
        demonstrations).  It goes on for ``linger`` steps after success or until the time is
        over, or for so many ``steps``.
        """
        observation = self.stepper.reset(seed)
        self.tracker.reset()
        state = self.tracker.update(observation)
        states, actions, experts, rewards = [state], [], [], []
        if self.witness is not None:
            self.witness.begin(seed)
        rows, left = [self._seen(observation)], linger
        while (not self.scene.timeout and left > 0) if steps is None else len(actions) < steps:
            expert = self.stepper.expert() if label or act is None else None
            action = expert if act is None else act(state, self.scene.goal, observation)
            if disturb is not None:
                action = disturb(action)
            # As it is recorded, so that the same can be done again: contacts magnify any rest.
            action = (np.clip(action, -1, 1) * self.mask).astype(np.float32)
            if self.witness is not None:
                self.witness.before(len(actions))
            observation = self.stepper.step(action)
            state = self.tracker.update(observation)
            rows.append(self._seen(observation))
            states.append(state)
            actions.append(action)
            experts.append(expert)
            rewards.append(self.stepper.reward())
            left -= self.scene.success
        return Episode(
            task=self.task.name, states=np.array(states), goal=self.scene.goal,
            actions=np.array(actions), rewards=np.array(rewards, np.float32),
            success=self.scene.success, source=source, seed=seed,
            randomisation=self.scene.conditions.numbers(), streams=columns_of(rows),
            expert=np.array(experts, np.float32) * self.mask.astype(np.float32)
            if label else None)

    def _seen(self, observation):
        seen = {'wrench': np.asarray(observation.wrench, np.float32)} if self.witness is None \
            else self.witness.row(observation)
        return {**seen, LATE: np.float32(self.tracker.delay / self.scene.robot.dt)}

    def close(self):
        """End the physics."""
        self.scene.close()
        if self.witness is not None:
            self.witness.close()


def record(collector: Collector, source: str, seed: int, rng) -> Episode:
    """
    Return the episode of ``seed``: of the 'script', 'noisy' (script, disturbed) or 'random'.

    Random episodes wander with correlated actions, and know no label.
    """
    if source == 'random':
        wander = Noise(rng, std=0.8, burst=1.0, length=20, correlation=0.9)
        return collector.run(seed, lambda *_: np.zeros(len(ACTION_NAMES)), source,
                             disturb=wander, label=False)
    return collector.run(seed, None, source, disturb=Noise(rng) if source == 'noisy' else None)


def replay(collector: Collector, episode: Episode) -> Episode:
    """
    Return what comes of the scene of ``episode`` where the same is done again: a counterfactual.

    Only what ``collector`` has happen is another; raises WmRosError where ``episode`` has no seed,
    and for one of the agent, whose commands were others than its actions, step by step.
    """
    if episode.source == 'agent':
        raise WmRosError("replay: got an episode of --source agent, expected one of the script's "
                         'or of random actions: only those can be done again to the last bit')
    if episode.seed is None:
        raise WmRosError('replay: got an episode without a seed, expected one that wm_ros collect '
                         'recorded: record it again')
    done = iter(episode.actions)
    return collector.run(episode.seed, lambda *_: next(done), 'replay', label=False,
                         steps=len(episode.actions))


def held_out(robot: Robot, task: str, episodes: int) -> List[Episode]:
    """Return episodes of the script, every other one disturbed, on seeds never trained on."""
    collector, rng = Collector(robot, task), np.random.default_rng(seeds.HELD_OUT)
    recorded = [record(collector, 'noisy' if i % 2 else 'script', seeds.HELD_OUT + i, rng)
                for i in range(episodes)]
    collector.close()
    return recorded
