"""
Tasks: scene, goal, reward and scripted expert, one short file each.

The task called ``name`` in ``wm_ros.tasks`` is the class of that name in ``<name>.py``.
"""

from importlib import import_module

from sim.tasks.base import BoxSpec, Judge, Situation, Start, stranger, Task
from wm_ros.tasks import get_task
from wm_ros.types import WmRosError

__all__ = ['BoxSpec', 'Judge', 'make_task', 'Situation', 'Start', 'stranger', 'Task']


def make_task(name: str) -> Task:
    """Return a new task called ``name``; raises WmRosError for unknown names."""
    name = get_task(name).name
    path = f'{__name__}.{name}'
    try:
        module = import_module(path)
    except ModuleNotFoundError as error:
        if error.name != path:
            raise       # something that the task itself imports
        raise WmRosError(f'task {name!r}: expected its scene in sim/tasks/{name}.py') from error
    for found in vars(module).values():
        if isinstance(found, type) and issubclass(found, Task) and found.name == name:
            return found()
    raise WmRosError(f'task {name!r}: no class in sim/tasks/{name}.py has that name')
