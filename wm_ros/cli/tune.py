"""
Find planner settings that behave best and still plan in time on this computer.

First offline: plans from recorded beliefs, judged in imagination and timed, are what Optuna
searches by.  Then the promising ones play in lockstep with the physics, and the best one plays
against the start on episodes that it was not chosen by.  Nothing of the safety gate is changed.
"""

import argparse
from pathlib import Path

from wm_ros.cli._request import add_product_arguments, product
from wm_ros.cores import cores

_EXAMPLES = """
examples:
  wm_ros tune --task push                               whose plans fit into planner.rate
  wm_ros tune --task push --period 50 --study push.log  every 50 ms; may be interrupted
  wm_ros tune --task reach --planner cem --trials 30 --search planner.horizon=3:12
  wm_ros tune --task push --params-file mine.yaml --output tuned.yaml --json tuned.json
  wm_ros evaluate --task push --params-file tuned.yaml  what was found

Plan times are those of this computer as it is: run nothing else beside it.  The same command
with the same --study goes on where it was.  Ctrl-C writes the best so far.
"""


def add_parser(subparsers):
    """Add the verb."""
    parser = subparsers.add_parser(
        'tune', help='tune the planner', description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--task', required=True, help='such as reach or push')
    parser.add_argument('--planner', default='',
                        help='mppi, cem, gradient, tree or nlp (default: as the parameters say)')
    parser.add_argument('--period', type=float, default=None, metavar='MS',
                        help='time that a plan may take, p99 (default: 1000 / planner.rate)')
    parser.add_argument('--trials', type=int, default=60, metavar='N',
                        help='sets of parameters to try offline; the first is the start '
                        '(default: %(default)s)')
    parser.add_argument('--episodes', type=int, default=100, metavar='N',
                        help='of the closed loop, for those that are left in the end '
                        '(default: %(default)s)')
    parser.add_argument('--search', action='append', default=[], metavar='NAME=LOW:HIGH',
                        help='search other bounds, or another number of the planner')
    parser.add_argument('--output', default='tuned.yaml', metavar='FILE',
                        help='ROS parameter file to write (default: tuned.yaml)')
    parser.add_argument('--plot', default='', metavar='FILE',
                        help='picture to draw (default: as the output, ending in .png)')
    parser.add_argument('--study', default='', metavar='FILE',
                        help='journal of the search, to go on with after an interruption')
    parser.add_argument('--seed', type=int, default=0,
                        help='of the search and its episodes; none of them is evaluated on')
    add_product_arguments(parser)
    parser.add_argument('--jobs', type=int, default=cores(),
                        help='processes that play episodes (default: all cores)')
    parser.add_argument('--json', metavar='FILE', help='write the figures there')
    parser.set_defaults(run=run)


def run(arguments) -> int:
    """Tune, print, and write."""
    output = Path(arguments.output)
    plot = Path(arguments.plot) if arguments.plot else output.with_suffix('.png')
    from wm_ros.cli._places import check_picture, check_places
    check_picture('--plot', str(plot))
    check_places(arguments, {'--output': arguments.output, '--plot': str(plot),
                             '--json': arguments.json, '--study': arguments.study})
    from wm_ros.cli import INTERRUPTED
    from wm_ros.cli._tune_table import show
    from wm_ros.console import StageBars
    from wm_ros.files import write_json
    from wm_ros.tuning import report
    from wm_ros.tuning.picture import draw
    from wm_ros.tuning.run import Tuning, TuningRequest
    tuning = Tuning(TuningRequest(
        task=arguments.task, trials=arguments.trials, episodes=arguments.episodes,
        seed=arguments.seed, period=arguments.period, planner=arguments.planner,
        search=tuple(arguments.search), study=arguments.study, jobs=arguments.jobs,
        **product(arguments)))
    with StageBars() as bars:
        tuning.run(bars.report)
    figures = report.figures(tuning)
    show(figures)
    write_json(arguments.json, figures)
    draw(figures, plot)
    _write(tuning, figures, output)
    return INTERRUPTED if tuning.interrupted else 0


def _write(tuning, figures, output):
    """Write the parameter file; raises WmRosError where no plans were in time."""
    from wm_ros.tuning import report
    from wm_ros.types import WmRosError
    if tuning.best is None:
        quickest = min(one['plan_ms_p99'] for one in figures['candidates'])
        raise WmRosError(f'no plans were in time: the quickest take {quickest:.1f} ms p99, '
                         f'expected at most {tuning.period:g} ms; give a longer --period or try '
                         'less with --search, such as planner.num_samples=4:32')
    report.write(tuning, output)
    print(f'{output}: trial {tuning.best.number}'
          + (', the best so far of a tuning that was interrupted' if tuning.interrupted else ''))
