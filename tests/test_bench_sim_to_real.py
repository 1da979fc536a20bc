"""What the bench of environments steps: as much time as it says, with pictures; who is missing."""

from contextlib import closing
from dataclasses import replace
import json
from pathlib import Path
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from sim.randomize import NOTHING
from wm_ros import paths
from wm_ros.bench.drawing import draw
from wm_ros.bench.sim_to_real import (
    adaptation, cluster, environments, gap, live_gap, panda_gym, parts, throughput)
from wm_ros.evaluation.closed_loop import Result
from wm_ros.evaluation.run import Evaluation, Request
from wm_ros.tasks import get_task
from wm_ros.types import WmRosError
from wm_ros.world_model.state import StateLayout


@pytest.mark.parametrize('engine', ['pybullet', 'mujoco'])
def test_a_step_of_ours_lasts_as_long_as_it_says(engine):
    ours = environments.Ours('push', engine)
    ours.reset(3)
    for action in environments.drawn(ours, 4, np.random.default_rng(0)):
        assert not ours.step(action)
    assert ours.scene.time == pytest.approx(4 * ours.seconds)
    picture = ours.look()
    assert picture.shape == (64, 64, 3) and picture.std() > 10.0


def test_mujoco_alone_lets_as_much_time_pass_and_the_arm_does_not_fall():
    bare = environments.Bare('stack')
    bare.reset(3)
    before = bare.scene.arm.joint_positions.copy()
    ends = [bare.step(None) for _ in range(20)]
    assert ends == [False] * 19 + [True]
    assert bare.scene.data.time == pytest.approx(20 * bare.seconds)
    assert np.abs(bare.scene.arm.joint_positions - before).max() < 0.05


@pytest.mark.parametrize('name, how', [
    ('panda_gym', 'pip install --no-deps panda-gym'), ('mujoco', 'pip install mujoco')])
def test_who_is_missing_is_named_before_anything_is_timed(monkeypatch, name, how):
    monkeypatch.setattr(environments, 'find_spec', lambda asked: None if asked == name else asked)
    with pytest.raises(WmRosError, match=f'{name} is missing: .* {how}'):
        throughput.throughput()


def test_simulated_time_is_compared_round_by_round():
    rates = {'panda-gym': throughput.Rates(0.04, [100.0, 50.0, 200.0], []),
             'PyBullet': throughput.Rates(0.05, [80.0, 80.0, 80.0], [10.0, 12.0, 11.0]),
             'MuJoCo': throughput.Rates(0.05, [200.0, 100.0, 400.0], [])}
    rows = {row.figure: row.value for row in throughput._beside('reach', rates)}
    assert rows == {'throughput_of_panda_gym/reach, PyBullet': 1.0,
                    'throughput_of_panda_gym/reach, MuJoCo': 2.5}
    rows = {row.figure: row.value for row in throughput._rows('r', rates['PyBullet'], '')}
    assert rows == {'throughput_steps/r': 80.0, 'throughput_simulated/r': 4.0,
                    'throughput_steps_with_camera/r': 11.0,
                    'throughput_simulated_with_camera/r': 0.55}


def result(seed, time=1.0, plan_ms=2.0):
    return Result(seed, True, time, -1.0, [plan_ms], 100, 0, 0, [], 0.0)


def test_episodes_that_are_lost_doubled_or_otherwise_are_counted():
    alone = cluster.Played([result(seed) for seed in range(4)], 9.0, 0)
    played = cluster.Played([result(0, plan_ms=7.0), result(1, time=1.1), result(1), result(3)],
                            5.0, 1)
    rows = {row.figure.partition('/')[0]: row for row in cluster._rows('worker', alone, played)}
    counted = {name: (row.value, row.holds) for name, row in rows.items()}
    assert counted == {
        'ray_asked': (4, True), 'ray_got': (4, True), 'ray_lost': (1, False),
        'ray_twice': (1, False), 'ray_otherwise': (1, False), 'ray_seconds': (5.0, True),
        'ray_kills': (1, True)}
    assert 'NOT in order' in rows['ray_asked'].note


