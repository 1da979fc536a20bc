"""Figures of doubt: outliers told from the usual, false alarms, calibration."""

import numpy as np
import torch
from wm_ros.bench.record import at_least, shown
from wm_ros.bench.workshop import recording, trained
from wm_ros.data import Bank
from wm_ros.evaluation import doubt as judging
from wm_ros.world_model.load import load_part

MODEL = 'push_world'
KINDS = ('heavy', 'slippery', 'throw', 'appear')
_RATE = 20.0                # [Hz] of recorded observations


def doubt():
    """Return how well surprise tells outliers, how often it is wrong, how calibrated it is."""
    torch.set_num_threads(1)
    command = 'wm_ros bench world_model --only doubt'
    model = load_part(trained(MODEL), 'sequence_model')

    def episodes(name):
        bank = Bank(recording(name), 'push', print, judging.columns_for(model))
        return judging.episodes_of(model, bank)

    alarm = judging.Alarm(judging.surprises(model, episodes('calibration')))
    usual = episodes('usual')
    nominal = alarm(judging.surprises(model, usual))
    rng, rows, scores = np.random.default_rng(0), [], {}
    due = rng.integers(4, 40, len(usual.length))
    before = judging.within(nominal, judging.onsets(usual, lambda b: due[b]))
    for kind in KINDS:
        unusual = episodes(kind)
        onset = judging.onsets(unusual, lambda b, e=unusual: _first(e.event[:, b]))
        scores[kind] = judging.within(alarm(judging.surprises(model, unusual)), onset)
        rows.append(at_least(
            f'doubt_auroc/{kind}', judging.auroc(scores[kind], before), 0.95, '', command,
            f'{len(scores[kind])} episodes against {len(before)} usual ones, within '
            f'{judging.WITHIN} observations; above 1: {np.mean(scores[kind] > 1):.2f}, usual '
            f'{np.mean(before > 1):.2f}'))
    rows.append(at_least('doubt_auroc', judging.auroc(np.concatenate(list(scores.values())),
                                                      before), 0.95, '', command, 'all kinds'))
    return rows + _false_alarms(nominal, usual, command) + _calibration(model, usual, command)


def _first(column):
    there = np.flatnonzero(column)
    return int(there[0]) if len(there) else -1


def _false_alarms(nominal, usual, command):
    """Return how often the usual sets it off, runs of alarms counted once."""
    minutes = usual.length.sum() / _RATE / 60.0
    rows = []
    for threshold in (1.0, 2.0, 4.0):
        over = np.nan_to_num(nominal) > threshold
        begun = over[1:] & ~over[:-1]
        rows.append(shown(f'doubt_false_alarms/{threshold:g}', begun.sum() / minutes,
                          'per minute', command, f'{minutes:.0f} minutes; 1 is what one '
                          'observation in a thousand reaches in other episodes'))
    return rows


def _calibration(model, usual, command):
    found = judging.reliability(model, usual)
    rows = [shown(f'doubt_calibration_error/{name}', judging.calibration_error(part), 'share',
                  command, 'mean distance of quantiles 0.05 to 0.95 from how often they hold')
            for name, part in found.items()]
    return rows + [shown(f'doubt_reliability/{name}/{level:.2f}', share, 'share', command)
                   for name, part in found.items()
                   for level, share in zip(judging.LEVELS[::2], part[::2])]
