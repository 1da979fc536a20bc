"""
Measure success, time to goal and plan time of a checkpoint and its parameters.

Runs the library in lockstep with the physics: the shipped parameters, the planner's delay
and the safety gate included; with --ros through the live graph, in real time.  With --env
it plays a Gymnasium environment.  With --compare nothing is played: two reports of the same
episodes are compared pair by pair.  With --ray the processes are those of a Ray cluster.
"""

import argparse
from contextlib import closing
import sys

from wm_ros.cli._request import add_product_arguments, product, refuse_env_arguments
from wm_ros.cores import cores

_EXAMPLES = """
examples:
  wm_ros evaluate --task reach                          100 episodes with what is shipped
  wm_ros evaluate --task push --episodes 1000 --json out.json
  wm_ros evaluate --task push --planner prior           the policy prior alone, no planning
  wm_ros evaluate --task push --set planner.horizon:=5  another horizon
  wm_ros evaluate --task push --episodes 100 --ros      through the live graph
  wm_ros evaluate --task push --randomization usual --report usual.html
  wm_ros evaluate --task push --edge-cases cases.yaml   those that wm_ros edge_cases has found
  wm_ros evaluate --task push --sweep physics.motor_gain=0.1:1:5 --report sweep.html
  wm_ros evaluate --task stack --episodes 1000 --ray ray://head:10001
  wm_ros evaluate --compare before.json after.json --report both.html
  wm_ros evaluate --env PandaReach-v3 --checkpoint panda_gym_reach --planner prior

The same seeds give the same episodes, so that two runs can be compared pair by pair.
"""


