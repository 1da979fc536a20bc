"""A task of one's own: a file in sim/tasks and a row of the table, and nothing else."""

from dataclasses import replace
import sys

import gymnasium
from model_testing import ROBOT
import numpy as np
import pytest
import sim.env
import sim.tasks
from sim.tasks import make_task
from wm_ros import tasks
from wm_ros.demo.play import Row, summary
from wm_ros.graph import graph, GraphOptions
from wm_ros.learning.recipe import get_recipe, RECIPES
from wm_ros.learning.train import Training
from wm_ros.types import WmRosError
from wm_ros.world_model import load_checkpoint

NAME = 'touch_down'
FILE = '''
import numpy as np
from sim.tasks.base import BoxSpec, drive, pose, Start, Task
from sim.tasks.push import Push
from sim.tasks.reach import Reach


class TouchDown(Reach):
    """Reach, but with a block that lies about."""

    name = 'touch_down'
    boxes = Push.boxes

    def sample(self, rng, boxes):
        """Draw as for reach, and put the block aside."""
        start = super().sample(rng, boxes)
        return Start(start.end_effector, pose([0.5, 0.25, 0.025])[None], start.goal)
'''


@pytest.fixture
def added(tmp_path, monkeypatch):
    """Add a task as a user would; return its row."""
    spec = replace(tasks.TASKS['reach'], name=NAME, object_names=('block',), time_limit=1.0)
    monkeypatch.setitem(tasks.TASKS, NAME, spec)
    (tmp_path / f'{NAME}.py').write_text(FILE)
    monkeypatch.delitem(sys.modules, f'sim.tasks.{NAME}', raising=False)
    monkeypatch.setattr(sim.tasks, '__path__', [*sim.tasks.__path__, str(tmp_path)])
    return spec


def test_scene_and_graph_know_it(added):
    task = make_task(NAME)
    assert task.name == NAME and task.spec is added and type(task).__name__ == 'TouchDown'
    for entry in graph('sim', GraphOptions(task=NAME)):
        assert entry.parameters.get('task', NAME) == NAME


def test_gymnasium_knows_it(added):
    sim.env.register()
    try:
        env = gymnasium.make('wm_ros/PandaTouchDown-v0')
        seen, _ = env.reset(seed=0)
        assert seen['observation'].shape == (23,)
        env.close()
    finally:
        gymnasium.registry.pop('wm_ros/PandaTouchDown-v0')


@pytest.mark.parametrize('demonstrations', [True, False])
def test_it_has_a_recipe(added, demonstrations, monkeypatch):
    assert get_recipe(NAME, demonstrations) == get_recipe('push', demonstrations)
    monkeypatch.setitem(tasks.TASKS, NAME, replace(added, object_names=()))
    assert get_recipe(NAME, demonstrations) == get_recipe('reach', demonstrations)


def test_the_demo_has_a_bar_for_it():
    row = Row(task=NAME, seed=1, success=True, time=1.0, distance=0.0, plan_rate=40.0,
              latency_p50=1.0, latency_p99=1.0, surprise=1.0, real_time_factor=1.0)
    found = summary([row, replace(row, success=False)])[NAME]
    assert 0.5 < found['bar'] <= 1.0 and not found['met']


def test_it_trains(added, tmp_path):
    recipe = replace(RECIPES['reach'], first_episodes=2, first_updates=2, rounds=0,
                     last_updates=1)
    training = Training(ROBOT, NAME, recipe, 0, {})
    try:
        training.save(tmp_path / 'model', training.run())
    finally:
        training.close()
    assert np.isfinite(load_checkpoint(str(tmp_path / 'model'), ROBOT, added).expected_innovation)


def test_a_row_without_its_file_is_said_in_one_line(monkeypatch):
    monkeypatch.setitem(tasks.TASKS, 'juggle', replace(tasks.TASKS['push'], name='juggle'))
    with pytest.raises(WmRosError, match=r"task 'juggle': .*sim/tasks/juggle\.py"):
        make_task('juggle')


def test_a_file_without_its_class_is_said_in_one_line(added, tmp_path):
    (tmp_path / f'{NAME}.py').write_text(FILE.replace("name = 'touch_down'", "name = 'other'"))
    with pytest.raises(WmRosError, match='no class'):
        make_task(NAME)


def test_an_import_that_fails_inside_the_file_is_not_hidden(added, tmp_path):
    (tmp_path / f'{NAME}.py').write_text('import no_such_module_of_test\n')
    with pytest.raises(ModuleNotFoundError, match='no_such_module_of_test'):
        make_task(NAME)


@pytest.mark.parametrize('name', ['../push', 'base', '', 'push.py'])
def test_only_rows_of_the_table_are_looked_for(name):
    for function in (make_task, get_recipe):
        with pytest.raises(WmRosError, match='unknown task'):
            function(name)
