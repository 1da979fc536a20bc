"""Recording: the same seed, labels, noise within bounds, and the command around it."""

from dataclasses import replace
import json

from model_testing import ROBOT
import numpy as np
import pytest
from wm_ros import seeds
from wm_ros.bench.main_job.product import EPISODES
from wm_ros.cli import main
from wm_ros.data import read_episodes, write_episode
from wm_ros.data.answered import LATE
from wm_ros.learning.collect import Collector, Noise, record
from wm_ros.robot.motion import MotionRule
from wm_ros.world_model.state import StateLayout


@pytest.fixture(scope='module')
def collector():
    made = Collector(ROBOT, 'reach')
    yield made
    made.close()


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize('source', ['script', 'noisy', 'random'])
def test_the_same_seeds_record_the_same_episode(collector, source):
    first, other, again = (record(collector, source, seed, rng()) for seed in (4, 5, 4))
    np.testing.assert_array_equal(first.states, again.states)
    np.testing.assert_array_equal(first.actions, again.actions)
    assert not np.array_equal(first.goal, other.goal)
    assert (first.task, first.source) == ('reach', source)


def test_the_script_succeeds_and_is_its_own_label(collector):
    episode = record(collector, 'script', 0, rng())
    assert episode.success
    np.testing.assert_array_equal(episode.actions, episode.expert)
    assert len(episode.states) == len(episode.actions) + 1 == len(episode.rewards) + 1


def test_noise_disturbs_what_is_done_and_not_what_is_labelled(collector):
    episode = record(collector, 'noisy', 0, rng())
    disturbed = (episode.actions != episode.expert).any(1)
    assert 0.05 < disturbed.mean() < 0.9
    for column in (episode.actions, episode.expert):
        assert np.abs(column).max() <= 1.0
        assert not column[:, 3:].any()      # reach turns nothing and grips nothing


def test_random_episodes_carry_no_label(collector):
    episode = record(collector, 'random', 0, rng())
    assert episode.expert is None
    assert np.abs(episode.actions[:, :3]).mean() > 0.2


def test_what_follows_success_is_recorded_for_a_while(collector):
    short = collector.run(0, None, 'script', linger=1)
    longer = collector.run(0, None, 'script', linger=4)
    assert short.success and len(longer.actions) == len(short.actions) + 3
    np.testing.assert_array_equal(longer.states[:len(short.states)], short.states)


def test_noise_comes_in_bursts_and_stays_within_reach():
    noise, calm = Noise(rng()), np.full(5, 0.1)
    made = np.array([noise(calm) for _ in range(2000)])
    touched = (made != calm).any(1)
    assert 0.1 < touched.mean() < 0.5
    assert (np.diff(touched.astype(int)) == 1).sum() > 50
    assert np.abs(made).max() <= 1.0


def test_seeds_of_recording_training_and_evaluation_are_apart():
    """So that no figure is measured on an episode that was trained on."""
    assert EPISODES < seeds.CALIBRATION < seeds.TRAINING
    assert seeds.TRAINING * (seeds.RUNS + 1) < seeds.RECORDED
    assert seeds.RECORDED + 20_000_000 <= seeds.EDGE_CASES
    assert seeds.EDGE_CASES + seeds.SCENES * seeds.SEARCHES < seeds.HELD_OUT


def test_the_command_records_what_it_says(tmp_path, capsys):
    folder, figures = tmp_path / 'data', tmp_path / 'figures.json'
    line = ['collect', '--task', 'reach', '--episodes', '2', '--seed', '7', '--output',
            str(folder), '--json', str(figures)]
    assert main(line) == 0
    assert '2 episodes' in capsys.readouterr().out
    episodes = read_episodes(folder, 'reach', pytest.fail)
    said = json.loads(figures.read_text())
    assert said == {'task': 'reach', 'episodes': 2,
                    'steps': sum(len(e.actions) for e in episodes),
                    'successes': sum(e.success for e in episodes)}
    assert main([*line[:-3], str(tmp_path / 'again')]) == 0
    for first, second in zip(episodes, read_episodes(tmp_path / 'again', 'reach', pytest.fail)):
        np.testing.assert_array_equal(first.states, second.states)


