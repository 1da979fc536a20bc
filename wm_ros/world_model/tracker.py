"""Explicit states of a stream of observations, where no model says what to expect."""

from dataclasses import replace

import numpy as np
from wm_ros.robot.robot import Robot
from wm_ros.tasks import TaskSpec
from wm_ros.types import Observation
from wm_ros.world_model.response import UNKNOWN
from wm_ros.world_model.state import StateEstimator
from wm_ros.world_model.tracks import going_on, Noise, SAME


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
        self._noise = Noise.unknown(self.layout.objects)
        self._response = UNKNOWN

    def update(self, observation: Observation) -> np.ndarray:
        """Return the explicit state [X] at ``observation``; errors as ``StateEstimator``'s."""
        elapsed, before = observation.stamp - self._stamp, self._state
        if before is not None:
            observation = self._news(observation)
        self._response = self._response.after(observation)
        self._state = self._estimator.update(
            before, self._stamp, observation, self._unseen, noise=self._noise,
            answered=self._response.answered(observation.stamp))
        if before is not None and observation.object_poses is None:
            for index in range(self.layout.objects):
                where = self.layout.object_slots(index)
                self._state[where] = going_on(before[where], elapsed)
        self._unseen = self._unseen + elapsed if observation.object_poses is None else (
            observation.ages.get('object_poses', 0.0))
        self._stamp = observation.stamp
        return self._state

    @property
    def delay(self) -> float:
        """Return by how much [s] the arm answers late, as far as it is known."""
        return self._response.delay

    def _news(self, observation):
        """Return ``observation`` without poses that were there before."""
        seen = observation.stamp - observation.ages.get('object_poses', 0.0)
        old = seen < self._stamp - self._unseen + SAME
        return replace(observation, object_poses=None) if old else observation
