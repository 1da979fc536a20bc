"""Figures of doubt: outliers told from the usual, false alarms, calibration."""

import numpy as np
import torch
from wm_ros.bench.record import at_least, at_most, shown
from wm_ros.bench.world_model.workshop import OUTLIERS, recording, TWIN
from wm_ros.data import Bank
from wm_ros.data.windows import columns_for
from wm_ros.evaluation import doubt as judging
from wm_ros.evaluation.sights import LEAST, sights
from wm_ros.robot.robot import load_robot
from wm_ros.world_model.alarm import Alarm, lasting
from wm_ros.world_model.load import load_decoder, load_part

MODEL, DECODER = 'panda_push_world', 'panda_push_watch'
_RATE = 20.0                # [Hz] of recorded observations


class _Witness:
    """What the model, and the decoder that draws what it expects, make of recordings."""

    def __init__(self):
        self.model, self._robot = load_part(MODEL, 'sequence_model'), load_robot('panda')
        self._decoder = load_decoder(DECODER, MODEL)

    def episodes(self, name):
        """Return the episodes of the recordings ``name``."""
        return judging.episodes_of(self.model, self._bank(
            name, columns_for(self.model.config.streams, *judging.COLUMNS)), self._robot)

    def look(self, name, episodes):
        """Return how unusual each number of each part is, {part: [T, B, N]}."""
        return {**lasting(judging.errors(self.model, episodes)), 'frames': sights(
            self.model, self._decoder, self._bank(name, ('frames',)), episodes)}

    @staticmethod
    def _bank(name, columns):
        return Bank(recording(name), 'push', print, columns)


def doubt():
    """Return how well surprise tells outliers, how often it is wrong, how calibrated it is."""
    torch.set_num_threads(1)
    command, witness = 'wm_ros bench world_model --only doubt', _Witness()
    alarm = Alarm.fit(witness.look('calibration', witness.episodes('calibration')),
                      {'frames': LEAST})
    usual = witness.episodes('usual')
    nominal = alarm(witness.look('usual', usual))
    rows, scores = [], {}
    for kind in OUTLIERS:
        unusual, twins = (witness.episodes(name) for name in (kind, kind + TWIN))
        onset = judging.onsets(unusual, twins)
        parts = {name: judging.within(part, onset) for name, part in
                 alarm.parts(witness.look(kind, unusual)).items()}
        scores[kind] = (np.max(list(parts.values()), axis=0),
                        judging.within(alarm(witness.look(kind + TWIN, twins)), onset))
        rows.append(_told(kind, *scores[kind], command, parts))
    rows.insert(0, at_least('doubt_auroc', judging.auroc(
        *(np.concatenate(side) for side in zip(*scores.values()))), 0.95, '', command,
        'all kinds'))
    return (rows + _false_alarms(nominal, usual, command)
            + _calibration(witness.model, usual, command))


def _told(kind, unusual, usual, command, parts):
    least, most = judging.auroc_interval(unusual, usual)
    return at_least(
        f'doubt_auroc/{kind}', judging.auroc(unusual, usual), 0.95, '', command,
        f'95 % interval {least:.3f} to {most:.3f}; {len(unusual)} scenes, with and without, '
        f'within {judging.WITHIN} observations of the first informative one; alarms: '
        f'{np.mean(unusual > 1):.2f}, without {np.mean(usual > 1):.2f}; by '
        + ', '.join(f'{name} {np.mean(part > 1):.2f}' for name, part in parts.items()))


def _false_alarms(nominal, usual, command):
    """Return how often the usual sets it off, runs of alarms counted once."""
    minutes = usual.length.sum() / _RATE / 60.0
    rows = []
    for threshold in (1.0, 2.0, 4.0):
        rows.append(shown(f'doubt_false_alarms/{threshold:g}',
                          judging.begun(nominal, threshold) / minutes, 'per minute', command,
                          f'{minutes:.0f} minutes; 1 is what one observation in a thousand '
                          'reaches in other episodes'))
    return rows


def _calibration(model, usual, command):
    found = judging.reliability(model, usual)
    rows = [at_most(f'doubt_calibration_error/{name}', judging.calibration_error(part), 0.1,
                    'share', command,
                    'mean distance of quantiles 0.05 to 0.95 from how often they hold')
            for name, part in found.items()]
    return rows + [shown(f'doubt_reliability/{name}/{level:.2f}', share, 'share', command)
                   for name, part in found.items()
                   for level, share in zip(judging.LEVELS[::2], part[::2])]
