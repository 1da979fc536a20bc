"""What ``wm_ros evaluate --compare`` does: no episode is played."""

import math

from wm_ros.cli._request import product


def compare_reports(arguments) -> int:
    """Compare, print, and write what was found."""
    from wm_ros.files import write_json, write_text
    from wm_ros.evaluation.comparison import compare, load
    from wm_ros.types import WmRosError
    # Of numbers 0 is given as well.
    given = [name for name in ('episodes', 'seed', 'startup', 'jobs')
             if getattr(arguments, name) is not None]
    for name in ('planner', 'ros', 'ray', 'sweep', 'edge_cases', 'env_arg', *product(arguments)):
        option = {'params_files': 'params_file', 'settings': 'set'}.get(name, name)
        given += [option] if getattr(arguments, option) else []
    if given:
        raise WmRosError(f'--{given[0].replace("_", "-")}: nothing is played with --compare; '
                         'leave one of the two away')
    comparison = compare(*map(load, arguments.compare), names=arguments.compare)
    _show(comparison)
    write_json(arguments.json, comparison)
    if arguments.report:
        from wm_ros.evaluation.report.comparison_page import comparison_page
        write_text(arguments.report, comparison_page(comparison))
    return 0


def _show(comparison):
    for name in 'ab':
        print(f'{name.upper()} {comparison[name]["file"]}: {_side(comparison[name])}')
    for key, said, unit in (('success_difference', 'success, B minus A', ''),
                            ('time_difference', 'time to goal, B minus A', ' s'),
                            ('return_difference', 'return, B minus A', '')):
        if key in comparison:
            mean, low, high = comparison[key]
            print(f'{said}: {mean:+.3f}{unit} (95 % {low:+.3f} to {high:+.3f}{unit})')
    if 'failure_ratio' not in comparison:
        return
    ratio, low, high = comparison['failure_ratio']
    told = '' if math.isnan(ratio) else f'{ratio:.2f} (95 % {low:.2f} to {high:.2f}); '
    print(f'failures, B by A: {told}only A fails '
          f'{len(comparison["failed_only_a"])}, only B {len(comparison["failed_only_b"])}, both '
          f'{len(comparison["failed_both"])} of {comparison["episodes"]}')


def _side(side):
    told = []
    if 'success_rate' in side:
        low, high = side['success_ci95']
        told.append(f'success {side["success_rate"]:.3f} (95 % {low:.3f} to {high:.3f})')
    if 'time_to_goal_mean' in side:
        told.append(f'time to goal {side["time_to_goal_mean"]:.2f} s')
    else:
        told.append(f'return {sum(side["returns"]) / len(side["returns"]):.4g}')
    return ', '.join(told)
