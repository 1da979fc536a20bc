"""The executables of the nodes run what the table says, and end quietly before they listen."""

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from wm_ros.graph import PROGRAMS
from wm_ros.nodes import start


@pytest.mark.parametrize('program', PROGRAMS, ids=lambda program: program.executable)
def test_executable_runs_its_module(program, monkeypatch):
    """The one that the table of nodes names."""
    monkeypatch.setattr(start.signal, 'signal', lambda *_: None)
    monkeypatch.setattr(start, 'import_module', lambda name: SimpleNamespace(main=lambda: name))
    assert getattr(start, program.executable)() == program.module


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_end_while_importing(tmp_path, number):
    """Ctrl-C in the seconds that torch takes is no crash: no traceback, exit code 0."""
    (tmp_path / 'slow.py').write_text(
        'import time\nprint("importing", flush=True)\ntime.sleep(60)\n', encoding='utf-8')
    process = subprocess.Popen(
        [sys.executable, '-c', 'import sys\nfrom wm_ros.nodes import start\n'
         'sys.exit(start.run("slow"))'],
        env=dict(os.environ, PYTHONPATH=str(tmp_path)), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout.readline() == 'importing\n'
        process.send_signal(number)
        _, errors = process.communicate(timeout=10.0)
    finally:
        process.kill()
    assert (process.returncode, errors) == (0, '')
