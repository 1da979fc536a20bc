"""
Measure success, time to goal and plan time of a checkpoint and its parameters.

Runs the library in lockstep with the physics: the shipped parameters, the planner's delay
and the safety gate included; with --ros through the live graph, in real time.  With --env
it plays a Gymnasium environment.
"""

import argparse
import os
import sys

from wm_ros.cli._request import add_product_arguments, product

_EXAMPLES = """
examples:
  wm_ros evaluate --task reach                          100 episodes with what is shipped
  wm_ros evaluate --task push --episodes 1000 --json out.json
  wm_ros evaluate --task push --planner prior           the policy prior alone, no planning
  wm_ros evaluate --task push --set planner.horizon:=5  another horizon
  wm_ros evaluate --task push --episodes 100 --ros      through the live graph
  wm_ros evaluate --env PandaReach-v3 --checkpoint panda_gym_reach --planner prior

The same seeds give the same episodes, so that two runs can be compared pair by pair.
"""


def add_parser(subparsers):
    """Add the verb."""
    parser = subparsers.add_parser(
        'evaluate', help='measure success', description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument('--task', help='such as reach or push')
    where.add_argument('--env', metavar='ID', help='the Gymnasium environment that --checkpoint '
                       'was trained in')
    parser.add_argument('--episodes', type=int, default=100, metavar='N')
    parser.add_argument('--seed', type=int, default=0, help='seed of the first episode')
    parser.add_argument('--planner', default='',
                        help='such as mppi, nlp or prior (default: as the parameters say)')
    add_product_arguments(parser)
    parser.add_argument('--jobs', type=int, default=os.cpu_count() or 1,
                        help='processes (default: all cores)')
    parser.add_argument('--ros', action='store_true',
                        help='through the live graph of ROS nodes, in real time')
    parser.add_argument('--json', metavar='FILE', help='write the figures there')
    parser.set_defaults(run=run)


def run(arguments) -> int:
    """Evaluate, print, and write the figures."""
    if arguments.env:
        from wm_ros.cli import _evaluate_env
        return _evaluate_env.run(arguments)
    from wm_ros.console import prepare_json, progress_bar, write_json
    from wm_ros.evaluation.run import Evaluation, Request
    prepare_json(arguments.json)
    request = Request(
        task=arguments.task, episodes=arguments.episodes, seed=arguments.seed,
        planner=arguments.planner, jobs=arguments.jobs, **product(arguments))
    evaluation = Evaluation(request)        # complains before anything starts
    if arguments.ros:
        from wm_ros.evaluation.live import report
        from wm_ros.nodes.clients.live import play
        with progress_bar(f'{request.task}, live', request.episodes) as advance:
            figures = report(evaluation, play(request.options(), request.seeds, advance))
    else:
        with progress_bar(request.task, request.episodes) as advance:
            results = evaluation.run(lambda so_far: advance(
                len(so_far), success=sum(r.success for r in so_far) / len(so_far)))
        figures = evaluation.report(results)
    show(figures)
    write_json(arguments.json, figures)
    return 0


def show(figures, stream=None):
    """Print the figures that matter."""
    low, high = figures['success_ci95']
    print(f'{figures["task"]}: success {figures["success_rate"]:.3f} '
          f'(95 % {low:.3f} to {high:.3f}) in {figures["episodes"]} episodes, '
          f'time to goal {figures["time_to_goal_mean"]:.2f} s; '
          f'{figures["planner"]}, horizon {figures["horizon"]}, '
          f'plan {figures["plan_ms_p50"]:.1f} ms p50, {figures["plan_ms_p99"]:.1f} ms p99; '
          f'checkpoint {figures["checkpoint"]}', file=stream or sys.stdout)
