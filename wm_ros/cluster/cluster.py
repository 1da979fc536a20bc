"""A Ray cluster as something that shares work: any address, any deaths, each result once."""

from contextlib import suppress
from importlib import metadata
import multiprocessing
from multiprocessing.connection import wait
import os
import re
import signal
from tempfile import NamedTemporaryFile
from typing import Any, Callable, Dict, Iterable, Iterator, Optional, Tuple

from wm_ros.cluster import worker
from wm_ros.cluster.driver import DONE, FAILED, LOCAL, LOST, REFUSED, serve
from wm_ros.types import WmRosError
from wm_ros.workers import deaf_to_interrupts

_ADDRESS = re.compile(r'auto|local|(ray://)?[^/\s]+:\d+')
_JOINING = {True: 120.0, False: 60.0}   # [s], of a cluster that has to be started; of others
_ENDING = 15.0                          # [s]
_LIVES = 3                              # drivers in a row that may be lost without any result


class Cluster:
    """
    Shares work among the workers of the Ray cluster ``address``.

    The address is ``local`` (a cluster of its own, of ``jobs`` workers), ``auto``, HOST:PORT or
    ray://HOST:PORT; at most ``jobs`` items are under way at a time, None: as many as there are
    CPUs.  Nothing starts before there is work.  Raises WmRosError without Ray, and for what is
    no address.
    """

    def __init__(self, address: str, jobs: Optional[int] = None):
        if not _ADDRESS.fullmatch(address):
            raise WmRosError(f'--ray: got {address!r}, expected local, auto, HOST:PORT or '
                             'ray://HOST:PORT')
        try:
            metadata.version('ray')
        except metadata.PackageNotFoundError as error:
            raise WmRosError("--ray: Ray is not installed (pip install 'wm_ros[ray]')") from error
        self.address, self.jobs = address, jobs
        self._driver: Optional[_Driver] = None

    def spread(self, work: Callable, items: Iterable, prepare: Callable,
               arguments: Tuple = ()) -> Iterator[Any]:
        """
        Yield ``work(item)`` of all ``items``, in order, each once.

        A worker's process calls ``prepare(*arguments)`` first, once for many items; ``work`` and
        ``prepare`` are functions of modules.  An item whose worker or machine dies is begun again
        elsewhere; so is all that is missing when the whole cluster is lost, on the one that is at
        the address then.  What they raise is raised here; WmRosError when no cluster answers, and
        for an item at which one worker after another dies.
        """
        found: Dict[int, Any] = {}      # that others before them keep waiting
        following = 0
        try:
            for index, result in self._results(worker.told(work, prepare, arguments),
                                               dict(enumerate(items))):
                found[index] = result
                while following in found:
                    yield found.pop(following)
                    following += 1
        except BaseException:
            self.close()
            raise

    def _results(self, job: bytes, missing: Dict[int, Any]) -> Iterator[Tuple[int, Any]]:
        """Yield (index, result) of all that is ``missing`` as they come, each once."""
        total, vain = len(missing), 0
        while missing:
            before = len(missing)
            try:
                for index, result in self._joined().results(job, missing):
                    del missing[index]
                    yield index, result
            except _Lost as error:
                self.close(patience=0.0)        # Ray would wait for what is no more
                vain = 0 if len(missing) < before else vain + 1
                if vain == _LIVES:
                    raise WmRosError(
                        f'--ray {self.address}: the cluster was lost, or did not start, {_LIVES} '
                        f'times in a row, with {total - len(missing)} of {total} done ({error})'
                    ) from error

    def close(self, patience: float = _ENDING):
        """
        Leave the cluster, and end one that was started here; harmless when repeated.

        ``patience`` [s] is how long it may take to end in good order.
        """
        if self._driver is not None:
            self._driver.close(patience)
            self._driver = None

    def _joined(self) -> '_Driver':
        if self._driver is None:
            self._driver = _Driver(self.address, self.jobs)
        return self._driver


class _Lost(Exception):
    """The driver, or what it was connected to, is no more."""


class _Driver:
    """The process that speaks to Ray, see ``driver.serve``."""

    def __init__(self, address, jobs):
        self._log = NamedTemporaryFile(prefix='wm_ros_ray_', suffix='.log')
        spawn = multiprocessing.get_context('spawn')
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(
            target=serve, args=(theirs, address, jobs, self._log.name), daemon=True)
        try:
            with deaf_to_interrupts():
                self._process.start()
            theirs.close()
            self._join(address)
        except BaseException:
            self.close(0.0)
            raise

    def _join(self, address):
        limit = _JOINING[address == LOCAL]
        try:
            if not wait([self._pipe, self._process.sentinel], limit):
                raise WmRosError(f'--ray {address}: no cluster answers within {limit:.0f} s')
            answer = self._hear()
        except _Lost as error:
            raise WmRosError(f'--ray {address}: cannot be joined ({error})') from error
        if answer[0] == REFUSED:
            if address == LOCAL:
                raise _Lost(answer[1])      # on a busy machine it may take another start
            raise WmRosError(f'--ray {address}: {answer[1]}')

    def results(self, job: bytes, items: Dict[int, Any]) -> Iterator[Tuple[int, Any]]:
        """Yield (index, result) of all items as they come; raises _Lost, and what work raises."""
        left = len(items)
        self._tell((job, list(items.items())))
        while left:
            kind, *answer = self._hear()
            if kind == FAILED:
                raise answer[0]
            if kind == LOST:
                raise _Lost(answer[0])
            assert kind == DONE
            left -= 1
            yield answer[0], answer[1]

    def _tell(self, message):
        try:
            self._pipe.send(message)
        except OSError as error:
            raise _Lost(self._last_words()) from error

    def _hear(self):
        wait([self._pipe, self._process.sentinel])
        try:
            if self._pipe.poll():       # what was said before the end counts
                return self._pipe.recv()
        except (EOFError, OSError):
            pass
        raise _Lost(self._last_words())

    def _last_words(self):
        with open(self._log.name, encoding='utf-8', errors='replace') as file:
            lines = [line.strip() for line in file if line.strip()]
        return lines[-1][:300] if lines else 'the process that speaks to Ray has died'

    def close(self, patience: float = _ENDING):
        """End the process and all that it has started; a cluster that it has joined stays."""
        self._pipe.close()              # which it understands
        if self._process.pid is not None:
            wait([self._process.sentinel], patience)
            # Before it is reaped: its group cannot be another one's yet.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
            self._process.join()
        self._log.close()
