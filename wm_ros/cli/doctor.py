"""
Tell what this machine has and lacks, and how to mend it.

Looks at Python, the libraries, the shipped files, cores and memory, ROS 2, and sends
messages through DDS from one process to another.  With --robot it looks at a robot file
instead: URDF, joints and their limits, frames, home, checkpoints.  Changes nothing.
"""

import argparse

from wm_ros.files import write_json
from wm_ros.types import WmRosError

_EXAMPLES = """
examples:
  wm_ros doctor
  wm_ros doctor --json report.json      for a bug report
  wm_ros doctor --robot my_arm.yaml     what was read of a robot file

exit code: 0 when nothing is in the way of running, 1 otherwise.
"""


def add_parser(subparsers):
    """Add the verb."""
    parser = subparsers.add_parser(
        'doctor', help='examine this machine, or a robot file', description=__doc__,
        epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--robot', metavar='NAME_OR_FILE', default='',
                        help='look at this robot instead of the machine')
    parser.add_argument('--json', metavar='FILE', help='write the findings there as well')
    parser.set_defaults(run=run)


def run(arguments) -> int:
    """Print each finding as it comes; return 0 when none is a failure."""
    from wm_ros.cli import _checks as checks
    from wm_ros.cli._robot_checks import robot_checks
    findings = []
    for finding in robot_checks(arguments.robot) if arguments.robot else checks.all_checks():
        findings.append(finding)
        print(f'{finding.level:<5} {finding.name:<18} {finding.text}', flush=True)
        if finding.mend:
            print(f'{"":<5} {"":<18} -> {finding.mend}')
    report = checks.as_json(findings)
    if arguments.json:
        _write(arguments.json, report)
    failed = sum(finding.level == checks.FAIL for finding in findings)
    print('all well' if report['ok'] else f'{failed} to mend', flush=True)
    return 0 if report['ok'] else 1


def _write(path, report):
    try:
        write_json(path, report)
    except OSError as error:
        raise WmRosError(f'--json {path}: cannot be written ({error.strerror})') from error
