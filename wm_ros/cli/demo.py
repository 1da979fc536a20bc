"""
Watch a simulated arm reach and push: the live graph, real time, with a video at the end.

Brings up the same processes as wm_ros up sim, plays episodes with other goals, and shows
success, rates and latencies as they come.  Then it draws what the planner imagined into a
video of what happened, and plots the one against the other.
"""

import argparse
import os
from pathlib import Path

_EXAMPLES = """
examples:
  wm_ros demo                               10 episodes each of reach and push
  wm_ros demo --tasks push --episodes 30
  wm_ros demo --no-video --json demo.json
  wm_ros demo --set planner.type:=prior     the policy prior alone, without planning

Writes demo.mp4, demo.gif, imagined_vs_real.png, episodes.json and nodes.log.
exit code: 0 when the bars are met (reach 9 of 10, all others 8 of 10), 1 when not, 2 for errors.
"""


def add_parser(subparsers):
    """Add the verb."""
    parser = subparsers.add_parser(
        'demo', help='watch it', description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--tasks', default='reach,push', metavar='TASK[,TASK]',
                        help='default: %(default)s')
    parser.add_argument('--episodes', type=int, default=10, metavar='N',
                        help='episodes of each task (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='seed of the first episode')
    parser.add_argument('--output', default='demo_output', metavar='DIR',
                        help='where the files go (default: %(default)s)')
    parser.add_argument('--record', type=int, default=3, metavar='N',
                        help='episodes of each task in the video (default: %(default)s)')
    parser.add_argument('--sensors', default='',
                        help='camera: objects are found in its image (default: object_poses)')
    parser.add_argument('--no-video', action='store_true', help='play only')
    parser.add_argument('--set', action='append', default=[], metavar='[NODE:]NAME:=VALUE',
                        help='one parameter of the graph; repeatable')
    parser.add_argument('--json', metavar='FILE', help='write the figures there as well')
    parser.set_defaults(run=run)


def run(arguments) -> int:
    """Play, show, film; return 0 when the bars are met."""
    tasks = _check(arguments)
    # The demo needs nobody else, and must not disturb the network.
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    from dataclasses import asdict
    from rich.console import Console
    from wm_ros.cli._places import check_places
    from wm_ros.files import write_json
    from wm_ros.demo.play import play, summary
    from wm_ros.demo.show import print_summary, Show
    check_places(arguments, {'--json': arguments.json})
    output = _folder(arguments.output)
    log = output / 'nodes.log'
    log.write_text('', encoding='utf-8')
    console = Console()
    seeds = range(arguments.seed, arguments.seed + arguments.episodes)
    recorded = 0 if arguments.no_video else arguments.record
    rows, episodes = [], []
    with Show(console).running() as show:
        for task in tasks:
            for row, episode in play(task, seeds, recorded, log, show.say,
                                     tuple(arguments.set), arguments.sensors):
                rows.append(row)
                show.add(row)
                episodes += [episode] if episode is not None else []
    figures = summary(rows)
    result = {'tasks': figures, 'episodes': [asdict(row) for row in rows],
              'met': all(found['met'] for found in figures.values())}
    write_json(output / 'episodes.json', result)
    write_json(arguments.json, result)
    if episodes:
        _film(episodes, output, console)
    print_summary(console, figures)
    return 0 if result['met'] else 1


def _check(arguments):
    from wm_ros.tasks import get_task
    from wm_ros.types import WmRosError
    tasks = [task for task in arguments.tasks.split(',') if task]
    for task in tasks:
        get_task(task)
    for name, low in (('episodes', 1), ('record', 0), ('seed', 0)):
        if getattr(arguments, name) < low:
            raise WmRosError(f'--{name}: got {getattr(arguments, name)}, expected at least {low}')
    if not tasks:
        raise WmRosError('--tasks: got none, expected reach, push or both')
    return tasks


def _folder(name) -> Path:
    from wm_ros.types import WmRosError
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WmRosError(f'--output {name}: cannot be made ({error.strerror})') from error
    return folder


def _film(episodes, output, console):
    from wm_ros.console import progress_bar
    from wm_ros.demo import film, plot
    from wm_ros.demo.play import showable
    from wm_ros.robot.kinematics import Kinematics
    from wm_ros.robot.robot import load_robot
    robot = load_robot()
    shown = [episode for episode in episodes if showable(episode.recording)]
    if not shown:
        console.print('no episode was long enough for the video')
        return
    plot.draw(shown, robot, output / 'imagined_vs_real.png')
    kinematics = Kinematics(robot)
    shots = [shot for episode in shown for shot in film.shots(episode, kinematics)]
    with progress_bar('video', len(shots)) as advance:
        frames = film.pictures(shots, robot.name, advance)
    film.write_mp4(output / 'demo.mp4', frames)
    size = film.write_gif(output / 'demo.gif', frames)
    console.print(f'written to {output}/: demo.mp4, demo.gif ({size / 1e6:.1f} MB), '
                  'imagined_vs_real.png, episodes.json, nodes.log', highlight=False)
