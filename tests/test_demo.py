"""The demo: figures, video, plot; and once, the whole of it."""

from dataclasses import asdict, replace
import json
import os
from pathlib import Path
import subprocess
import sys

import imageio_ffmpeg
import numpy as np
from PIL import Image
import pytest
from rclpy.serialization import serialize_message
from rich.console import Console
from ros_testing import Domain
from std_msgs.msg import Header
from wm_ros.demo import film, plot
from wm_ros.demo.play import Row, showable, summary
from wm_ros.demo.show import print_summary, Show
from wm_ros.nodes import convert
from wm_ros.nodes.clients.episode_client import LiveEpisode
from wm_ros.nodes.clients.recording import Line, Recording
from wm_ros.param_table import SAFETY
from wm_ros.robot.kinematics import Kinematics
from wm_ros.robot.robot import load_robot
from wm_ros.types import Plan

ROOT = Path(__file__).resolve().parents[1]
ROBOT = load_robot('panda')
KINEMATICS = Kinematics(ROBOT)
GREEN, RED = (0.1, 0.8, 0.2, 0.6), (0.9, 0.15, 0.1, 0.6)


def row(task='reach', success=True, factor=1.0, latencies=()):
    """Return a row of figures."""
    return Row(task=task, seed=1, success=success, time=1.5, distance=0.01, plan_rate=39.0,
               latency_p50=30.0, latency_p99=45.0, surprise=1.0, real_time_factor=factor,
               latencies=latencies)


def episode(task='push'):
    """Return a recorded episode of one second: joint 1 turns, the block slides along x."""
    recording = Recording(ROBOT)
    for i in range(101):
        q = ROBOT.home.copy()
        q[0] += 0.3 * i / 100
        recording.times.append(1000.0 + i / 100)
        recording.joints.append(q)
        recording.gripper.append(0.02)
    if task == 'push':
        for i in range(51):
            recording.object_times.append(1000.0 + i / 50)
            recording.objects.append(np.array([[0.4 + 0.1 * i / 50, 0.1, 0.025, 0, 0, 0, 1.0]]))
    for k in range(20):
        stamp = 1000.0 + 0.05 * k
        knots = np.array([ROBOT.home] * 6)
        knots[:, 0] += 0.3 * (0.05 * (k + np.arange(6)))
        recording.plans.append(Plan(
            stamp=stamp, observed=stamp - 0.03, dt=0.05, actions=np.zeros((5, 0)),
            positions=knots, velocities=np.zeros_like(knots), gripper=np.zeros(6),
            path=np.zeros((6, 0)), predicted_return=0.0, disagreement=0.0, solve_time=0.0,
            planner=''))
        path = np.array([KINEMATICS.forward(q)[0] for q in knots])
        block = np.array([[0.4 + 0.005 * (k + j), 0.1 + 0.01 * j, 0.025] for j in range(6)])
        recording.imagined.append((stamp, [
            Line('imagined_end_effector', path, GREEN),
            Line('imagined_end_effector', path + [0, 0, 0.1], RED),
            Line('imagined_block', block, GREEN), Line('plan', path, (0.1, 0.4, 1.0, 1.0))]))
    return LiveEpisode(
        seed=7, task=task, goal=np.array([0.5, 0.1, 0.025, 0, 0, 0, 1.0]), success=True,
        elapsed=1.0, distance=0.01, total_reward=-1.0, real_time_factor=1.0, plan_rate=40.0,
        latencies=np.array([0.03, 0.05, 0.04]), surprises=np.array([0.2, 0.9, 0.4]),
        planned=3, late=1, complaints=('mpc_node: NO_VALID_PLAN',),
        figures={SAFETY: {'latency_p50_ms': 1.0, 'latency_p99_ms': 2.0}}, recording=recording)


def test_plans_of_the_scene_before_are_not_recorded():
    recording = Recording(ROBOT)
    known = episode('reach').recording.plans[0]

    def plan(observed):
        return serialize_message(convert.plan_to_msg(
            replace(known, observed=observed, stamp=observed + 0.02,
                    actions=np.zeros((5, 5))), ROBOT, 'panda_link0'))

    recording.on_plan(plan(99.98))
    recording.on_joints(convert.JointState(
        header=Header(stamp=convert.stamp(100.0)), name=list(ROBOT.joint_names),
        position=ROBOT.home.tolist()))
    recording.on_plan(plan(99.98))
    recording.on_plan(plan(100.01))
    assert [round(p.observed, 3) for p in recording.plans] == [100.01]


