"""Sensor messages that get lost, as they do on robots."""

from typing import Any, Mapping

import numpy as np

#: Parameter of the share that is lost, by kind of message.
SHARES = {'frame': 'faults.frames_lost', 'pose': 'faults.poses_lost'}


class Faults:
    """
    Says which messages are lost, from a moment of each episode on.

    ``params`` are those of the robot node.  Equal for equal seeds.
    """

    def __init__(self, params: Mapping[str, Any]):
        self._shares = {kind: params[name] for kind, name in SHARES.items()}
        self._begin = params['faults.begin']
        self.restart(0)

    def restart(self, seed: int):
        """Begin the episode of ``seed``."""
        self._rngs = {kind: np.random.default_rng((seed, number))
                      for number, kind in enumerate(SHARES)}

    def lost(self, kind: str, time: float) -> bool:
        """Return whether the message of ``kind`` at ``time`` [s] of the episode is lost."""
        share = self._shares[kind]
        return share > 0.0 and time >= self._begin and self._rngs[kind].random() < share
