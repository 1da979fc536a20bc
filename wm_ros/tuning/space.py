"""What is searched: which of a planner's settings, and between which bounds."""

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Sequence, Tuple, Union

from wm_ros.param_table import MPC, TABLE
from wm_ros.types import ParameterError, WmRosError

_DECADE = 10.0          # bounds so many times apart are searched by their logarithm
_DIGITS = 3             # of the numbers that are tried, so that a parameter file reads well
#: No setting of a search: they say when plans come, or what the model was trained with.
_NOT_SEARCHED = ('planner.rate', 'planner.dt', 'planner.action_delay', 'planner.deadline_ms',
                 'planner.seed')
#: Not more than there are candidates.
_OF_SAMPLES = ('planner.num_elites', 'planner.num_policy_samples')

_USUAL = {
    'horizon': (3, 25), 'num_samples': (8, 256), 'num_elites': (1, 64), 'iterations': (1, 6),
    'temperature': (0.05, 5.0), 'noise_std': (0.05, 1.0), 'noise_correlation': (0.0, 0.95),
    'noise_exponent': (0.0, 4.0), 'num_starts': (1, 16), 'step_size': (0.01, 0.5),
    'simulations': (16, 512), 'depth': (1, 6), 'num_children': (2, 8),
    'around_prior': (False, True), 'warm_start': (False, True)}
_OF_PLANNER = {
    'mppi': ('horizon', 'num_samples', 'num_elites', 'iterations', 'temperature', 'noise_std',
             'noise_correlation', 'around_prior', 'warm_start'),
    'cem': ('horizon', 'num_samples', 'num_elites', 'iterations', 'noise_std', 'noise_exponent',
            'around_prior', 'warm_start'),
    'gradient': ('horizon', 'num_starts', 'iterations', 'step_size', 'noise_std',
                 'noise_correlation', 'around_prior', 'warm_start'),
    'tree': ('horizon', 'num_samples', 'simulations', 'depth', 'num_children', 'noise_std'),
    'nlp': ('horizon', 'iterations')}
#: How a bound is read, and what is said of one that is none.
_EDGES = {'int': (int, 'expected two integers'), 'double': (float, 'expected two numbers'),
          'bool': ({'false': False, 'true': True}.__getitem__,
                   'expected false:true, or one of them twice')}


@dataclass(frozen=True)
class Range:
    """Bounds of one parameter of the mpc node, both inclusive; of a bool False and True."""

    name: str
    low: Union[float, bool]
    high: Union[float, bool]
    kind: str               # int, double or bool

    @property
    def log(self) -> bool:
        """Return whether equal ratios are equally likely, and not equal differences."""
        return self.kind != 'bool' and self.low > 0 and self.high >= _DECADE * self.low

    @property
    def text(self) -> str:
        """Return LOW:HIGH."""
        return f'{_said(self.low)}:{_said(self.high)}'


def space(start: Mapping[str, Any], asked: Sequence[str] = ()) -> Tuple[Range, ...]:
    """
    Return what is searched for the planner that the parameters ``start`` name.

    ``asked``: 'NAME=LOW:HIGH', other bounds or other parameters than usual.  The usual bounds
    give way to the start, which is always inside.  Raises WmRosError.
    """
    planner = start['planner.type']
    if planner not in _OF_PLANNER:
        raise WmRosError(f'--planner: {planner} has nothing to tune, expected one of '
                         f'{", ".join(sorted(_OF_PLANNER))}')
    found = {}
    for short in _OF_PLANNER[planner]:
        name, (low, high) = f'planner.{short}', _USUAL[short]
        found[name] = Range(name, min(low, start[name]), max(high, start[name]),
                            TABLE.find(MPC, name).kind)
    for text in asked:
        given = _asked(text)
        if not given.low <= start[given.name] <= given.high:
            raise WmRosError(f'--search {text}: the start has {_said(start[given.name])}, '
                             f'expected bounds that hold it, or another start (--set '
                             f'{given.name}:=...)')
        found[given.name] = given
    return tuple(found.values())


def _said(value) -> str:
    return str(value).lower() if isinstance(value, bool) else f'{value:g}'


def _asked(text) -> Range:
    name, _, bounds = text.partition('=')
    low, _, high = bounds.partition(':')
    known = TABLE.of_node(MPC).get(name)
    if (known is None or not name.startswith('planner.') or name in _NOT_SEARCHED
            or known.kind not in _EDGES):
        raise WmRosError(f'--search {text}: {name or "nothing"} cannot be searched, expected '
                         'NAME=LOW:HIGH with a number or a bool of the planner, such as '
                         'planner.horizon=3:25')
    read, said = _EDGES[known.kind]
    try:
        bounds = [known.check(read(edge)) for edge in (low, high)]
    except (ValueError, KeyError, ParameterError) as error:
        if isinstance(error, ParameterError):
            said = str(error)
        raise WmRosError(f'--search {text}: {said}') from error
    if bounds[0] > bounds[1]:
        raise WmRosError(f'--search {text}: expected the lower bound first')
    return Range(name, *bounds, known.kind)


def settled(values: Mapping[str, Any], start: Mapping[str, Any]) -> Dict[str, Any]:
    """
    Return ``values`` by name as they are tried: short numbers that go together.

    No more elites than candidates, nor more candidates that begin anew at the prior.
    """
    made = {name: float(f'{value:.{_DIGITS}g}') if isinstance(value, float) else value
            for name, value in values.items()}
    samples = made.get('planner.num_samples', start['planner.num_samples'])
    for name in _OF_SAMPLES:
        if made.get(name, start[name]) > samples:
            made[name] = samples
    return made
