"""The package is whole: metadata agree, everything is installed, nothing local leaks in."""

from distutils.core import run_setup
from pathlib import Path
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import pytest
import wm_ros

ROOT = Path(__file__).resolve().parents[1]
# Spelled in two parts, so that this file does not contain what it looks for.
REGISTRIES = [f'{name}.{domain}' for name, domain in (
    ('pypi', 'org'), ('pythonhosted', 'org'), ('download.pytorch', 'org'), ('npmjs', 'org'),
    ('deb.debian', 'org'), ('anaconda', 'org'))]
MACHINE_PATHS = re.compile(r'(?<![\w.~}>)])/(?:root|work|home|Users)/\w')


@pytest.fixture(scope='module')
def setup():
    """Return what setup.py declares, as setuptools understands it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr(sys, 'argv', ['setup.py'])
        return run_setup('setup.py', stop_after='init')


@pytest.fixture(scope='module')
def manifest():
    return ElementTree.parse(ROOT / 'package.xml').getroot()


@pytest.fixture(scope='module')
def tracked():
    """Return the files under version control that are there, relative to the root."""
    if not (ROOT / '.git').exists():
        pytest.skip('not a git checkout')
    listed = subprocess.run(['git', 'ls-files', '-z'], cwd=ROOT, capture_output=True, text=True,
                            check=True).stdout.split('\0')
    return [Path(name) for name in listed if name and (ROOT / name).is_file()]


def test_metadata_agree(setup, manifest):
    assert setup.get_name() == manifest.findtext('name') == wm_ros.__name__
    assert setup.get_version() == manifest.findtext('version') == wm_ros.__version__
    assert setup.metadata.license == manifest.findtext('license') == 'Apache-2.0'
    assert setup.get_maintainer_email() == manifest.find('maintainer').get('email')
    assert manifest.findtext('export/build_type') == 'ament_python'


def test_every_ros_import_is_declared(manifest):
    declared = {element.text for element in manifest if element.tag.endswith('depend')}
    sources = [*(ROOT / 'wm_ros').rglob('*.py'), *(ROOT / 'sim').rglob('*.py'),
               *(ROOT / 'launch').rglob('*.py')]
    # control_msgs is used only where it is installed.
    pattern = re.compile(r'^\s*(?:from|import) ((?:rclpy|launch\w*|ament_index_python|std_srvs|'
                         r'builtin_interfaces|rcl_interfaces|\w+_msgs))\b', re.MULTILINE)
    used = {name for file in sources for name in pattern.findall(file.read_text())}
    assert used - declared - {'control_msgs'} == set()


def test_what_rviz_and_frames_need_is_declared(manifest):
    declared = {element.text for element in manifest if element.tag.endswith('depend')}
    launching = (ROOT / 'wm_ros/nodes/processes/launching.py').read_text()
    started = set(re.findall(r"package='(\w+)'", launching))
    assert started == {'robot_state_publisher', 'rviz2'} and started <= declared
    assert 'import tf2_ros\n' in (ROOT / 'wm_ros/nodes/frames.py').read_text()
    assert 'tf2_ros_py' in declared     # the package of that module; tf2_ros is C++ alone


def test_all_code_is_installed(setup, tracked):
    packages = {Path(*name.split('.')) for name in setup.packages}
    code = [path for path in tracked
            if path.suffix == '.py' and path.parts[0] in ('wm_ros', 'sim')]
    lost = [str(path) for path in code if path.parent not in packages]
    assert not lost, f'in a folder without __init__.py: {lost}'


def test_all_data_are_installed(setup, tracked):
    destinations = {file: folder for folder, files in setup.data_files for file in files}
    inside = {Path(package, file) for package, files in setup.package_data.items()
              for file in files}
    assert destinations['resource/wm_ros'] == 'share/ament_index/resource_index/packages'
    assert destinations['package.xml'] == 'share/wm_ros'
    for path in tracked:
        if path.parts[0] in ('config', 'launch') and path.suffix != '.pyc':
            assert destinations.get(str(path)) == str('share/wm_ros' / path.parent), path
        elif path.parts[0] in ('wm_ros', 'sim') and path.suffix != '.py':
            assert path in inside, path


def test_every_executable_has_its_module(setup):
    entries = dict(entry.split(' = ') for entry in setup.entry_points['console_scripts'])
    assert {'wm_ros', 'robot_node', 'sensor_node', 'world_model_node', 'mpc_node',
            'safety_node', 'lifecycle_manager', 'graph_node'} <= set(entries)
    for name, target in entries.items():
        module, function = target.split(':')
        path = ROOT.joinpath(*module.split('.'))
        file = path / '__init__.py' if path.is_dir() else path.with_suffix('.py')
        assert file.is_file(), f'{name}: {module} is not there'
        text = file.read_text()
        made = rf'^def {function}\(|^{function} = |import .*\b{function}\b'
        assert re.search(made, text, re.MULTILINE), name


def test_scripts_go_where_ros2_run_looks():
    text = (ROOT / 'setup.cfg').read_text()
    assert text.count('=$base/lib/wm_ros\n') == 2


def test_nothing_of_a_machine_or_a_registry_is_committed(tracked):
    found = []
    for path in tracked:
        try:
            text = (ROOT / path).read_text(encoding='utf-8')
        except UnicodeDecodeError:
            continue        # weights and pictures
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATHS.search(line) or any(name in line for name in REGISTRIES):
                found.append(f'{path}:{number}: {line.strip()[:120]}')
    assert not found, '\n'.join(found)


@pytest.mark.parametrize('line', ['see {}root/notes', 'cd "{}work/main"', '({}home/me/ws)'])
def test_machine_paths_are_recognised(line):
    assert MACHINE_PATHS.search(line.format('/'))
    assert not MACHINE_PATHS.search(line.format('~/'))


@pytest.mark.slow
def test_a_wheel_holds_everything(tmp_path, tracked):
    """Build from a clean copy, install it elsewhere, and look for the files from there."""
    source = tmp_path / 'source'
    for path in tracked:
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, source / path)
    # Without isolation: needs no network, and a user's setuptools may be old.
    pip('wheel', '--no-deps', '--no-build-isolation', '-w', str(tmp_path), str(source))
    wheel, = tmp_path.glob('wm_ros-*.whl')
    pip('install', '--no-deps', '--target', str(tmp_path / 'lib'), str(wheel))
    installed = {str(path.relative_to(tmp_path / 'lib'))
                 for path in (tmp_path / 'lib').rglob('*') if path.is_file()}
    for path in tracked:
        if path.parts[0] in ('wm_ros', 'sim'):
            assert str(path) in installed
        elif path.parts[0] in ('config', 'launch'):
            assert str('share/wm_ros' / path) in installed
    assert 'bin/wm_ros' in installed
    assert 'share/ament_index/resource_index/packages/wm_ros' in installed
    where = subprocess.run(
        [sys.executable, '-c', 'from wm_ros import paths; print(paths.config_dir())'],
        cwd=tmp_path / 'lib', capture_output=True, text=True, check=True).stdout.strip()
    assert where == str(tmp_path / 'lib/share/wm_ros/config')


def pip(*arguments):
    result = subprocess.run(
        [sys.executable, '-m', 'pip', '--disable-pip-version-check', *arguments],
        capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
