"""Films of single episodes, played again from their seeds."""

import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

import numpy as np
from PIL import Image
from sim.scene import SUBSTEP
from sim.sensors.camera import Camera
from sim.sensors.look import Look, look_of
from sim.sensors.view import View
from wm_ros import video
from wm_ros.evaluation.closed_loop import ClosedLoop, Result
from wm_ros.evaluation.played import played
from wm_ros.evaluation.run import Evaluation

SIZE, RATE = 256, 20            # [px], [Hz] of a video
STRIP, _GAP = 6, 3              # pictures of a strip, [px] between them
_SMALL = 160                    # [px] of one of them
_PAUSE = 0.6                    # [s] on the last picture
_CRF = 27                       # a video of 10 s is some 100 kB
_FAILURES, _SUCCESSES = 6, 2
#: The whole arm, and all of the table that objects are on.
_VIEW = View(eye=(1.62, 0.70, 0.85), target=(0.34, 0.01, 0.27), field=45.0)


class Film(NamedTuple):
    """An episode: its result, and what it looked like."""

    title: str
    result: Result
    video: bytes                # MP4, H.264
    poster: bytes               # JPEG of its first picture
    strip: bytes                # JPEG of pictures beside each other
    moments: Tuple[float, ...]  # [s] of the strip's pictures
    otherwise: bool             # it took another course than in the evaluation


def films(evaluation: Evaluation, figures: Mapping[str, Any],
          progress: Callable[[int], None] = lambda done: None) -> List[Film]:
    """
    Return films of failures and of successes of an evaluation whose report is ``figures``.

    The closed loop is played again; it is the same for a seed, unless plans have a deadline.
    """
    chosen, made = chosen_seeds(figures), []
    worlds, times = dict(evaluation.episodes), dict(zip(played(figures), figures['times']))
    for title, shot in zip(chosen.values(), evaluation.share(_film, [
            (seed, worlds[seed]) for seed in chosen])):
        time = times[shot.result.seed]
        made.append(shot._replace(title=title, otherwise=abs(shot.result.time - time) > 1e-3))
        progress(len(made))
    return made


def chosen_seeds(figures: Mapping[str, Any]) -> Dict[int, str]:
    """Return {seed: what it stands for}: the first failures, a usual and the slowest success."""
    failed = figures['failed_seeds']
    chosen = dict.fromkeys(failed[:_FAILURES], '')
    reached = sorted((time, seed) for seed, time in zip(played(figures), figures['times'])
                     if seed not in failed)
    if reached:
        chosen[reached[len(reached) // 2][1]] = 'the median time of all that reach it'
        chosen.setdefault(reached[-1][1], 'the slowest that reaches it')
    return chosen


def _film(loop: ClosedLoop, episode) -> Film:
    seed, randomization = episode
    loop.randomize(randomization)
    camera = _Filming(seed)
    try:
        result = loop.run(seed, each=camera)
    finally:
        camera.close()
    every = np.linspace(0, len(camera.frames) - 1, STRIP).round().astype(int)
    moments = tuple(float(camera.times[i]) for i in every)
    last = [camera.frames[-1]] * round(_PAUSE * RATE)
    return Film('', result, _mp4(camera.frames + last), _jpeg(camera.frames[0]),
                _strip([camera.frames[i] for i in every]), moments, False)


class _Filming:
    """Takes a picture of a scene at ``RATE``; to be called at each substep."""

    def __init__(self, seed):
        self._seed, self._camera = seed, None
        self._every = round(1.0 / (RATE * SUBSTEP))
        self.frames: List[np.ndarray] = []
        self.times: List[float] = []

    def __call__(self, scene):
        if (scene.substeps - 1) % self._every and not scene.done:
            return
        camera: Optional[Camera] = self._camera
        look = look_of(scene.conditions, self._seed, Look(view=_VIEW))
        if camera is None:
            camera = self._camera = Camera(scene.robot, scene.boxes, SIZE, SIZE, with_goal=True)
            camera.dress(look, scene.boxes)
        elif look != camera.look:
            camera.dress(look)
        self.frames.append(camera.render(
            scene.arm.joint_positions, scene.arm.gripper_width, scene.object_poses, scene.goal,
            scene.spawned).rgb)
        self.times.append(scene.time)

    def close(self):
        if self._camera is not None:
            self._camera.close()


def _strip(frames) -> bytes:
    """Return pictures beside each other."""
    sheet = np.full((_SMALL, STRIP * (_SMALL + _GAP) - _GAP, 3), 255, np.uint8)
    for i, frame in enumerate(frames):
        small = Image.fromarray(frame).resize((_SMALL, _SMALL), Image.LANCZOS)
        sheet[:, i * (_SMALL + _GAP):][:, :_SMALL] = small
    return _jpeg(sheet)


def _jpeg(picture) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, 'JPEG', quality=88)
    return file.getvalue()


def _mp4(frames) -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / 'film.mp4'
        video.write_mp4(file, frames, RATE, _CRF)
        return file.read_bytes()
