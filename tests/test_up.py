"""``wm_ros up`` with real processes: up, down, deaths, refusals; nobody is left behind."""

import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest
from ros_testing import Domain, wait_until
from wm_ros import paths
from wm_ros.graph import graph, GraphOptions, PROGRAMS
from wm_ros.nodes.processes import environment
from wm_ros.nodes.processes.supervisor import Ended, node_specs, ros_arguments, Spec, Supervisor
from wm_ros.types import WmRosError

NODES = [program.executable for program in PROGRAMS]
UP = 90.0       # [s] for a graph to come up on a busy machine
DOWN = 30.0     # [s] for it to end


class Graph:
    """A process of ``wm_ros up`` in a domain of its own."""

    def __init__(self, *arguments, domain=None):
        self.domain = domain or Domain()
        self.log = tempfile.NamedTemporaryFile('w+', suffix='.log')
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'wm_ros', 'up', *arguments], stdout=self.log,
            stderr=subprocess.STDOUT, start_new_session=True,
            env=environment.child_environment(ROS_DOMAIN_ID=str(self.domain.id)))

    def text(self):
        """Return what was printed."""
        return Path(self.log.name).read_text(encoding='utf-8')

    def active(self):
        """Wait until all nodes are active."""
        wait_until(lambda: 'all nodes are active' in self.text()
                   or self.process.poll() is not None, UP, 'the graph')
        assert self.process.poll() is None, self.text()
        return self

    def children(self):
        """Return {module: pid} of the node processes."""
        found = {}
        listing = subprocess.run(
            ['ps', '-ww', '--ppid', str(self.process.pid), '-o', 'pid=,args='],
            capture_output=True, text=True).stdout
        for line in listing.splitlines():
            words = line.split()
            if 'wm_ros.nodes.processes.child' in words:
                module = words[words.index('wm_ros.nodes.processes.child') + 2]
                found[module.split('.')[-1]] = int(words[0])
        return found

    def end(self, number=signal.SIGINT):
        """Return the exit code after a signal."""
        self.process.send_signal(number)
        return self.process.wait(DOWN)

    def close(self):
        """Kill what is still there and give the domain back."""
        self.process.kill()
        self.process.wait()
        self.domain.release()


@pytest.fixture
def up():
    """Return a function that runs ``wm_ros up``."""
    made = []

    def start(*arguments, **kwargs):
        made.append(Graph(*arguments, **kwargs))
        return made[-1]
    yield start
    for one in made:
        one.close()


def gone(pids, timeout=10.0):
    """Wait until none of these processes exists."""
    def nobody():
        for pid in pids:
            try:
                # A zombie whose parent was killed is reaped by init: it runs no more.
                state = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0]
            except OSError:
                continue
            if state != 'Z':
                return False
        return True
    wait_until(nobody, timeout, f'the end of {pids}')


@pytest.mark.slow
def test_up_and_down(up):
    """Every node is a process of its own; Ctrl-C ends all in peace, and 0 is returned."""
    running = up('sim').active()
    children = running.children()
    assert sorted(children) == sorted(NODES)
    second = up('sim', domain=running.domain)
    assert second.process.wait(DOWN) == 2, second.text()
    assert 'runs already' in second.text() and 'starting' not in second.text()
    assert len(second.text().strip().splitlines()) == 1
    assert running.end() == 0, running.text()
    gone(children.values())
    assert 'Traceback' not in running.text()


@pytest.mark.slow
@pytest.mark.parametrize('victim', ['mpc_node', 'safety_node', 'lifecycle_manager'])
def test_death_of_a_node_ends_all(up, victim):
    """The exit code is 1, the last line says who it was, and nobody is left."""
    running = up('sim', '--use-mock-hardware').active()
    children = running.children()
    os.kill(children[victim], signal.SIGKILL)
    assert running.process.wait(DOWN) == 1, running.text()
    last = running.text().strip().splitlines()[-1]
    assert last == (f'wm_ros: error: {victim} was killed by SIGKILL; '
                    'all others have been stopped')
    gone(children.values())


@pytest.mark.slow
def test_nobody_survives_a_killed_up(up):
    """Not even a node that hangs."""
    running = up('sim', '--use-mock-hardware').active()
    children = running.children()
    os.kill(children['world_model_node'], signal.SIGSTOP)
    running.process.kill()
    running.process.wait()
    gone(children.values())


@pytest.mark.slow
def test_a_node_that_hangs_is_killed(up):
    """Ctrl-C ends a graph of which one node does not react any more."""
    running = up('sim', '--use-mock-hardware').active()
    children = running.children()
    os.kill(children['sensor_node'], signal.SIGSTOP)
    assert running.end() == 0, running.text()
    gone(children.values())


@pytest.mark.slow
def test_early_and_repeated_interrupts(up):
    """Ctrl-C before all is up, and again and again, ends without complaints."""
    running = up('sim')
    wait_until(lambda: len(running.children()) == len(NODES), DOWN, 'the processes')
    children = running.children()
    running.process.send_signal(signal.SIGINT)
    assert running.end(signal.SIGTERM) == 0, running.text()
    gone(children.values())
    assert 'Traceback' not in running.text()


