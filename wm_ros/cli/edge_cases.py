"""
Find episodes that the agent fails and the script does not, and keep them in a file.

In many scenes, starts and goals, worlds that a randomization may draw are tried; where the agent
is slowest worlds like that follow, until it fails.  What is found is played again with wm_ros
evaluate --edge-cases and learned from with wm_ros train --edge-cases.
"""

import argparse

from wm_ros.cli._request import add_product_arguments, product
from wm_ros.cores import cores

_EXAMPLES = """
examples:
  wm_ros edge_cases --task push --output cases.yaml         50 of what usual may draw
  wm_ros edge_cases --task push --count 20 --seed 1 --output others.yaml
  wm_ros edge_cases --task stack --randomization unseen_blocks --output blocks.yaml
  wm_ros evaluate --task push --edge-cases cases.yaml --report cases.html
  wm_ros train --task push --from panda_push --edge-cases cases.yaml --output firm
  wm_ros evaluate --task push --checkpoint firm --edge-cases others.yaml

Searches of different seeds have no scene in common.
"""


def add_parser(subparsers):
    """Add the verb."""
    parser = subparsers.add_parser(
        'edge_cases', help='find episodes that the agent fails', description=__doc__,
        epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--task', required=True, help='such as reach or push')
    parser.add_argument('--output', required=True, metavar='FILE', help='of the cases, YAML')
    parser.add_argument('--count', type=int, default=50, metavar='N',
                        help='of cases to find (default: %(default)s)')
    parser.add_argument('--episodes', type=int, default=5000, metavar='N',
                        help='to try at most (default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='of the search, and so of its scenes')
    parser.add_argument('--planner', default='',
                        help='such as mppi, nlp or prior (default: as the parameters say)')
    add_product_arguments(parser, 'usual')
    parser.add_argument('--jobs', type=int, default=cores(),
                        help='processes (default: all cores)')
    parser.add_argument('--json', metavar='FILE', help='write the figures there')
    parser.set_defaults(run=run)


def run(arguments) -> int:
    """Search, print, and write."""
    from wm_ros.cli import INTERRUPTED
    from wm_ros.cli._places import check_places
    from wm_ros.console import StageBars
    from wm_ros.files import write_json
    from wm_ros.evaluation.edge_cases.search import Search, SearchRequest
    from wm_ros.evaluation.run import Request
    check_places(arguments, {'--output': arguments.output, '--json': arguments.json})
    search = Search(SearchRequest(
        Request(arguments.task, 1, planner=arguments.planner, jobs=arguments.jobs,
                **product(arguments)), arguments.count, arguments.episodes, arguments.seed))
    with StageBars() as bars:
        search.run(lambda found, told: bars.report(
            f'edge cases of {arguments.task}', found, arguments.count, told))
    figures = search.figures()
    write_json(arguments.json, figures)
    search.cases().write(arguments.output)
    show(figures, arguments)
    return INTERRUPTED if search.interrupted else 0


def show(figures, arguments):
    """Print what was found, and what it is like."""
    print(f'{arguments.output}: {figures["found"]} of {arguments.count} cases that checkpoint '
          f'{figures["checkpoint"]} fails; {figures["episodes"]} episodes of '
          f'{figures["scenes"]} scenes, {figures["seconds"]:.0f} s')
    most = ', '.join(f'{name} {share:.2f}' for name, share in [*figures['lean'].items()][:5])
    print(f'furthest off what is usually drawn (0.50), on average: {most}')
