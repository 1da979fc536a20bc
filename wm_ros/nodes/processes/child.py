"""
What ``wm_ros up`` starts for each node: the node's main(), in a process that dies with it.

``python -m wm_ros.nodes.processes.child <parent's pid> <module> <arguments of the node>``
"""

import ctypes
from importlib import import_module
import json
import os
import signal
import sys
import threading
import time

#: Variable that names the file descriptor to which the lifecycle manager reports.
REPORT_FD = 'WM_ROS_REPORT_FD'

#: Variable by which a launch file has nodes die with the launch.
DIE_WITH_PARENT = 'WM_ROS_DIE_WITH_PARENT'

_PR_SET_PDEATHSIG = 1
_WATCH_PERIOD = 0.5     # [s]


def die_with(parent: int):
    """
    Have this process killed as soon as the process ``parent``, which started it, is dead.

    The kernel sees to it on Linux, even when this process hangs; elsewhere a thread watches.
    """
    if sys.platform == 'linux':
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:      # it died before that
        os._exit(1)


def die_if_told():
    """Have this process die with the one that started it, if the environment says so."""
    if os.environ.get(DIE_WITH_PARENT):
        die_with(os.getppid())


def _watch(parent):
    while os.getppid() == parent:
        time.sleep(_WATCH_PERIOD)
    os._exit(1)


def report(event: str, message: str = ''):
    """Tell the process that started the graph how it goes, if it wants to know."""
    descriptor = os.environ.get(REPORT_FD)
    if descriptor:
        line = json.dumps({'event': event, 'message': message}) + '\n'
        try:
            os.write(int(descriptor), line.encode())
        except OSError:
            pass    # it is gone, and this process soon will be


def main() -> int:
    """Run what the command line names; return its exit code."""
    parent, module = int(sys.argv[1]), sys.argv[2]
    die_with(parent)
    sys.argv = [module, *sys.argv[3:]]
    return import_module(module).main()


if __name__ == '__main__':
    sys.exit(main())
