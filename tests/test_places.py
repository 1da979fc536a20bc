"""What verbs write never takes the place of what they read, or of each other."""

import json
import os
from pathlib import Path
import shutil

import pytest
from wm_ros import paths
from wm_ros.cli import main
from wm_ros.files import write_json, write_text

EVALUATE = ('evaluate', '--task', 'reach', '--episodes', '1')


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the folder that commands are run in, with an agent and what others have written."""
    monkeypatch.chdir(tmp_path)
    for file in paths.checkpoint_dir().glob('panda_reach.*'):
        shutil.copy(file, tmp_path / f'mine{file.suffix}')
    for name in ('world.yaml', 'cases.yaml', 'a.json', 'b.json'):
        (tmp_path / name).write_text('{}')
    return tmp_path


@pytest.mark.parametrize('line, flag', [
    ((*EVALUATE, '--checkpoint', 'mine', '--json', 'mine.json'), '--checkpoint'),
    ((*EVALUATE, '--checkpoint', 'mine.json', '--json', 'mine.safetensors'), '--checkpoint'),
    ((*EVALUATE, '--checkpoint', './mine', '--report', '../{folder}/mine.json'), '--checkpoint'),
    ((*EVALUATE, '--edge-cases', 'cases.yaml', '--json', 'cases.yaml'), '--edge-cases'),
    ((*EVALUATE, '--randomization', 'world.yaml', '--json', 'world.yaml'), '--randomization'),
    ((*EVALUATE, '--params-file', 'world.yaml', '--report', 'world.yaml'), '--params-file'),
    (('evaluate', '--compare', 'a.json', 'b.json', '--json', 'b.json'), '--compare'),
    (('evaluate', '--env', 'Any-v0', '--checkpoint', 'mine', '--json', 'mine.json'),
     '--checkpoint'),
    ((*EVALUATE, '--json', 'new', '--report', 'new'), '--json'),
    (('edge_cases', '--task', 'reach', '--output', 'new', '--json', 'new'), '--output'),
    (('edge_cases', '--task', 'reach', '--checkpoint', 'mine', '--output', 'mine.json'),
     '--checkpoint'),
    (('tune', '--task', 'reach', '--output', 'new.yaml', '--json', 'new.png'), '--plot'),
    (('train', '--task', 'reach', '--from', 'mine', '--output', 'new', '--json', 'mine.json'),
     '--from')])
def test_what_is_read_is_not_written(folder, capsys, line, flag):
    before = {file: file.read_bytes() for file in folder.iterdir()}
    assert main([word.format(folder=folder.name) for word in line]) == 2
    error = capsys.readouterr().err
    assert f': is {flag} as well; name another file' in error and error.count('\n') == 1
    assert {file: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.parametrize('line', [
    ('randomization', 'show', 'usual', '--output', 'x.foo'),
    ('tune', '--task', 'reach', '--plot', 'x')])
def test_pictures_have_names_of_pictures(folder, capsys, line):
    assert main(line) == 2
    assert 'expected a name that ends in .png' in capsys.readouterr().err


@pytest.mark.parametrize('place, said', [
    ('none/x.json', 'no such folder'), ('x' * 250 + '.json', 'cannot be written there'),
    ('/proc/x.json', 'cannot be written there')])
def test_places_that_cannot_be_written_are_told_of_at_once(folder, capsys, place, said):
    assert main([*EVALUATE, '--json', place]) == 2
    assert said in capsys.readouterr().err


def test_a_link_stays_one(tmp_path):
    target, link = tmp_path / 'target.json', tmp_path / 'link.json'
    target.write_text('old')
    link.symlink_to(target)
    write_json(link, {'a': 1})
    assert link.is_symlink() and json.loads(target.read_text()) == {'a': 1}


def test_what_is_no_file_stays_what_it_is(tmp_path):
    """As /dev/null has to, for whom may replace it."""
    pipe = tmp_path / 'pipe'
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_text(pipe, 'text')
        assert os.read(end, 100) == b'text'
    finally:
        os.close(end)
    assert Path(pipe).is_fifo()
