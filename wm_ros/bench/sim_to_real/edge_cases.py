"""Figures of edge cases: found, learned from, and what becomes of others, never trained on."""

import os
from pathlib import Path
import tempfile

from wm_ros.bench.main_job.product import evaluate, succeeded
from wm_ros.bench.main_job.training import train
from wm_ros.bench.record import at_least, load_note, shown
from wm_ros.console import progress_bar
from wm_ros.evaluation.edge_cases import load_cases
from wm_ros.evaluation.edge_cases.search import Search, SearchRequest
from wm_ros.evaluation.run import Evaluation, Request
from wm_ros.evaluation.statistics import paired

_COUNT, _LEARNED, _HELD_OUT = 50, 0, 1      # cases of a search, and the searches' seeds
_PAIRS, _USUAL = 2000, 500                  # episodes as usual, and in worlds that vary
_SOLVED, _LOST = 0.7, -0.01
_FIND = f'wm_ros edge_cases --task push --count {_COUNT} --seed {{}} --output {{}}.yaml'
_TRAIN = 'wm_ros train --task push --from panda_push --edge-cases learned.yaml --output FILE'


def edge_cases():
    """Half of the failures are learned from; the other half, and what is usual, judge."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        learned, held_out = (Path(folder) / f'{name}.yaml' for name in ('learned', 'held_out'))
        rows += _search(_LEARNED, learned)
        rows += _search(_HELD_OUT, held_out)
        run = train('push', 0, folder, ('--from', 'panda_push', '--edge-cases', str(learned)))
        rows.append(shown('edge_cases_training', run['seconds'] / 60, 'min', _TRAIN, load_note()))
        for name, file in (('learned', learned), ('held_out', held_out)):
            rows += _solved(name, file, run['output'])
        return rows + _usual(run['output'])


def _search(seed, file):
    """Write a file of cases; return what it took to find them."""
    search = Search(SearchRequest(Request(
        'push', 1, randomization='usual', jobs=os.cpu_count() or 1), _COUNT, seed=seed))
    with progress_bar(f'edge cases, seed {seed}', _COUNT) as advance:
        search.run(lambda found, told: advance(found, **told))
    search.cases().write(str(file))
    figures, command = search.figures(), _FIND.format(seed, file.stem)
    lean = ', '.join(f'{name} {share:.2f}' for name, share in [*figures['lean'].items()][:6])
    return [shown(f'edge_cases_found/{file.stem}', figures['found'], 'cases', command,
                  f'in {figures["scenes"]} scenes, {figures["seconds"] / 60:.0f} min; shares '
                  f'furthest off 0.5: {lean}'),
            shown(f'edge_cases_episodes/{file.stem}', figures['episodes'], 'episodes', command)]


def _solved(name, file, checkpoint):
    """Return the share of the cases that are solved before and after the training."""
    rows = []
    for when, told in (('before', ''), ('after', checkpoint)):
        cases = load_cases(str(file))
        evaluation = Evaluation(Request('push', len(cases.cases), checkpoint=told,
                                        jobs=os.cpu_count() or 1), cases)
        with progress_bar(f'{name}, {when}', len(cases.cases)) as advance:
            figures = evaluation.report(evaluation.run(lambda so_far: advance(len(so_far))))
        low, high = figures['success_ci95']
        command = (f'wm_ros evaluate --task push --edge-cases {file.name}'
                   + ' --checkpoint FILE' * bool(told))
        row = f'edge_cases_solved/{name}, {when}', figures['success_rate']
        note = f'95 % from {low:.3f} to {high:.3f} in {figures["episodes"]} cases'
        rows.append(at_least(*row, _SOLVED, 'share', command, note)
                    if (name, when) == ('held_out', 'after')
                    else shown(*row, 'share', command, note))
    return rows


def _usual(checkpoint):
    """Return success before and after in usual episodes, and in those of ``usual`` worlds."""
    rows = []
    for name, count, told in (('nominal', _PAIRS, {}), ('usual', _USUAL,
                                                        {'randomization': 'usual'})):
        before, after = (evaluate('push', count, checkpoint=file, **told)
                         for file in ('', checkpoint))
        command = f'wm_ros evaluate --task push --episodes {count}' + ''.join(
            f' --{flag} {value}' for flag, value in told.items())
        for when, figures in (('before', before), ('after', after)):
            rows.append(shown(f'edge_cases_success/{name}, {when}', figures['success_rate'],
                              'share', command + ' --checkpoint FILE' * (when == 'after'),
                              f'{figures["time_to_goal_mean"]:.2f} s to the goal'))
        mean, low, high = paired(*(succeeded(figures) for figures in (after, before)))
        what = (f'edge_cases_success_difference/{name}', mean)
        rest = ('share', 'wm_ros bench sim_to_real --only edge_cases',
                f'after minus before, 95 % from {low:.4f} to {high:.4f}; {count} paired episodes')
        rows.append(at_least(*what, _LOST, *rest) if name == 'nominal' else shown(*what, *rest))
    return rows
