"""The bench of planners: work that is equal, turns, what counts as late, and its figures."""

import os
import sys

import numpy as np
import pytest
import torch
from torch import nn
from wm_ros.bench.planning import deadline, full_size, limit, load, neutral, others, peers, timing
from wm_ros.bench.planning.moments import Agent
from wm_ros.types import WmRosError
from wm_ros.world_model.tdmpc2 import LatentModel, Network, Sizes

SMALL = neutral.Case(Sizes(actions=2, latent=16, hidden=16, values=1, averaged=1, bins=1), 40, 6)


def test_things_are_timed_in_turns_and_the_first_does_not_count():
    called = []
    times = timing.in_turns({name: lambda name=name: called.append(name) for name in 'ab'}, 3)
    assert called == ['a', 'b'] * 4
    assert [len(times[name]) for name in 'ab'] == [3, 3]


def test_ratios_are_of_the_same_turn():
    assert timing.ratios([2.0, 9.0, 4.0], [1.0, 3.0, 4.0]).tolist() == [2.0, 3.0, 1.0]


def test_a_process_of_its_own_has_the_cores_that_it_is_given():
    before = torch.get_num_threads(), os.environ.get('OMP_WAIT_POLICY')
    assert timing.on_cores(2, torch.get_num_threads) == 2
    assert timing.on_cores(1, os.getenv, 'OMP_WAIT_POLICY') == 'passive'
    assert (torch.get_num_threads(), os.environ.get('OMP_WAIT_POLICY')) == before


class Counted(Network):
    """A network that counts the latents that it was asked to follow."""

    rows = 0

    def next(self, latent, action):  # noqa: A003
        self.rows += latent.shape[:-1].numel()
        return super().next(latent, action)


def counted():
    torch.manual_seed(0)
    return Counted(SMALL.sizes).eval().requires_grad_(False)


def test_our_planners_do_not_dream_less_than_others():
    work = SMALL.candidates * neutral.ITERATIONS * neutral.HORIZON
    for kind, least, most in (('mppi', 1.0, 1.0), ('cem', 1.0, 1.05)):
        network = counted()
        plan = neutral.Ours(kind, SMALL, LatentModel(network, 'eager'))(
            neutral.latents(SMALL, 1)[0])
        assert plan.shape == (neutral.HORIZON, 2)
        assert least * work <= network.rows <= most * work


@pytest.mark.parametrize('kind', ['mppi', 'cem', 'icem', 'gradient'])
def test_solvers_of_stable_worldmodel_do_the_work_and_plan_well(kind):
    pytest.importorskip('loguru')
    network, latent = counted(), neutral.latents(SMALL, 1)[0]
    try:
        solver = others.StableWorldmodel(kind, SMALL, network)
    except WmRosError as error:
        pytest.skip(str(error))
    plan = solver(latent)
    count = neutral.STARTS if kind == 'gradient' else SMALL.candidates
    assert network.rows == count * neutral.ITERATIONS * neutral.HORIZON
    assert neutral.worth(network, latent, plan) > neutral.worth(network, latent, 0.0 * plan)


def test_pytorch_mppi_does_the_work_and_counts_as_we_do():
    network, latent = counted(), neutral.latents(SMALL, 1)[0]
    try:
        planner = others.PytorchMppi(SMALL, network)
    except WmRosError as error:
        pytest.skip(str(error))
    plan = planner(latent)
    assert network.rows == SMALL.candidates * neutral.ITERATIONS * neutral.HORIZON
    assert plan.shape == (neutral.HORIZON, 2)
    candidates = planner._mppi.perturbed_action
    costs, _, _ = planner._mppi._compute_rollout_costs(candidates)
    wanted = [neutral.worth(network, latent, candidate) for candidate in candidates]
    assert np.allclose(-costs.numpy(), wanted, atol=1e-4)


