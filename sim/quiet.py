"""PyBullet without its chatter: import it from here."""

import contextlib
import ctypes
import os
import sys


@contextlib.contextmanager
def quiet():
    """Silence what C++ code prints."""
    sys.stdout.flush()
    sys.stderr.flush()
    sink = os.open(os.devnull, os.O_WRONLY)
    saved = [os.dup(1), os.dup(2)]
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    try:
        yield
    finally:
        # C has buffers of its own: what was printed must leave them while the sink is there.
        ctypes.CDLL(None).fflush(None)
        for number, stream in enumerate(saved, 1):
            os.dup2(stream, number)
            os.close(stream)
        os.close(sink)


with quiet():
    import pybullet     # noqa: F401, I100 (it prints when it was built)
