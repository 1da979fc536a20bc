"""What becomes of commands on their way to the motors: late, lost, low-passed, short of them."""

from collections import deque

import numpy as np
from sim.randomize.conditions import Actuation

_RATE = 100.0           # [Hz] at which commands count as sent, however often they are given
_SLOTS = 4096           # hundredths of a second after which chances repeat


class Actuators:
    """
    Passes commands on to ``arm`` as ``Actuation`` says; usually at once.

    Equal for equal seeds, however often commands are given: what is lost, and how long it takes,
    is decided for each hundredth of a second.
    """

    def __init__(self, arm, substep: float):
        self._arm, self._length = arm, substep
        self._under_way = deque()       # (substep at which it arrives, target)
        #: Whether commands arrive at once, all of them; or else it pays to repeat them.
        self.plain = True
        self._now = 0

    def reset(self, actuation: Actuation, seed: int):
        """Begin an episode; the arm holds what it was told last."""
        self._conditions = actuation
        self._chances = np.random.default_rng((seed, 8)).random((_SLOTS, 2))
        self.plain = actuation == Actuation()
        self._under_way.clear()
        self._now = self._arrival = 0
        self._heard = self._followed = None     # target, and where a lag has led by now
        self._free = None               # [N] rad, where the play of the joints stands

    def change(self, actuation: Actuation):
        """Go on under other conditions."""
        self._conditions, self.plain = actuation, False

    def set_target(self, positions, velocities, gripper_width: float):
        """Send a command: positions [N] rad, velocities [N] rad/s, width [m]."""
        if self.plain:
            self._arm.set_target(positions, velocities, gripper_width)
            return
        of_loss, of_jitter = self._chances[int(self._now * self._length * _RATE) % _SLOTS]
        if of_loss >= self._conditions.loss:
            late = self._conditions.delay + of_jitter * self._conditions.jitter
            # None overtakes another.
            self._arrival = max(self._arrival, self._now + round(late / self._length))
            self._under_way.append((self._arrival, (np.array(positions, dtype=float),
                                                    np.array(velocities, dtype=float),
                                                    float(gripper_width))))

    def act(self):
        """Let arrive what does so before the next substep; to be called before each of them."""
        arrived = None
        while self._under_way and self._under_way[0][0] <= self._now:
            arrived = self._under_way.popleft()[1]
        self._now += 1
        lag = self._conditions.lag
        if arrived is None and (not lag or self._heard is None):
            return
        self._heard = arrived or self._heard
        positions, velocities, width = self._heard
        if lag:
            positions, velocities = self._passed(
                np.stack([positions, velocities]), 1.0 - np.exp(-self._length / lag))
        self._arm.set_target(self._moved(positions), velocities, width)

    def _passed(self, target, share):
        """Return the low pass [2, N] of a target, which stands there at first."""
        if self._followed is None:
            self._followed = target
        self._followed = self._followed + share * (target - self._followed)
        return self._followed

    def _moved(self, positions):
        """Return where the joints go: what is within the play, or friction, moves nothing."""
        play = self._conditions.backlash + self._conditions.sticking
        if not play:
            return positions
        if self._free is None:
            self._free = positions
        self._free = np.clip(self._free, positions - play, positions + play)
        return self._free
