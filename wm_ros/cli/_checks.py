"""What ``wm_ros doctor`` looks at; each check returns findings and changes nothing."""

from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.util import find_spec
import json
import os
from pathlib import Path
import platform
import re
import subprocess
import sys
from typing import Dict, Iterator, List, Sequence

from wm_ros.cores import cores

OK, NOTE, FAIL = 'ok', 'note', 'FAIL'
PYTHONS = ((3, 10), (3, 11), (3, 12))
#: module: what it is for and how to get it, when it is not the package of the same name.
LIBRARIES = {
    'numpy': 'numpy', 'yaml': 'pyyaml', 'casadi': 'casadi', 'torch': 'torch',
    'safetensors': 'safetensors', 'pybullet': 'pybullet', 'gymnasium': 'gymnasium',
    'rich': 'rich', 'matplotlib': 'matplotlib', 'PIL': 'pillow', 'imageio': 'imageio',
    'imageio_ffmpeg': 'imageio-ffmpeg', 'numba': 'numba'}
MESSAGES = ('builtin_interfaces', 'diagnostic_msgs', 'geometry_msgs', 'lifecycle_msgs',
            'rcl_interfaces', 'rosgraph_msgs', 'sensor_msgs', 'std_msgs', 'std_srvs',
            'trajectory_msgs', 'visualization_msgs')
_SHARED_MEMORY = Path('/dev/shm')
_LEFTOVER = re.compile(r'(sem\.)?fast(dds|rtps)_')
_DDS_TIMEOUT = 60.0     # [s]


@dataclass(frozen=True)
class Finding:
    """One line of the report; ``mend`` says what to do where it is not ok."""

    name: str
    level: str
    text: str
    mend: str = ''


def all_checks() -> Iterator[Finding]:
    """Yield the findings of all checks, the quick ones first."""
    yield python()
    yield from libraries()
    yield from machine()
    yield from shipped()
    yield from ros()


def python(version=tuple(sys.version_info[:3])) -> Finding:
    """Return whether this Python is one that the package is made for."""
    text = '.'.join(str(part) for part in version) + f' ({sys.executable})'
    if tuple(version[:2]) in PYTHONS:
        return Finding('python', OK, text)
    known = ', '.join('.'.join(map(str, pair)) for pair in PYTHONS)
    return Finding('python', FAIL, text, f'use one of {known}: python3.11 -m venv .venv')


def libraries(wanted: Dict[str, str] = LIBRARIES) -> Iterator[Finding]:
    """Yield whether each library can be imported."""
    for module, package in wanted.items():
        try:
            loaded = import_module(module)
        except Exception as error:  # noqa: B902
            # A library can be there and broken in any way, and that is what we are to tell.
            reason = ' '.join(str(error).split())
            yield Finding(module, FAIL, f'cannot be imported ({reason})',
                          f'{sys.executable} -m pip install {package}')
        else:
            yield Finding(module, OK, str(getattr(loaded, '__version__', 'there')))


def machine(shared_memory: Path = _SHARED_MEMORY) -> Iterator[Finding]:
    """Yield cores, memory and shared memory."""
    count = cores()
    text = f'{count} ({platform.machine()})'
    if count >= 2:
        yield Finding('cores', OK, text)
    else:
        yield Finding('cores', NOTE, text, 'the live graph wants 2 cores; with less, lower '
                      'planner.rate')
    load = os.getloadavg()[0] if hasattr(os, 'getloadavg') else 0.0
    if load > count:
        yield Finding('load', NOTE, f'{load:.1f}: other programs are busy',
                      'rates and latencies measured now will be worse than they could be')
    if shared_memory.is_dir():
        yield _space(shared_memory)
        yield leftovers(shared_memory)


def _space(folder):
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize / 2 ** 20
    if free > 64:
        return Finding('shared memory', OK, f'{free:.0f} MiB free in {folder}')
    return Finding('shared memory', FAIL, f'{free:.0f} MiB free in {folder}',
                   'DDS needs some: in a container, docker run --shm-size=512m')


def leftovers(folder: Path = _SHARED_MEMORY) -> Finding:
    """Return what processes that were killed have left of Fast DDS in shared memory."""
    in_use = _mapped(folder)
    files = [path for path in folder.iterdir() if _LEFTOVER.match(path.name)]
    # An empty file is never mapped; it belongs to the segment of the same name.
    stale = [path for path in files
             if str(path) not in in_use and str(path).replace('_el', '') not in in_use]
    size = sum(path.stat().st_size for path in stale if path.exists()) / 2 ** 20
    if size < 1.0:
        return Finding('fastdds leftovers', OK, f'{len(stale)} files, {size:.1f} MiB')
    return Finding('fastdds leftovers', NOTE, f'{len(stale)} files, {size:.0f} MiB in {folder}, '
                   'of nodes that were killed',
                   f'when no ROS node runs: rm -f {folder}/fastdds_* {folder}/sem.fastdds_*')


def _mapped(folder):
    """Return the files of ``folder`` that processes have open in their memory."""
    found = set()
    for maps in Path('/proc').glob('[0-9]*/maps'):
        try:
            for line in maps.read_text().splitlines():
                if str(folder) in line:
                    found.add(line.split(None, 5)[5])
        except OSError:
            continue    # it ended, or is somebody else's
    return found