def test_summary_holds_each_task_to_its_bar():
    """9 of 10 will do for reach, 8 of 10 for push, and no less."""
    rows = [row('reach', i != 0) for i in range(10)] + [row('push', i > 1) for i in range(10)]
    found = summary(rows)
    assert found['reach']['met'] and found['push']['met']
    found = summary([row('reach', i > 1) for i in range(10)]
                    + [row('push', i > 2) for i in range(10)])
    assert not found['reach']['met'] and not found['push']['met']
    assert found['push']['successes'] == 7
    assert not summary([row(factor=0.9)])['reach']['real_time']
    assert summary([row(success=False)])['reach']['time_of_successes_mean'] is None


def test_latencies_of_a_row_are_those_of_its_episode():
    """Not those of the gate's diagnostics, which look back over what came before."""
    found = Row.of(episode())
    assert found.latencies == (30.0, 50.0, 40.0)
    assert (found.latency_p50, found.latency_p99) == pytest.approx((40.0, 49.8))
    assert found.surprise == 0.4
    silent = Row.of(replace(episode(), latencies=np.array([])))
    assert np.isnan(silent.latency_p50) and np.isnan(silent.latency_p99)
    json.dumps([asdict(found), asdict(silent)])


def test_latencies_of_a_task_are_of_all_its_plans():
    """A median over episodes would not see the one that was slow."""
    rows = [row(latencies=(30.0,) * 98), row(latencies=(30.0,)), row(latencies=(80.0,) * 3),
            row('push')]
    found = summary(rows)
    assert found['reach']['latency_ms_p50'] == 30.0
    assert found['reach']['latency_ms_p99'] == 80.0
    assert found['push']['latency_ms_p99'] is None


def test_table_and_summary_can_be_printed_anywhere(capsys):
    """In a terminal and in a pipe, with figures that are not known."""
    for terminal in (False, True):
        console = Console(force_terminal=terminal, width=120)
        with Show(console).running() as show:
            show.say('bringing up')
            show.add(row())
            show.add(row(success=False))
        print_summary(console, summary([
            replace(row(success=False, factor=0.5), complaints=('safety_node: STALE_PLAN',))]))
    text = capsys.readouterr().out
    assert '39.0' in text and 'MISSED' in text and 'unknown' in text
    assert 'not to be trusted' in text
    assert 'seed 1 failed: safety_node: STALE_PLAN' in text


def test_shots_follow_the_recording():
    """In real time, with what was imagined by then, and the verdict at the end."""
    made = list(film.shots(episode(), KINEMATICS))
    assert len(made) == pytest.approx(1.0 * film.RATE + 0.6 * film.RATE, abs=2)
    middle = made[10]
    assert middle.joints[0] == pytest.approx(ROBOT.home[0] + 0.15, abs=0.01)
    assert middle.objects[0, 0] == pytest.approx(0.45, abs=0.01)
    assert middle.lines[2].points[0, 0] == pytest.approx(0.45, abs=0.011)
    assert not middle.verdict and made[-1].verdict == 'reached'
    assert len(middle.trail) > 5
    reach = list(film.shots(episode('reach'), KINEMATICS))
    assert reach[0].objects.shape == (0, 7)


def test_lines_are_drawn_where_they_are():
    """The imagined paths are seen in the picture, the plan in blue along its way."""
    shot = list(film.shots(episode(), KINEMATICS))[10]
    studio = film.Studio('panda')
    with_lines = studio.picture(shot).astype(int)
    without = studio.picture(film.Shot(**{**shot.__dict__, 'lines': ()})).astype(int)
    changed = np.abs(with_lines - without).max(-1) > 30
    assert 50 < changed.sum() < 20_000
    plan = next(line for line in shot.lines if line.name == 'plan')
    column, row_ = np.round(film._VIEW.project(plan.points, *film.SIZE)[2]).astype(int)
    red, _, blue = with_lines[row_, column]
    assert blue > red + 60
    assert with_lines.shape == (film.SIZE[1], film.SIZE[0], 3)


