"""A node that asks and waits: questions that were lost, refusals, and waits that end."""

import threading
import time

import pytest
from ros_testing import wait_until
from std_msgs.msg import Int32
from std_srvs.srv import Trigger
from wm_ros.nodes.clients.client_node import ClientNode
from wm_ros.types import WmRosError

pytestmark = pytest.mark.slow


@pytest.fixture
def client(peer):
    """Yield a ClientNode in the peer's context."""
    made = ClientNode('asker', context=peer.context)
    yield made
    made.close()


def serve(peer, answer):
    """Offer the service 'asked'; return the list of the times at which it was asked."""
    times = []

    def receive(request, response):
        times.append(time.monotonic())
        return answer(len(times), response)
    peer.node.create_service(Trigger, 'asked', receive)
    return times


def agree(number, response):
    """Say yes, with the number of the question."""
    response.success, response.message = True, str(number)
    return response


def test_a_service_that_appears_late_is_asked(peer, client):
    """The wait for the service is part of the call."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(client.call(Trigger, 'asked')))
    thread.start()
    serve(peer, agree)
    thread.join(20.0)
    assert answers and answers[0].success


def test_a_lost_question_is_asked_again(peer, client):
    """A server whose first answer gets lost is asked once more, and the wait ends then."""
    first = threading.Event()

    def stumble(number, response):
        if number == 1:
            first.wait(15.0)        # the answer to the first question does not come in time
        return agree(number, response)
    serve(peer, stumble)
    real = client.client(Trigger, 'asked').call_async
    asked = []

    def call_async(request):
        asked.append(real(request))
        if len(asked) > 1:
            first.set()
        return asked[-1]
    client.client(Trigger, 'asked').call_async = call_async
    assert client.call(Trigger, 'asked').success
    assert len(asked) == 2


def test_a_refusal_is_an_error_with_the_reason(peer, client):
    """The message of a service that says no is passed on."""
    def refuse(number, response):
        response.message = 'not now'
        return response
    serve(peer, refuse)
    with pytest.raises(WmRosError, match='asked: not now'):
        client.call(Trigger, 'asked')


def test_waiting_ends_by_news_by_time_and_by_death(peer, client):
    """A message wakes the wait; without it time runs out; ``alive`` may end it before that."""
    heard = []
    publisher = peer.publisher(Int32, 'news')
    client.listen(Int32, 'news', lambda msg: heard.append(msg.data))
    wait_until(publisher.get_subscription_count)
    publisher.publish(Int32(data=7))
    assert client.wait(lambda: heard, 10.0, 'news') == [7]
    with pytest.raises(WmRosError, match='more news did not come within 0.05 s'):
        client.wait(lambda: len(heard) > 1, 0.05, 'more news')

    def dead():
        raise WmRosError('the graph is gone')
    mourner = ClientNode('mourner', context=peer.context, alive=dead)
    try:
        with pytest.raises(WmRosError, match='gone'):
            mourner.wait(lambda: False, 60.0, 'nothing')
    finally:
        mourner.close()
