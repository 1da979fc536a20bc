"""
Measure the figures that the project reports, and print them as a table.

Rows go to benchmarks/results/<name>.json part by part: a run that was interrupted goes on
where it stopped; parts that are there already are measured again only with --again or
--only.
"""

import argparse
from pathlib import Path

_EXAMPLES = """
examples:
  wm_ros bench main_job                  measure what is missing, print all
  wm_ros bench main_job --only success   measure one part (again), or several
  wm_ros bench main_job --show           print what was measured
  wm_ros bench main_job --show --update README.md
                                         write the table between the figure marks there
"""


def add_parser(subparsers):
    """Add the verb."""
    parser = subparsers.add_parser(
        'bench', help='measure the reported figures', description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('name', help='main_job, world_model, planning or sim_to_real')
    parser.add_argument('--only', nargs='+', action='extend', default=[], metavar='PART',
                        help='these parts, measured anew')
    parser.add_argument('--again', action='store_true', help='measure all parts anew')
    parser.add_argument('--show', action='store_true', help='measure nothing')
    parser.add_argument('--update', default='', metavar='FILE',
                        help='write the table into this Markdown file')
    parser.add_argument('--plots', default='', metavar='DIR', help='draw the plots there')
    parser.add_argument('--results', default='benchmarks/results', metavar='DIR',
                        help='folder of the results (default: %(default)s)')
    parser.set_defaults(run=run)


def run(arguments) -> int:
    """Measure and print; 0 when every bar is met."""
    from wm_ros.bench import get_bench
    from wm_ros.bench.record import Record
    from wm_ros.bench.table import show
    from wm_ros.types import WmRosError
    parts = get_bench(arguments.name)
    names = [part.name for part in parts]
    for name in arguments.only:
        if name not in names:
            raise WmRosError(f'--only: got {name!r}, expected one of {", ".join(names)}')
    if arguments.update:
        _update(Path(arguments.update))         # complain now, not after hours
    record = Record(Path(arguments.results) / f'{arguments.name}.json', names)
    for part in () if arguments.show else parts:
        wanted = part.name in arguments.only if arguments.only else (
            arguments.again or not record.rows(part.name))
        if wanted:
            print(f'measuring {part.name}: {part.doc} ...', flush=True)
            record.store(part.name, part.measure())
    rows = record.everything()
    show(rows)
    if arguments.update:
        _update(Path(arguments.update), rows)
    if arguments.plots:
        from wm_ros.bench.drawing import draw
        for path in draw(rows, Path(arguments.plots)):
            print(path)
    return 0 if rows and all(row.holds for row in rows) else 1


def _update(path, rows=None):
    """Write ``rows`` between the marks of a file; without rows, find out whether it can be."""
    from wm_ros.bench.table import replace
    from wm_ros.files import write_text
    from wm_ros.types import WmRosError
    try:
        text = replace(path.read_text(encoding='utf-8'), rows or ())
        if rows is not None:
            write_text(path, text)
    except (OSError, ValueError, WmRosError) as error:
        raise WmRosError(f'--update {path}: {error}') from error