def test_agents_of_panda_gym_are_judged_by_their_evaluation_and_their_way(monkeypatch, tmp_path):
    """What was trained already is not trained again; what was interrupted is gone on with."""
    ran = []

    def run(*arguments):
        ran.append(arguments)
        if arguments[0] == 'evaluate':
            Path(arguments[-1]).write_text(json.dumps({
                'success_rate': 0.96, 'success_ci95': [0.93, 0.98], 'return_mean': -5.0,
                'return_std': 3.0}))

    points = [{'steps': steps, 'success_rate': rate, 'return_mean': -9.0, 'episodes': 50,
               'seconds': 60.0}
              for steps, rate in ((100_000, 0.5), (300_000, 0.96), (400_000, 0.9))]
    monkeypatch.setattr(panda_gym, 'run', run)
    monkeypatch.setattr(panda_gym, 'FOLDER', tmp_path)
    (tmp_path / 'panda_gym_PandaPush-v3.curve.json').write_text(json.dumps({'curve': points}))
    (tmp_path / 'panda_gym_PandaPush-v3.json').write_text('{}')
    rows = {row.figure: row for row in panda_gym.push()}
    assert [arguments[0] for arguments in ran] == ['evaluate']
    assert rows['panda_gym_success/PandaPush-v3'].holds
    assert rows['learning_return_published/PandaPush-v3/1000000'].value == pytest.approx(-6.405)
    assert 'that favours ours' in rows['learning_return_published/PandaPush-v3/1000000'].note
    assert rows['panda_gym_success_early/PandaPush-v3'].value == 0.96
    assert rows['panda_gym_steps_to_bar/PandaPush-v3'].value == 300_000
    assert rows['learning_success/PandaPush-v3/100000'].value == 0.5
    assert [plot.name for plot in draw(rows.values(), tmp_path)] == ['panda_gym.png']
    (tmp_path / 'panda_gym_PandaPush-v3.resume.safetensors').write_text('')
    panda_gym.push()
    assert ran[1][0] == 'train' and ran[1][-1] == '--resume'


def test_a_probe_reads_what_is_there_on_rows_that_it_has_not_seen():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(400, 6))
    truth = inputs @ rng.normal(size=6) + 0.1 * rng.normal(size=400)
    assert adaptation.r2(inputs, truth) > 0.95
    assert adaptation.r2(inputs, rng.normal(size=400)) < 0.1


def test_a_belief_is_read_once_a_block_was_lifted_for_long_enough():
    with closing(Evaluation(Request('pick_and_place', 2, engine='mujoco',
                                    checkpoint='panda_pick_and_place_hidden',
                                    randomization='hidden_mass'))) as evaluation:
        found = list(evaluation.share(adaptation._weighed, evaluation.episodes))
    where = StateLayout.of(get_task('pick_and_place')).object_position(0)
    masses = [np.exp(mass) for *_, mass in found]
    told = [np.exp(mass) for _, mass, _ in found]
    assert told == pytest.approx(masses, rel=0.6)
    assert all(0.04 <= mass <= 2.6 for mass in masses) and masses[0] != masses[1]
    assert all(belief[where][2] > 0.06 for belief, *_ in found)


@pytest.fixture
def parts_played(monkeypatch, tmp_path):
    """Let no episode be played: in reality the fourth of each part fails; what was asked for."""
    asked = []

    def run(*arguments):
        first, count = (int(arguments[arguments.index(name) + 1])
                        for name in ('--seed', '--episodes'))
        asked.append(arguments)
        Path(arguments[-1]).write_text(json.dumps({
            'seed': first, 'episodes': count, 'failed_seeds': [first + 3] if
            'reality' in arguments else [], 'real_time_factor': 1.0, 'latency_p99_ms': 9.0}))

    monkeypatch.setattr(parts, 'run', run)
    monkeypatch.setattr(parts, 'PLAYED', tmp_path / 'played')
    return asked


@pytest.mark.parametrize('way, name, agents', [(live_gap, 'live_gap', 1), (gap, 'gap', 2)])
def test_a_way_is_made_of_parts_that_are_played_once(way, name, agents, parts_played):
    rows = {row.figure: row for row in way.reach()}
    assert len(parts_played) == 20 * agents
    assert sum('reality' in told for told in parts_played) == 10 * agents
    assert all(('--ros' in told) == (way is live_gap) for told in parts_played)
    assert rows[f'{name}_drop/reach'].value == pytest.approx(0.01)
    assert rows[f'{name}_drop/reach'].holds and rows[f'{name}_drop_upper95/reach'].holds
    way.reach()
    assert len(parts_played) == 20 * agents


def test_parts_of_another_world_or_other_weights_are_played_anew(parts_played, monkeypatch):
    def again(checkpoint='panda_reach'):
        before = len(parts_played)
        parts.played('reach', checkpoint, 100, {'randomization': 'reality'})
        return len(parts_played) - before

    assert (again(), again(), again('panda_reach_robust')) == (1, 0, 1)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(parts, 'load_randomization', lambda name: NOTHING)
        assert (again(), again()) == (1, 0)
    given = parts.parameters
    monkeypatch.setattr(parts, 'parameters', lambda request: {
        **given(request), 'mpc_node': {'planner.horizon': 3}})
    assert (again(), again()) == (1, 0)


