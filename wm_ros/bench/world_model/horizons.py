"""Figures of open-loop prediction, 1 to 50 steps, of all kinds of dynamics side by side."""

from typing import List

import torch
from wm_ros.bench.main_job.product import open_loop_errors
from wm_ros.bench.record import at_most, Figure, shown
from wm_ros.bench.world_model.workshop import recording, SIZES, trained
from wm_ros.data import Bank
from wm_ros.learning.foresight import columns_for, curve, fit_probe
from wm_ros.tasks import get_task
from wm_ros.world_model.load import load_part

STEPS = (1, 5, 10, 25, 50)
_LAST, _WINDOWS = STEPS[-1], 1500
_TOKENS = 'transformer'
_DRAWS = {'rssm': 8, 'flow-simnorm': 8, 'transformer': 4}   # their mean is what is foreseen
_COMMAND = 'wm_ros bench world_model --only horizons'


def horizons():
    """Return errors of block and end effector over the horizon, where the block moves 5 cm."""
    torch.set_num_threads(1)
    curves = {kind: error_curve(kind) for kind in SIZES}
    rows = [row for kind, found in curves.items() for row in _of(kind, found)]
    stays = next(iter(curves.values()))
    rows += [shown(f'horizon_block/stays/{h}', stays['stays'][h], 'm', _COMMAND,
                   f'{stays["count"][h]} starts') for h in STEPS]
    ends = {kind: float(found['subject'][_LAST]) for kind, found in curves.items()}
    best = min((kind for kind in ends if kind != _TOKENS), key=ends.get)
    agent = open_loop_errors(STEPS)
    for name, key in (('block', 'error'), ('end_effector', 'end_effector')):
        rows += [shown(f'horizon_{name}/agent/{h}', agent[h][key], 'm', _COMMAND,
                       'the shipped agent: explicit poses, an ensemble for what they do')
                 for h in STEPS]
    agent = agent[25]
    return [
        at_most(f'horizon_best_latent_over_tokens/{_LAST}', ends[best] / ends[_TOKENS], 0.5,
                'ratio', _COMMAND, f'{best}: block error {100 * ends[best]:.2f} cm, token '
                f'transformer {100 * ends[_TOKENS]:.2f} cm'),
        at_most('horizon_block_25', agent['error'], 0.03, 'm', _COMMAND,
                f'model of the shipped agent, {agent["count"]} starts; '
                f'"it stays" {100 * agent["stays"]:.1f} cm'), *rows]


def error_curve(kind):
    """Return the errors [1 + 50] of the model of ``kind``; see ``foresight.curve``."""
    model, task = load_part(trained(f'horizon_{kind}'), 'sequence_model'), get_task('push')
    train, test = (Bank(recording(name), 'push', print, columns_for(model))
                   for name in ('plain', 'plain_test'))
    probe = fit_probe(model, train, task, _LAST)
    return curve(model, probe, test, task, _LAST, _WINDOWS, _DRAWS.get(kind, 1))


def _of(kind, found) -> List[Figure]:
    draws = f'mean of {_DRAWS[kind]} draws' if kind in _DRAWS else 'deterministic'
    return [shown(f'horizon_{name}/{kind}/{h}', found[key][h], 'm', _COMMAND, draws)
            for name, key in (('block', 'subject'), ('end_effector', 'end_effector'))
            for h in STEPS]
