"""The same work on many things, in processes that neither Ctrl-C nor a death leaves hanging."""

from concurrent.futures import as_completed, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
import multiprocessing
from multiprocessing.connection import wait
import os
import signal
import threading
from typing import Any, Callable, Iterable, Iterator, Optional, Tuple

from wm_ros.types import WmRosError


def spread(work: Callable, items: Iterable, jobs: int, prepare: Callable,
           arguments: Tuple = (), ordered: bool = False) -> Iterator[Any]:
    """
    Yield ``work(item)`` of all ``items``, as they end or in order, from ``jobs`` processes.

    Each process calls ``prepare(*arguments)`` first; ``work`` and ``prepare`` are functions
    of modules.  What they raise is raised here; WmRosError when a process dies.  The
    processes end with the iteration, whatever ends it, and with this process, if it is killed.
    """
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context('spawn'), _start,
                               (prepare, arguments))
    try:
        with deaf_to_interrupts():
            futures = [pool.submit(_do, work, item) for item in items]
        for future in futures if ordered else as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise WmRosError('a process that shared the work has died: is memory short?') from error
    finally:
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        # The pool's own thread joins them: if two did, one would take the dead for alive.
        pool.shutdown(cancel_futures=True)


_failure: Optional[Exception] = None    # of the preparation of this process


def _start(prepare, arguments):
    global _failure
    signal.signal(signal.SIGINT, signal.SIG_IGN)    # where another thread has started it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        prepare(*arguments)
    except Exception as error:  # noqa: B902
        _failure = error        # the pool would only say that a process has died


def _end_with_parent():
    """End when the parent does: one that was killed can no longer end this process."""
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)     # not sys.exit: that would end this thread alone


def _do(work, item):
    if _failure is not None:
        raise _failure
    return work(item)


@contextmanager
def deaf_to_interrupts():
    """
    Ignore Ctrl-C for a moment, and for ever in the processes that the block starts.

    They get it as well, even while they import: it is for the one that started them to end
    them.  What is ignored is inherited; a mask would not be, as multiprocessing lifts it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield       # only the main thread may say what becomes of signals
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