@pytest.mark.parametrize('name, use', [
    ('stable_worldmodel', lambda: others.StableWorldmodel('cem', SMALL, counted())),
    ('pytorch_mppi', lambda: others.PytorchMppi(SMALL, counted()))])
def test_others_that_are_missing_are_named(monkeypatch, name, use):
    for module in [module for module in sys.modules if module.split('.')[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(others, 'find_spec', lambda name: None)
    monkeypatch.setitem(sys.modules, 'pytorch_mppi', None)
    with pytest.raises(WmRosError, match=rf"{name} is missing: .* pip install 'wm_ros\[bench\]'"):
        use()


def test_speed_is_judged_by_bfloat16_turn_by_turn():
    times = {theirs: [30.0, 60.0, 90.0] for theirs in peers._PAIRS}
    for ours in ('mppi', 'cem', 'gradient'):
        times[f'{ours}/float32'], times[f'{ours}/bfloat16'] = [30.0] * 3, [10.0, 30.0, 10.0]
    rows = {row.figure: row for row in peers._speed('S, {}, 1 core', times)}
    row = rows['faster_than_stable_worldmodel_cem/S, bfloat16, 1 core']
    assert (row.value, row.bar, row.holds) == (3.0, '>= 3', True)
    assert rows['faster_than_stable_worldmodel_icem/S, bfloat16, 1 core'].bar == '>= 2'
    row = rows['faster_than_pytorch_mppi/S, float32, 1 core']
    assert (row.value, row.bar) == (2.0, '')
    assert rows['plan_ms_mppi/S, bfloat16, 1 core'].value == 10.0


def test_returns_have_to_be_better_beyond_doubt():
    found = {theirs: [1.0, 2.0, 3.0] for theirs in peers._PAIRS}
    for ours in ('mppi', 'cem', 'gradient'):
        found[f'{ours}/float32'], found[f'{ours}/bfloat16'] = [1.5, 2.5, 3.5], [2.0, 1.0, 3.5]
    rows = {row.figure: row for row in peers._returns('S', found)}
    assert rows['return_minus_pytorch_mppi_lower95/S, float32'].value == 0.5
    assert rows['return_minus_pytorch_mppi_lower95/S, float32'].holds
    assert not rows['return_minus_pytorch_mppi_lower95/S, bfloat16'].holds


def test_operations_are_two_for_each_weight_and_row():
    class Small(Network):

        def __init__(self):
            nn.Module.__init__(self)
            self.sizes = SMALL.sizes
            self.transition, self.reward_head = nn.Linear(5, 3), nn.Linear(5, 1)
            self.policy_head = nn.Linear(3, 4)
            self.value_heads = nn.ModuleList([nn.Linear(5, 1), nn.Linear(5, 7)])
    assert limit.operations(Small(), 10, 4) == 2 * 10 * (4 * (15 + 5) + 12 + 5)


def test_a_share_is_of_the_faster_large_product():
    work = 2 * limit._LARGE ** 3
    times = {'dream': [10.0, 20.0], 'product': [4.0, 12.0], 'packed': [8.0, 8.0],
             'products': [6.0, 6.0], 'finishes': [2.0, 2.0], 'copies': [1.0, 1.0]}
    rows = {row.figure: row for row in limit._rows('v', limit._JUDGED, times, work)}
    assert rows['limit_share/v'].value == pytest.approx(0.4) and not rows['limit_share/v'].holds
    assert rows['limit_ms_rest/v'].value == 6.0
    assert not limit._rows('v', 0, times, work)[0].bar


def test_parts_of_a_dream_are_measured(monkeypatch):
    for name, value in (('_CANDIDATES', 20), ('_LARGE', 32), ('_ROUNDS', 2)):
        monkeypatch.setattr(limit, name, value)
    times, work = limit.measured(16, 32, 'float32')
    assert all(len(taken) == 2 and min(taken) > 0 for taken in times.values()) and work > 0


def test_the_plain_plan_of_full_size_searches():
    torch.manual_seed(0)
    sizes = Sizes(actions=2, latent=16, hidden=32, bins=11, limit=2.0)
    network = Network(sizes).eval().requires_grad_(False)
    latent, still = torch.full((16,), 0.125), torch.zeros(3, 2)
    plan = full_size.eager_plan(network, latent, still)
    assert plan.shape == (3, 2) and plan.abs().max() <= 1.0
    ends = [float(full_size._returns(network, latent, actions.expand(400, 3, 2)).mean())
            for actions in (plan, still)]
    assert ends[0] > ends[1]


def timed(deadline_ms, took, longest):
    return deadline.Timed(deadline_ms, took, longest, 3)


def test_late_by_an_iteration_is_in_order_and_by_more_is_not():
    plans = [timed(10.0, 9.0, 2.0), timed(10.0, 11.9, 2.0), timed(10.0, 12.1, 2.0)]
    rows = {row.figure: row for row in deadline._rows('cem', plans)}
    row = rows['deadline_overruns/cem']
    assert (row.value, row.holds) == (1, False) and '2 were late at all' in row.note
    assert rows['deadline_over_max/cem'].value == pytest.approx(2.1)
    assert deadline._rows('cem', plans[:2])[0].holds


def test_iterations_are_told_by_dreams(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(deadline.time, 'perf_counter', lambda: now[0])

    class Model:

        def imagine(self, took):
            now[0] += took
            return took

    model = Model()
    with deadline._Dreams(model) as dreams:
        for took, between in ((1.0, 2.0), (4.0, 0.5), (4.9, 30.0)):
            assert model.imagine(took) == took
            now[0] += between
        assert dreams.longest == pytest.approx(4.9)
        dreams.clear()
        model.imagine(0.25)
        assert dreams.longest == 0.25
    assert 'imagine' not in vars(model)


def test_deadlines_end_plans_of_the_shipped_agent():
    agent = Agent(2)
    assert len(agent.moments) == 2 and agent.moments[1].previous.stamp < agent.moments[1].act_at
    agent.set(type='cem', iterations=20)
    (plan,) = deadline.timed(agent, 1)
    assert agent.mpc.settings.deadline_ms == plan.deadline
    assert plan.took >= plan.longest > 0.0
    counts = []
    for limit_ms in (0.001, 0.0):
        agent.set(deadline_ms=limit_ms)
        counts.append(agent.plan(1).iterations)
    assert counts == [1, 20]


@pytest.fixture
def spin(monkeypatch):
    """Let processes spin that begin at once; return those that were started."""
    monkeypatch.setattr(load, '_SPIN', "print('ready', flush=True)\nwhile True: pass")
    started, start = [], load.subprocess.Popen

    def remembered(*args, **kwargs):
        started.append(start(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(load.subprocess, 'Popen', remembered)
    return started


def state_of(process):
    with open(f'/proc/{process.pid}/stat', encoding='ascii') as file:
        return file.read().rpartition(')')[2].split()[0]


@pytest.mark.skipif(not os.path.exists('/proc/self/stat'), reason='looks at processes in /proc')
def test_others_spin_every_other_block_and_end(spin):
    stopped = []
    quiet, busy = load.in_blocks(
        lambda number: stopped.append([state_of(process) == 'T' for process in spin]), 2, 3)
    assert len(quiet) == len(busy) == 6
    cores = len(spin)
    assert stopped[1:] == ([[True] * cores] * 3 + [[False] * cores] * 3) * 2
    assert all(process.poll() is not None for process in spin)


def test_others_that_do_not_begin_are_an_error(spin, monkeypatch):
    monkeypatch.setattr(load, '_SPIN', 'raise SystemExit')
    with pytest.raises(WmRosError, match='did not begin'):
        load.in_blocks(lambda number: None, 1, 1)
    assert all(process.poll() is not None for process in spin)
