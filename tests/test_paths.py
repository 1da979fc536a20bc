"""Shipped files are found beside the code in use, wherever that is installed."""

import os
from pathlib import Path
import shutil
import subprocess
import sys

from wm_ros import paths

ROOT = Path(__file__).resolve().parents[1]


def test_source_tree_is_found_first(monkeypatch, tmp_path):
    (tmp_path / 'share/wm_ros/config').mkdir(parents=True)
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    assert paths.config_dir() == ROOT / 'config'
    assert paths.launch_dir() == ROOT / 'launch'


def test_checkpoints_are_inside_the_package(tmp_path):
    prefix, packages = installed(tmp_path)
    (packages / 'wm_ros' / 'checkpoints').mkdir()
    assert ask(packages, 'checkpoint_dir') == str(packages / 'wm_ros' / 'checkpoints')


def test_installed_copy_belongs_to_the_installed_code(tmp_path):
    prefix, packages = installed(tmp_path / 'mine')
    other, _ = installed(tmp_path / 'other')
    assert ask(packages, 'config_dir', AMENT_PREFIX_PATH=str(other)) \
        == str(prefix / 'share/wm_ros/config')


def test_a_symlinked_package_counts_as_its_source_tree(tmp_path):
    # What `colcon build --symlink-install` makes: the build folder links to the sources.
    build = tmp_path / 'build'
    build.mkdir()
    (build / 'wm_ros').symlink_to(ROOT / 'wm_ros')
    assert ask(build, 'config_dir') == str(ROOT / 'config')


def test_ament_prefix_is_searched_when_the_code_has_no_share_folder(tmp_path):
    prefix, packages = installed(tmp_path)
    elsewhere = tmp_path / 'elsewhere'
    shutil.move(packages, elsewhere)
    assert ask(elsewhere, 'config_dir', AMENT_PREFIX_PATH=f'/nowhere:{prefix}') \
        == str(prefix / 'share/wm_ros/config')


def test_folder_that_is_nowhere_is_named_in_one_line(tmp_path):
    prefix, packages = installed(tmp_path)
    shutil.rmtree(prefix / 'share/wm_ros/config')
    text = ask(packages, 'config_dir', AMENT_PREFIX_PATH='/nowhere')
    assert 'no config/ of wm_ros' in text and '/nowhere/share/wm_ros/config' in text
    assert str(prefix / 'share/wm_ros/config') in text
    assert '\n' not in text


def installed(prefix):
    """Lay out what an install would; return the prefix and its site-packages."""
    packages = prefix / 'lib/python3/site-packages'
    (packages / 'wm_ros').mkdir(parents=True)
    for name in ('__init__.py', 'paths.py', 'types.py'):
        shutil.copy(ROOT / 'wm_ros' / name, packages / 'wm_ros')
    (prefix / 'share/wm_ros/config').mkdir(parents=True)
    shutil.copy(ROOT / 'package.xml', prefix / 'share/wm_ros')
    return prefix, packages


def ask(packages, function, **variables):
    """Return what a function of wm_ros.paths says, as text, with the package from here."""
    program = ('from wm_ros import paths, types\n'
               f'try: print(paths.{function}())\n'
               'except types.WmRosError as error: print(error)')
    environment = {name: value for name, value in os.environ.items()
                   if name != 'AMENT_PREFIX_PATH'}
    environment.update(variables, PYTHONPATH=str(packages))
    result = subprocess.run([sys.executable, '-c', program], env=environment, cwd=packages,
                            capture_output=True, text=True, check=True)
    return result.stdout.strip()


def test_a_shipped_checkpoint_goes_by_its_name_and_a_file_here_before_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = paths.checkpoint_dir() / 'panda_reach.safetensors'
    for name in ('panda_reach', 'panda_reach.json', Path('panda_reach.safetensors')):
        assert paths.find_weights(name) == shipped
    assert paths.find_weights('./panda_reach.x') == Path('panda_reach.x.safetensors')
    assert paths.find_weights('sub/panda_reach') == Path('sub/panda_reach.safetensors')
    (tmp_path / 'panda_reach.safetensors').touch()
    assert paths.find_weights('panda_reach') == Path('panda_reach.safetensors')
