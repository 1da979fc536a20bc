"""How late the arm answers its commands, which are under way, and where it comes to stand."""

from typing import NamedTuple, Optional

import numpy as np
from wm_ros.robot.motion import hermite
from wm_ros.types import Observation

_DELAYS = 0.02 * np.arange(17)      # [s] that are compared
_MEMORY = 2.0           # [s] of motion after which what was seen is forgotten
_PAUSE = 0.5            # [s] without commands, after which another stream of them begins
_LEAP = 0.05            # [rad] that commands leap by where they begin anew
_MOVING = 0.05          # [rad/s]: an arm that rests says nothing
_PRICE = 0.005          # [rad^2/s^2] per second of delay: what tells little tells of none
_SETTLING = 0.2         # [s], low pass of where a slow arm stands off
_SLOW = 0.1             # [rad/s] from which on being off says more of the way than of its end
_EXACT = 0.002          # [rad] that no arm is held to


class Response(NamedTuple):
    """
    What commands and joints have told of an arm so far.

    ``commands`` [K, 2 N + 2] are those that it may be answering: stamp s, positions rad,
    velocities rad/s, gripper m.  ``costs`` [G] are what its motion was off by, had each of the
    delays been right [rad^2/s].  ``delay`` [s] is the one that explains it best, 0 to 0.32.
    ``off`` [N] rad is how far from its commands it comes to stand, by weight, friction or
    calibration.
    """

    commands: np.ndarray
    costs: np.ndarray
    delay: float = 0.0
    off: Optional[np.ndarray] = None

    def after(self, observation: Observation) -> 'Response':
        """Return what is known with ``observation`` too; without a command none is under way."""
        if observation.commanded_positions is None:
            return self._replace(commands=self.commands[:0])
        row = np.concatenate([
            [observation.stamp], observation.commanded_positions,
            observation.commanded_velocities, [
                observation.gripper_width if observation.commanded_gripper is None
                else observation.commanded_gripper]])
        if not self._goes_on(row):
            return self._replace(commands=row[None])
        elapsed = row[0] - self.commands[-1, 0]
        commands = np.vstack([self.commands, row]) if elapsed > 0.0 else self.commands
        costs = self._costs(commands, observation, elapsed)
        delay = _least(costs)
        oldest = np.searchsorted(commands[:, 0], row[0] - _DELAYS[-1], side='right') - 1
        return Response(commands[max(oldest, 0):], costs, delay,
                        self._stands_off(commands, observation, delay, elapsed))

    @property
    def offset(self) -> Optional[np.ndarray]:
        """Return how far off [N] rad it stands, None where that is not worth counting."""
        if self.off is None:
            return None
        rest = np.sign(self.off) * np.maximum(np.abs(self.off) - _EXACT, 0.0)
        return rest if rest.any() else None

    def answered(self, stamp: float) -> Optional[np.ndarray]:
        """
        Return the command [2 N + 1] that the arm answers at ``stamp`` [s]; None: the newest.

        It is told as where it leads.
        """
        offset = self.offset
        if not len(self.commands) or not self.delay and offset is None:
            return None
        command = command_at(self.commands, stamp - self.delay)
        if offset is not None:
            command[:len(offset)] += offset
        return command

    @property
    def under_way(self) -> np.ndarray:
        """Return the rows of ``commands`` that the arm has yet to answer, and one before them."""
        if not self.delay or not len(self.commands):
            return self.commands[:0]
        last = self.commands[-1, 0] - self.delay
        return self.commands[max(np.searchsorted(self.commands[:, 0], last, 'right') - 1, 0):]

    def _goes_on(self, row) -> bool:
        if not len(self.commands):
            return False
        stamps, places, rates, _ = columns(np.stack([self.commands[-1], row]))
        elapsed = stamps[1] - stamps[0]
        if not 0.0 <= elapsed < _PAUSE:
            return False
        leap = places[1] - places[0] - elapsed * rates.mean(0)
        return bool(np.abs(leap).max() < _LEAP)

    def _costs(self, commands, observation, elapsed):
        if np.abs(columns(commands)[2]).max() < _MOVING:
            return self.costs
        moments, count = observation.stamp - _DELAYS, len(observation.joint_velocities)
        rates = command_at(commands, moments)[:, count:-1]
        off = np.square(observation.joint_velocities - rates).sum(-1)
        return np.exp(-elapsed / _MEMORY) * self.costs + elapsed * off

    def _stands_off(self, commands, observation, delay, elapsed):
        count = len(observation.joint_positions)
        command = command_at(commands, observation.stamp - delay)
        before = np.zeros(count) if self.off is None else self.off
        fast = np.abs(command[count:-1]).max() / _SLOW
        share = (1.0 - np.exp(-elapsed / _SETTLING)) / (1.0 + fast ** 4)
        return before + share * (observation.joint_positions - command[:count] - before)


#: What is known at first.
UNKNOWN = Response(np.zeros((0, 0)), np.zeros(len(_DELAYS)))


def columns(commands):
    """Return stamps [K], positions [K, N], velocities [K, N], widths [K] of rows of commands."""
    count = (commands.shape[1] - 2) // 2
    return commands[:, 0], commands[:, 1:1 + count], commands[:, 1 + count:-1], commands[:, -1]


def command_at(commands, moments) -> np.ndarray:
    """
    Return the commands [..., 2 N + 1] at ``moments`` [...] s, from rows [K, 2 N + 2] of them.

    Before the first of them the arm is taken to have stood there; after the last, as that says.
    """
    moments = np.asarray(moments, dtype=float)
    stamps, places, rates, widths = columns(commands)
    if len(commands) == 1:
        first = last = np.zeros(moments.shape, int)
        length = np.ones(moments.shape)
    else:
        last = np.clip(np.searchsorted(stamps, moments, side='right'), 1, len(commands) - 1)
        first = last - 1
        length = stamps[last] - stamps[first]
    within = np.clip(moments - stamps[first], 0.0, length)
    path, velocities = hermite(places[first], rates[first], places[last], rates[last], length,
                               within)
    width = widths[first] + within / length * (widths[last] - widths[first])
    outside = (moments < stamps[0])[..., None]
    return np.concatenate([path, np.where(outside, 0.0, velocities), width[..., None]], -1)


def _least(costs) -> float:
    """Return the delay of the least cost, between those that were compared."""
    costs = costs + _PRICE * _DELAYS
    best = int(np.argmin(costs))
    if best in (0, len(costs) - 1):
        return float(_DELAYS[best])
    before, least, after = costs[best - 1:best + 2]
    bend = before - 2.0 * least + after
    return float(_DELAYS[best] + 0.5 * _DELAYS[1] * (before - after) / max(bend, 1e-12))
