"""Figures of plan time and return beside stable-worldmodel's and pytorch-mppi's planners."""

from typing import Dict, List

from wm_ros.bench.planning.neutral import Case, CASES, latents, network_of, Ours, worth
from wm_ros.bench.planning.others import PytorchMppi, StableWorldmodel
from wm_ros.bench.planning.timing import in_turns, middle, on_cores, ratios, spread_of, Times
from wm_ros.bench.record import at_least, load_note, shown
from wm_ros.evaluation.statistics import paired
from wm_ros.world_model.compiled.chain import PRECISIONS
from wm_ros.world_model.tdmpc2 import LatentModel

_ROUNDS, _PROBLEMS = 40, 20
_COMMAND = 'wm_ros bench planning --only peers'
#: Theirs: which of ours does the same, and how many times as long theirs has to take.
_PAIRS = {'stable_worldmodel_mppi': ('mppi', 3.0), 'pytorch_mppi': ('mppi', 3.0),
          'stable_worldmodel_cem': ('cem', 3.0), 'stable_worldmodel_icem': ('cem', 2.0),
          'stable_worldmodel_gradient': ('gradient', None)}
_JUDGED = 'bfloat16'            # float32 is there to compare with


def peers():
    """Return how many times as long theirs take, on one core and on two, and who plans better."""
    rows = []
    for cores in (1, 2):
        for name in CASES:
            rows += _speed(f'{name}, {{}}, {cores} core{"s" * (cores > 1)}',
                           on_cores(cores, times_of, name, cores))
    for name in CASES:
        rows += _returns(name, on_cores(1, returns_of, name))
    return rows


def _speed(variant, times: Times):
    rows, load = [], load_note()
    for theirs, (ours, bar) in _PAIRS.items():
        for precision in PRECISIONS:
            faster = ratios(times[theirs], times[f'{ours}/{precision}'])
            what = (f'faster_than_{theirs}/{variant.format(precision)}', middle(faster))
            how = ('times', _COMMAND, f'{len(faster)} turns; {spread_of(faster)}; {load}')
            rows.append(at_least(*what, bar, *how) if bar and precision == _JUDGED
                        else shown(*what, *how))
    for name, taken in times.items():
        planner, _, precision = name.partition('/')
        rows.append(shown(f'plan_ms_{planner}/{variant.format(precision or "float32")}',
                          middle(taken), 'ms', _COMMAND, spread_of(taken, 'ms')))
    return rows


def _returns(name, found: Dict[str, List[float]]):
    rows = []
    for theirs, (ours, _) in _PAIRS.items():
        for precision in PRECISIONS:
            mean, low, high = paired(found[f'{ours}/{precision}'], found[theirs])
            rows.append(at_least(
                f'return_minus_{theirs}_lower95/{name}, {precision}', low, 0.0, '', _COMMAND,
                f'mean {mean:.3f}, 95 % from {low:.3f} to {high:.3f}; {len(found[theirs])} '
                f'problems, theirs {sum(found[theirs]) / len(found[theirs]):.3f} on average'))
    return rows


def times_of(name: str, cores: int, rounds: int = _ROUNDS) -> Times:
    """Return plan times [ms] by planner, theirs and ours, of the case ``name``."""
    case = CASES[name]
    latent = latents(case, 1)[0]
    return in_turns({planner: lambda plan=plan: plan(latent)
                     for planner, plan in _planners(case, cores).items()}, rounds)


def returns_of(name: str, problems: int = _PROBLEMS) -> Dict[str, List[float]]:
    """Return the returns of plans by planner, one of each problem, of the case ``name``."""
    case = CASES[name]
    network = network_of(case)
    return {planner: [worth(network, latent, plan(latent)) for latent in latents(case, problems)]
            for planner, plan in _planners(case).items()}


def _planners(case: Case, threads: int = 1):
    """Return all planners by name; ours with their precision, ``planner/precision``."""
    network = network_of(case)
    planners = {f'stable_worldmodel_{kind}': StableWorldmodel(kind, case, network)
                for kind in ('mppi', 'cem', 'icem', 'gradient')}
    planners['pytorch_mppi'] = PytorchMppi(case, network)
    for precision in PRECISIONS:
        model = LatentModel(network, precision, threads=threads)
        planners.update({f'{kind}/{precision}': Ours(kind, case, model)
                         for kind in ('mppi', 'cem', 'gradient')})
    return planners
