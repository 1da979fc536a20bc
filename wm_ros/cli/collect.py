"""
Record episodes in simulation: of the scripted expert, of random actions, or of the agent.

What is recorded can be trained on with wm_ros train --data.
"""

import argparse
from contextlib import closing
from functools import partial
import sys

_EXAMPLES = """
examples:
  wm_ros collect --task push --episodes 300 --output data/push
  wm_ros collect --task push --source random --output data/random
  wm_ros train --task push --data data/push         instead of collecting at the start
  wm_ros collect --task push --frames 64 --events tumble=0.02 drop=0.02 --output data/seen
  wm_ros collect --task push --frames 64 --replay data/seen --output data/unseen
"""


def add_parser(subparsers):
    """Add the verb."""
    parser = subparsers.add_parser(
        'collect', help='record episodes', description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--task', required=True, help='such as reach or push')
    parser.add_argument('--output', required=True, metavar='DIR', help='folder to write to')
    parser.add_argument('--episodes', type=int, default=None, metavar='N',
                        help='100 if not given; with --replay all that there are')
    parser.add_argument('--source', choices=('noisy', 'script', 'random', 'agent'),
                        default='noisy', help='noisy: the script, disturbed in bursts (default); '
                        'agent: the shipped sensors, model and planner, in lockstep')
    parser.add_argument('--seed', type=int, default=0,
                        help='of the first episode; none of them is one that is evaluated on; and '
                        'of what --randomization draws once')
    parser.add_argument('--frames', type=int, default=0, metavar='PX',
                        help='record frames of so many pixels a side, and the other sensors')
    parser.add_argument('--plain', action='store_true',
                        help='frames as the camera node shows them, not another look each time')
    parser.add_argument('--look-rows', type=int, default=0, metavar='N',
                        help='another look again after every N frames, for models of single ones')
    parser.add_argument('--events', nargs='+', action='extend', default=[], metavar='KIND=SHARE',
                        help='share of the episodes in which something rare happens')
    parser.add_argument('--replay', metavar='DIR',
                        help='do again what was done in the recordings there, from the same '
                        'starts, with other events or none: what would have come of it')
    parser.add_argument('--randomization', default='', metavar='NAME',
                        help='worlds to record in: a name in config/randomization, or a file')
    parser.add_argument('--robot', default='panda')
    parser.add_argument('--json', metavar='FILE', help='write the figures there')
    parser.set_defaults(run=run)


def run(arguments) -> int:
    """Record the episodes."""
    from wm_ros import seeds
    from wm_ros.cli._places import check_places
    from wm_ros.console import progress_bar
    from wm_ros.files import write_json
    from wm_ros.data import write_episode
    from wm_ros.tasks import get_task
    check_places(arguments, {'--json': arguments.json})
    task = get_task(arguments.task)
    _check(arguments)
    done = _done(arguments, task)
    count = len(done) if done else arguments.episodes or 100
    told = [*done] or range(seeds.RECORDED + arguments.seed,
                            seeds.RECORDED + arguments.seed + count)
    recorder, record = _recorder(arguments, task, _witnessing(arguments, task))
    steps, successes = 0, 0
    with closing(recorder), progress_bar(arguments.task, count) as advance:
        for number, one in enumerate(told):
            episode = record(one)
            write_episode(arguments.output, number, episode)
            steps += len(episode.actions)
            successes += episode.success
            advance(number + 1, steps=steps, success=successes / (number + 1))
    print(f'{arguments.output}: {count} episodes, {steps} steps, {successes} successes')
    write_json(arguments.json, {'task': arguments.task, 'episodes': count, 'steps': steps,
                                'successes': int(successes)})
    return 0


def _recorder(arguments, task, witnessing):
    """Return what records, and its function from a seed, or what is replayed, to an episode."""
    import numpy as np
    from sim.randomize import load_randomization
    from wm_ros.evaluation.recorded import Recorder
    from wm_ros.evaluation.run import make_loop, parameters, Request
    from wm_ros.learning.collect import Collector, record, replay
    from wm_ros.robot.robot import load_robot
    randomization = None
    if arguments.randomization:
        randomization = load_randomization(arguments.randomization, arguments.seed)
    if arguments.source == 'agent' and not arguments.replay:
        request = Request(task.name, 1, robot=arguments.robot)
        loop = make_loop(task.name, parameters(request), randomization=randomization)
        recorder = Recorder(loop, witnessing)
        return recorder, recorder.run
    collector = Collector(load_robot(arguments.robot), task.name, witnessing, randomization)
    if arguments.replay:
        return collector, partial(replay, collector)
    rng = np.random.default_rng(arguments.seed)
    return collector, lambda seed: record(collector, arguments.source, seed, rng)


def _done(arguments, task):
    """Return the episodes that are to be replayed, none without ``--replay``."""
    from wm_ros.data import read_episodes
    if not arguments.replay:
        return []
    return read_episodes(arguments.replay, task.name,
                         lambda complaint: print(complaint, file=sys.stderr))[:arguments.episodes]


def _witnessing(arguments, task):
    """Return what is to be seen, None for nothing; raises WmRosError for what makes no sense."""
    from sim.events import KINDS, WITHOUT_OBJECT
    from sim.witness import Witnessing
    from wm_ros.types import WmRosError
    if not arguments.frames:
        for flag in ('plain', 'events', 'look_rows'):
            if getattr(arguments, flag):
                raise WmRosError(f'--{flag.replace("_", "-")} is about frames: add --frames 64')
        return None
    if not 16 <= arguments.frames <= 1024:
        raise WmRosError(f'--frames: got {arguments.frames}, expected from 16 to 1024')
    if arguments.look_rows < 0 or arguments.look_rows and arguments.plain:
        raise WmRosError(f'--look-rows: got {arguments.look_rows}, expected a number of frames, '
                         'and no --plain beside it')
    events = {}
    for text in arguments.events:
        kind, _, share = text.partition('=')
        try:
            events[kind] = float(share)
        except ValueError:
            events[kind] = -1.0
        if kind not in KINDS or not 0.0 <= events[kind] <= 1.0:
            raise WmRosError(f'--events: got {text!r}, expected KIND=SHARE, a kind of '
                             f'{", ".join(KINDS)} and a share from 0 to 1')
    if set(events) - WITHOUT_OBJECT and not task.object_names:
        raise WmRosError(f'--events: the task {task.name} has no object; of use are '
                         f'{", ".join(sorted(WITHOUT_OBJECT))}')
    if sum(events.values()) > 1.0:
        raise WmRosError(f'--events: got shares of {sum(events.values()):g} together, expected '
                         'at most 1')
    return Witnessing(arguments.frames, not arguments.plain, arguments.look_rows, events)


def _check(arguments):
    """Raise WmRosError for what would fail, or record nothing."""
    from wm_ros.data import prepare_folder
    from wm_ros.types import WmRosError
    most = 10_000_000
    if arguments.episodes is not None and not 1 <= arguments.episodes <= most:
        raise WmRosError(f'--episodes: got {arguments.episodes}, expected from 1 to {most}')
    if not 0 <= arguments.seed <= most:
        raise WmRosError(f'--seed: got {arguments.seed}, expected from 0 to {most}')
    prepare_folder('--output', arguments.output)