def noise(count):
    """Return pictures that hardly compress."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (count, film.SIZE[1] // 8, film.SIZE[0] // 8, 3), np.uint8)
    return list(small.repeat(8, axis=1).repeat(8, axis=2))


def test_video_and_gif_can_be_read(tmp_path):
    """H.264 of the right size and length; a GIF that stays below its limit."""
    frames = noise(20)
    film.write_mp4(tmp_path / 'a.mp4', frames)
    reader = imageio_ffmpeg.read_frames(str(tmp_path / 'a.mp4'))
    meta = next(reader)
    assert meta['size'] == film.SIZE and meta['codec'] == 'h264' and meta['fps'] == film.RATE
    assert len(list(reader)) == 20
    full = film.write_gif(tmp_path / 'a.gif', frames)
    limited = film.write_gif(tmp_path / 'b.gif', frames, limit=full // 2)
    assert limited <= full // 2
    with Image.open(tmp_path / 'a.gif') as gif:
        assert gif.n_frames == 10


def test_errors_of_the_imagination():
    """What was imagined exactly has none; a drift of 1 cm a step is found as such."""
    own = episode()
    real = plot.real_paths(own, KINEMATICS)
    imagined = plot.imagined_paths(own, 0.05)
    exact = plot.errors(imagined['end_effector'], real['end_effector'])
    assert max(max(values) for values in exact.values()) < 1e-4
    drift = plot.errors(imagined['block'], real['block'])
    for lookahead, values in drift.items():
        assert np.median(values) == pytest.approx(0.01 * lookahead / 0.05, abs=2e-3)
    assert set(drift) == {0.0, 0.05, 0.1, 0.15, 0.2, 0.25}


def test_plot_is_written(tmp_path):
    """For both tasks, without a screen."""
    plot.draw([episode('reach'), episode('push')], ROBOT, tmp_path / 'plot.png')
    with Image.open(tmp_path / 'plot.png') as image:
        assert image.width > 800 and np.asarray(image.convert('L')).std() > 10


def test_recordings_that_are_too_short_are_left_out():
    """Nothing can be shown of them."""
    assert showable(episode().recording) and not showable(Recording(ROBOT))


@pytest.mark.slow
def test_the_whole_demo(tmp_path):
    """Runs, writes everything, and tells by its exit code whether the bars were met."""
    domain = Domain()
    try:
        process = subprocess.run(
            [sys.executable, '-m', 'wm_ros', 'demo', '--tasks', 'reach', '--episodes', '2',
             '--record', '1', '--output', str(tmp_path / 'out'), '--json',
             str(tmp_path / 'figures.json')],
            capture_output=True, text=True, timeout=400, cwd=ROOT,
            env={**os.environ, 'ROS_DOMAIN_ID': str(domain.id)})
    finally:
        domain.release()
    assert 'Traceback' not in process.stderr, process.stderr
    result = json.loads((tmp_path / 'figures.json').read_text())
    assert process.returncode == (0 if result['met'] else 1)
    assert [one['seed'] for one in result['episodes']] == [0, 1]
    assert result['tasks']['reach']['episodes'] == 2
    names = {path.name for path in (tmp_path / 'out').iterdir()}
    assert names == {'demo.mp4', 'demo.gif', 'imagined_vs_real.png', 'episodes.json', 'nodes.log'}
    assert (tmp_path / 'out' / 'demo.gif').stat().st_size < 4_000_000


@pytest.mark.parametrize('arguments, expected', [
    (('--tasks', 'juggle'), 'unknown task'), (('--tasks', ''), 'expected reach'),
    (('--episodes', '0'), 'at least 1'), (('--output', '/proc/nowhere'), 'cannot be made'),
    (('--json', '/nowhere/at/all.json'), 'no such folder')])
def test_bad_arguments(arguments, expected):
    """One line, before anything starts."""
    process = subprocess.run([sys.executable, '-m', 'wm_ros', 'demo', *arguments],
                             capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert process.returncode == 2
    assert expected in process.stderr and process.stderr.count('\n') == 1
