"""Work on a Ray cluster: all results, once and in order, whoever dies; errors in one line."""

from contextlib import closing, suppress
from dataclasses import replace
from importlib import metadata
import os
import pickle
import signal
import socket
import subprocess
import sys

import cluster_testing
import pytest
from wm_ros.bench.sim_to_real.cluster import on_cluster
from wm_ros.cli import main
from wm_ros.cluster import Cluster, cluster, worker
from wm_ros.evaluation.loops import _from_anywhere
from wm_ros.evaluation.run import Evaluation, Request
from wm_ros.types import WmRosError


def _installed():
    try:
        return bool(metadata.version('ray'))
    except metadata.PackageNotFoundError:
        return False


needs_ray = pytest.mark.skipif(
    not _installed(), reason="Ray is missing: pip install 'wm_ros[ray]'")
SIX = Request('reach', 6, seed=2, planner='dither')     # with noise
LINE = ['evaluate', '--task', 'reach', '--episodes', '2', '--planner', 'prior', '--ray']


@pytest.fixture
def visible(monkeypatch):
    """Let workers that are started import what they are to do."""
    cluster_testing.visible(monkeypatch)


@pytest.fixture
def local(visible):
    """Yield a cluster of two workers."""
    with closing(Cluster('local', 2)) as made:
        yield made


@pytest.fixture
def port():
    """Yield a port at which something listens that says nothing."""
    with socket.socket() as listening:
        listening.bind(('127.0.0.1', 0))
        listening.listen()
        yield listening.getsockname()[1]


def timeless(results):
    return [replace(result, plan_ms=[]) for result in results]


@pytest.fixture(scope='module')
def alone():
    """Return what six episodes are where nothing is shared."""
    return timeless(Evaluation(SIX).run())


@pytest.fixture
def watchful(monkeypatch):
    """Let clusters notice a machine's death in seconds."""
    monkeypatch.setenv('RAY_health_check_period_ms', '1000')


@needs_ray
@pytest.mark.slow
@pytest.mark.parametrize('what', ['worker', 'raylet'])
def test_each_episode_comes_once_and_is_the_same(alone, watchful, what):
    """Whoever is killed dies in the midst of an episode; a local cluster dies with its raylet."""
    played = on_cluster(replace(SIX, ray='local', jobs=2), what)
    assert played.kills == 1
    assert [result.seed for result in played.results] == list(SIX.seeds)
    assert timeless(played.results) == alone


@needs_ray
@pytest.mark.slow
def test_a_machine_of_a_cluster_that_was_joined_dies(alone, watchful):
    from ray.cluster_utils import Cluster as Machines
    machines = Machines(initialize_head=True, head_node_args={'num_cpus': 0})
    try:
        for _ in range(2):
            machines.add_node(num_cpus=1)
        played = on_cluster(replace(SIX, ray=machines.address, jobs=None), 'machine')
    finally:
        machines.shutdown()
    assert (played.kills, timeless(played.results)) == (1, alone)


@needs_ray
@pytest.mark.slow
def test_workers_are_prepared_once_and_their_errors_are_raised_here(local):
    found = list(local.spread(cluster_testing.work, range(20), cluster_testing.prepare, (3,)))
    assert [value for value, *_ in found] == [3 * item for item in range(20)]
    assert {times for _, times, _ in found} == {1}
    again = list(local.spread(cluster_testing.work, range(4), cluster_testing.prepare, (5,)))
    assert [value for value, *_ in again] == [0, 5, 10, 15]
    with pytest.raises(WmRosError, match='5 cannot be done'):
        list(local.spread(cluster_testing.fail, [5], cluster_testing.prepare, (1,)))
    with pytest.raises(WmRosError, match='5 workers died at the same item'):
        list(local.spread(cluster_testing.die, [5], cluster_testing.prepare, (1,)))


