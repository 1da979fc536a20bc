"""Plots of measured figures, drawn from the rows of a bench and nothing else."""

from pathlib import Path
from typing import Dict, Iterable, List, Tuple

from wm_ros.bench.record import Figure

_THOUSANDS = (2, 5, 10, 20, 50, 100)


def draw(rows: Iterable[Figure], folder: Path) -> List[Path]:
    """Write one PNG for each plot whose rows are there; return their paths."""
    rows, written = list(rows), []
    folder.mkdir(parents=True, exist_ok=True)
    for name, plot in (('horizons', _horizons), ('rare_events', _rare),
                       ('reliability', _reliability), ('efficiency', _efficiency),
                       ('planning_horizon', _planning_horizon), ('panda_gym', _panda_gym)):
        figure = plot(rows)
        if figure is not None:
            written.append(folder / f'{name}.png')
            figure.savefig(written[-1], dpi=110)
    return written


def _series(rows, prefix) -> Dict[str, List[Tuple[float, float]]]:
    """Return {name: [(x, value)]} of rows called prefix/name/x, sorted by x."""
    found: Dict[str, List[Tuple[float, float]]] = {}
    for row in rows:
        if row.figure.startswith(f'{prefix}/'):
            name, _, x = row.figure[len(prefix) + 1:].rpartition('/')
            found.setdefault(name, []).append((float(x), row.value))
    return {name: sorted(points) for name, points in found.items()}


def _axes(count=1):
    from matplotlib.figure import Figure as Canvas
    canvas = Canvas(figsize=(5.2 * count, 3.6), layout='constrained')
    axes = canvas.subplots(1, count, squeeze=False)[0]
    for ax in axes:
        ax.spines[['top', 'right']].set_visible(False)
        ax.grid(alpha=0.3)
    return canvas, axes


def _horizons(rows):
    parts = [('block', 'block [cm]'), ('end_effector', 'end effector [cm]')]
    if not _series(rows, 'horizon_block'):
        return None
    canvas, axes = _axes(2)
    for ax, (part, label) in zip(axes, parts):
        for name, points in _series(rows, f'horizon_{part}').items():
            x, y = zip(*points)
            ax.plot(x, [100 * v for v in y], marker='o', ms=3,
                    ls='--' if name == 'stays' else '-',
                    label='it stays' if name == 'stays' else name)
        ax.set(xlabel='steps imagined (0.05 s each)', ylabel=f'mean error, {label}')
        ax.set_ylim(bottom=0)
    axes[0].legend(frameon=False)
    return canvas


def _rare(rows):
    points = []
    for row in rows:
        if row.figure.startswith('rare_error/'):
            whole, coarse, fine = map(int, row.figure.split('/')[1:])
            points.append((fine if whole else -1, row.value, float(
                row.note.split('usual ')[1].split(',')[0])))
    if not points:
        return None
    canvas, (ax,) = _axes()
    flat = [point for point in points if point[0] < 0]
    fine, seldom, usual = zip(*sorted(point for point in points if point[0] >= 0))
    for values, level, label, colour in ((seldom, flat[0][1], 'rare events', 'C3'),
                                         (usual, flat[0][2], 'usual frames', 'C0')):
        ax.plot(fine, values, marker='o', ms=4, color=colour, label=f'{label}, hierarchical')
        ax.axhline(level, ls='--', color=colour, label=f'{label}, flat')
    ax.set(xlabel='tokens of windows, of 80 (16 global, the others coarse)',
           ylabel='squared error inside boxes', ylim=(0, None))
    ax.legend(frameon=False, fontsize=8)
    return canvas


def _reliability(rows):
    series = _series(rows, 'doubt_reliability')
    if not series:
        return None
    canvas, (ax,) = _axes()
    ax.plot([0, 1], [0, 1], ls='--', color='0.6')
    for name, points in series.items():
        x, y = zip(*points)
        ax.plot(x, y, marker='o', ms=3, label=name)
    ax.set(xlabel='quantile of the forecast', ylabel='share of observations below it',
           xlim=(0, 1), ylim=(0, 1))
    ax.legend(frameon=False)
    return canvas


def _efficiency(rows):
    series = _series(rows, 'efficiency_success')
    if not series:
        return None
    canvas, (ax,) = _axes()
    colours = {'ours': 'C0', 'alone': 'C2', 'sac': 'C3'}
    labels = {'ours': 'ours', 'alone': 'ours, no demonstrations', 'sac': 'SAC with hindsight'}
    for name, points in series.items():
        kind = name.split('/')[0]
        if kind not in colours:
            continue        # of another task
        x, y = zip(*points)
        ax.plot([v / 1000 for v in x], y, marker='o', ms=3, color=colours[kind],
                label=labels.pop(kind, None))
    ax.axhline(0.8, ls=':', color='0.5')
    # Tens of thousands of steps are between them.
    ax.set(xscale='log', xlabel='thousand environment steps', ylabel='success of push',
           ylim=(-0.02, 1.02), xticks=_THOUSANDS, xticklabels=_THOUSANDS)
    ax.minorticks_off()
    ax.legend(frameon=False)
    return canvas


def _planning_horizon(rows):
    series = _series(rows, 'horizon_time')
    if not series:
        return None
    canvas, axes = _axes(2)
    for ax, part, label in zip(axes, ('horizon_time', 'horizon_success'), (
            'time to the goal [s], a failure counts 10', 'success')):
        for name, points in _series(rows, part).items():
            x, y = zip(*points)
            ax.plot(x, y, marker='o', ms=3, label=name)
        ax.set(xlabel='horizon [steps of 0.05 s]', ylabel=label)
        ax.set_ylim(bottom=0)
    axes[0].legend(frameon=False)
    return canvas


def _panda_gym(rows):
    ways = {what: _series(rows, f'learning_{what}') for what in ('success', 'return')}
    if not ways['success']:
        return None
    canvas, axes = _axes(2)
    for ax, (what, series) in zip(axes, ways.items()):
        for name, points in series.items():
            x, y = zip(*points)
            line, = ax.plot([steps / 1000 for steps in x], y, marker='o', ms=3, label=name)
            for steps, mean in _series(rows, f'learning_{what}_published').get(name, ()):
                ax.plot(steps / 1000, mean, marker='*', ms=11, color=line.get_color())
        ax.set(xlim=(0, 1050), xlabel='thousand environment steps',
               ylabel='success' if what == 'success' else 'return; star: TQC with HER, published')
    axes[0].set_ylim(-0.02, 1.02)
    axes[0].legend(frameon=False)
    return canvas
