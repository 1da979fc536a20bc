"""Which benches there are, and which parts they have."""

from dataclasses import dataclass
from importlib import import_module
from typing import Dict

from wm_ros.types import WmRosError


@dataclass(frozen=True)
class Part:
    """A part of a bench: a function of ``wm_ros.bench.<module>`` that returns figures."""

    name: str
    module: str
    function: str
    doc: str

    def measure(self):
        """Return the part's figures; takes minutes."""
        return getattr(import_module(f'wm_ros.bench.{self.module}'), self.function)()


def _of(room: str, *parts):
    """Return the parts of a bench: name, module in its ``room``, function, and what it is."""
    return tuple(Part(name, f'{room}.{module}', function, doc)
                 for name, module, function, doc in parts)


_MAIN_JOB = _of(
    'main_job',
    ('success', 'product', 'success', '1,000 episodes of reach and of push'),
    ('planning', 'product', 'planning', 'planner against prior and dither, paired'),
    ('prediction', 'product', 'prediction', 'open-loop error of the model'),
    ('train_reach', 'training', 'train_reach', 'reach from nothing, 3 seeds'),
    ('train_push', 'training', 'train_push', 'push from nothing, 3 seeds'),
    ('alone', 'training', 'alone', 'training without demonstrations'),
    ('live', 'live', 'live', '100 episodes of each through the live graph'),
    ('rates', 'live', 'rates', 'rates and latency of the running graph, 3 runs'),
    ('tuning', 'live', 'tuning', 'parameters changed while the arm moves'),
    ('bad_input', 'commands', 'bad_input', 'errors in one line, exit code 2'),
    ('demo', 'commands', 'demo', 'the demo'),
    ('tests', 'commands', 'tests', 'the tests on a fresh clone'),
)

_WORLD_MODEL = _of(
    'world_model',
    ('fidelity', 'tokens', 'fidelity', 'what tokens keep of a frame'),
    ('rare', 'tokens', 'rare', 'rare events: hierarchical tokens against flat ones'),
    ('horizons', 'horizons', 'horizons', 'errors of dreams over 50 steps'),
    ('branches', 'futures', 'branches', 'futures that branch'),
    ('camera', 'camera', 'camera', 'reach and push from camera and joints alone'),
    ('tokens_alone', 'camera', 'tokens_alone', 'push by a policy that sees tokens alone'),
    ('missing', 'camera', 'missing', 'sensors that fail'),
    ('watch', 'watch', 'watch', 'dreams drawn as frames'),
    ('training', 'curves', 'training', 'loss curves: processes, a killed run; data'),
    ('doubt', 'doubt', 'doubt', 'outliers told from the usual'),
    ('vigils', 'vigils', 'vigils', 'the sentinel in the closed loop'),
    ('efficiency', 'efficiency', 'efficiency', 'success over steps, beside SAC'),
)

_PLANNING = _of(
    'planning',
    ('peers', 'peers', 'peers', "plan time and return beside others' planners"),
    ('limit', 'limit', 'limit', 'dreams beside what a core can multiply'),
    ('full_size', 'full_size', 'full_size', 'a TD-MPC2 plan of the published sizes'),
    ('load', 'load', 'load', 'plan time while the other cores are busy'),
    ('deadline', 'deadline', 'deadline', 'plans that have to end in time'),
    ('quality', 'quality', 'quality', 'all planners, 100 episodes of reach and of push'),
    ('precision', 'quality', 'precision', 'push with dreams in bfloat16, and in float32'),
    ('horizon', 'quality', 'horizon', 'success and time over the horizon'),
    ('tune', 'tuned', 'tune', 'what tuning makes of a file that plans badly'),
    ('keep_out', 'boxes', 'keep_out', 'a box across the way: a constraint, and a price'),
    ('real_time', 'live', 'real_time', 'five minutes at 50 Hz with a camera'),
    ('nlp_live', 'live', 'nlp_live', 'nlp in the running graph'),
    ('swap', 'live', 'swap', 'planners that change while the arm moves'),
    ('changes', 'live', 'changes', 'horizon and samples that change while the arm moves'),
)

_SIM_TO_REAL = _of(
    'sim_to_real',
    ('success', 'success', 'success', '200 episodes of each task, and of blocks never seen'),
    ('camera', 'success', 'camera', 'the same, objects seen by a camera alone'),
    ('gap_reach', 'gap', 'reach', 'PyBullet to MuJoCo as reality.yaml has it, 1,000 episodes'),
    ('gap_push', 'gap', 'push', 'the same of push'),
    ('gap_pick_and_place', 'gap', 'pick_and_place', 'the same of pick_and_place'),
    ('live_reach', 'live_gap', 'reach', 'reach through the running graph, here and there'),
    ('live_push', 'live_gap', 'push', 'push through the running graph'),
    ('live_pick_and_place', 'live_gap', 'pick_and_place', 'pick_and_place through the graph'),
    ('unseen', 'unseen', 'unseen', 'blocks never seen: the agent beside clones of its data'),
    ('factors', 'gap', 'factors', 'what each difference to reality costs alone'),
    ('probe', 'adaptation', 'probe', 'what the belief knows of hidden physics'),
    ('hidden_mass', 'adaptation', 'hidden_mass', 'what a heavy block costs, told of it or not'),
    ('panda_gym_reach', 'panda_gym', 'reach', "agents that learn in panda-gym's environments"),
    ('panda_gym_push', 'panda_gym', 'push', 'the same in PandaPush-v3'),
    ('panda_gym_pick_and_place', 'panda_gym', 'pick_and_place', 'in PandaPickAndPlace-v3'),
    ('throughput', 'throughput', 'throughput', "steps of environments beside panda-gym's"),
    ('ray', 'cluster', 'ray', 'a Ray cluster that loses a process, and a machine'),
    ('edge_cases', 'edge_cases', 'edge_cases', 'failures of push, found and learned from'),
)

BENCHES: Dict[str, tuple] = {
    'main_job': _MAIN_JOB, 'world_model': _WORLD_MODEL, 'planning': _PLANNING,
    'sim_to_real': _SIM_TO_REAL}


def get_bench(name: str) -> tuple:
    """Return the parts of a bench; raises WmRosError that lists the known ones."""
    if name not in BENCHES:
        raise WmRosError(f'unknown bench {name!r}: expected one of {", ".join(BENCHES)}')
    return BENCHES[name]