def add_parser(subparsers):
    """Add the verb."""
    parser = subparsers.add_parser(
        'evaluate', help='measure success', description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument('--task', help='such as reach or push')
    what.add_argument('--env', metavar='ID', help='a Gymnasium environment, with an agent of '
                      'wm_ros train --env as --checkpoint')
    what.add_argument('--compare', nargs=2, metavar=('A.json', 'B.json'),
                      help='two reports of the same episodes, in place of an evaluation')
    parser.add_argument('--env-arg', action='append', default=[], metavar='KEY=VALUE',
                        help='an argument of --env, in place of that of the training')
    parser.add_argument('--episodes', type=int, metavar='N',
                        help='100 if not given; all of --edge-cases')
    parser.add_argument('--seed', type=int, metavar='N',
                        help='of the first episode (default: 0)')
    parser.add_argument('--startup', type=int, metavar='N',
                        help='seed of what --randomization draws once in a run (default: --seed)')
    parser.add_argument('--edge-cases', default='', metavar='FILE',
                        help='play the episodes that wm_ros edge_cases has found')
    parser.add_argument('--planner', default='',
                        help='such as mppi, nlp or prior (default: as the parameters say)')
    add_product_arguments(parser)
    parser.add_argument('--jobs', type=int, metavar='N',
                        help='processes (default: all cores, of the cluster with --ray)')
    parser.add_argument('--ray', default='', metavar='ADDRESS',
                        help='play on a Ray cluster: HOST:PORT, ray://HOST:PORT, auto, or local '
                        'for one of its own')
    parser.add_argument('--ros', action='store_true',
                        help='through the live graph of ROS nodes, in real time')
    parser.add_argument('--sweep', action='append', default=[], metavar='TERM=LOW:HIGH:COUNT',
                        help='play the same episodes at each of COUNT values of a term (wm_ros '
                        'randomization terms); of objects, so many times what they have')
    parser.add_argument('--json', metavar='FILE', help='write the figures there')
    parser.add_argument('--report', metavar='FILE.html',
                        help='write a page with plots, and films of failures')
    parser.set_defaults(run=run)


def run(arguments) -> int:
    """Evaluate or compare, print, and write the figures."""
    from wm_ros.cli._places import check_places
    check_places(arguments, {'--json': arguments.json, '--report': arguments.report})
    if arguments.compare:
        from wm_ros.cli._compare import compare_reports
        return compare_reports(arguments)
    if arguments.episodes is None and not arguments.edge_cases:
        arguments.episodes = 100
    if arguments.seed is None:
        arguments.seed = 0
    if arguments.env is not None:
        from wm_ros.cli import _evaluate_env
        return _evaluate_env.run(arguments)
    refuse_env_arguments(arguments)
    from wm_ros.cli import INTERRUPTED
    from wm_ros.files import write_json
    from wm_ros.evaluation import sweep
    from wm_ros.evaluation.run import Evaluation
    from wm_ros.types import WmRosError
    for name in ('sweep', 'ray', 'edge_cases', 'startup'):
        if getattr(arguments, name) and arguments.ros:
            flag = name.replace('_', '-')
            raise WmRosError(f'--{flag}: is played in lockstep; leave --ros away')
    # Complains before anything starts.
    with closing(Evaluation(*_asked(arguments))) as evaluation:
        sweeps = sweep.read(arguments.sweep, evaluation)
        figures = _live(evaluation) if arguments.ros else _lockstep(evaluation)
        if 'interrupted' not in figures and sweeps:
            write_json(arguments.json, figures)     # whatever becomes of the sweeps
            figures['sweeps'] = _swept(evaluation, sweeps)
        show(figures)
        write_json(arguments.json, figures)
        if 'interrupted' in figures:
            return INTERRUPTED
        if arguments.report:
            _write_page(arguments, evaluation, figures)
    return 0


def _asked(arguments):
    """Return the request, and the edge cases that it is about or None."""
    from wm_ros.evaluation.edge_cases import load_cases
    from wm_ros.evaluation.run import Request
    from wm_ros.types import WmRosError
    told = {'task': arguments.task, 'planner': arguments.planner, 'jobs': _jobs(arguments),
            'ray': arguments.ray, 'startup': arguments.startup, **product(arguments)}
    if not arguments.edge_cases:
        return Request(episodes=arguments.episodes, seed=arguments.seed, **told), None
    if arguments.randomization:
        raise WmRosError('--randomization: edge cases have worlds of their own; leave one of the '
                         'two away')
    if arguments.startup is not None:
        raise WmRosError('--startup: edge cases hold what was drawn once; leave it away')
    cases = load_cases(arguments.edge_cases)
    if arguments.episodes is not None:
        Request(arguments.task, arguments.episodes)     # complains of numbers
    cases = cases.some(arguments.seed, arguments.episodes or len(cases.cases))
    for name in ('engine', 'sensors'):
        told[name] = told[name] or getattr(cases, name)
    return Request(episodes=len(cases.cases), **told), cases


def _jobs(arguments):
    """Return how many processes are asked for; None leaves it to the cluster."""
    if arguments.jobs is None and not arguments.ray:
        return cores()
    return arguments.jobs


def _live(evaluation) -> dict:
    from wm_ros.console import progress_bar
    from wm_ros.evaluation.live import report
    from wm_ros.nodes.clients.live import play
    request = evaluation.request
    with progress_bar(f'{request.task}, live', request.episodes) as advance:
        return report(evaluation, play(request.options(), request.seeds, advance))


def _lockstep(evaluation) -> dict:
    """Return the figures, after Ctrl-C those of the episodes until then."""
    from wm_ros.console import progress_bar
    request, results, figures = evaluation.request, [], {}
    try:
        with progress_bar(request.task, request.episodes) as advance:
            for result in evaluation.play(evaluation.episodes):
                results.append(result)
                advance(len(results), success=sum(r.success for r in results) / len(results))
    except KeyboardInterrupt:
        if not results:
            raise
        figures = {'interrupted': True}
    return {**evaluation.report(results), **figures}


def _swept(evaluation, sweeps) -> dict:
    from wm_ros.console import progress_bar
    from wm_ros.evaluation import sweep
    total = evaluation.request.episodes * sum(len(one.values) for one in sweeps)
    with progress_bar('sweeps', total) as advance:
        return sweep.run(evaluation, sweeps, lambda so_far: advance(len(so_far)))


def _write_page(arguments, evaluation, figures):
    from wm_ros.console import progress_bar
    from wm_ros.files import write_text
    from wm_ros.evaluation.report.films import chosen_seeds, films
    from wm_ros.evaluation.report.page import page
    made = []
    if not arguments.ros:       # in real time no episode is played twice alike
        with progress_bar('films', len(chosen_seeds(figures))) as advance:
            made = films(evaluation, figures, advance)
    write_text(arguments.report, page(figures, made))


def show(figures, stream=None):
    """Print the figures that matter."""
    low, high = figures['success_ci95']
    print(f'{figures["task"]}: success {figures["success_rate"]:.3f} '
          f'(95 % {low:.3f} to {high:.3f}) in {figures["episodes"]} episodes, '
          f'time to goal {figures["time_to_goal_mean"]:.2f} s; '
          f'{figures["planner"]}, horizon {figures["horizon"]}, '
          f'plan {figures["plan_ms_p50"]:.1f} ms p50, {figures["plan_ms_p99"]:.1f} ms p99; '
          f'checkpoint {figures["checkpoint"]}', file=stream or sys.stdout)
    for term, points in figures.get('sweeps', {}).items():
        for point in points:
            low, high = point['success_ci95']
            print(f'{term} {point["value"]:g}: success {point["success_rate"]:.3f} '
                  f'(95 % {low:.3f} to {high:.3f}), time to goal '
                  f'{point["time_to_goal_mean"]:.2f} s', file=stream or sys.stdout)
