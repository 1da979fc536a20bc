"""Work in several processes: all results, no hanging when one of them fails or dies."""

from functools import partial
import multiprocessing
import os
import subprocess
import sys

import pytest
from wm_ros.types import WmRosError
from wm_ros.workers import spread

_factor = 0


def prepare(factor):
    global _factor
    _factor = factor


def broken(_):
    raise RuntimeError('no memory for the physics')


def work(item):
    return item * _factor


def fail_at(bad, item):
    if item == bad:
        raise WmRosError(f'{item} cannot be done')
    return item


def die_at(bad, item):
    if item == bad:
        os._exit(1)
    return item


@pytest.mark.parametrize('ordered', [True, False])
def test_all_results_come(ordered):
    found = list(spread(work, range(20), 2, prepare, (3,), ordered))
    assert (found if ordered else sorted(found)) == [3 * item for item in range(20)]


@pytest.mark.parametrize('job, prepared, message', [
    (partial(fail_at, 5), prepare, '5 cannot be done'),
    (partial(die_at, 5), prepare, 'a process that shared the work has died'),
    (work, broken, 'no memory for the physics')])
def test_a_failure_ends_it(job, prepared, message):
    with pytest.raises((WmRosError, RuntimeError), match=message):
        list(spread(job, range(20), 2, prepared, (1,)))
    assert not multiprocessing.active_children()


def test_who_stops_asking_leaves_no_process():
    results = spread(work, range(1000), 2, prepare, (2,))
    next(results)
    results.close()
    assert not multiprocessing.active_children()


def test_processes_do_not_outlive_one_that_is_killed():
    code = """if True:
        import time
        from wm_ros.workers import spread
        for _ in spread(time.sleep, [0.0, 600.0, 600.0], 2, int):
            print('begun', flush=True)"""
    with subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b'begun\n'
        process.kill()
        # They hold the other end of the pipe: it is at its end when all of them are.
        assert process.communicate(timeout=30)[0] == b''
