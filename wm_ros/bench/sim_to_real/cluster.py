"""Figures of an evaluation on a Ray cluster that loses a process, or a machine, under way."""

from collections import Counter
from contextlib import closing
from dataclasses import replace
from functools import partial
import os
from pathlib import Path
import signal
import tempfile
import time
from typing import List, NamedTuple

from wm_ros.bench.record import at_least, at_most, load_note, shown
from wm_ros.evaluation.closed_loop import ClosedLoop, Result
from wm_ros.evaluation.run import Evaluation, Request

_EPISODES, _WORKERS = 60, 2
_COMMAND = 'wm_ros bench sim_to_real --only ray'
_WHEN = 0.5             # [s] of an episode
#: What an episode may kill from within.
KILLS = ('nothing', 'worker', 'raylet', 'machine')


class Played(NamedTuple):
    """Results as they came, the time that they took [s], and how many kills there were."""

    results: List[Result]
    seconds: float
    kills: int


def ray():
    """Return what is lost, doubled or otherwise of reach on two workers, and the times it took."""
    request, load = Request('reach', _EPISODES), load_note()
    with closing(Evaluation(request)) as evaluation:
        alone = _timed(evaluation.play(evaluation.episodes))
    rows = [shown('ray_seconds/sequential', alone.seconds, 's', _COMMAND,
                  f'{_EPISODES} episodes of reach in this process; {load}')]
    for what in KILLS:
        rows += _rows(what, alone, on_cluster(replace(request, ray='local', jobs=_WORKERS), what))
    return rows


def on_cluster(request: Request, what: str) -> Played:
    """Return the episodes of ``request``, one of which kills ``what`` in its midst, once."""
    with tempfile.TemporaryDirectory() as folder, closing(Evaluation(request)) as evaluation:
        episodes, mark = evaluation.episodes, Path(folder) / 'killed'
        chosen = episodes[len(episodes) // 3][0]
        played = _timed(evaluation.share(partial(deadly, what, chosen, mark), episodes))
        return played._replace(kills=int(mark.exists()))


def deadly(what: str, chosen: int, mark: Path, loop: ClosedLoop, episode) -> Result:
    """Play an episode; where it is the ``chosen`` one, and there is no ``mark`` yet, kill."""
    seed, randomization = episode
    loop.randomize(randomization)

    def kill(scene):
        if scene.time > _WHEN and not mark.exists():
            mark.touch()
            for process in _victims(what):
                os.kill(process, signal.SIGKILL)

    return loop.run(seed, each=None if what == 'nothing' or seed != chosen else kill)


def _victims(what):
    """Return the processes that die with a worker (this one), its raylet, or its machine."""
    worker, raylet = os.getpid(), os.getppid()
    if what == 'worker':
        return [worker]
    name = Path(f'/proc/{raylet}/comm').read_text(encoding='ascii').strip()
    assert name == 'raylet', f'a worker of {name}'      # never anything else
    if what == 'raylet':
        return [raylet]
    others = {int(word) for file in Path(f'/proc/{raylet}/task').glob('*/children')
              for word in file.read_text(encoding='ascii').split()} - {worker}
    return [raylet, *others, worker]


def _timed(results) -> Played:
    began = time.perf_counter()
    found = list(results)
    return Played(found, time.perf_counter() - began, 0)


def _rows(what, alone: Played, played: Played):
    seeds = Counter(result.seed for result in played.results)
    wanted = {result.seed: replace(result, plan_ms=[]) for result in alone.results}
    otherwise = sum(replace(result, plan_ms=[]) != wanted.get(result.seed)
                    for result in played.results)
    order = [result.seed for result in played.results] == [r.seed for r in alone.results]
    line = f'{what} killed'
    note = f'{_WORKERS} workers; {"in order" if order else "NOT in order"}'
    rows = [
        shown(f'ray_asked/{line}', len(wanted), 'episodes', _COMMAND, note),
        shown(f'ray_got/{line}', len(played.results), 'episodes', _COMMAND),
        at_most(f'ray_lost/{line}', len(set(wanted) - set(seeds)), 0, 'episodes', _COMMAND),
        at_most(f'ray_twice/{line}', sum(count - 1 for count in seeds.values()), 0, 'episodes',
                _COMMAND),
        at_most(f'ray_otherwise/{line}', otherwise, 0, 'episodes', _COMMAND,
                'unlike the sequential ones in success, time or any figure but plan times'),
        shown(f'ray_seconds/{line}', played.seconds, 's', _COMMAND,
              'with the start of the cluster')]
    if what != 'nothing':
        rows.append(at_least(f'ray_kills/{line}', played.kills, 1, 'kills', _COMMAND))
    return rows
