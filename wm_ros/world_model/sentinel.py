"""
A sentinel: a model of sequences beside the agent that says how unusual what it sees is.

It foresees every sense one step ahead, wrench included, and knows how surely; what is off again
and again raises an alarm.  The agent plans on regardless: what to do about it is for others.
"""

from collections import deque
import json
from pathlib import Path
from typing import Dict, Optional

import numpy as np
import torch
from wm_ros import paths
from wm_ros.files import write_text
from wm_ros.robot.motion import MotionRule
from wm_ros.robot.robot import Robot
from wm_ros.types import CheckpointError, WmRosError
from wm_ros.world_model.alarm import Alarm, lasting, parts_of, ROWS
from wm_ros.world_model.load import hash_of, load_part
from wm_ros.world_model.sequence import SequenceModel
from wm_ros.world_model.state import reached_actions, StateLayout

_STREAMS = ('states', 'wrench')
EARLY, _LATE = 0.8, 1.5         # steps between observations that count as one
_SUFFIX = '.usual.json'


class Sentinel:
    """
    Watches over what is believed and sensed, step by step; ``alarm`` None while it is taught.

    Raises WmRosError for a model whose streams are others than ``states`` and ``wrench``, or of
    another width than the robot's task has.
    """

    def __init__(self, model: SequenceModel, alarm: Optional[Alarm], robot: Robot, objects: int):
        widths = {'states': StateLayout(objects).width, 'wrench': 6}
        streams = dict(model.config.streams)
        if 'states' not in streams or any(widths.get(name) != width
                                          for name, width in streams.items()):
            raise WmRosError(f'sentinel: its model sees {streams}, expected states and, if any, '
                             f'wrench of {widths} numbers')
        self._model, self._alarm = model, alarm
        self._rule = MotionRule.of(robot)
        self._device = next(model.parameters()).device
        self.restart()

    def restart(self):
        """Forget what was seen."""
        self._stamp, self._state, self._numbers = None, None, None
        self._errors: deque = deque(maxlen=ROWS)

    @torch.inference_mode()
    def see(self, stamp: float, state: np.ndarray, wrench: Optional[np.ndarray] = None
            ) -> Optional[Dict[str, np.ndarray]]:
        """
        Take a state [X] and a wrench [6] at ``stamp`` [s]; return what is off by how much.

        That is {part: [N]}, the mean of the last errors in units of their forecasts' spread;
        None between the model's steps, and while nothing was foreseen.  After a gap it begins
        anew.
        """
        elapsed = None if self._stamp is None else stamp - self._stamp
        if elapsed is not None and 0.0 <= elapsed < EARLY * self._rule.dt:
            return None
        if elapsed is not None and not 0.0 < elapsed < _LATE * self._rule.dt:
            self.restart()
        numbers = self._numbers_of(state, wrench)
        action = self._action(state)
        off = self._foreseen(numbers, action)
        if self._state is None:
            self._state = self._model.dynamics.initial(1, self._device)
            action = torch.zeros_like(action)
        self._state = self._model.dynamics.observe(self._state, action,
                                                   self._model.embed(numbers))
        self._stamp, self._numbers = stamp, numbers
        if off is None:
            return None
        self._errors.append(parts_of(self._model.senses, off[0]))
        last = lasting({name: np.stack([row[name] for row in self._errors])
                        for name in self._errors[-1]})
        return {name: np.nan_to_num(part[-1]) for name, part in last.items()}

    def alarms(self, off: Dict[str, np.ndarray]) -> Dict[str, float]:
        """Return the alarm of each part of what ``see`` returned; 1 is seldom, 2 is not usual."""
        return {name: float(value) for name, value in self._alarm.parts(off).items()}

    def _foreseen(self, numbers, action):
        """Return by how much ``numbers`` [1, K] are off what was foreseen, None for nothing."""
        if self._state is None:
            return None
        model = self._model
        forecast = model.forecast(model.dynamics.features(self._state), action, self._numbers)
        return forecast.off(model.senses.normalised(numbers))

    def _numbers_of(self, state, wrench):
        parts = {'states': state, 'wrench': np.full(6, np.nan) if wrench is None else wrench}
        told = np.concatenate([parts[name] for name in self._model.config.streams])
        return torch.tensor(told, dtype=torch.float32, device=self._device)[None]

    def _action(self, state):
        action = reached_actions(state, self._rule.speed, self._model.config.actions)
        return torch.from_numpy(action).to(self._device)[None]


def load_sentinel(reference: str, robot: Robot, objects: int,
                  device: str = 'cpu') -> Optional[Sentinel]:
    """
    Return the sentinel whose model ``reference`` is, a path or a shipped one's name; '' is none.

    Raises CheckpointError where the model, or what is usual to it, is missing or damaged, or
    where what is usual was measured with other weights.
    """
    if not reference:
        return None
    path, model = usual_file(reference), load_part(reference, 'sequence_model', device)
    mend = f'wm_ros calibrate --sentinel {reference}'
    try:
        told = json.loads(path.read_text(encoding='utf-8'))
        alarm, weights = Alarm(told['numbers'], told['wholes']), told['weights_sha256']
    except OSError as error:
        raise CheckpointError(f'{path}: cannot be read ({error.strerror}); make it: '
                              f'{mend}') from error
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f'{path}: damaged ({" ".join(str(error).split())}); make it anew: '
                              f'{mend}') from error
    if weights != hash_of(reference):
        raise CheckpointError(f'{path}: measured with other weights than those of {reference}; '
                              f'make it anew: {mend}')
    return Sentinel(model, alarm, robot, objects)


def usual_file(reference: str) -> Path:
    """Return the file that says what is usual to the model ``reference``."""
    return paths.find_weights(reference).with_suffix(_SUFFIX)


def save_usual(reference: str, alarm: Alarm, meta: dict):
    """Write what is usual to a model, and how it was measured (``meta``), whole or not at all."""
    text = json.dumps({**meta, 'weights_sha256': hash_of(reference), **alarm.to_dict()})
    write_text(usual_file(reference), text + '\n')
