"""
Figures of edge cases: found, learned from, and what becomes of others, never trained on.

Cases that were found stay beside the results, and are not searched for again; the agent that
learned from them stays in ``benchmarks/work``.
"""

import json

from wm_ros.bench.main_job.training import train
from wm_ros.bench.record import at_least, load_note, shown
from wm_ros.bench.sim_to_real.parts import Crossing, PLAYED, played, time_of
from wm_ros.bench.world_model.workshop import FOLDER
from wm_ros.console import counted, progress_bar
from wm_ros.cores import cores
from wm_ros.evaluation.edge_cases import load_cases
from wm_ros.evaluation.edge_cases.search import Search, SearchRequest
from wm_ros.evaluation.run import Evaluation, Request
from wm_ros.files import write_json

_COUNT, _SEEDS = 50, {'learned': 0, 'held_out': 1}      # cases of a search, and its seed
_PAIRS, _USUAL = 2000, 500                  # episodes as usual, and in worlds that vary
_SOLVED, _LOST = 0.7, -0.01
_BEFORE = 'panda_push'
_FIND = f'wm_ros edge_cases --task push --count {_COUNT} --seed {{}} --output {{}}.yaml'
_TRAIN = f'wm_ros train --task push --from {_BEFORE} --edge-cases learned.yaml --output FILE'


def edge_cases():
    """Half of the failures are learned from; the other half, and what is usual, judge."""
    files = {name: PLAYED / f'edge_cases_{name}.yaml' for name in _SEEDS}
    rows = [row for name, file in files.items() for row in _search(name, file)]
    after, seconds, load = _trained(files['learned'])
    rows.append(shown('edge_cases_training', seconds / 60, 'min', _TRAIN, load))
    for name, file in files.items():
        rows += _solved(name, file, after)
    return rows + _usual(after)


def _search(name, file):
    """Write a file of cases where it lacks; return what it took to find them."""
    told = file.with_suffix('.json')
    if not (file.is_file() and told.is_file()):
        search = Search(SearchRequest(
            Request('push', 1, randomization='usual', jobs=cores()), _COUNT, seed=_SEEDS[name]))
        with progress_bar(f'edge cases, {name}', _COUNT) as advance:
            search.run(lambda found, said: advance(found, **said))
        file.parent.mkdir(parents=True, exist_ok=True)
        search.cases().write(str(file))
        write_json(told, search.figures())
    figures = json.loads(told.read_text(encoding='utf-8'))
    command = _FIND.format(_SEEDS[name], name)
    lean = ', '.join(f'{what} {share:.2f}' for what, share in [*figures['lean'].items()][:6])
    return [shown(f'edge_cases_found/{name}', figures['found'], 'cases', command,
                  f'in {figures["scenes"]} scenes, {figures["seconds"] / 60:.0f} min; shares '
                  f'furthest off 0.5: {lean}'),
            shown(f'edge_cases_episodes/{name}', figures['episodes'], 'episodes', command)]


def _trained(learned):
    """Return the agent that learned from the cases, trained now where it lacks, and seconds."""
    folder = FOLDER / 'edge_cases'
    told = folder / 'run.json'
    if not told.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        run = train('push', 0, folder, ('--from', _BEFORE, '--edge-cases', str(learned)))
        write_json(told, {'output': run['output'], 'seconds': run['seconds'],
                          'load': load_note()})
    run = json.loads(told.read_text(encoding='utf-8'))
    return run['output'], run['seconds'], run['load']


def _solved(name, file, checkpoint):
    """Return the share of the cases that are solved before and after the training."""
    rows = []
    for when, told in (('before', ''), ('after', checkpoint)):
        cases = load_cases(str(file))
        evaluation = Evaluation(
            Request('push', len(cases.cases), checkpoint=told, jobs=cores()), cases)
        figures = evaluation.report(counted(
            f'{name}, {when}', evaluation.play(evaluation.episodes), len(cases.cases)))
        low, high = figures['success_ci95']
        command = (f'wm_ros evaluate --task push --edge-cases {file.name}'
                   + ' --checkpoint FILE' * bool(told))
        row = f'edge_cases_solved/{name}, {when}', figures['success_rate']
        note = f'95 % from {low:.3f} to {high:.3f} in {figures["episodes"]} cases'
        rows.append(at_least(*row, _SOLVED, 'share', command, note)
                    if (name, when) == ('held_out', 'after')
                    else shown(*row, 'share', command, note))
    return rows


def _usual(after):
    """Return success before and after in usual episodes, and in those of ``usual`` worlds."""
    rows = []
    for name, count, world in (('nominal', _PAIRS, {}), ('usual', _USUAL,
                                                         {'randomization': 'usual'})):
        parts = {'before': played('push', _BEFORE, count, world),
                 'after': played('push', after, count, world)}
        command = f'wm_ros evaluate --task push --episodes {count}' + ''.join(
            f' --{flag} {value}' for flag, value in world.items())
        found = Crossing.of(parts['after'], parts['before'])
        for when, success in (('before', found.there), ('after', found.here)):
            rows.append(shown(f'edge_cases_success/{name}, {when}', success,
                              'share', command + ' --checkpoint FILE' * (when == 'after'),
                              f'{time_of(parts[when]):.2f} s to the goal'))
        what = (f'edge_cases_success_difference/{name}', found.drop)
        rest = ('share', 'wm_ros bench sim_to_real --only edge_cases',
                f'after minus before, 95 % from {found.low:.4f} to {found.high:.4f}; {count} '
                'paired episodes')
        rows.append(at_least(*what, _LOST, *rest) if name == 'nominal' else shown(*what, *rest))
    return rows