@pytest.mark.slow
def test_single_process_in_a_namespace(up):
    """The whole graph in one process, told the same things."""
    running = up('sim', '--single-process', '--namespace', 'left', '--use-mock-hardware').active()
    children = running.children()
    assert list(children) == ['graph_node']
    assert running.end() == 0, running.text()
    gone(children.values())


@pytest.mark.slow
def test_bad_checkpoint_is_said_in_one_line(up, tmp_path):
    """What a node refuses in configure ends the graph with 2 and the node's own reason."""
    checkpoint = tmp_path / 'model.safetensors'
    checkpoint.write_bytes(b'not a checkpoint')
    shutil.copy(paths.checkpoint_dir() / 'panda_reach.json', checkpoint.with_suffix('.json'))
    running = up('sim', '--use-mock-hardware', '--checkpoint', str(checkpoint))
    assert running.process.wait(UP) == 2, running.text()
    last = running.text().strip().splitlines()[-1]
    assert last.startswith('wm_ros: error: world_model_node: could not configure: ')
    assert f'{checkpoint}: damaged' in last
    assert 'Traceback' not in running.text()


@pytest.mark.parametrize('arguments, expected', [
    (('--task', 'juggle'), 'unknown task'),
    (('--robot', 'nobody'), 'unknown robot'),
    (('--checkpoint', '/nowhere/model'), 'no such file; expected a path, or one of'),
    (('--params-file', '/nowhere.yaml'), 'cannot be read'),
    (('--set', 'planner.horizn:=3'), "did you mean 'planner.horizon'"),
    (('--set', 'safety.rate:=.nan'), 'finite'),
])
def test_what_cannot_be_is_refused_before_anything_starts(up, arguments, expected):
    """One line, exit code 2, no process."""
    running = up('sim', *arguments)
    assert running.process.wait(DOWN) == 2, running.text()
    lines = running.text().strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith('wm_ros: error: ') and expected in lines[0]


# The supervisor itself, with processes that are quick to start

SLEEPER = 'import signal, time\ndef main():\n    time.sleep(1000)\n'
STUBBORN = ('import signal, time\ndef main():\n'
            '    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    time.sleep(1000)\n')
QUITTER = 'def main():\n    return 3\n'


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Return a function that makes Specs of Python texts, which children can import."""
    monkeypatch.setenv('PYTHONPATH', f'{tmp_path}:{os.getcwd()}')

    def make(**texts):
        for name, text in texts.items():
            (tmp_path / f'{name}_module.py').write_text(text)
        return [Spec(name, f'{name}_module', ()) for name in texts]
    return make


def test_supervisor_reports_and_stops(modules):
    """An end is told with its name and code; the rest is stopped, the stubborn is killed."""
    with Supervisor(modules(sleeper=SLEEPER, stubborn=STUBBORN, quitter=QUITTER)) as supervisor:
        pids = dict(supervisor.pids)
        ended = wait_until(supervisor.ended, 10.0, 'the end of the quitter')
        assert ended == Ended('quitter', 3)
        with pytest.raises(WmRosError, match='quitter ended with exit code 3 at the start'):
            supervisor.wait_active(5.0)
    gone(pids.values(), 1.0)


def test_supervisor_passes_environment_and_output(modules, tmp_path):
    """Children see the variables that they were given, and write to the log."""
    text = 'import os\ndef main():\n    print("it is", os.environ["WM_ROS_TEST_WORD"])\n'
    with open(tmp_path / 'log', 'w', encoding='utf-8') as log:
        with Supervisor(modules(speaker=text), log, {'WM_ROS_TEST_WORD': 'blue'}) as supervisor:
            wait_until(supervisor.ended, 10.0, 'the end of the speaker')
    assert 'it is blue' in (tmp_path / 'log').read_text()


def test_a_crash_in_compiled_code_says_where(modules, tmp_path):
    """The log of a node that the middleware brings down holds the stacks of its threads."""
    text = 'import ctypes\ndef main():\n    ctypes.string_at(0)\n'
    with open(tmp_path / 'log', 'w', encoding='utf-8') as log:
        with Supervisor(modules(victim=text), log) as supervisor:
            ended = wait_until(supervisor.ended, 10.0, 'the end of the victim')
    assert ended == Ended('victim', -signal.SIGSEGV)
    assert 'victim_module.py", line 3 in main' in (tmp_path / 'log').read_text()


def test_words_for_ends():
    """Signals by name, codes by number."""
    assert Ended('x', -9).text() == 'x was killed by SIGKILL'
    assert Ended('x', 2).text() == 'x ended with exit code 2'


def test_command_lines_carry_the_table():
    """Every parameter of every node is on its command line, typed as YAML."""
    import yaml
    entries = graph('sim', GraphOptions(task='push', remaps=('joint_states:=/x/joint_states',)))
    for entry, spec in zip(entries, node_specs(entries, 'left', 'warn')):
        words = list(spec.arguments)
        assert words[:3] == ['--ros-args', '-r', '__ns:=/left']
        assert 'joint_states:=/x/joint_states' in words
        assert words[-2:] == ['--log-level', 'warn']
        given = [words[i + 1].partition(':=') for i, word in enumerate(words) if word == '-p']
        told = {name: yaml.safe_load(value) for name, _, value in given}
        assert told == dict(entry.parameters)
        assert spec.module == entry.module
    assert '__ns' not in ' '.join(ros_arguments(entries[0]))
