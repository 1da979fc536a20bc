"""
Tuning from begin to end: record, search offline, play the promising ones, confirm the best.

Times of plans are taken in this process while no other of ours runs; only episodes of the closed
loop, whose clock is the simulation's, are shared out.
"""

from contextlib import closing
from dataclasses import dataclass
import math
import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

from wm_ros import seeds
from wm_ros.evaluation.run import make_loop, parameters, Request, worlds_of
from wm_ros.param_table import MPC, ROBOT
from wm_ros.tasks import get_task
from wm_ros.tuning.choice import promising
from wm_ros.tuning.closed_loop import play, Played, rounds
from wm_ros.tuning.imagined import Imagination
from wm_ros.tuning.moments import record
from wm_ros.tuning.space import settled, space
from wm_ros.tuning.study import Study, Trial
from wm_ros.tuning.timing import in_time, period_of
from wm_ros.types import WmRosError

_RECORDED, _MOMENTS = 8, 6      # episodes, and moments of each at which plans are made
_FINALISTS = 12                 # that are played in the closed loop
_TIMED = 400                    # plans of each of them whose times are taken once more
#: What a reference has more of than anything that is searched: as much as the bounds allow.
_EFFORT = ('planner.num_samples', 'planner.iterations', 'planner.simulations',
           'planner.num_starts')

Report = Callable[[str, int, int, Dict[str, float]], None]


@dataclass(frozen=True)
class TuningRequest:
    """
    What to tune, and at what expense; '' and None mean: as the parameters say.

    Raises WmRosError for numbers that are too small, and for seeds that are not tuning's.
    """

    task: str
    trials: int = 60                # offline, the start included
    episodes: int = 100             # of the closed loop, for the last ones
    seed: int = 0                   # of the search, and of the first episode among tuning's
    period: Optional[float] = None  # [ms]
    planner: str = ''
    checkpoint: str = ''
    robot: str = ''
    sensors: str = ''
    engine: str = ''
    randomization: str = ''
    params_files: Tuple[str, ...] = ()
    settings: Tuple[str, ...] = ()  # 'node:name:=value'
    search: Tuple[str, ...] = ()    # 'NAME=LOW:HIGH'
    study: str = ''                 # path of the journal
    jobs: int = 1

    def __post_init__(self):
        for name, least in (('trials', 1), ('episodes', 1), ('seed', 0), ('jobs', 1)):
            if getattr(self, name) < least:
                raise WmRosError(f'--{name}: got {getattr(self, name)}, expected at least {least}')
        last = self.episode(_RECORDED + 2 * self.episodes)
        if last > seeds.CALIBRATION:
            raise WmRosError(
                f'--seed: got {self.seed} for {self.episodes} episodes, expected at most '
                f'{seeds.CALIBRATION - last + self.seed}: later seeds are not for tuning')

    def episode(self, number: int) -> int:
        """Return the seed of an episode of this tuning."""
        return seeds.TUNING + self.seed + number

    def evaluation(self, first: int = 0, episodes: int = 1) -> Request:
        """Return the request to play ``episodes`` from the one with the number ``first``."""
        return Request(self.task, episodes, self.episode(first), self.planner, self.checkpoint,
                       self.robot, self.sensors, self.engine, self.randomization,
                       self.params_files, self.settings, self.jobs, startup=self.seed)


