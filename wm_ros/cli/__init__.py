"""
The command ``wm_ros``: one module of this package for each verb.

A verb's module begins with the docstring that ``wm_ros --help`` shows and has
``add_parser(subparsers)`` (which calls ``set_defaults(run=run)``) and
``run(args) -> exit code``.  It is imported only when its verb is called, so that help is
quick and works without ROS or torch.
"""

import argparse
import ast
from importlib import import_module
import os
from pathlib import Path
import sys
import traceback
from typing import Dict, List, Optional, Sequence

from wm_ros import __version__
from wm_ros.types import WmRosError

USER_ERROR = 2
INTERRUPTED = 130       # as shells have it

_DESCRIPTION = 'Latent world models and MPC over imagined horizons for robot arms on ROS 2.'
_EXAMPLES = """
examples:
  wm_ros doctor                         what this machine has, lacks, and how to mend it
  wm_ros demo                           a simulated arm reaches and pushes, live, with a video
  wm_ros up sim --task push             simulated robot, sensors, world model, planner, gate
  wm_ros up robot --set safety.speed_scale:=0.2
                                        the same on the arm that is there (starts at 0.1)
  wm_ros <verb> --help                  what a verb can do
"""


def main(argv: Optional[Sequence[str]] = None) -> int:
    """
    Run the verb on the command line; return the exit code.

    What the user can mend is one line on stderr and 2; ``--debug`` adds the traceback.
    """
    line = list(sys.argv[1:] if argv is None else argv)
    debug = '--debug' in line
    if debug:
        line.remove('--debug')
    try:
        return _run(line)
    except WmRosError as error:
        return _user_error(error, debug)
    except ImportError as error:
        # Something that is not installed, rather than a mistake of ours.
        if (error.name or '').split('.')[0] in ('wm_ros', 'sim'):
            raise
        return _user_error(error, debug)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Such as `wm_ros --help | head`; Python would complain once more at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        # Such as a disk that is full.
        return _user_error(error, debug)


def _run(line) -> int:
    try:
        arguments = parser_for(line).parse_args(line)
        return arguments.run(arguments) or 0
    finally:
        sys.stdout.flush()      # at the exit it would be too late to hear of a closed pipe


def verbs() -> Dict[str, str]:
    """Return {verb: what it does in one line}, without importing them."""
    found = {}
    for path in sorted(Path(__file__).parent.glob('[a-z]*.py')):
        doc = ast.get_docstring(ast.parse(path.read_text(encoding='utf-8'))) or ''
        found[path.stem] = doc.strip().split('\n')[0].rstrip('.')
    return found


def parser_for(line: List[str]) -> argparse.ArgumentParser:
    """Return the parser for this command line; only the verb it names is imported."""
    parser = argparse.ArgumentParser(
        prog='wm_ros', description=_DESCRIPTION, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--version', action='version', version=f'wm_ros {__version__}')
    parser.add_argument('--debug', action='store_true', help='show tracebacks of errors')
    subparsers = parser.add_subparsers(title='verbs', metavar='<verb>', required=True)
    named = next((word for word in line if not word.startswith('-')), None)
    for verb, summary in verbs().items():
        if verb == named:
            import_module(f'wm_ros.cli.{verb}').add_parser(subparsers)
        else:
            subparsers.add_parser(verb, help=summary, add_help=False)
    return parser


def _user_error(error, debug):
    if debug:
        traceback.print_exc()
    print(f'wm_ros: error: {" ".join(str(error).split())}', file=sys.stderr)
    return USER_ERROR
