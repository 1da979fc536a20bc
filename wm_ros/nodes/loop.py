"""Threads and pace of the control loops."""

import math
import threading
import time
from typing import Any, Callable, Optional


class PeriodicLoop:
    """
    Calls ``tick`` on a thread of its own at monotonic deadlines, ``period`` [s] apart.

    Deadlines that pass while a tick runs late are skipped and counted in ``missed``: no
    burst makes up for them.  An exception is handed to ``on_error`` and the loop goes on,
    since a control loop that dies in silence is the worst of ends.
    """

    def __init__(self, name: str, period: float, tick: Callable[[], None],
                 on_error: Callable[[Exception], None]):
        self.period, self.missed = period, 0
        self._tick, self._on_error = tick, on_error
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self):
        """Begin; the first tick comes at once."""
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """End after the tick under way; return False when that takes longer than allowed."""
        self._ended.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self):
        deadline = time.monotonic()
        while not self._ended.is_set():
            try:
                self._tick()
            except Exception as error:  # noqa: B902
                self._on_error(error)
            deadline += self.period
            late = time.monotonic() - deadline
            if late > self.period:
                skipped = int(late / self.period)
                self.missed += skipped
                deadline += skipped * self.period
            if self._ended.wait(max(0.0, deadline - time.monotonic())):
                return


class LatestLoop:
    """
    Hands the newest value put to it to ``work``, on a thread of its own.

    A value that was not taken yet is replaced by the next.  Exceptions go to ``on_error``.
    """

    def __init__(self, name: str, work: Callable[[Any], None],
                 on_error: Callable[[Exception], None]):
        self._work, self._on_error = work, on_error
        self._news = threading.Condition()
        self._value: Optional[Any] = None
        self._ended = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self):
        """Begin."""
        self._thread.start()

    def put(self, value: Any):
        """Offer a value, which is not None."""
        with self._news:
            self._value = value
            self._news.notify()

    def stop(self, timeout: float = 30.0) -> bool:
        """End after the work under way; return False when that takes longer than allowed."""
        with self._news:
            self._ended = True
            self._news.notify()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self):
        while True:
            with self._news:
                self._news.wait_for(lambda: self._ended or self._value is not None)
                if self._ended:
                    return
                value, self._value = self._value, None
            try:
                self._work(value)
            except Exception as error:  # noqa: B902
                self._on_error(error)


class Pace:
    """
    Lets through at most ``rate`` events a second, judged by their stamps.

    On average, that is: of joint states at 100 Hz now each second, now each third for 40 Hz.
    """

    def __init__(self, rate: float):
        self._period = 1.0 / rate
        self._due = -math.inf

    def change(self, rate: float):
        """Go on at another rate, in step: no event is left out where it is the same."""
        period = 1.0 / rate
        self._due += period - self._period
        self._period = period

    def due(self, stamp: float) -> bool:
        """Return whether the event of ``stamp`` [s] should be let through."""
        early = self._due - stamp
        if early > self._period + 1.0:
            self._due = stamp       # time began anew
        elif early > 0.1 * self._period:
            return False            # less than that is jitter
        elif early < -self._period:
            self._due = stamp       # there was a pause; nothing is to be made up for
        self._due += self._period
        return True
