"""Figures of whole commands: errors, the demo, the tests on a fresh clone."""

import json
import os
from pathlib import Path
import shutil
import subprocess
import sys
import tempfile
import time

from wm_ros import paths
from wm_ros.bench.record import at_least, at_most, load_note, shown, true
from wm_ros.graph import GraphOptions
from wm_ros.nodes.processes.environment import child_environment
from wm_ros.types import WmRosError


_PATIENCE = 120         # [s] that a command may take to refuse its input


def bad_input():
    """Commands that cannot work: one line, exit code 2, no traceback."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in _mistakes(Path(folder)).items():
            rows.append(_mistake(name, arguments, folder))
    from wm_ros.nodes.clients.live import LiveGraph
    with open(os.devnull, 'w', encoding='utf-8') as silence:
        with LiveGraph(GraphOptions(task='reach'), log=silence):
            rows.append(_mistake('second_graph', ['up', 'sim', '--task', 'push']))
    return rows


def _mistake(name, arguments, folder='DIR'):
    figure = f'bad_input_is_one_line_and_exit_2/{name}'
    command = f'wm_ros {" ".join(arguments)}'.replace(folder, 'DIR')
    try:
        done = subprocess.run(
            [sys.executable, '-m', 'wm_ros', *arguments], capture_output=True, text=True,
            env=child_environment(), timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return true(figure, False, command, f'went on for {_PATIENCE} s')
    lines = [line.replace(folder, 'DIR') for line in done.stderr.splitlines() if line.strip()]
    return true(figure, done.returncode == 2 and len(lines) == 1
                and 'Traceback' not in done.stderr, command, ' '.join(lines)[:200])


def _mistakes(folder):
    shipped = paths.checkpoint_dir() / 'panda_reach.safetensors'
    truncated = folder / 'truncated.safetensors'
    truncated.write_bytes(shipped.read_bytes()[:5000])
    shutil.copy(shipped.with_suffix('.json'), truncated.with_suffix('.json'))
    other = folder / 'other.safetensors'
    shutil.copy(shipped, other)
    meta = json.loads(shipped.with_suffix('.json').read_text(encoding='utf-8'))
    meta['fingerprint']['joint_names'][0] = 'shoulder_pan_joint'
    other.with_suffix('.json').write_text(json.dumps(meta), encoding='utf-8')
    broken = folder / 'broken.yaml'
    broken.write_text('mpc_node:\n  ros__parameters: [unclosed\n', encoding='utf-8')
    unknown = folder / 'unknown.yaml'
    unknown.write_text('mpc_node:\n  ros__parameters:\n    planner.horizonn: 5\n',
                       encoding='utf-8')
    reach = ['evaluate', '--task', 'reach', '--episodes', '1']
    return {
        'unknown_task': ['evaluate', '--task', 'nosuch'],
        'missing_checkpoint': [*reach, '--checkpoint', str(folder / 'missing')],
        'truncated_checkpoint': [*reach, '--checkpoint', str(truncated)],
        'other_robot': [*reach, '--checkpoint', str(other)],
        'malformed_parameter_file': ['up', 'sim', '--params-file', str(broken)],
        'unknown_parameter': ['up', 'sim', '--params-file', str(unknown)],
    }


def demo():
    """Run the demo, as a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / 'demo.json'
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, '-m', 'wm_ros', 'demo', '--output', folder, '--json', str(file)],
            env=child_environment(), check=False)
        if not file.is_file():
            raise WmRosError(f'wm_ros demo: exit code {done.returncode}, no figures')
        figures = json.loads(file.read_text(encoding='utf-8'))
    rows = [true('demo_ends_well', done.returncode == 0, 'make demo',
                 f'exit code {done.returncode}; {(time.monotonic() - began) / 60:.1f} min; '
                 f'{load_note()}')]
    for task, bar in (('reach', 9), ('push', 8)):
        successes = sum(episode['success'] for episode in figures['episodes']
                        if episode['task'] == task)
        rows.append(at_least(f'demo_{task}_successes', successes, bar, 'of 10', 'make demo'))
    return rows


def tests():
    """``make test`` on a fresh clone without a virtual environment."""
    source = Path(paths.__file__).resolve().parents[1]
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / 'wm_ros'
        cloned = subprocess.run(['git', 'clone', '-q', str(source), str(clone)],
                                capture_output=True, text=True, check=False)
        if cloned.returncode:
            raise WmRosError(f'git clone {source}: {cloned.stderr.strip()}')
        environment = {name: value for name, value in child_environment().items()
                       if name not in ('VIRTUAL_ENV', 'AMENT_PREFIX_PATH', 'PYTHONPATH')}
        path = os.pathsep.join(part for part in environment.get('PATH', '').split(os.pathsep)
                               if Path(part) != Path(sys.prefix) / 'bin')
        began = time.monotonic()
        done = subprocess.run(['make', 'test'], cwd=clone, env={**environment, 'PATH': path},
                              capture_output=True, text=True, check=False)
        minutes = (time.monotonic() - began) / 60
    failed = ', '.join(line.split(' - ')[0] for line in done.stdout.splitlines()
                       if line.startswith(('FAILED', 'ERROR')))
    last = next((line for line in reversed(done.stdout.splitlines()) if line.strip()), '')
    return [true('tests_all_green', done.returncode == 0, 'make test',
                 f'exit code {done.returncode}; {failed[:500]}'.rstrip('; ')),
            at_most('tests_minutes', minutes, 15, 'min', 'make test',
                    f'installation included; {load_note()}'),
            shown('tests_summary', last.strip('= '), '', 'make test')]