class Tuning:
    """
    A tuning whose parameters have been read: once, before anything starts.

    What is measured goes to the study at once, so that one that was interrupted goes on from
    there.  Raises WmRosError for anything that cannot be right.
    """

    def __init__(self, request: TuningRequest):
        self.request = request
        params = parameters(request.evaluation())
        self.period = period_of(params, request.period)
        self.start = {name: value for name, value in params[MPC].items()
                      if name.startswith(('planner.', 'objective.'))}
        #: What would be without the user's files and settings.
        self.shipped = parameters(Request(request.task, 1, robot=request.robot,
                                          sensors=request.sensors))[MPC]
        self.ranges = space(self.start, request.search)
        self._params, self.engine = params, params[ROBOT]['engine']
        with closing(self._make_loop()) as loop:
            self.robot, self.checkpoint = loop.robot.name, loop.model.checkpoint
        self.study = Study(Path(request.study) if request.study else None, self._about(),
                           self.ranges, request.seed)
        self.interrupted, self.load = False, 0.0        # load: the highest while times were taken
        self._standing: Optional[List[Trial]] = None

    def run(self, report: Report = lambda *progress: None):
        """
        Tune; Ctrl-C ends it with what there is, and is raised where there is nothing.

        Raises NoValidPlan where the checkpoint makes none.
        """
        try:
            imagination = self._imagination(report)
            self._search(imagination, report)
            self._play(imagination, report)
            self._confirm(report)
        except KeyboardInterrupt:
            if not self.study.trials():
                raise
            self.interrupted = True

    @property
    def best(self) -> Optional[Trial]:
        """Return the best trial so far whose plans are in time, None for none."""
        standing = self._first_standing() if self._standing is None else self._standing
        return standing[0] if standing else None

    def plan_ms(self, trial: Trial) -> Tuple[float, float]:
        """Return median and 99th percentile [ms] of the trial's plans, the longest measurement."""
        again = self.study.noted(f'plan_ms {trial.number}')
        return tuple(again) if again else (trial.plan_ms_p50, trial.plan_ms_p99)

    def played(self, trial: Trial, confirmed: bool = False) -> Played:
        """Return the episodes of the closed loop, those that confirm it or those before."""
        noted = self.study.noted(self._note_of(trial, confirmed)) or {'times': (), 'successes': ()}
        return Played(tuple(noted['times']), tuple(noted['successes']))

    def parameters(self, trial: Trial) -> Dict[str, Any]:
        """Return all parameters of the planner as they are in ``trial``."""
        return {**self.start, **trial.parameters,
                **in_time(self.start, self.period, self.plan_ms(trial)[1])}

    def fits(self, trial: Trial) -> bool:
        """Return whether the trial's plans are in time."""
        return self.plan_ms(trial)[1] <= self.period

    def _make_loop(self):
        return make_loop(self.request.task, self._params,
                         randomization=worlds_of(self.request.evaluation(), self._params))

    def _about(self):
        """Return what must be the same for a study to go on."""
        return {'task': self.request.task, 'robot': self.robot, 'checkpoint': self.checkpoint,
                'sensors': self.request.sensors, 'engine': self.engine,
                'period': self.period,
                'seed': self.request.seed, 'start': self.start,
                'search': {item.name: item.text for item in self.ranges}}

    def _imagination(self, report) -> Imagination:
        """Record episodes of the start; return what judges plans made at their moments."""
        told = [self.request.episode(number) for number in range(_RECORDED)]
        with closing(self._make_loop()) as loop:
            moments = record(loop, told, _MOMENTS, lambda done: report(
                'recorded', done, _RECORDED, {}))
            longest = max([self.start['planner.horizon']] + [
                int(item.high) for item in self.ranges if item.name == 'planner.horizon'])
            # What is tuned is what needs no deadline: one would hide that plans are too slow.
            return Imagination(loop.model, loop.robot, get_task(self.request.task), moments,
                               {**self.start, 'planner.deadline_ms': 0.0}, longest)

    def _search(self, imagination, report):
        """Try sets of parameters offline, the start first."""
        study, trials = self.study, self.request.trials
        if not study.trials():
            values = {item.name: self.start[item.name] for item in self.ranges}
            study.begin(values, imagination.measure(values, math.inf), self.period)
        if study.noted('reference') is None:
            effort = {item.name: int(item.high) for item in self.ranges if item.name in _EFFORT}
            study.note('reference', imagination.measure(effort, math.inf).gain)
        while study.tried < trials:
            study.attempt(lambda values: settled(values, self.start),
                          lambda values: imagination.measure(values, self.period), self.period)
            self._look_around()
            report('offline', study.tried, trials, self._so_far())

    def _look_around(self):
        """Note what else the computer does while times are taken."""
        self.load = max(self.load, os.getloadavg()[0])

    def _so_far(self):
        best = self.best
        return {} if best is None else {'gain': best.gain, 'ms': best.plan_ms_p99}

    def _first_standing(self) -> List[Trial]:
        """Return the promising ones of the search, the most promising first."""
        fitting = [trial for trial in self.study.trials() if self.fits(trial)]
        return promising(fitting, lambda trial: (-trial.gain, trial.plan_ms_p99), _FINALISTS)

    def _play(self, imagination, report):
        """Play the promising ones, fewer from round to round; the start always takes part."""
        start, standing = self.study.trials()[0], self._first_standing()
        for trial in _with(standing, start):
            if self.study.noted(f'plan_ms {trial.number}') is None:
                self.study.note(f'plan_ms {trial.number}',
                                imagination.plan_ms(trial.parameters, _TIMED))
                self._look_around()
        standing = [trial for trial in standing if self.fits(trial)]
        for count, episodes in rounds(len(standing), self.request.episodes):
            playing = _with(standing[:count], start)
            for number, trial in enumerate(playing):
                self._play_one(trial, _RECORDED, episodes)
                report(f'{len(playing)} in the closed loop', number + 1, len(playing),
                       {'seconds to goal': self.played(trial).time})
            standing = promising([trial for trial in playing if self.fits(trial)],
                                 lambda trial: (self.played(trial).time, self.plan_ms(trial)[1]),
                                 len(playing))
            self._standing = standing

    def _confirm(self, report):
        """Play the best one and the start on episodes that the choice has not seen."""
        best, start = self.best, self.study.trials()[0]
        if best is None or best.number == start.number:
            return
        episodes = self.request.episodes
        for number, trial in enumerate((best, start)):
            self._play_one(trial, _RECORDED + episodes, episodes, confirmed=True)
            report('confirmed', number + 1, 2, {
                'seconds to goal': self.played(trial, confirmed=True).time})

    def _play_one(self, trial, first, episodes, confirmed=False):
        told = {**self.parameters(trial), 'planner.deadline_ms': 0.0}
        changes = {name: value for name, value in told.items() if value != self.start[name]}
        found = play(self.request.evaluation(first, episodes), changes,
                     self.played(trial, confirmed), episodes)
        self.study.note(self._note_of(trial, confirmed), {
            'times': found.times, 'successes': found.successes})

    def _note_of(self, trial, confirmed):
        if not confirmed:
            return f'played {trial.number}'
        # Others than those that it was chosen by, and so of other seeds if there are more.
        return f'confirmed {trial.number} after {self.request.episodes}'


def _with(trials: List[Trial], start: Trial) -> List[Trial]:
    """Return ``trials`` with the start before all others."""
    return [start, *(trial for trial in trials if trial.number != start.number)]