def test_the_command_records_frames_and_events(tmp_path):
    assert main(['collect', '--task', 'push', '--source', 'script', '--episodes', '2',
                 '--frames', '32', '--events', 'appear=1', '--output', str(tmp_path)]) == 0
    episodes = read_episodes(tmp_path, 'push', pytest.fail, ('frames', 'rare'))
    for episode in episodes:
        assert episode.streams['frames'].shape == (len(episode.actions) + 1, 32, 32, 3)
        assert episode.streams['rare'].any()


def test_the_same_is_done_again_without_what_happened(tmp_path):
    line = ['collect', '--task', 'push', '--source', 'script', '--frames', '16', '--plain']
    assert main([*line, '--episodes', '2', '--events', 'heavy=1', '--output',
                 str(tmp_path / 'heavy')]) == 0
    for name, events in (('usual', ()), ('again', ('--events', 'heavy=1'))):
        assert main([*line, '--replay', str(tmp_path / 'heavy'), *events, '--output',
                     str(tmp_path / name)]) == 0
    heavy, usual, again = (read_episodes(tmp_path / name, 'push', pytest.fail, ('event',))
                           for name in ('heavy', 'usual', 'again'))
    for was, twin, same in zip(heavy, usual, again):
        np.testing.assert_array_equal(same.states, was.states)
        np.testing.assert_array_equal(twin.actions, was.actions)
        first = np.flatnonzero(was.streams['event'])[0]
        np.testing.assert_array_equal(twin.states[:first], was.states[:first])
        assert not twin.streams['event'].any()
    assert any(np.abs(was.states - twin.states).max() > 1e-3 for was, twin in zip(heavy, usual))


def test_the_agents_episodes_are_what_its_setpoint_did(tmp_path, capsys):
    line = ['collect', '--task', 'reach', '--episodes', '1', '--frames', '16', '--plain']
    assert main([*line, '--source', 'agent', '--output', str(tmp_path / 'agent')]) == 0
    (episode,) = read_episodes(tmp_path / 'agent', 'reach', pytest.fail, ('wrench', 'frames'))
    layout, rule = StateLayout(0), MotionRule.of(ROBOT)
    assert episode.source == 'agent' and episode.success
    assert len(episode.states) == len(episode.actions) + 1 == len(episode.streams['wrench'])
    places, velocities = (episode.states[:, where] for where in (
        layout.setpoint_pose, layout.setpoint_twist))
    moved, mean = np.diff(places, axis=0), 0.5 * (velocities[1:] + velocities[:-1])
    np.testing.assert_allclose(moved, ROBOT.dt * mean, atol=0.004)      # rows are a step apart
    assert np.linalg.norm(moved[:, :3], axis=1).max() > 0.01
    np.testing.assert_allclose(episode.actions[:, :4] * rule.speed, velocities[1:], atol=1e-5)
    assert main([*line, '--replay', str(tmp_path / 'agent'), '--output',
                 str(tmp_path / 'again')]) == 2
    assert '--source agent' in capsys.readouterr().err


def test_the_agents_episodes_say_what_was_drawn_and_felt(tmp_path):
    """As those of the script do, of the same seed."""
    line = ['collect', '--task', 'reach', '--episodes', '1', '--randomization', 'usual']
    for source in ('agent', 'noisy'):
        assert main([*line, '--source', source, '--output', str(tmp_path / source)]) == 0
    agent, noisy = (read_episodes(tmp_path / source, 'reach', pytest.fail, ('wrench',))[0]
                    for source in ('agent', 'noisy'))
    assert agent.seed == noisy.seed and agent.randomisation == noisy.randomisation
    assert 0.3 <= agent.randomisation['physics.motor_gain'] <= 1.2
    felt = agent.streams['wrench']
    assert felt.shape == (len(agent.states), 6) and felt.dtype == np.float32
    assert np.linalg.norm(felt[1:, :3], axis=1).min() > 1.0     # the hand's weight
    assert not np.any(agent.streams.get(LATE, 0.0))     # its actions are as they were answered


