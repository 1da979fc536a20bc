"""Tasks: scene, goal, reward and scripted expert, one short file each."""

from sim.tasks.base import Judge, Situation, Start, Task
from sim.tasks.push import Push
from sim.tasks.reach import Reach
from wm_ros.tasks import get_task

__all__ = ['Judge', 'Situation', 'Start', 'Task', 'make_task']

_TASKS = {'reach': Reach, 'push': Push}


def make_task(name: str) -> Task:
    """Return a new task called ``name``; raises WmRosError for unknown names."""
    return _TASKS[get_task(name).name]()
