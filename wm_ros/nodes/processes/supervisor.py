"""
The processes of a graph: started together, stopped in a safe order, none left behind.

Knows processes and the table of nodes, not rclpy.
"""

from dataclasses import dataclass
import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import Callable, IO, List, Mapping, Optional, Sequence, Tuple

from wm_ros.graph import ENVIRONMENT, NodeEntry
from wm_ros.nodes.processes import environment
from wm_ros.nodes.processes.child import REPORT_FD
from wm_ros.param_table import MANAGER
from wm_ros.types import WmRosError

#: A node that ends with this exit code has said what its user can mend.
USER_ERROR = 2
#: [s] for the manager to bring all nodes down, and for the nodes of one stage to end.
MANAGER_PATIENCE = 8.0
STAGE_PATIENCE = 3.0
_LOOK = 0.1         # [s] between looks at the processes


@dataclass(frozen=True)
class Spec:
    """One process to start: ``module`` has a main() that takes ``arguments``."""

    name: str
    module: str
    arguments: Tuple[str, ...]
    required: bool = True
    stop_stage: int = 0


@dataclass(frozen=True)
class Ended:
    """A process that has ended; a negative code is the signal that did it."""

    name: str
    code: int

    def text(self) -> str:
        """Return name and cause in words."""
        if self.code < 0:
            try:
                cause = f'was killed by {signal.Signals(-self.code).name}'
            except ValueError:
                cause = f'was killed by signal {-self.code}'
        else:
            cause = f'ended with exit code {self.code}'
        return f'{self.name} {cause}'


def node_specs(entries: Sequence[NodeEntry], namespace: str = '',
               log_level: str = '') -> List[Spec]:
    """Return one process for each node."""
    return [Spec(entry.name, entry.module, ros_arguments(entry, namespace, log_level),
                 entry.required, entry.program.stop_stage) for entry in entries]


def ros_arguments(entry: NodeEntry, namespace: str = '', log_level: str = '') -> Tuple[str, ...]:
    """Return the ROS command line of a node: namespace, remaps, parameters, log level."""
    found = ['--ros-args']
    if namespace.strip('/'):
        found += ['-r', f'__ns:=/{namespace.strip("/")}']
    for source, target in entry.remaps:
        found += ['-r', f'{source}:={target}']
    for name, value in entry.parameters.items():
        # JSON is YAML; in particular a double stays one and a string is never a number.
        found += ['-p', f'{name}:={json.dumps(value)}']
    if log_level:
        found += ['--log-level', log_level]
    return tuple(found)


class Supervisor:
    """
    Starts processes and watches them; a context manager that leaves none behind.

    Each is in a session of its own, so that Ctrl-C reaches this process alone, and dies
    with this process however that ends.  To be used from the main thread: the kernel ties
    a child to the thread that started it.  ``log`` takes the children's output.
    """

    def __init__(self, specs: Sequence[Spec], log: Optional[IO] = None,
                 variables: Optional[Mapping[str, str]] = None):
        self.specs = tuple(specs)
        self._log, self._variables = log, dict(variables or {})
        self._processes = {}
        self._reports, self._text = None, ''

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Start all processes."""
        read, write = os.pipe()
        self._reports = read
        os.set_blocking(read, False)
        base = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
        variables = environment.child_environment(
            **{'PYTHONUNBUFFERED': '1', **base, **self._variables, REPORT_FD: str(write)})
        try:
            for spec in self.specs:
                self._processes[spec.name] = subprocess.Popen(
                    [sys.executable, '-m', 'wm_ros.nodes.processes.child', str(os.getpid()),
                     spec.module, *spec.arguments],
                    stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, env=variables,
                    pass_fds=[write], start_new_session=True)
        except BaseException:
            self.stop()
            raise
        finally:
            os.close(write)

    def pid(self, name: str) -> int:
        """Return the process id of a node."""
        return self._processes[name].pid

    @property
    def pids(self) -> Mapping[str, int]:
        """Process ids by node."""
        return {name: process.pid for name, process in self._processes.items()}

    def ended(self) -> Optional[Ended]:
        """Return a required process that has ended, one with something to say first."""
        gone = [Ended(spec.name, self._processes[spec.name].poll()) for spec in self.specs
                if spec.required and self._processes[spec.name].poll() is not None]
        return min(gone, key=lambda end: end.code != USER_ERROR, default=None)

    def wait_report(self, timeout: float) -> Optional[Mapping[str, str]]:
        """Return the manager's next report {'event': ..., 'message': ...}, None without one."""
        end = time.monotonic() + timeout
        while '\n' not in self._text:
            rest = end - time.monotonic()
            if rest <= 0.0 or not self._read(rest):
                return None
        line, _, self._text = self._text.partition('\n')
        return json.loads(line)

    def _read(self, timeout):
        """Return whether there was something to read; sleeps when there never will be."""
        if self._reports is None:
            time.sleep(timeout)
            return False
        if not select.select([self._reports], [], [], timeout)[0]:
            return False
        data = os.read(self._reports, 65536)
        if not data:
            os.close(self._reports)
            self._reports = None
        self._text += data.decode()
        return True

    def wait_active(self, timeout: float, go_on: Callable[[], bool] = lambda: True) -> bool:
        """
        Return True when all nodes are active, False if ``go_on`` ended the wait.

        Raises WmRosError with the reason when they will not be, or not within ``timeout``.
        """
        end = time.monotonic() + timeout
        while go_on():
            report = self.wait_report(_LOOK)
            if report and report['event'] == 'active':
                return True
            if report:
                raise WmRosError(report['message'])
            gone = self.ended()
            if gone:
                # Its report may have come between the two looks.
                report = self.wait_report(_LOOK)
                raise WmRosError(report['message'] if report else f'{gone.text()} at the start')
            if time.monotonic() > end:
                raise WmRosError(f'the nodes were not all active after {timeout:g} s')
        return False

    def stop(self, hurry: Callable[[], bool] = lambda: False):
        """
        End all processes: the manager first, then the planner's side, the gate, the robot.

        While everything runs, the manager is given the time to bring the arm to rest.  What
        does not obey is killed; ``hurry`` kills at once.
        """
        if MANAGER in self._processes and self.ended() is None:
            self._end([MANAGER], MANAGER_PATIENCE, hurry)
        for stage in sorted({spec.stop_stage for spec in self.specs}):
            self._end([spec.name for spec in self.specs if spec.stop_stage == stage],
                      STAGE_PATIENCE, hurry)
        if self._reports is not None:
            os.close(self._reports)
            self._reports = None

    def _end(self, names, patience, hurry):
        alive = [self._processes[name] for name in names if name in self._processes
                 and self._processes[name].poll() is None]
        for process in alive:
            # Nodes obey it like SIGINT; a Python that has hardly begun dies without a word.
            process.terminate()
        end = time.monotonic() + patience
        while alive and time.monotonic() < end and not hurry():
            time.sleep(0.02)
            alive = [process for process in alive if process.poll() is None]
        for process in alive:
            process.kill()
        for process in alive:
            process.wait()
