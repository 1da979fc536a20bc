"""What is shipped: every checkpoint loads with this code, says how it was made, and is small."""

import json
from pathlib import Path

import pytest
from wm_ros import paths
from wm_ros.robot.robot import load_robot
from wm_ros.tasks import get_task
from wm_ros.world_model import load_checkpoint
from wm_ros.world_model.load import load_part
from wm_ros.world_model.sentinel import load_sentinel

FOLDER = paths.checkpoint_dir()
WEIGHTS = sorted(file.stem for file in FOLDER.glob('*.safetensors'))
USUAL = sorted(file.name[:-len('.usual.json')] for file in FOLDER.glob('*.usual.json'))
DOC = Path(__file__).parents[1] / 'docs' / 'checkpoints.md'


def meta_of(name):
    """Return what the JSON beside the weights says."""
    return json.loads((FOLDER / f'{name}.json').read_text(encoding='utf-8'))


def test_there_are_some():
    assert {'panda_reach', 'panda_push', 'panda_pick_and_place', 'panda_stack',
            'panda_push_eyes', 'panda_push_world'} <= set(WEIGHTS)
    assert 'panda_push_world' in USUAL


@pytest.mark.parametrize('name', WEIGHTS)
def test_it_loads(name):
    meta = meta_of(name)
    if 'kind' in meta:
        load_part(name, meta['kind'])
    else:
        load_checkpoint('', load_robot(meta['robot']), get_task(meta['task']))


@pytest.mark.parametrize('name', USUAL)
def test_what_is_usual_loads(name):
    assert load_sentinel(name, load_robot('panda'), len(get_task('push').object_names)) is not None


@pytest.mark.parametrize('name', [name for name in WEIGHTS if 'model' in meta_of(name)])
def test_what_reads_a_model_was_trained_with_this_one(name):
    meta = meta_of(name)
    assert meta['model_sha256'] == meta_of(meta['model'])['weights_sha256']


@pytest.mark.parametrize('name', WEIGHTS)
def test_the_command_that_made_it_is_documented(name):
    rows = [line for line in DOC.read_text(encoding='utf-8').splitlines()
            if line.startswith(f'| `{name}` |')]
    assert len(rows) == 1
    updates = meta_of(name).get('training', {}).get('updates')
    assert 'kind' not in meta_of(name) or f'--set updates={updates} ' in rows[0]


def test_all_of_them_are_small():
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 60 * 10 ** 6
