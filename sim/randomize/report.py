"""What a randomization does: many episodes drawn, as a table and as a picture."""

from pathlib import Path
from typing import Dict

import numpy as np
from rich.console import Console
from rich.table import Table
from sim.randomize.config import Randomization
from sim.tasks import make_task
from wm_ros.files import whole
from wm_ros.robot.robot import Robot

_COLUMNS = 4


def drawn(randomization: Randomization, task_name: str, robot: Robot, episodes: int
          ) -> Dict[str, np.ndarray]:
    """Return all numbers [N] that were drawn of each term at the begin of ``episodes``."""
    task, found = make_task(task_name), {}
    for seed in range(episodes):
        boxes = task.blocks(np.random.default_rng(seed))
        conditions = randomization.draw(seed, boxes, len(robot.joint_names))
        for name, values in conditions.drawn.items():
            found.setdefault(name, []).extend(values)
    return {name: np.array(values) for name, values in found.items()}


def table(randomization: Randomization, found: Dict[str, np.ndarray], stream):
    """Print the entries, and least, middle and greatest of what was drawn."""
    rows = Table('term', 'when', 'how', 'distribution', 'unit', 'least', 'median', 'greatest',
                 box=None, title=randomization.description or None, title_justify='left')
    for entry in randomization.entries:
        values = found.get(entry.term.name, np.zeros(0))
        drawn_ones = (f'{x:.3g}' for x in (values.min(), np.median(values), values.max())) \
            if len(values) else ('', '', '')
        when = entry.when
        if when == 'interval':
            when = f'each {entry.every[0]:g} to {entry.every[1]:g} s'
        rows.add_row(entry.term.name, when, entry.how, str(entry.distribution), entry.term.unit,
                     *drawn_ones)
    Console(file=stream, width=None if stream.isatty() else 120).print(rows)


def draw(randomization: Randomization, found: Dict[str, np.ndarray], path: Path):
    """Draw a histogram of each term into the picture ``path``, whole or not at all."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot
    terms = {entry.term.name: entry.term for entry in randomization.entries}
    names = [name for name in terms if name in found]
    rows = -(-max(len(names), 1) // _COLUMNS)
    figure, axes = pyplot.subplots(rows, _COLUMNS, figsize=(3.1 * _COLUMNS, 2.1 * rows),
                                   layout='constrained', squeeze=False)
    for axis in axes.flat[len(names):]:
        axis.set_axis_off()
    for axis, name in zip(axes.flat, names):
        axis.hist(found[name], 30, color='tab:blue')
        usual = terms[name].usual
        if usual is not None:
            axis.axvline(usual, color='tab:orange', label='usual')
        axis.set_title(name, fontsize=9)
        axis.set_xlabel(terms[name].unit, fontsize=8)
        axis.set_yticks([])
        axis.tick_params(labelsize=7)
    if names:
        figure.suptitle(f'{randomization.name}: what is drawn; orange: what is usual', fontsize=10)
    with whole(path) as partial:
        figure.savefig(partial, format=path.suffix[1:] or 'png', dpi=110)
    pyplot.close(figure)
