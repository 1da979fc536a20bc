"""What a tuning has found: as plain data, and as a parameter file."""

from pathlib import Path
from typing import Any, Dict, List

from wm_ros.tuning import parameter_file
from wm_ros.tuning.choice import fronts
from wm_ros.tuning.run import Tuning
from wm_ros.tuning.study import Trial

BUSY = 1.5              # load from which times of plans are those of a busy computer


def figures(tuning: Tuning) -> Dict[str, Any]:
    """Return what was found so far; what was played has the names of ``wm_ros evaluate``."""
    request, study, best = tuning.request, tuning.study, tuning.best
    trials = study.trials()
    return {
        'task': request.task, 'planner': tuning.start['planner.type'], 'robot': tuning.robot,
        'checkpoint': tuning.checkpoint, 'sensors': request.sensors or 'poses',
        'engine': tuning.engine,
        'period_ms': tuning.period, 'seed': request.seed, 'trials': study.tried,
        'too_slow': study.tried - len(trials), 'interrupted': tuning.interrupted,
        'load': tuning.load, 'reference_gain': study.noted('reference'),
        'search': {item.name: [item.low, item.high] for item in tuning.ranges},
        'best': None if best is None else best.number,
        'frontier': [trial.number for trial in frontier(tuning)],
        'frontier_offline': [trial.number for trial in _front(
            tuning, trials, lambda trial: -trial.gain)],
        'confirmation': _confirmation(tuning),
        'parameters': written(tuning), 'candidates': [_candidate(tuning, t) for t in trials]}


def frontier(tuning: Tuning) -> List[Trial]:
    """Return what nothing beats in time to the goal and in plan time, of all that was played."""
    played = [trial for trial in tuning.study.trials() if tuning.played(trial).times]
    return _front(tuning, played, lambda trial: _time_like_start(tuning, trial))


def _front(tuning, trials, cost):
    """Return the Pareto front by ``cost`` and plan time, the quickest plans first."""
    costs = {trial.number: (cost(trial), tuning.plan_ms(trial)[1]) for trial in trials}
    found = fronts(trials, lambda trial: costs[trial.number])
    return sorted(found[0], key=lambda trial: costs[trial.number][1]) if found else []


def written(tuning: Tuning) -> Dict[str, Any]:
    """Return what the parameter file says, {} where no plans were in time."""
    if tuning.best is None:
        return {}
    return parameter_file.changed(tuning.parameters(tuning.best), tuning.shipped)


def write(tuning: Tuning, path: Path):
    """Write the parameter file of the best."""
    parameter_file.write(path, written(tuning), comments(tuning, path))


def comments(tuning: Tuning, path: Path) -> List[str]:
    """Return what stands above the parameters: where they are from, and what they are worth."""
    request, best, start = tuning.request, tuning.best, tuning.study.trials()[0]
    p50, p99 = tuning.plan_ms(best)
    lines = [
        f'Found by wm_ros tune: planner {tuning.start["planner.type"]}, task {request.task}, '
        f'robot {tuning.robot}, engine {tuning.engine},',
        f'checkpoint {tuning.checkpoint}, plan period {tuning.period:g} ms; '
        f'{tuning.study.tried} trials, this is number {best.number}.',
        f'A plan takes {p50:.1f} ms p50, {p99:.1f} ms p99 on the computer that it was found on.']
    confirmed = tuning.played(best, confirmed=True)
    played = confirmed if confirmed.times else tuning.played(best)
    if confirmed.times:
        other = tuning.played(start, confirmed=True)
        lines += [f'In episodes that it was not chosen by: {_behaviour(confirmed)};',
                  f'the start in the same: {_behaviour(other)}.']
    elif played.times:
        lines.append(f'In the episodes that it was chosen by: {_behaviour(played)}.')
    else:
        lines.append('Judged offline alone: the tuning was interrupted.')
    asked = ''.join(f' --{name} {getattr(request, name)}' for name in (
        'robot', 'checkpoint', 'sensors', 'engine', 'randomization') if getattr(request, name))
    return lines + [f'Try it: wm_ros evaluate --task {request.task}{asked} --params-file '
                    f'{path.name}']


def _candidate(tuning, trial):
    p50, p99 = tuning.plan_ms(trial)
    played = tuning.played(trial)
    found = {'trial': trial.number, 'parameters': dict(trial.parameters), 'gain': trial.gain,
             'plan_ms_p50': p50, 'plan_ms_p99': p99, 'in_time': tuning.fits(trial)}
    if played.times:
        found.update(played.figures(), times=list(played.times),
                     time_like_start=_time_like_start(tuning, trial),
                     minus_start=list(played.minus(_start(tuning))))
    return found


def _start(tuning):
    return tuning.played(tuning.study.trials()[0])


def _time_like_start(tuning, trial):
    """Return the mean time in all episodes of the start, told from those that were played."""
    start = _start(tuning)
    return start.time + tuning.played(trial).minus(start)[0]


def _confirmation(tuning):
    """Return the best against the start on episodes that nothing was chosen by, or None."""
    if tuning.best is None or not (mine := tuning.played(tuning.best, confirmed=True)).times:
        return None
    start = tuning.played(tuning.study.trials()[0], confirmed=True)
    return {'best': mine.figures(), 'start': start.figures(),
            'minus_start': list(mine.minus(start))}


def _behaviour(played):
    found = played.figures()
    return (f'success {found["success_rate"]:.3f}, time to goal '
            f'{found["time_to_goal_mean"]:.2f} s in {found["episodes"]} episodes')
