"""ROS from wheels needs nothing to be exported, and a sourced ROS machine is left alone."""

from importlib.util import find_spec
import os
from pathlib import Path
import subprocess
import sys

import pytest
from ros_testing import Domain
from wm_ros.nodes.processes import environment

ROOT = Path(__file__).resolve().parents[1]
GUARD = '_ROS_WHEELS_BOOTSTRAP_COMPLETE'
WHEELS = Path(sys.prefix) in Path(find_spec('rclpy').origin).parents
USE_ROS = """
from wm_ros.nodes.processes.environment import prepare
prepare()
from ament_index_python.packages import get_package_prefix
import rclpy
rclpy.init()
node = rclpy.create_node('environment_test')
print(get_package_prefix('rclpy'))
node.destroy_node()
rclpy.shutdown()
"""


def rclpy_prefix():
    """Return the folder above lib/python3.x/site-packages/rclpy, found independently."""
    package = Path(find_spec('rclpy').origin).parent
    return next(str(folder) for folder in package.parents if (folder / 'share/rclpy').is_dir())


def test_a_child_with_nothing_exported_can_use_ros():
    result = run(USE_ROS, without('AMENT_PREFIX_PATH', GUARD, 'LD_LIBRARY_PATH')
                 if WHEELS else dict(os.environ))
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.strip()).resolve() == Path(rclpy_prefix()).resolve()


def test_what_is_set_stays_as_it_is(monkeypatch):
    listed = os.pathsep.join(['/opt/overlay', rclpy_prefix(), '/opt/underlay'])
    monkeypatch.setenv('AMENT_PREFIX_PATH', listed)
    before = dict(os.environ)
    environment.prepare()
    assert dict(os.environ) == before


def test_prefix_of_rclpy_goes_below_the_workspaces(monkeypatch):
    monkeypatch.setenv('AMENT_PREFIX_PATH', '/opt/overlay')
    environment.prepare()
    environment.prepare()
    assert os.environ['AMENT_PREFIX_PATH'] == os.pathsep.join(['/opt/overlay', rclpy_prefix()])


def test_child_environment_is_free_of_the_wheels(monkeypatch):
    own = os.path.join(sys.prefix, 'lib')
    wheel = os.path.join(sys.prefix, 'lib', 'python3', 'site-packages', 'ros_rclpy.libs')
    monkeypatch.setenv(GUARD, '1')
    monkeypatch.setenv('LD_LIBRARY_PATH', os.pathsep.join([own, '/opt/vendor/lib', wheel]))
    child = environment.child_environment(ROS_DOMAIN_ID='7')
    assert GUARD not in child
    assert child['LD_LIBRARY_PATH'] == '/opt/vendor/lib'
    assert child['ROS_DOMAIN_ID'] == '7'
    assert rclpy_prefix() in child['AMENT_PREFIX_PATH'].split(os.pathsep)
    assert os.environ[GUARD] == '1'


def test_child_environment_keeps_the_library_path_of_a_ros_distribution(monkeypatch):
    monkeypatch.delenv(GUARD, raising=False)
    monkeypatch.setenv('LD_LIBRARY_PATH', '/opt/ros/lib')
    assert environment.child_environment()['LD_LIBRARY_PATH'] == '/opt/ros/lib'


def test_a_child_of_this_process_can_use_ros():
    result = run(USE_ROS, environment.child_environment())
    assert result.returncode == 0, result.stderr


@pytest.mark.skipif(not WHEELS, reason='rclpy is not from wheels here')
def test_inherited_guard_is_explained():
    result = run(USE_ROS, {**without('LD_LIBRARY_PATH'), GUARD: '1'})
    assert result.returncode != 0
    assert f'env -u {GUARD} -u LD_LIBRARY_PATH' in result.stderr.strip().splitlines()[-1]


def test_missing_ros_is_explained():
    # Without site-packages and PYTHONPATH there is no rclpy, wherever it came from.
    program = f'import sys; sys.path.insert(0, {str(ROOT)!r})\n' + USE_ROS
    result = run(program, dict(os.environ), '-I', '-S')
    assert result.returncode != 0
    assert "pip install '.[ros]'" in result.stderr.strip().splitlines()[-1]


def without(*names):
    return {name: value for name, value in os.environ.items() if name not in names}


def run(program, variables, *options):
    domain = Domain()
    try:
        return subprocess.run(
            [sys.executable, *options, '-c', program], cwd=ROOT, capture_output=True, text=True,
            env={**variables, 'ROS_DOMAIN_ID': str(domain.id)}, timeout=60, check=False)
    finally:
        domain.release()
