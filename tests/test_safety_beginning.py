"""When a command may begin anew: what is wished for is neither lost nor torn."""

import sys
from threading import Event, Thread

import pytest
from wm_ros.safety.beginning import Beginning


@pytest.fixture
def often():
    """Have threads take turns as often as can be."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def test_at_first_any_measurement_will_do_and_later_what_comes_after_the_wish():
    beginning = Beginning()
    assert beginning.wanted and not beginning.begun
    assert not beginning.make_at(None, 5.0) and not beginning.begun
    assert beginning.make_at(4.9, 5.0) and beginning.begun and not beginning.wanted
    beginning.wish()
    assert beginning.begun and beginning.wanted
    assert not beginning.make_at(None, 6.0)         # from here on counts
    assert not beginning.make_at(5.99, 6.1)
    assert beginning.make_at(6.0, 6.1) and not beginning.wanted
    beginning.forget()
    assert not beginning.begun and beginning.make_at(1.0, 7.0)


def test_wishes_of_another_thread_neither_break_a_step_nor_get_lost(often):
    """A step read the moment twice once, and a wish between the two made it fail."""
    beginning, ended = Beginning(), Event()

    def wish():
        while not ended.is_set():
            beginning.wish()
    thread = Thread(target=wish)
    thread.start()
    try:
        for now in range(20_000):
            beginning.make_at(float(now), float(now))
    finally:
        ended.set()
        thread.join(10.0)
    beginning.wish()
    assert beginning.wanted and beginning.make_at(3e4, 3e4) and not beginning.wanted
