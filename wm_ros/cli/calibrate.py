"""
Measure what is usual to a sentinel, in episodes of the shipped planner and sensors.

A sentinel is a model of sequences that runs beside the agent and foresees every sense one step
ahead (wm_ros train --model sequence).  Its alarm is 1 where the usual comes once in a thousand
steps; what that is, is written beside the model.
"""

import argparse

_NOT_OURS = 100         # seeds of calibration, which the expected surprise is measured on
_EXAMPLES = """
examples:
  wm_ros calibrate --task push --sentinel panda_push_world
  wm_ros up sim --task push --set world_model_node:sentinel:=panda_push_world
"""


def add_parser(subparsers):
    """Add the verb."""
    parser = subparsers.add_parser(
        'calibrate', help='measure what is usual', description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--task', required=True, help='such as push')
    parser.add_argument('--sentinel', required=True, metavar='NAME',
                        help='path of a model of sequences, or the name of a shipped one')
    parser.add_argument('--episodes', type=int, default=200, metavar='N',
                        help='to measure in (default: %(default)s)')
    parser.add_argument('--robot', default='panda')
    parser.set_defaults(run=run)


def run(arguments) -> int:
    """Calibrate and write."""
    from contextlib import closing
    from wm_ros import seeds
    from wm_ros.console import progress_bar
    from wm_ros.evaluation.run import make_loop, parameters, Request
    from wm_ros.evaluation.vigil import usual
    from wm_ros.types import WmRosError
    from wm_ros.world_model.load import load_part
    from wm_ros.world_model.sentinel import save_usual, Sentinel, usual_file
    from wm_ros.world_model.weights import check_output
    check_output(usual_file(arguments.sentinel))
    request = Request(arguments.task, arguments.episodes, robot=arguments.robot)
    first = seeds.CALIBRATION + _NOT_OURS
    if first + request.episodes > seeds.TRAINING:
        raise WmRosError(f'--episodes: got {request.episodes}, expected at most '
                         f'{seeds.TRAINING - first}: the seeds after these are trained on')
    with closing(make_loop(request.task, parameters(request))) as loop:
        sentinel = Sentinel(load_part(arguments.sentinel, 'sequence_model'), None, loop.robot,
                            len(loop.task.object_names))
        with progress_bar(request.task, request.episodes) as advance:
            alarm = usual(loop, sentinel, range(first, first + request.episodes), advance)
    save_usual(arguments.sentinel, alarm, {'task': request.task, 'episodes': request.episodes,
                                           'agent': loop.model.checkpoint})
    print(f'{usual_file(arguments.sentinel)}: usual to {arguments.sentinel} is what happens in '
          f'{request.episodes} episodes')
    return 0
