"""Figures of tuning: what it makes of a file that plans badly."""

from pathlib import Path
from tempfile import TemporaryDirectory

from wm_ros.bench.main_job.product import evaluate
from wm_ros.bench.record import at_most, shown
from wm_ros.console import StageBars
from wm_ros.cores import cores
from wm_ros.tuning import parameter_file, report
from wm_ros.tuning.run import Tuning, TuningRequest

#: A search among actions that goes on from its last plan: it finds what the model is wrong about.
_BAD = {'planner.type': 'mppi', 'planner.around_prior': False, 'planner.warm_start': True,
        'planner.num_samples': 64, 'planner.num_elites': 64, 'planner.iterations': 3,
        'planner.temperature': 2.0, 'planner.noise_std': 0.8}
_EPISODES, _FEW, _WITHIN = 500, 100, 0.02       # of what is judged, and of the bad file
_COMMAND = 'wm_ros bench planning --only tune'


def tune():
    """Return success of push as tuned from a bad file, beside the file and what is shipped."""
    with TemporaryDirectory() as folder:
        bad, good = Path(folder) / 'bad.yaml', Path(folder) / 'tuned.yaml'
        parameter_file.write(bad, _BAD, ('Plans badly.',))
        tuning = Tuning(TuningRequest('push', params_files=(str(bad),), jobs=cores()))
        with StageBars() as bars:
            tuning.run(bars.report)
        report.write(tuning, good)
        found = {'shipped': evaluate('push', _EPISODES),
                 'bad': evaluate('push', _FEW, params_files=(str(bad),)),
                 'tuned': evaluate('push', _EPISODES, params_files=(str(good),))}
    figures = report.figures(tuning)
    rate = {name: one['success_rate'] for name, one in found.items()}
    return [at_most('tune_success_below_hand_tuned', rate['shipped'] - rate['tuned'], _WITHIN,
                    'share', _COMMAND, f'{rate["tuned"]:.3f} as tuned, {rate["shipped"]:.3f} as '
                    f'shipped, {rate["bad"]:.3f} of {_FEW} as it was; {_EPISODES} episodes that '
                    'nothing was tuned on'),
            *(shown(f'tune_time_to_goal/{name}', one['time_to_goal_mean'], 's', _COMMAND)
              for name, one in found.items()),
            *_frontier(figures)]


def _frontier(figures):
    """Return the frontier of time to the goal over plan time, the quickest plans first."""
    by_number = {one['trial']: one for one in figures['candidates']}
    for place, number in enumerate(figures['frontier'], 1):
        one = by_number[number]
        yield shown(f'tune_frontier_time/{place}', one['time_like_start'], 's', _COMMAND,
                    f'plans of {one["plan_ms_p99"]:.1f} ms p99; ' + ', '.join(
                        f'{name.split(".", 1)[1]} {value:g}'
                        for name, value in one['parameters'].items()))
