"""How many cores there are for this process."""

import os


def cores() -> int:
    """
    Return how many cores this process may run on.

    Less than the machine has where a container or ``taskset`` says so (sched_getaffinity(2)).
    """
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