INTERRUPTED = """
import os, sys
from cluster_testing import prepare, work
from wm_ros.cluster import Cluster
if __name__ == '__main__':
    try:
        for *_, process in Cluster('local', 2).spread(work, range(10 ** 6), prepare, (1,)):
            print(process, os.getpid(), flush=True)
    except KeyboardInterrupt:
        sys.exit(130)
"""


@needs_ray
@pytest.mark.slow
def test_ctrl_c_ends_the_cluster_without_a_word(tmp_path, visible):
    script = tmp_path / 'script.py'
    script.write_text(INTERRUPTED)
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True)
    try:
        working, _ = map(int, process.stdout.readline().split())
        os.killpg(process.pid, signal.SIGINT)       # as a terminal does
        _, error = process.communicate(timeout=60)
        assert (process.returncode, error) == (130, '')
        with pytest.raises(ProcessLookupError):
            os.kill(working, 0)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def refused(capsys, line):
    """Return the line that the command ends with."""
    assert main(line) == 2
    out, error = capsys.readouterr()
    assert out == '' and error.startswith('wm_ros: error: ') and error.count('\n') == 1
    return error


@needs_ray
def test_where_nothing_listens_is_one_line(capsys):
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        port = unused.getsockname()[1]
    for address in (f'127.0.0.1:{port}', f'ray://127.0.0.1:{port}'):
        error = refused(capsys, [*LINE, address])
        assert f'--ray {address}: nothing answers there' in error


@needs_ray
@pytest.mark.parametrize('client', ['', 'ray://'])
def test_what_is_no_cluster_is_given_up(monkeypatch, capsys, port, client):
    monkeypatch.setitem(cluster._JOINING, False, 5.0)
    error = refused(capsys, [*LINE, f'{client}127.0.0.1:{port}'])
    assert f'--ray {client}127.0.0.1:{port}: ' in error


@needs_ray
@pytest.mark.parametrize('line, word', [
    (('head',), "got 'head'"), (('http://head:80',), "got 'http"), (('head:',), "got 'head:'"),
    (('local', '--jobs', '0'), '--jobs: got 0'), (('local', '--ros'), '--ray: is played in'),
    (('local', '--set', 'mpc_node:device:=cuda'), 'mpc_node:device cuda, expected cpu')])
def test_what_cannot_be_is_one_line(capsys, line, word):
    assert word in refused(capsys, [*LINE, *line])


def test_only_what_is_played_is_shared(capsys, tmp_path):
    assert '--ray: nothing is played' in refused(
        capsys, ['evaluate', '--compare', 'a.json', 'b.json', '--ray', 'local'])
    assert "--ray: got 'local' beside --env" in refused(
        capsys, ['evaluate', '--env', 'CartPole-v1', '--ray', 'local'])


def test_ray_that_is_missing_is_named(monkeypatch, capsys):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(cluster.metadata, 'version', missing)
    assert "pip install 'wm_ros[ray]'" in refused(capsys, [*LINE, 'local'])


def test_a_worker_with_other_software_plays_nothing(monkeypatch):
    job = worker.told(cluster_testing.work, cluster_testing.prepare, (2,))
    assert worker.do(job, 4)[0] == 8
    found = pickle.loads(job)
    for name in ('numpy', 'wm_ros', 'Python'):
        other = replace(found, software={**found.software, name: 'other'})
        with pytest.raises(WmRosError, match=f'has {name} .*, expected other as here'):
            worker.do(pickle.dumps(other), 4)


def test_files_that_are_named_are_the_same_in_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('mine.safetensors', 'mine.json', 'panda.safetensors', 'arm.yaml'):
        (tmp_path / name).touch()
    told = {'checkpoint': 'mine', 'actor': '', 'eyes': 'panda_push_eyes', 'robot': 'panda'}
    found = _from_anywhere({'mpc_node': {**told, 'planner.horizon': 3},
                            'robot_node': {'robot': 'arm.yaml'}})
    assert found == {'mpc_node': {**told, 'checkpoint': str(tmp_path / 'mine'),
                                  'planner.horizon': 3},
                     'robot_node': {'robot': str(tmp_path / 'arm.yaml')}}
