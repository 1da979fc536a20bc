"""The command line: help that is quick and teaches, errors in one line."""

import os
from pathlib import Path
import subprocess
import sys

import pytest
from wm_ros import __version__, cli

ROOT = Path(__file__).resolve().parents[1]
HIDE = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {hidden}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)
sys.meta_path.insert(0, Hidden())
"""


def wm_ros(*arguments, hidden=(), **variables):
    """Return the finished process of the command; ``hidden`` packages cannot be imported."""
    code = HIDE.format(hidden=set(hidden) or '()') + (
        'from wm_ros.cli import main\nsys.exit(main(sys.argv[1:]))')
    return subprocess.run([sys.executable, '-c', code, *arguments], capture_output=True,
                          text=True, timeout=60, cwd=ROOT, env={**os.environ, **variables})


def test_help_needs_neither_ros_nor_torch():
    """Nor anything else that is slow to import: so the answer is quick."""
    process = wm_ros('--help', hidden=('rclpy', 'torch', 'pybullet', 'casadi', 'matplotlib',
                                       'rich', 'gymnasium'))
    assert process.returncode == 0, process.stderr
    for word in ('examples:', 'up', 'doctor', 'demo', 'train', 'evaluate', 'bench'):
        assert word in process.stdout


@pytest.mark.parametrize('verb', sorted(cli.verbs()))
def test_each_verb_explains_itself(verb):
    """With examples, without importing what is heavy, and in the words of the overview."""
    assert cli.verbs()[verb], 'its module has no docstring'
    process = wm_ros(verb, '--help', hidden=('rclpy', 'torch', 'pybullet'))
    assert process.returncode == 0, process.stderr
    assert 'examples:' in process.stdout


def test_version():
    """The package's own."""
    assert wm_ros('--version').stdout.strip() == f'wm_ros {__version__}'


@pytest.mark.parametrize('arguments', [(), ('juggle',), ('up', '--nonsense', 'sim'), ('up',)])
def test_misuse_shows_usage(arguments):
    """Exit code 2, no traceback."""
    process = wm_ros(*arguments)
    assert process.returncode == 2
    assert 'usage:' in process.stderr and 'Traceback' not in process.stderr


def test_error_of_the_user_is_one_line():
    """And a traceback only with --debug, wherever that stands."""
    process = wm_ros('up', 'sim', '--task', 'juggle')
    assert (process.returncode, process.stdout) == (2, '')
    assert process.stderr.startswith('wm_ros: error: unknown task')
    assert process.stderr.count('\n') == 1
    for line in (('--debug', 'up', 'sim'), ('up', 'sim', '--debug')):
        assert 'Traceback' in wm_ros(*line, '--task', 'juggle').stderr


def test_missing_ros_is_one_line():
    """A machine without ROS is told how to get it."""
    process = wm_ros('up', 'sim', hidden=('rclpy',))
    assert process.returncode == 2
    assert 'rclpy' in process.stderr and 'Traceback' not in process.stderr


def test_our_own_mistakes_are_not_hidden():
    """A module of ours that cannot be imported is a bug, with its traceback."""
    code = (
        'import sys\nimport wm_ros.cli as cli\n'
        'def broken(line):\n    import wm_ros.no_such_module\n'
        'cli.parser_for = broken\nsys.exit(cli.main([]))')
    process = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                             cwd=ROOT)
    assert process.returncode == 1 and 'Traceback' in process.stderr


def test_output_into_a_closed_pipe():
    """``wm_ros --help | head -0`` does not complain."""
    reader, writer = os.pipe()
    os.close(reader)
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONUNBUFFERED'}
    process = subprocess.run(
        [sys.executable, '-m', 'wm_ros', '--help'], stdout=writer, stderr=subprocess.PIPE,
        text=True, cwd=ROOT, env=environment)
    os.close(writer)
    assert process.stderr == ''
