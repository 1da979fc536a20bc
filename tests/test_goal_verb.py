"""A goal from the command line, to a graph that runs."""

import os
import subprocess
import sys

import pytest
from ros_testing import Domain
from wm_ros.graph import GraphOptions
from wm_ros.nodes.clients.goal import outcome
from wm_ros.nodes.clients.live import LiveGraph
from wm_ros.types import Code, Status


def goal(*words, domain):
    return subprocess.run(
        [sys.executable, '-m', 'wm_ros', 'goal', *words], capture_output=True, text=True,
        env={**os.environ, 'ROS_DOMAIN_ID': str(domain.id)}, timeout=120)


@pytest.mark.slow
def test_goals_are_reached_or_refused_and_without_a_graph_it_says_so(monkeypatch):
    domain = Domain()
    monkeypatch.setenv('ROS_DOMAIN_ID', str(domain.id))
    with LiveGraph(GraphOptions(task='reach', use_mock_hardware=True), namespace='left'):
        done = goal('0.5', '0.1', '0.3', '--namespace', 'left', domain=domain)
        assert done.returncode == 0 and done.stdout.startswith('GOAL_REACHED'), done.stderr
        far = goal('5', '0.1', '0.3', '--namespace', 'left', domain=domain)
        assert far.returncode == 1 and 'GOAL_REJECTED' in far.stdout
        assert 'out of reach' in far.stdout
    nobody = goal('0.5', '0.1', '0.3', domain=domain)
    assert nobody.returncode == 2
    assert nobody.stderr.startswith('wm_ros: error: ') and 'mpc_node/goal' in nobody.stderr
    domain.release()


def test_what_was_said_before_the_goal_was_taken_does_not_count():
    def status(code, number, text=''):
        return Status(code, text, {'goal_number': number})
    before, ok = status(Code.GOAL_REACHED, 3.0), status(Code.OK, 4.0)
    assert outcome([], 3.0) is None and outcome([before, ok, before], 3.0) is None
    assert outcome([before, ok, status(Code.GOAL_FAILED, 4.0, 'late')], 3.0).text == 'late'
    assert outcome([before, status(Code.GOAL_REJECTED, 4.0, 'far')], 3.0).text == 'far'
    assert outcome([Status(Code.GOAL_REJECTED)], 0.0) is None


def test_numbers_that_are_none_are_one_line(capsys):
    from wm_ros.cli import main
    assert main(['goal', 'nan', '0', '0']) == 2
    assert 'expected finite numbers' in capsys.readouterr().err
