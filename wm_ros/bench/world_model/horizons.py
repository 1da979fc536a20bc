"""Figures of open-loop prediction, 1 to 50 steps, of all kinds of dynamics side by side."""

from typing import List

import torch
from wm_ros.bench.main_job.product import open_loop_errors
from wm_ros.bench.record import at_most, Figure, shown
from wm_ros.bench.world_model.workshop import recording, SIZES, trained
from wm_ros.data import Bank
from wm_ros.data.windows import columns_for
from wm_ros.learning.foresight import curve, fit_probe
from wm_ros.tasks import get_task
from wm_ros.world_model.load import load_part

STEPS = (1, 5, 10, 25, 50)
_LAST, _WINDOWS = STEPS[-1], 450
_TOKENS = 'transformer'
_DRAWS = 4                  # of what is stochastic; their mean is what is foreseen
_DETERMINISTIC = ('simnorm',)
_COMMAND = 'wm_ros bench world_model --only horizons'


def horizons():
    """Return errors of block and end effector over the horizon, where the block moves 5 cm."""
    torch.set_num_threads(1)
    held_out, test = {}, {}
    for kind in SIZES:
        held_out[kind], test[kind] = error_curves(kind)
    rows = [row for kind, found in test.items() for row in _of(kind, found)]
    stays = next(iter(test.values()))
    rows += [shown(f'horizon_block/stays/{h}', stays['stays'][h], 'm', _COMMAND,
                   f'{stays["count"][h]} starts') for h in STEPS]
    # Which latent is best is not read off the data that it is judged on.
    best = min((kind for kind in SIZES if kind != _TOKENS),
               key=lambda kind: held_out[kind]['subject'][_LAST])
    ours, tokens = (test[kind]['subject'] for kind in (best, _TOKENS))
    return [
        at_most(f'horizon_best_latent_over_tokens_{_LAST}', ours[_LAST] / tokens[_LAST], 0.5,
                'ratio', _COMMAND, f'{best}, best on other episodes: block error '
                f'{100 * ours[_LAST]:.2f} cm, token transformer {100 * tokens[_LAST]:.2f} cm'),
        at_most('horizon_block_25', ours[25], 0.03, 'm', _COMMAND,
                f'{best}, {stays["count"][25]} starts; "it stays" '
                f'{100 * stays["stays"][25]:.1f} cm'), *rows, *_of_the_agent()]


def _of_the_agent():
    errors = open_loop_errors((5, 10, 25, 50))
    return [shown(f'horizon_agent_block/{h}', at['error'], 'm', _COMMAND,
                  f'the shipped agent (explicit poses), on episodes of its own, half of them of '
                  f'the script: {at["count"]} starts, "it stays" {100 * at["stays"]:.1f} cm')
            for h, at in errors.items()]


def error_curves(kind):
    """Return the errors [1 + 50] of the model of ``kind`` on held-out and on test data."""
    model, task = load_part(trained(f'horizon_{kind}'), 'sequence_model'), get_task('push')
    columns = columns_for(model.config.streams, 'states')
    train, *others = (Bank(recording(name), 'push', print, columns)
                      for name in ('plain', 'plain_held', 'plain_test'))
    probe, draws = fit_probe(model, train, task, _LAST), _draws(kind)
    return [curve(model, probe, bank, task, _LAST, windows, draws)
            for bank, windows in zip(others, (_WINDOWS // 3, _WINDOWS))]


def _draws(kind):
    return 1 if kind in _DETERMINISTIC else _DRAWS


def _of(kind, found) -> List[Figure]:
    draws = f'mean of {_draws(kind)} draws' if _draws(kind) > 1 else 'deterministic'
    return [shown(f'horizon_{name}/{kind}/{h}', found[key][h], 'm', _COMMAND, draws)
            for name, key in (('block', 'subject'), ('end_effector', 'end_effector'))
            for h in STEPS]
