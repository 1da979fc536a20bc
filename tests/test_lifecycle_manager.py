"""The lifecycle manager against real managed nodes, over DDS, in a process of its own."""

import contextlib
import itertools
import json
import os
import subprocess
import sys
import threading
import time

import pytest
from rcl_interfaces.srv import GetParameters
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from ros_testing import Domain
from std_srvs.srv import Trigger
from wm_ros.nodes.lifecycle_manager import stop_order
from wm_ros.nodes.processes.child import REPORT_FD
from wm_ros.nodes.processes.lock import GraphLock
from wm_ros.types import WmRosError

numbers = itertools.count()
pytestmark = pytest.mark.slow
NAMES = ['first', 'second', 'gate']
ACTIVE = {'event': 'active', 'message': ''}
BOUND = 20.0        # [s] for anything that is waited for


class Recorder(LifecycleNode):
    """A managed node that notes its transitions in a list and fails those it is told to."""

    def __init__(self, name, context, namespace, history, bad=()):
        super().__init__(name, context=context, namespace=namespace,
                         use_global_arguments=False)
        self.history, self.bad = history, bad

    def _note(self, what):
        self.history.append((self.get_name(), what))
        if what in self.bad:
            self.get_logger().error(f'{what}: the reason of {self.get_name()}')
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS

    def on_configure(self, state):
        return self._note('configure')

    def on_activate(self, state):
        return self._note('activate')

    def on_deactivate(self, state):
        return self._note('deactivate')

    def on_cleanup(self, state):
        return self._note('cleanup')

    def on_shutdown(self, state):
        return self._note('shutdown')


@pytest.fixture
def nodes(monkeypatch):
    """Return a function that makes managed nodes, in a domain of their own, and spins them."""
    domain = Domain()
    monkeypatch.setenv('ROS_DOMAIN_ID', str(domain.id))     # the manager's process has it too
    context = rclpy.Context()
    context.init(domain_id=domain.id)
    executor = SingleThreadedExecutor(context=context)
    made, ended = [], threading.Event()

    def spin():
        while not ended.is_set():
            executor.spin_once(timeout_sec=0.05)

    def make(bad=(), names=NAMES, namespace=None):
        history = []
        namespace = namespace or make.namespace
        for name in names:
            made.append(Recorder(name, context, namespace, history,
                                 [what for who, what in bad if who == name]))
            executor.add_node(made[-1])
        return history

    thread = threading.Thread(target=spin)
    thread.start()
    make.context = context
    # A node that was destroyed can leave its lifecycle services behind for a while.
    make.namespace = f'/lm{next(numbers)}'
    yield make
    ended.set()
    thread.join()
    for node in made:
        node.destroy_node()
    executor.shutdown()
    context.shutdown()
    domain.release()


@contextlib.contextmanager
def manager(namespace, *parameters, names=NAMES):
    """Run the manager; yield its process and the stream of its reports."""
    read, write = os.pipe()
    arguments = ['--ros-args', '-r', f'__ns:={namespace}']
    for parameter in (f'node_names:={json.dumps(list(names))}', *parameters):
        arguments += ['-p', parameter]
    process = subprocess.Popen(
        [sys.executable, '-m', 'wm_ros.nodes.lifecycle_manager', *arguments],
        stderr=subprocess.PIPE, text=True, pass_fds=[write],
        env={**os.environ, REPORT_FD: str(write)})
    os.close(write)
    with os.fdopen(read) as reports:
        try:
            yield process, reports
        finally:
            process.kill()
            process.communicate()


def call(context, service, kind=Trigger):
    """Call a service; return its response."""
    node = rclpy.create_node('caller', context=context, use_global_arguments=False)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    client = node.create_client(kind, service)
    try:
        assert client.wait_for_service(BOUND)
        future = client.call_async(kind.Request())
        executor.spin_until_future_complete(future, BOUND)
        return future.result()
    finally:
        executor.shutdown()
        node.destroy_node()


def end(process):
    """Ask the process to end; return its exit code and what it said."""
    process.terminate()
    _, text = process.communicate(timeout=BOUND)
    return process.returncode, text


def each(what, names):
    """Return the history of ``what`` done to ``names``."""
    return [(name, what) for name in names]


UP = each('configure', NAMES) + each('activate', NAMES)
STOP = ['second', 'first', 'gate']


def test_up_in_order_and_down_with_the_gate_last(nodes):
    """All are configured, then activated; plans cease before the gate is closed."""
    history = nodes()
    with manager(nodes.namespace) as (process, reports):
        assert json.loads(reports.readline()) == ACTIVE
        assert history == UP
        code, text = end(process)
    assert code == 0, text
    assert 'Traceback' not in text
    assert history[len(UP):] == (
        each('deactivate', STOP) + each('cleanup', STOP) + each('shutdown', STOP))


