"""Explicit states of a stream of observations, where no model says what to expect."""

from dataclasses import replace

import numpy as np
from wm_ros.robot.robot import Robot
from wm_ros.tasks import TaskSpec
from wm_ros.types import Observation
from wm_ros.world_model.state import StateEstimator
from wm_ros.world_model.tracks import SAME, unknown


class StateTracker:
    """
    Keeps what a belief keeps beside its latent, for the script and for recordings.

    Objects that are not seen at an observation are taken to go on as they did.
    """

    def __init__(self, robot: Robot, task: TaskSpec):
        self._estimator = StateEstimator(robot, task)
        self.layout = self._estimator.layout
        self.reset()

    def reset(self):
        """Begin a stream."""
        self._state, self._stamp, self._unseen = None, 0.0, 0.0
        self._noise = unknown(self.layout.objects)

    def update(self, observation: Observation) -> np.ndarray:
        """Return the explicit state [X] at ``observation``; errors as ``StateEstimator``'s."""
        elapsed, guess = observation.stamp - self._stamp, None
        if self._state is not None:
            observation = self._news(observation)
            if observation.object_poses is None:
                guess = self._moved(elapsed)
        self._state = self._estimator.update(
            self._state, self._stamp, observation, self._unseen, guess, noise=self._noise)
        self._unseen = self._unseen + elapsed if observation.object_poses is None else (
            observation.ages.get('object_poses', 0.0))
        self._stamp = observation.stamp
        return self._state

    def _news(self, observation):
        """Return ``observation`` without poses that were there before."""
        seen = observation.stamp - observation.ages.get('object_poses', 0.0)
        old = seen < self._stamp - self._unseen + SAME
        return replace(observation, object_poses=None) if old else observation

    def _moved(self, elapsed):
        guess = np.array(self._state, dtype=float)
        for index in range(self.layout.objects):
            where = self.layout.object_slots(index)
            place, rate = guess[where][:4], guess[where][4:]
            guess[where] = np.concatenate([place + elapsed * rate, rate])
        return guess
