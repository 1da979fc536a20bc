"""
Look at a randomization: what varies, when, how, and what comes of it.

Prints a table of the entries and of what was drawn for many episodes, and draws the same.
"""

import argparse
import sys

_EXAMPLES = """
examples:
  wm_ros randomization show usual                       a table, and usual.png
  wm_ros randomization show mine.yaml --task stack --output drawn.png
  wm_ros randomization terms                            all that may vary
  wm_ros evaluate --task push --randomization mine.yaml
"""


def add_parser(subparsers):
    """Add the verb."""
    parser = subparsers.add_parser(
        'randomization', help='look at what varies', description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest='what', required=True, metavar='show | terms')
    show = verbs.add_parser('show', help='what a file makes vary')
    show.add_argument('name', help='in config/randomization, or the path of a file')
    show.add_argument('--task', default='push', help='whose objects and arm are meant')
    show.add_argument('--robot', default='panda')
    show.add_argument('--episodes', type=int, default=1000, metavar='N', help='to draw')
    show.add_argument('--seed', type=int, default=0, help='of the run: of what is drawn once')
    show.add_argument('--output', default='', metavar='FILE', help='picture (default: NAME.png)')
    show.set_defaults(run=run)
    terms = verbs.add_parser('terms', help='all that may vary')
    terms.set_defaults(run=run)


def run(arguments) -> int:
    """Print, and draw."""
    if arguments.what == 'terms':
        _print_terms()
        return 0
    from pathlib import Path
    from sim.randomize import load_randomization
    from sim.randomize.report import draw, drawn, table
    from wm_ros.cli._places import check_picture, check_places
    from wm_ros.robot.robot import load_robot
    from wm_ros.types import WmRosError
    if arguments.episodes < 1:
        raise WmRosError(f'--episodes: got {arguments.episodes}, expected at least 1')
    if arguments.seed < 0:
        raise WmRosError(f'--seed: got {arguments.seed}, expected at least 0')
    randomization = load_randomization(arguments.name, arguments.seed)
    output = Path(arguments.output or f'{randomization.name}.png')
    check_picture('--output', str(output))
    check_places(arguments, {'--output': str(output)})
    found = drawn(randomization, arguments.task, load_robot(arguments.robot), arguments.episodes)
    table(randomization, found, sys.stdout)
    draw(randomization, found, output)
    print(f'wrote {output}', file=sys.stderr)
    return 0


def _print_terms():
    from rich.console import Console
    from rich.table import Table
    from sim.randomize import TERMS
    table = Table('term', 'usual', 'unit', 'from', 'to', 'what it is', box=None)
    for term in TERMS.values():
        usual = "the task's" if term.usual is None else f'{term.usual:g}'
        table.add_row(term.name, usual, term.unit, f'{term.low:g}', f'{term.high:g}', term.doc)
    Console(width=None if sys.stdout.isatty() else 120).print(table)
