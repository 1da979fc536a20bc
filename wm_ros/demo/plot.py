"""Imagined against real: the paths, and how far off the imagination was."""

from pathlib import Path
from typing import Dict, List, Sequence, Tuple

import numpy as np
from wm_ros.nodes.clients.episode_client import LiveEpisode
from wm_ros.robot.kinematics import Kinematics
from wm_ros.tasks import get_task

_STEP = 0.05        # [s] of the lookaheads that errors are gathered at


def imagined_paths(episode: LiveEpisode, dt: float
                   ) -> Dict[str, List[Tuple[np.ndarray, np.ndarray]]]:
    """
    Return {subject: [(times [L], points [L, 3])]}, of what was imagined on the way.

    They are the candidates with the best return, as the world model has dreamed them.
    """
    found: Dict[str, List[Tuple[np.ndarray, np.ndarray]]] = {}
    for time, lines in episode.recording.imagined:
        for subject in dict.fromkeys(('end_effector', get_task(episode.task).goal_of)):
            # The first line of a subject is that of the candidate with the best return.
            points = next((line.points for line in lines
                           if line.name == f'imagined_{subject}'), None)
            if points is not None:
                found.setdefault(subject, []).append((time + dt * np.arange(len(points)), points))
    return found


def real_paths(episode: LiveEpisode, kinematics: Kinematics):
    """Return {subject: (times [T], points [T, 3])} of what came."""
    r, task = episode.recording, get_task(episode.task)
    found = {'end_effector': (
        np.array(r.times), np.array([kinematics.forward(q)[0] for q in r.joints]))}
    if task.subject is not None and r.objects:
        found[task.goal_of] = (np.array(r.object_times),
                               np.array([poses[task.subject, :3] for poses in r.objects]))
    return found


def errors(imagined, real) -> Dict[float, List[float]]:
    """Return {lookahead [s]: distances [m]} of imagined paths from the real one."""
    found: Dict[float, List[float]] = {}
    times, points = real
    for when, path in imagined:
        inside = (when >= times[0]) & (when <= times[-1])
        came = np.stack([np.interp(when[inside], times, points[:, axis]) for axis in range(3)], -1)
        ahead = np.round((when[inside] - when[0]) / _STEP) * _STEP
        for lookahead, distance in zip(ahead, np.linalg.norm(path[inside] - came, axis=-1)):
            found.setdefault(round(float(lookahead), 3), []).append(float(distance))
    return found


def draw(episodes: Sequence[LiveEpisode], robot, path: Path):
    """Write the figure: one row for each task, its paths from above and its errors."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot
    kinematics = Kinematics(robot)
    tasks = list(dict.fromkeys(episode.task for episode in episodes))
    figure, axes = pyplot.subplots(len(tasks), 2, figsize=(11, 4.6 * len(tasks)), squeeze=False)
    for (above, off), task in zip(axes, tasks):
        own = [episode for episode in episodes if episode.task == task]
        _draw_paths(above, own[0], kinematics, robot.dt)
        _draw_errors(off, own, kinematics, robot.dt)
    figure.tight_layout()
    figure.savefig(path, dpi=110, bbox_inches='tight')
    pyplot.close(figure)


def _words(subject):
    return subject.replace('_', ' ')


def _draw_paths(axes, episode, kinematics, dt):
    colours = {'end_effector': ('tab:blue', 'tab:orange')}
    real = real_paths(episode, kinematics)
    for subject, paths in imagined_paths(episode, dt).items():
        dark, light = colours.get(subject, ('tab:red', 'tab:green'))
        for i, (_, points) in enumerate(paths):
            axes.plot(points[:, 1], points[:, 0], color=light, linewidth=0.8, alpha=0.6,
                      label=f'{_words(subject)}, imagined' if i == 0 else None)
        axes.plot(real[subject][1][:, 1], real[subject][1][:, 0], color=dark, linewidth=2.2,
                  label=f'{_words(subject)}, real')
    axes.plot(episode.goal[1], episode.goal[0], '*', markersize=15, color='black', label='goal')
    axes.set(title=f'{episode.task}, seed {episode.seed}, from above', xlabel='y [m]',
             ylabel='x [m]')
    axes.set_aspect('equal', adjustable='datalim')
    axes.invert_xaxis()     # as seen from behind the robot
    # Beside the paths: there is no corner that none of them may cross.
    axes.legend(fontsize=8, loc='upper center', bbox_to_anchor=(0.5, -0.13), ncol=3)
    axes.grid(alpha=0.3)


def _draw_errors(axes, episodes, kinematics, dt):
    gathered: Dict[str, Dict[float, List[float]]] = {}
    for episode in episodes:
        real = real_paths(episode, kinematics)
        for subject, paths in imagined_paths(episode, dt).items():
            for lookahead, values in errors(paths, real[subject]).items():
                gathered.setdefault(subject, {}).setdefault(lookahead, []).extend(values)
    for subject, table in gathered.items():
        ahead = np.array(sorted(table))
        middle, worse = (1e2 * np.array([np.quantile(table[a], q) for a in ahead])
                         for q in (0.5, 0.9))
        line, = axes.plot(ahead, middle, marker='o', markersize=3,
                          label=f'{_words(subject)}, median')
        axes.fill_between(ahead, middle, worse, color=line.get_color(), alpha=0.15,
                          label=f'{_words(subject)}, up to 90 %')
    axes.set(title=f'imagined against real, {len(episodes)} episodes',
             xlabel='time imagined ahead [s]', ylabel='distance [cm]')
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