@pytest.mark.parametrize('where, done', [
    (('second', 'configure'), each('configure', ['first', 'second']) + [('first', 'cleanup')]),
    (('gate', 'activate'), UP + each('deactivate', ['second', 'first'])
     + each('cleanup', STOP)),
])
def test_failure_names_node_and_reason(nodes, where, done):
    """One line says who and why, the exit code is 2, and nothing is left half up."""
    history = nodes(bad=[where])
    with manager(nodes.namespace) as (process, reports):
        message = json.loads(reports.readline())
        _, text = process.communicate(timeout=BOUND)
    name, verb = where
    expected = f'{name}: could not {verb}: the reason of {name}'
    assert message == {'event': 'failed', 'message': expected}
    assert process.returncode == 2
    assert f'lifecycle_manager: {expected}' in text.splitlines()
    assert 'Traceback' not in text
    assert history[:len(done)] == done
    assert history[len(done):] == each('shutdown', STOP)


def test_a_node_that_never_comes(nodes):
    """The wait is bounded and the message says who was missing."""
    nodes(names=['first'])
    begin = time.monotonic()
    with manager(nodes.namespace, 'transition_timeout:=6.0') as (process, reports):
        message = json.loads(reports.readline())['message']
        process.wait(BOUND)
    assert message.startswith('second: did not appear')
    assert process.returncode == 2
    assert time.monotonic() - begin < BOUND


def test_services_bring_up_and_down_again_and_again(nodes):
    """After ~/shutdown everything can be started anew, and a failure is the answer."""
    history = nodes()
    with manager(nodes.namespace, 'autostart:=false') as (process, _):
        for _ in range(2):
            del history[:]
            assert call(nodes.context, f'{nodes.namespace}/lifecycle_manager/startup').success
            assert history == UP
            assert call(nodes.context, f'{nodes.namespace}/lifecycle_manager/startup').success
            assert history == UP, 'what is up stays as it is'
            assert call(nodes.context, f'{nodes.namespace}/lifecycle_manager/shutdown').success
            assert history[len(UP):] == each('deactivate', STOP) + each('cleanup', STOP)
        assert end(process)[0] == 0


def test_failing_startup_service_answers_and_lives_on(nodes):
    """A manager that was asked by service does not die of a node's failure."""
    nodes(bad=[('first', 'configure')])
    with manager(nodes.namespace, 'autostart:=false') as (process, _):
        answer = call(nodes.context, f'{nodes.namespace}/lifecycle_manager/startup')
        assert not answer.success
        assert 'the reason of first' in answer.message
        assert end(process)[0] == 0


def test_end_while_waiting_is_quick(nodes):
    """A manager that waits for nodes which never come obeys the signal to end."""
    nodes(names=['first'])
    with manager(nodes.namespace, 'transition_timeout:=600.0') as (process, _):
        # Once it answers anything, it is at work.
        call(nodes.context, f'{nodes.namespace}/lifecycle_manager/get_parameters', GetParameters)
        begin = time.monotonic()
        code, text = end(process)
    assert code == 0, text
    assert time.monotonic() - begin < BOUND / 2


def test_one_graph_per_namespace(nodes):
    """A second manager of the same namespace is refused; another namespace is free."""
    nodes()
    nodes(namespace='/other')
    with manager(nodes.namespace) as (_, reports):
        assert json.loads(reports.readline()) == ACTIVE
        with manager(nodes.namespace) as (second, _):
            _, text = second.communicate(timeout=BOUND)
            assert second.returncode == 2
            assert 'already' in text and 'Traceback' not in text
        with manager('/other') as (_, others):
            assert json.loads(others.readline()) == ACTIVE


def test_order_of_stopping():
    """From the last to the first, and then the gate."""
    assert stop_order(['a', 'b', 'c', 'gate']) == ['c', 'b', 'a', 'gate']
    assert stop_order(['gate']) == ['gate']


def test_lock_is_of_one_domain_and_namespace():
    """The lock is refused while held, by name of domain and namespace, and free afterwards."""
    domain = Domain()
    first, second, other = (GraphLock(name, str(domain.id)) for name in ('/a/b', 'a/b', '/a/c'))
    first.require()
    with pytest.raises(WmRosError, match=f"domain {domain.id} and namespace 'a/b'"):
        second.require()
    other.require()
    other.release()
    first.release()
    second.require()
    second.release()
    domain.release()


HOLDER = """
import sys, time
from wm_ros.nodes.processes.lock import GraphLock
lock = GraphLock('/a/b', sys.argv[1])
lock.require()
print('held', flush=True)
time.sleep(600)
"""


def test_lock_ends_with_its_holder():
    """However it ends."""
    domain = Domain()
    lock = GraphLock('/a/b', str(domain.id))
    holder = subprocess.Popen([sys.executable, '-c', HOLDER, str(domain.id)],
                              stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == 'held\n'
        with pytest.raises(WmRosError):
            lock.require()
    finally:
        holder.kill()
        holder.communicate()
    lock.require()
    lock.release()
    domain.release()
