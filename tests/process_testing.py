"""Nodes as processes of their own, ended by their id."""

from pathlib import Path
import signal
import subprocess
import sys
import tempfile

from wm_ros.nodes.processes import environment


class NodeProcess:
    """A process that runs a module's main(); its output goes to a file."""

    def __init__(self, module, domain, arguments=(), **variables):
        self.log = tempfile.NamedTemporaryFile('w+', suffix='.log')
        self.process = subprocess.Popen(
            [sys.executable, '-c', f'import sys; from {module} import main; sys.exit(main())',
             *arguments],
            stdout=self.log, stderr=subprocess.STDOUT,
            env=environment.child_environment(ROS_DOMAIN_ID=str(domain), **variables))

    @property
    def pid(self):
        """Process id."""
        return self.process.pid

    def output(self):
        """Return what it has printed."""
        return Path(self.log.name).read_text(encoding='utf-8')

    def signal(self, number):
        """Send a signal."""
        self.process.send_signal(number)

    def wait(self, timeout=20.0):
        """Return the exit code."""
        return self.process.wait(timeout)

    def stop(self, timeout=20.0):
        """Interrupt and return the exit code; kill if it does not end in time."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(timeout)