def test_parameters_that_are_asked_for_are_told_and_kept_apart(parts_played):
    def told(value):
        asked = {'engine': 'mujoco', 'settings': (f'world_model_node:adapt:={value}',)}
        parts.played('reach', 'panda_reach', 100, asked)
        return parts_played[-1]

    for value in ('true', 'false'):
        line = ' '.join(told(value))
        assert f'--engine mujoco --set world_model_node:adapt:={value} ' in line
    told('true'), told('false')
    assert len(parts_played) == 2
    assert sorted(file.name for file in parts.PLAYED.iterdir()) == [
        'panda_reach_mujoco_adapt_false.json', 'panda_reach_mujoco_adapt_true.json']


def test_what_a_heavy_block_costs_is_a_share_of_what_it_costs_without_context(monkeypatch):
    lost = {('panda_pick_and_place_hidden', 'true'): 8, ('panda_pick_and_place', 'true'): 30,
            ('panda_pick_and_place', 'false'): 60}

    def played(task, checkpoint, episodes, asked):
        setting, = asked['settings']
        failures = lost[checkpoint, setting.rpartition('=')[2]]
        return [{'seed': 0, 'episodes': episodes, 'failed_seeds': range(failures) if
                 asked['randomization'] == 'hidden_mass_heavy' else []}]

    monkeypatch.setattr(adaptation, 'played', played)
    rows = {row.figure: row for row in adaptation.hidden_mass()}
    assert rows['hidden_mass_drop/no context'].value == pytest.approx(0.15)
    assert rows['hidden_mass_drop/no context'].holds and rows['hidden_mass_drop_ratio'].holds
    assert rows['hidden_mass_drop_ratio'].value == pytest.approx(8 / 60, abs=1e-4)


def test_outcomes_go_along_to_another_machine(parts_played, monkeypatch, tmp_path):
    parts.played('reach', 'panda_reach', 100, {})
    elsewhere = shutil.copytree(paths.checkpoint_dir(), tmp_path / 'elsewhere')
    monkeypatch.setattr(paths, 'checkpoint_dir', lambda: elsewhere)
    parts.played('reach', 'panda_reach', 100, {})
    assert len(parts_played) == 1


def test_what_was_interrupted_goes_on_after_the_last_whole_part(parts_played, monkeypatch):
    run, world = parts.run, {'engine': 'mujoco'}

    def interrupted(*arguments):
        if len(parts_played) == 2:
            raise KeyboardInterrupt
        run(*arguments)

    with monkeypatch.context() as short, pytest.raises(KeyboardInterrupt):
        short.setattr(parts, 'run', interrupted)
        parts.played('reach', 'panda_reach', 250, world)
    found = parts.played('reach', 'panda_reach', 250, world)
    ranges = [(part['seed'], part['episodes']) for part in found]
    assert ranges == [(0, 100), (100, 100), (200, 50)]
    assert len(parts_played) == 3


def test_a_damaged_file_of_outcomes_is_told_of(parts_played):
    parts.played('reach', 'panda_reach', 100, {})
    file, = parts.PLAYED.glob('*.json')
    file.write_text(file.read_text()[:40])
    with pytest.raises(WmRosError, match='damaged .*; delete it and measure again'):
        parts.played('reach', 'panda_reach', 100, {})


def test_what_is_remembered_is_of_the_same_key(tmp_path):
    made, file = [], tmp_path / 'played' / 'mass.json'

    def remembered(key):
        return parts.remembered(file, key, lambda: made.append(key) or {'success': [1.0]})

    assert remembered('a') == remembered('a') == {'success': [1.0]} and made == ['a']
    remembered('b')
    assert made == ['a', 'b']
    file.write_text('{')
    with pytest.raises(WmRosError, match='damaged'):
        remembered('b')


def test_what_a_factor_costs_is_played_once(monkeypatch, tmp_path):
    """Reality is a mass, of which the agent fails one in four episodes, half a second later."""
    monkeypatch.setattr(gap, 'PLAYED', tmp_path / 'played')
    whole = gap.load_randomization('reality')
    mass, = (entry for entry in whole.entries if entry.term.name == 'object.mass')
    monkeypatch.setattr(gap, 'load_randomization', lambda name: replace(whole, entries=(mass,)))
    played = []

    def play(self, episodes):
        played.append(len(episodes))
        for seed, world in episodes:
            yield SimpleNamespace(success=not world.entries or seed % 4 > 0,
                                  time=2.5 if world.entries else 2.0)

    monkeypatch.setattr(gap.Evaluation, 'play', play)
    row, = gap.factors()
    assert row.figure == 'factor_drop/object.mass' and row.value == pytest.approx(0.25)
    assert '0.50 s later' in row.note
    assert gap.factors() == [row] and played == [200, 200]
