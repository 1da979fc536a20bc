"""
The search and its memory: Optuna (Akiba et al. 2019), in a journal file or in none.

Multi-objective TPE (Ozaki et al. 2020): the gain upwards, the time of a plan downwards, and
plans that are not in time are a constraint that is not kept.
"""

from dataclasses import asdict, dataclass
import json
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

from wm_ros.tuning.space import Range
from wm_ros.types import WmRosError

_NAME = 'wm_ros tune'
_RANDOM = 10            # trials before the search begins to learn from them
_CONSTRAINT = 'plan_ms_p99'


@dataclass(frozen=True)
class Trial:
    """One set of parameters, as it was tried offline; number 0 is the start."""

    number: int
    parameters: Mapping[str, Any]       # of the mpc node, as they were tried
    gain: float                         # over the policy prior, see ``tuning.imagined``
    plan_ms_p50: float
    plan_ms_p99: float


class Study:
    """
    Trials so far, what is to be tried next, and notes by name.

    ``path`` of the journal, None for none; ``about``: plain data that says what is tuned.
    Raises WmRosError without Optuna, for a file that is no journal, or one of other data.
    """

    def __init__(self, path: Optional[Path], about: Mapping[str, Any], ranges: Sequence[Range],
                 seed: int):
        self._optuna, self._ranges = _optuna(), ranges
        self._study = self._open(path)
        self._agree(path, json.loads(json.dumps(about)))
        for left in self._study.get_trials(states=[self._optuna.trial.TrialState.RUNNING]):
            # Of a process that was killed: the search would wait for it.
            self._study.tell(left.number, state=self._optuna.trial.TrialState.FAIL)
        # Drawn anew each time that a study goes on, or it would try the same again.
        self._study.sampler = self._optuna.samplers.TPESampler(
            seed=seed + len(self._study.trials), n_startup_trials=_RANDOM)

    def _open(self, path):
        optuna = self._optuna
        storage = None
        try:
            if path is not None:
                _mend(path)
                storage = optuna.storages.JournalStorage(
                    optuna.storages.journal.JournalFileBackend(str(path)))
            return optuna.create_study(storage=storage, study_name=_NAME, load_if_exists=True,
                                       directions=['maximize', 'minimize'])
        except OSError as error:
            raise WmRosError(f'--study {path}: cannot be written ({error.strerror})') from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise WmRosError(f'--study {path}: not the journal of a tuning; expected one, or a '
                             'file that is not there yet') from error

    def _agree(self, path, about):
        before = self._study.user_attrs.get('about')
        if before is None:
            self._study.set_user_attr('about', about)
            return
        was, now = _flat(before), _flat(about)
        for name in {**was, **now}:
            if was.get(name) != now.get(name):
                raise WmRosError(f'--study {path}: is of another tuning ({name}: '
                                 f'{was.get(name)}, now {now.get(name)}); name another file, or '
                                 'ask for the same')

    @property
    def tried(self) -> int:
        """Return how many trials have come to an end, those that were too slow included."""
        states = self._optuna.trial.TrialState
        return len(self._study.get_trials(deepcopy=False,
                                          states=[states.COMPLETE, states.PRUNED]))

    def trials(self) -> List[Trial]:
        """Return those that were measured, in their order."""
        complete = [self._optuna.trial.TrialState.COMPLETE]
        return [Trial(trial.number, **trial.user_attrs['measured'])
                for trial in self._study.get_trials(deepcopy=False, states=complete)]

    def begin(self, parameters: Mapping[str, Any], measured, limit: float):
        """Take the start, which was ``measured`` (``imagined.Measured``), as trial 0."""
        self._study.add_trial(self._optuna.trial.create_trial(
            params={item.name: parameters[item.name] for item in self._ranges},
            distributions={item.name: self._distribution(item) for item in self._ranges},
            values=[measured.gain, measured.plan_ms_p99],
            constraints={_CONSTRAINT: measured.plan_ms_p99 - limit},
            user_attrs={'measured': _record(parameters, measured)}))

    def attempt(self, settle, measure, limit: float):
        """
        Try the next set of parameters.

        ``settle(values)`` returns what is tried of what was drawn; ``measure(parameters)``
        returns a Measured whose gain is None where the plans are much too slow to judge.
        What it raises leaves no trial behind.
        """
        trial, states = self._study.ask(), self._optuna.trial.TrialState
        try:
            parameters = settle({item.name: self._suggest(trial, item) for item in self._ranges})
            measured = measure(parameters)
        except BaseException:
            self._study.tell(trial, state=states.FAIL)
            raise
        trial.set_user_attr('measured', _record(parameters, measured))
        trial.set_constraint(_CONSTRAINT, measured.plan_ms_p99 - limit)
        if measured.gain is None:
            self._study.tell(trial, state=states.PRUNED)
        else:
            self._study.tell(trial, [measured.gain, measured.plan_ms_p99])

    def note(self, name: str, value):
        """Keep plain data under ``name``."""
        self._study.set_user_attr(name, value)

    def noted(self, name: str):
        """Return what was kept under ``name``, None for nothing."""
        return self._study.user_attrs.get(name)

    def _distribution(self, item):
        kinds = self._optuna.distributions
        if item.kind == 'bool':
            return kinds.CategoricalDistribution(_choices(item))
        if item.kind == 'int':
            return kinds.IntDistribution(int(item.low), int(item.high), log=item.log)
        return kinds.FloatDistribution(item.low, item.high, log=item.log)

    def _suggest(self, trial, item):
        if item.kind == 'bool':
            return trial.suggest_categorical(item.name, _choices(item))
        if item.kind == 'int':
            return trial.suggest_int(item.name, int(item.low), int(item.high), log=item.log)
        return trial.suggest_float(item.name, item.low, item.high, log=item.log)


def _choices(item):
    return sorted({bool(item.low), bool(item.high)})


def _record(parameters, measured) -> Dict[str, Any]:
    return {'parameters': dict(parameters), **asdict(measured)}


def _flat(about):
    """Return {name: value} of plain data whose parts may be mappings."""
    flat = {}
    for name, value in about.items():
        parts = value.items() if isinstance(value, dict) else [('', value)]
        flat.update({f'{name} {key}'.strip(): part for key, part in parts})
    return flat


def _mend(path: Path):
    """
    Cut off a last line that was not written to its end: Optuna would read none after it.

    Raises ValueError for a file that no Optuna has written, changing nothing.
    """
    if not path.is_file():
        return
    content = path.read_bytes()
    if content and 'op_code' not in json.loads(content.split(b'\n', 1)[0]):
        raise ValueError('no journal')
    if content and not content.endswith(b'\n'):
        with path.open('r+b') as file:
            file.truncate(content.rfind(b'\n') + 1)


def _optuna():
    try:
        import optuna
    except ImportError as error:
        raise WmRosError("tuning needs Optuna: pip install 'wm_ros[tune]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
