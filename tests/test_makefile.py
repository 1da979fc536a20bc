"""What `make venv` would run: here, and where a ROS distribution is sourced."""

import os
from pathlib import Path
import shutil
import subprocess

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(shutil.which('make') is None, reason='make is not installed')


def constraints(folder, **variables):
    """Return (the constraints that pip would be given, the commands) of `make venv`."""
    venv = folder / 'venv'
    venv.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != 'ROS_DISTRO'}
    commands = subprocess.run(
        ['make', '-n', '-B', 'venv', f'VENV={venv}'], cwd=ROOT, text=True, check=True,
        capture_output=True, env={**environment, **variables}).stdout.splitlines()
    for line in commands:
        if line.startswith('sed '):
            subprocess.run(line, shell=True, cwd=ROOT, check=True)
    install, = (line for line in commands if ' install ' in line)
    given = install.split(' -c ')[1].split()[0]
    return (ROOT / given).read_text().splitlines(), commands


def distribution(folder, numpy):
    """Return the environment of a distribution that has this version of numpy."""
    (folder / 'numpy').mkdir(parents=True)
    (folder / 'numpy' / '__init__.py').write_text(f'__version__ = {numpy!r}\n')
    return {'ROS_DISTRO': 'jazzy', 'PYTHONPATH': str(folder)}


@pytest.mark.parametrize('numpy, wanted', [('1.26.4', 'numpy<2'), ('2.3.1', 'numpy<3')])
def test_numpy_is_the_distributions_own(tmp_path, numpy, wanted):
    """Its messages are compiled for it: another major version cannot import them."""
    lines, commands = constraints(tmp_path, **distribution(tmp_path / 'dist', numpy))
    assert [line for line in lines if line.startswith('numpy')] == [wanted]
    assert any(line.startswith('torch==') for line in lines)
    assert any('venv --system-site-packages' in line for line in commands)


def test_without_a_distribution_all_versions_are_those_that_were_tried(tmp_path):
    lines, commands = constraints(tmp_path)
    assert lines == (ROOT / 'constraints.txt').read_text().splitlines()
    assert not any('system-site-packages' in line for line in commands)
