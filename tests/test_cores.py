"""Processes are as many as the cores that this one may run on."""

import os
import subprocess
import sys

import pytest
from wm_ros.cores import cores

_PROGRAM = ('import os; os.sched_setaffinity(0, {%d}); from wm_ros.cores import cores; '
            'print(cores())')


@pytest.mark.skipif(not hasattr(os, 'sched_setaffinity'), reason='Linux alone has it')
def test_cores_that_belong_to_others_do_not_count():
    core = min(os.sched_getaffinity(0))
    told = subprocess.run([sys.executable, '-c', _PROGRAM % core], capture_output=True, text=True,
                          check=True)
    assert told.stdout.strip() == '1'


def test_there_is_one():
    assert 1 <= cores() <= os.cpu_count()
