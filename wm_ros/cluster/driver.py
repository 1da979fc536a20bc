"""
A process of its own that speaks to Ray: items in through a pipe, results out.

Ray ends its driver without a word where the cluster is gone, waits for one that never was, and
has handlers of signals and logs of its own.  Here none of that concerns anybody else.
"""

from collections import Counter, deque
import logging
import os
import secrets
import socket
import time
from typing import Optional

from wm_ros.cluster import worker
from wm_ros.cores import cores
from wm_ros.types import WmRosError

#: What a message to whoever asks begins with.
REFUSED, UP, DONE, FAILED, LOST = 'refused', 'up', 'done', 'failed', 'lost'
#: The address of a cluster of one's own, which ends with the driver.
LOCAL = 'local'

_TRIES = 5                  # of an item whose worker dies
_AHEAD = 1000               # items that Ray is told of at a time, where nobody says how many
_LOOK = 1.0                 # [s] between looks whether anybody is still there
_STARVED = 120.0            # [s] without results and without a single CPU
_KNOCK = 5.0                # [s] that an address may take to answer
_STORE = 200 * 2 ** 20      # [bytes] of shared memory for results of a cluster of one's own
#: Seconds after which a driver gives a cluster up whose head does not answer; Ray's own is 60.
_PATIENCE = {'RAY_gcs_rpc_server_reconnect_timeout_s': '20'}


def serve(pipe, address: str, jobs: Optional[int], log: str):
    """
    Join the cluster, and answer (job, [(index, item), ...]) with results until the pipe ends.

    At most ``jobs`` items are under way at a time.  What Ray has to say goes to the file ``log``.
    """
    os.setsid()             # Ctrl-C is for whoever asks
    _write_to(log)
    try:
        _join(address, jobs)
    except (Exception, SystemExit) as error:    # noqa: B902
        pipe.send((REFUSED, _brief(error)))
        return
    try:
        pipe.send((UP,))
        while True:
            _answer(pipe, *pipe.recv(), jobs or _AHEAD)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass                # nobody wants any more
    except WmRosError as error:
        pipe.send((FAILED, error))
    except Exception as error:  # noqa: B902
        pipe.send((LOST, _brief(error)))
    finally:
        import ray
        ray.shutdown()


def _write_to(log):
    file = os.open(log, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(file, stream)


def _join(address, jobs):
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)
    if address == LOCAL:
        os.environ['RAY_USAGE_STATS_ENABLED'] = '0'
        # Nobody else may use it, and nothing is left in the home of who does.
        os.environ.setdefault('RAY_AUTH_MODE', 'token')
        os.environ.setdefault('RAY_AUTH_TOKEN', secrets.token_hex(32))
    elif ':' in address:
        _knock(address)
    import ray
    of_its_own = {'num_cpus': jobs or cores(), 'include_dashboard': False,
                  'object_store_memory': _STORE} if address == LOCAL else {}
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **of_its_own)
    except ConnectionError as error:
        raise WmRosError(f'{_brief(error)}; is it of the same version of Ray and Python, and does '
                         'it want a token (RAY_AUTH_MODE=token)?') from error


def _knock(address):
    """Find out whether anything listens there: Ray would ask again and again."""
    host, _, port = address.rpartition('/')[2].rpartition(':')
    try:
        socket.create_connection((host.strip('[]'), int(port)), _KNOCK).close()
    except OSError as error:
        raise WmRosError(f'nothing answers there ({error})') from error


def _answer(pipe, job, items, most):
    """Send the results of all items, or what ends the work; an item is sent once."""
    import ray
    do = ray.remote(num_cpus=1, max_retries=0)(worker.do)
    waiting, running, died = deque(items), {}, Counter()
    hunger = _Hunger()
    while waiting or running:
        while waiting and len(running) < most:
            index, item = waiting.popleft()
            running[do.remote(job, item)] = index, item
        ready, _ = ray.wait(list(running), timeout=_LOOK)
        for reference in ready:
            index, item = running.pop(reference)
            try:
                pipe.send((DONE, index, ray.get(reference)))
            except ray.exceptions.RayTaskError as error:
                pipe.send((FAILED, _cause(error)))
                return
            except ray.exceptions.LocalRayletDiedError:
                raise           # of this machine's node: nothing will ever be done again
            except ray.exceptions.RayError as error:
                died[index] += 1
                if died[index] == _TRIES:
                    pipe.send((FAILED, WmRosError(
                        f'{_TRIES} workers died at the same item ({_brief(error)}): is memory '
                        'short?')))
                    return
                waiting.appendleft((index, item))
        if pipe.poll():
            raise EOFError      # all that may come now is the end
        hunger.check(bool(ready))


class _Hunger:
    """Ends work on a cluster that has no CPU left, which Ray would wait for for ever."""

    def __init__(self):
        self._since = time.monotonic()

    def check(self, fed):
        """Raise WmRosError after a long time without results and without CPUs."""
        import ray
        if fed:
            self._since = time.monotonic()
        if time.monotonic() - self._since > _STARVED:
            if ray.cluster_resources().get('CPU', 0) < 1:
                raise WmRosError(f'--ray: no worker has had a CPU for {_STARVED:.0f} s')
            self._since = time.monotonic()


def _cause(error):
    """Return what a worker has raised, as it can be raised again elsewhere."""
    cause = getattr(error, 'cause', None) or error
    if isinstance(cause, WmRosError):
        return cause
    if 'No module named' in str(error):
        missing = str(error).rpartition('No module named ')[2].split('\n')[0]
        return WmRosError(f'a worker has no module {missing}; install there what is installed '
                          'here')
    return RuntimeError(f'in a worker: {error}')


def _brief(error) -> str:
    """Return what an error says in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
