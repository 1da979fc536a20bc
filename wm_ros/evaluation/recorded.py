"""Episodes of the whole product in lockstep as recordings: what was believed, felt and done."""

from typing import List, Optional

import numpy as np
from sim.witness import columns_of, Witness, Witnessing
from wm_ros.evaluation.closed_loop import ClosedLoop
from wm_ros.robot.motion import MotionRule
from wm_ros.types import ACTION_NAMES, Episode
from wm_ros.world_model.sentinel import EARLY
from wm_ros.world_model.state import reached_actions


class Recorder:
    """
    Records the episodes of a closed loop, a row for each step of its model.

    Unlike a script's, its commands come at the planner's rate, its states are what the agent
    believed, and its actions are what the setpoint did: that is what a sentinel sees.  Episodes
    say what was drawn, and hold the wrench or, with ``witnessing``, the streams of
    ``sim.witness.Witness``.  They have no stream ``late``: these actions are as the arm answered.
    """

    def __init__(self, loop: ClosedLoop, witnessing: Optional[Witnessing] = None):
        self._loop = loop
        self._witness = None if witnessing is None else Witness(loop.scene, witnessing)
        self._dt, self._speed = loop.robot.dt, MotionRule.of(loop.robot).speed

    def run(self, seed: int) -> Episode:
        """Return the episode of ``seed``."""
        scene, witness = self._loop.scene, self._witness
        stamps: List[float] = []
        states, rewards, rows = [], [], []

        def sense(scene, belief, observation):
            if stamps and belief.stamp - stamps[-1] < EARLY * self._dt:
                return
            if not stamps and witness is not None:
                witness.begin(seed)
            stamps.append(belief.stamp)
            states.append(belief.state)
            rewards.append(scene.task.reward(scene.situation()))
            if witness is None:
                rows.append({'wrench': np.asarray(observation.wrench, np.float32)})
            else:
                rows.append(witness.row(observation))
                witness.before(len(stamps) - 1)

        self._loop.run(seed, sense=sense)
        return Episode(
            task=self._loop.task.name, states=np.array(states), goal=scene.goal,
            actions=reached_actions(states[1:], self._speed, len(ACTION_NAMES)),
            rewards=np.array(rewards[1:], np.float32), success=scene.success, source='agent',
            seed=seed, randomisation=scene.conditions.numbers(), streams=columns_of(rows))

    def close(self):
        """End the physics."""
        self._loop.close()
        if self._witness is not None:
            self._witness.close()