def test_episodes_without_a_seed_cannot_be_replayed(tmp_path, collector, capsys):
    write_episode(tmp_path / 'old', 0, replace(record(collector, 'script', 0, rng()), seed=None))
    assert main(['collect', '--task', 'reach', '--replay', str(tmp_path / 'old'), '--output',
                 str(tmp_path / 'new')]) == 2
    assert 'record it again' in capsys.readouterr().err


def test_recorded_goals_are_none_that_is_evaluated_on(tmp_path, collector):
    assert main(['collect', '--task', 'reach', '--episodes', '1', '--output', str(tmp_path)]) == 0
    (episode,) = read_episodes(tmp_path, 'reach', pytest.fail)
    goals = []
    for seed in range(100):
        collector.scene.reset(seed)
        goals.append(collector.scene.goal)
    assert not (np.array(goals) == episode.goal).all(1).any()


@pytest.mark.parametrize('line, word', [
    (('--episodes', '0'), '--episodes: got 0'), (('--episodes', '-3'), '--episodes: got -3'),
    (('--frames', '8'), '--frames: got 8'), (('--plain',), 'add --frames'),
    (('--look-rows', '2'), '--look-rows is about frames'),
    (('--frames', '64', '--look-rows', '-1'), '--look-rows: got -1'),
    (('--frames', '64', '--look-rows', '2', '--plain'), 'no --plain'),
    (('--replay', '{here}'), 'no usable episode'),
    (('--frames', '64', '--events', 'appear=1.5'), "--events: got 'appear=1.5'"),
    (('--frames', '64', '--events', 'juggle=0.1'), 'a kind of tumble'),
    (('--frames', '64', '--events', 'drop=0.1'), 'reach has no object'),
    (('--frames', '64', '--events', 'appear=0.6', 'throw=0.6'), 'at most 1'),
    (('--seed', '-1'), '--seed: got -1'), (('--seed', '9' * 30), '--seed'),
    (('--task', 'juggle'), 'unknown task'), (('--robot', 'juggler'), 'unknown robot'),
    (('--output', '{here}/file'), '--output'), (('--output', '{here}/file/data'), '--output'),
    (('--json', '{here}'), '--json'), (('--json', '{here}/none/out.json'), '--json')])
def test_bad_arguments_are_one_line_and_record_nothing(tmp_path, capsys, line, word):
    (tmp_path / 'file').write_text('in the way')
    folder = tmp_path / 'data'
    arguments = [part.format(here=tmp_path) for part in line]
    assert main(['collect', '--task', 'reach', '--output', str(folder), *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith('wm_ros: error: ') and error.count('\n') == 1 and word in error
    assert not folder.exists() or not list(folder.iterdir())


def test_a_folder_that_holds_episodes_is_left_as_it_is(tmp_path, capsys):
    """Of two recordings in one folder nobody could tell which episode is of which."""
    line = ['collect', '--task', 'reach', '--episodes', '1', '--output', str(tmp_path)]
    assert main(line) == 0
    file, = tmp_path.iterdir()
    before = file.read_bytes()
    assert main([*line, '--seed', '5']) == 2
    assert 'holds 1 episodes already' in capsys.readouterr().err
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


@pytest.mark.parametrize('line', [
    ('--source', 'guess'), ('--episodes', 'many'), ('--seed', '1.5')])
def test_arguments_of_the_wrong_kind_show_usage(tmp_path, capsys, line):
    with pytest.raises(SystemExit) as left:
        main(['collect', '--task', 'reach', '--output', str(tmp_path / 'data'), *line])
    assert left.value.code == 2 and line[0] in capsys.readouterr().err
