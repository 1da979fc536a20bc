"""
Bring up the whole graph: robot or simulation, sensors, world model, planner, safety gate.

Each node is a process of its own; Ctrl-C brings the arm to rest and ends them all.  The
graph is the one of launch/sim.launch.py and launch/robot.launch.py.
"""

import argparse
import signal
import sys

_EXAMPLES = """
examples:
  wm_ros up sim                                  reach with the simulated Panda
  wm_ros up sim --task push --namespace left
  wm_ros up sim --set planner.rate:=30.0 --params-file mine.yaml
  wm_ros up robot --remap joint_states:=/franka/joint_states
  wm_ros up robot --use-mock-hardware            try the graph without an arm

A real arm starts at safety.speed_scale 0.1 until a file or --set says otherwise.
exit code: 0 stopped by Ctrl-C; 1 a node died, and which; 2 something asked for cannot be.
"""
ACTIVE_TIMEOUT = 300.0      # [s]; the manager's own limits are tighter


def add_parser(subparsers):
    """Add the verb."""
    from wm_ros.nodes.arguments import add_graph_arguments
    parser = subparsers.add_parser(
        'up', help='bring up the graph', description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_graph_arguments(parser)
    parser.add_argument('--single-process', action='store_true',
                        help='all nodes in one process: less memory, more jitter')
    parser.set_defaults(run=run)


def run(arguments) -> int:
    """Bring the graph up and keep it up; return the exit code."""
    from wm_ros.nodes.arguments import graph_options
    from wm_ros.nodes.processes import environment
    from wm_ros.nodes.processes.lock import GraphLock
    from wm_ros.nodes.processes.supervisor import Supervisor

    options = graph_options(arguments)
    specs = processes(arguments.kind, options, arguments.namespace, arguments.log_level,
                      arguments.single_process)
    environment.prepare()
    lock = GraphLock(arguments.namespace)
    lock.require()
    lock.release()      # for the manager, which holds it from now on
    stops = _count_stops()
    supervisor = Supervisor(specs)
    supervisor.start()
    try:
        return _watch(supervisor, specs, stops)
    finally:
        supervisor.stop(hurry=lambda: len(stops) > 1)


def processes(kind, options, namespace='', log_level='', single_process=False):
    """Return what is to be started; raises WmRosError for anything that cannot be right."""
    from wm_ros.graph import graph
    from wm_ros.nodes.arguments import graph_command_line
    from wm_ros.nodes.processes.supervisor import node_specs, Spec
    from wm_ros.param_table import SENSOR, TABLE
    from wm_ros.robot.robot import load_robot

    entries = graph(kind, options)
    told = {entry.name: entry.parameters for entry in entries}
    load_robot(told[SENSOR].get('robot', TABLE.specs['robot'].default))
    if single_process:
        line = graph_command_line(kind, options, namespace, log_level)
        return [Spec('graph_node', 'wm_ros.nodes.graph_node', tuple(line))]
    return node_specs(entries, namespace, log_level)


def _count_stops():
    """Return a list that grows by one with each request to end."""
    stops = []

    def note(number, frame):
        stops.append(number)
    for name in ('SIGINT', 'SIGTERM', 'SIGHUP'):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), note)
    return stops


def _watch(supervisor, specs, stops):
    from wm_ros.nodes.processes.supervisor import USER_ERROR
    from wm_ros.types import WmRosError

    _say(f'starting {", ".join(spec.name for spec in specs)}; Ctrl-C ends')
    said = False
    while not stops:
        report = supervisor.wait_report(0.1)
        if report and report['event'] == 'active':
            _say('all nodes are active')
        elif report:
            raise WmRosError(report['message'])
        gone = supervisor.ended()
        if gone is None or stops:
            continue
        # What the manager has to say about it may be under way.
        if gone.code == USER_ERROR and not said:
            said = True
            continue
        text = f'{gone.text()}; all others have been stopped'
        supervisor.stop()
        if gone.code == USER_ERROR:
            raise WmRosError(f'{text}; it says why above')
        print(f'wm_ros: error: {text}', file=sys.stderr)
        return 1
    _say('stopping')
    return 0


def _say(text):
    print(f'wm_ros up: {text}', file=sys.stderr, flush=True)
