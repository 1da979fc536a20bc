"""The doctor finds what is wrong, says how to mend it, and touches nothing."""

import json
import mmap
import os
from pathlib import Path
import subprocess
import sys

import pytest
from ros_testing import Domain
from wm_ros import paths
from wm_ros.cli import _checks as checks
from wm_ros.nodes.processes import environment
from wm_ros.nodes.processes.lock import GraphLock

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def domain():
    """Yield a DDS domain of its own."""
    made = Domain()
    yield made
    made.release()


def doctor(domain, *arguments, **variables):
    """Return the finished process of ``wm_ros doctor``."""
    return subprocess.run(
        [sys.executable, '-m', 'wm_ros', 'doctor', *arguments], capture_output=True, text=True,
        timeout=180, cwd=ROOT,
        env=environment.child_environment(ROS_DOMAIN_ID=str(domain.id), **variables))


def levels(report):
    """Return {name: level}."""
    return {finding['name']: finding['level'] for finding in report['findings']}


@pytest.mark.slow
def test_this_machine(domain, tmp_path):
    """Where the tests run everything is there; the JSON says what the text says."""
    file = tmp_path / 'report.json'
    process = doctor(domain, '--json', str(file))
    assert process.returncode == 0, process.stdout + process.stderr
    report = json.loads(file.read_text())
    assert report['ok'] and process.stdout.strip().endswith('all well')
    found = levels(report)
    for name in ('python', 'torch', 'pybullet', 'robot', 'checkpoint reach', 'checkpoint push',
                 'panda_push_robust', 'panda_push_actor', 'ur5e_reach', 'rclpy', 'messages',
                 'DDS'):
        assert found[name] in ('ok', 'note'), name
    for finding in report['findings']:
        assert finding['name'] in process.stdout


@pytest.mark.slow
def test_broken_middleware_is_found(domain):
    """An RMW that does not exist: exit code 1 and what to look at."""
    process = doctor(domain, RMW_IMPLEMENTATION='rmw_of_nobody')
    assert process.returncode == 1
    failures = [line for line in process.stdout.splitlines() if line.startswith('FAIL')]
    assert len(failures) == 1 and 'DDS' in failures[0]
    assert 'RMW_IMPLEMENTATION' in process.stdout
    assert 'Traceback' not in process.stdout + process.stderr


def test_a_graph_that_runs_is_mentioned(domain, monkeypatch):
    """Since it would be in the way of another one."""
    monkeypatch.setenv('ROS_DOMAIN_ID', str(domain.id))
    assert checks._domain().level == checks.OK
    lock = GraphLock()
    lock.require()
    try:
        assert checks._domain().level == checks.NOTE
    finally:
        lock.release()


def test_pythons():
    """Those that the package is made for, and no others."""
    assert checks.python((3, 11, 2)).level == checks.OK
    for version in ((3, 9, 1), (3, 14, 0)):
        finding = checks.python(version)
        assert finding.level == checks.FAIL and '3.11' in finding.mend


def test_missing_and_broken_libraries(tmp_path, monkeypatch):
    """One that is not there, and one that fails while it is imported."""
    (tmp_path / 'broken_library_of_test.py').write_text('raise OSError("no such symbol")\n')
    monkeypatch.syspath_prepend(tmp_path)
    missing, broken, fine = checks.libraries({
        'no_such_library': 'nothing-of-that-name', 'broken_library_of_test': 'broken',
        'json': 'json'})
    assert missing.level == broken.level == checks.FAIL and fine.level == checks.OK
    assert missing.mend.endswith('pip install nothing-of-that-name')
    assert 'no such symbol' in broken.text


def test_all_shipped_weights_are_loaded(tmp_path, monkeypatch):
    """Those of other robots and worlds too; an agent of somebody's own robot is left alone."""
    for file in paths.checkpoint_dir().iterdir():
        (tmp_path / file.name).symlink_to(file)
    meta = json.loads((tmp_path / 'ur5e_reach.json').read_text())
    for name, robot in (('ur5e_reach', 'ur5e'), ('mine_reach', 'mine')):
        for suffix, text in (('.json', json.dumps({**meta, 'robot': robot})),
                             ('.safetensors', 'damaged')):
            (tmp_path / f'{name}{suffix}').unlink(missing_ok=True)
            (tmp_path / f'{name}{suffix}').write_text(text)
    monkeypatch.setattr(paths, 'checkpoint_dir', lambda: tmp_path)
    found = {finding.name: finding for finding in checks.shipped()}
    assert found.pop('ur5e_reach').level == checks.FAIL
    assert {'iiwa_reach', 'panda_push_robust', 'panda_push_actor'} < set(found)
    assert 'mine_reach' not in found
    assert {finding.level for finding in found.values()} == {checks.OK}


def test_leftovers_of_killed_nodes(tmp_path):
    """Segments that a process still has mapped do not count; nothing is removed."""
    for name in ('fastdds_dead', 'fastdds_alive', 'somebody_elses'):
        (tmp_path / name).write_bytes(bytes(2 * 2 ** 20))
    (tmp_path / 'fastdds_dead_el').touch()
    with open(tmp_path / 'fastdds_alive', 'rb') as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
            finding = checks.leftovers(tmp_path)
    assert finding.level == checks.NOTE and finding.text.startswith('2 files, 2 MiB')
    assert 'rm -f' in finding.mend
    assert len(list(tmp_path.iterdir())) == 4
    os.remove(tmp_path / 'fastdds_dead')
    os.remove(tmp_path / 'fastdds_alive')
    assert checks.leftovers(tmp_path).level == checks.OK


def test_missing_messages():
    """A ROS installation that lacks a message package."""
    findings = list(checks.ros(('std_msgs', 'no_such_msgs')))
    assert findings[-1].level == checks.FAIL
    assert findings[-1].text == 'no_such_msgs not found'


def test_unwritable_report():
    """Is the user's error, said in one line."""
    from wm_ros.cli.doctor import _write
    from wm_ros.types import WmRosError
    with pytest.raises(WmRosError, match='cannot be written'):
        _write('/nowhere/at/all.json', {})