def shipped() -> Iterator[Finding]:
    """Yield whether parameter files, robots and checkpoints are there and fit."""
    from wm_ros import paths
    from wm_ros.graph import graph, GraphOptions
    from wm_ros.robot.robot import load_robot
    from wm_ros.tasks import TASKS
    from wm_ros.types import WmRosError
    try:
        for task in TASKS:
            graph('sim', GraphOptions(task=task))
        yield Finding('parameter files', OK, str(paths.config_dir()))
        robot = load_robot()
        yield Finding('robot', OK, robot.name)
    except WmRosError as error:
        yield Finding('parameter files', FAIL, str(error), 'reinstall wm_ros')
        return
    if find_spec('torch') is None or find_spec('safetensors') is None:
        return      # that was said already
    from wm_ros.world_model import load_checkpoint
    for task in TASKS.values():
        try:
            model = load_checkpoint('', robot, task)
        except WmRosError as error:
            yield Finding(f'checkpoint {task.name}', FAIL, str(error),
                          f'wm_ros train --task {task.name}')
        else:
            yield Finding(f'checkpoint {task.name}', OK, model.checkpoint)
    yield from _others({f'{robot.name}_{task}' for task in TASKS})


def _others(known):
    """Yield whether weights that are shipped beside the ``known`` load: agents, and parts."""
    from wm_ros import paths
    from wm_ros.types import WmRosError
    robots = {file.stem for file in (paths.config_dir() / 'robots').glob('*.yaml')}
    for file in sorted(paths.checkpoint_dir().glob('*.safetensors')):
        if file.stem in known:
            continue
        try:
            text = _loaded(file, robots)
        except WmRosError as error:
            yield Finding(file.stem, FAIL, str(error), 'reinstall wm_ros')
        else:
            if text:
                yield Finding(file.stem, OK, text)


def _loaded(file, robots):
    """Return kind and hash of weights that load; '' for an agent of a robot of the user's own."""
    from wm_ros.robot.robot import load_robot
    from wm_ros.tasks import get_task
    from wm_ros.world_model import load_checkpoint
    from wm_ros.world_model.load import hash_of, load_part
    from wm_ros.world_model.weights import read_meta
    meta = read_meta(file.with_suffix('.json'), {})
    kind = meta.get('kind')
    if kind is not None:
        load_part(str(file), kind)
        return f'{kind}, {hash_of(str(file))[:12]}'
    meta = read_meta(file.with_suffix('.json'), {'robot': str, 'task': str})
    if meta['robot'] not in robots:
        return ''
    model = load_checkpoint(str(file), load_robot(meta['robot']), get_task(meta['task']),
                            backend='eager')
    return f'agent, {model.checkpoint}'


def ros(messages: Sequence[str] = MESSAGES) -> Iterator[Finding]:
    """Yield whether ROS 2 is there, and DDS carries messages from process to process."""
    from wm_ros.nodes.processes import environment
    try:
        environment.prepare()
    except ImportError as error:
        yield Finding('rclpy', FAIL, str(error).split(':')[0], str(error))
        return
    wheels = find_spec('ros_wheels_bootstrapper') is not None
    distribution = os.environ.get('ROS_DISTRO', 'from wheels' if wheels else 'unknown')
    yield Finding('rclpy', OK, f'{distribution} ({Path(find_spec("rclpy").origin).parent})')
    missing = [name for name in messages if find_spec(name) is None]
    if missing:
        yield Finding('messages', FAIL, f'{", ".join(missing)} not found',
                      'install them: rosdep install --from-paths . or '
                      "pip install '.[ros]'")
        return
    yield Finding('messages', OK, f'{len(messages)} packages')
    yield _domain()
    yield dds()
    yield from _optional()


def _domain():
    domain = os.environ.get('ROS_DOMAIN_ID', '0')
    reach = os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE', 'SUBNET (default)')
    from wm_ros.nodes.processes.lock import GraphLock
    lock = GraphLock(domain=domain)
    if not lock.acquire():
        return Finding('ROS domain', NOTE, f'{domain}: a wm_ros graph runs there',
                       'stop it, or set another ROS_DOMAIN_ID, before starting one')
    lock.release()
    return Finding('ROS domain', OK, f'{domain}, discovery {reach}')


def dds() -> Finding:
    """Return how long a message takes to another process and back."""
    try:
        process = subprocess.run([sys.executable, '-m', 'wm_ros.nodes.dds_check'],
                                 capture_output=True, text=True, timeout=_DDS_TIMEOUT)
    except subprocess.TimeoutExpired:
        return Finding('DDS', FAIL, f'hangs for {_DDS_TIMEOUT:g} s', _DDS_ADVICE)
    try:
        result = json.loads(process.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        said = process.stderr.strip().splitlines() or [f'exit code {process.returncode}']
        return Finding('DDS', FAIL, said[-1], _DDS_ADVICE)
    if not result['ok']:
        return Finding('DDS', FAIL, result.get('error') or f'{result["lost"]} messages lost',
                       _DDS_ADVICE)
    text = (f'{result["rmw"]}, there and back {result["p50_ms"]:.1f} ms p50, '
            f'{result["p99_ms"]:.1f} ms p99')
    return Finding('DDS', OK if result['p99_ms'] < 20 else NOTE, text,
                   '' if result['p99_ms'] < 20 else 'the machine is busy; plans will come late')


_DDS_ADVICE = ('check RMW_IMPLEMENTATION, ROS_DOMAIN_ID, a firewall on the loopback device, and '
               'FASTDDS_DEFAULT_PROFILES_FILE')


def _optional():
    tools = {'launch_ros': 'ros2 launch', 'tf2_ros': 'goals in other frames'}
    for module, purpose in tools.items():
        if find_spec(module) is None:
            yield Finding(module, NOTE, f'not installed: no {purpose}',
                          'comes with a ROS distribution; wm_ros up needs neither')
        else:
            yield Finding(module, OK, 'there')


def as_json(findings: List[Finding]) -> dict:
    """Return the findings as plain data."""
    return {'ok': not any(finding.level == FAIL for finding in findings),
            'findings': [asdict(finding) for finding in findings]}
