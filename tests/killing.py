"""Processes that are killed at a moment that can be chosen, for tests of what they leave."""

from pathlib import Path
import signal
import subprocess
import sys

_KILL = """
import os, signal, sys
def watch(event, arguments):
    if event == 'os.rename' and str(arguments[1]).endswith({suffix!r}):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
"""


def killed_at_rename(code, suffix):
    """
    Run ``code`` in a process of its own that dies where it would rename a file to *``suffix``.

    All is written then, and nothing in place.
    """
    process = subprocess.run(
        [sys.executable, '-c', _KILL.format(suffix=suffix) + code],
        cwd=Path(__file__).parent, capture_output=True, text=True, timeout=60, check=False)
    assert process.returncode == -signal.SIGKILL, process.stderr
