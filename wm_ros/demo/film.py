"""A video of recorded episodes, with the imagined paths drawn in."""

from dataclasses import dataclass
import io
from pathlib import Path
from typing import Callable, Iterator, List, Optional, Sequence, Tuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sim.sensors.camera import Camera
from sim.sensors.look import Look
from sim.sensors.view import View
from sim.tasks import make_task
from wm_ros import video
from wm_ros.cores import cores
from wm_ros.files import whole
from wm_ros.nodes.clients.episode_client import LiveEpisode
from wm_ros.nodes.clients.recording import Line
from wm_ros.robot.robot import load_robot
from wm_ros.tasks import get_task
from wm_ros.types import WmRosError
from wm_ros.workers import spread

SIZE = (640, 480)           # px of the video
RATE = 20                   # [Hz] frames, in real time
_FINER = 1.5                # rendered larger by this, for smooth edges
_PAUSE = 0.6                # [s] on the last picture of an episode
_VIEW = View(eye=(1.50, 0.66, 0.72), target=(0.36, 0.02, 0.27), field=46.0)
_GIFS = ((400, 10, 128), (360, 10, 64), (320, 10, 64), (320, 7, 48), (280, 5, 32))
_GIF_LIMIT = 4_000_000      # bytes; README pages load it

_INK, _GOOD, _BAD = (25, 28, 34), (22, 140, 60), (190, 40, 30)
_PLAN, _PANEL = (30, 90, 235), (232, 238, 245)


@dataclass(frozen=True)
class Shot:
    """One frame to be made: the state of the world, what was imagined, and the caption."""

    task: str
    joints: np.ndarray
    gripper: float
    objects: np.ndarray
    goal: np.ndarray
    lines: Tuple[Line, ...]
    trail: np.ndarray           # [L, 3] m, where the subject has been
    caption: str
    verdict: str = ''           # on the last pictures of an episode


def shots(episode: LiveEpisode, kinematics) -> Iterator[Shot]:
    """Yield the frames of a recorded episode, at ``RATE``."""
    r = episode.recording
    begin, end = r.times[0], r.times[0] + episode.elapsed
    path = np.array([kinematics.forward(q)[0] for q in r.joints])
    moments = np.arange(begin, min(end, r.times[-1]) + 0.5 / RATE, 1.0 / RATE)
    last, subject = len(moments) - 1, get_task(episode.task).subject
    for i, moment in enumerate(np.append(moments, [moments[-1]] * round(_PAUSE * RATE))):
        k = _newest(r.times, moment)
        j = _newest(r.object_times, moment) if r.objects else None
        dream = _newest([time for time, _ in r.imagined], moment)
        objects = r.objects[j] if r.objects else np.zeros((0, 7))
        trail = path[:k + 1]
        if subject is not None and r.objects:
            trail = np.array([poses[subject, :3] for poses in r.objects[:j + 1]])
        verdict = '' if i < last else 'reached' if episode.success else 'not reached'
        yield Shot(
            task=episode.task, joints=r.joints[k], gripper=r.gripper[k], objects=objects,
            goal=episode.goal, lines=tuple(r.imagined[dream][1]), trail=trail[::3],
            caption=f'{episode.task}   {moment - begin:4.1f} s', verdict=verdict)


def _newest(times, moment):
    """Return the index of the newest time that is not after ``moment``, at least 0."""
    return max(0, int(np.searchsorted(times, moment, side='right')) - 1)


class Studio:
    """Makes pictures of shots; its cameras show the robot's own meshes."""

    def __init__(self, robot: str):
        self._robot = load_robot(robot)
        self._cameras = {}
        self._size = tuple(round(_FINER * edge) for edge in SIZE)
        self._fonts = [_font(size) for size in (18, 28)]

    def picture(self, shot: Shot) -> np.ndarray:
        """Return the picture [H, W, 3] uint8."""
        if shot.task not in self._cameras:
            self._cameras[shot.task] = Camera(
                self._robot, make_task(shot.task).boxes, *self._size, look=Look(view=_VIEW),
                with_goal=True, studio=True)
        rgb = self._cameras[shot.task].render(
            shot.joints, shot.gripper, shot.objects, shot.goal).rgb
        image = Image.fromarray(rgb).convert('RGBA')
        image = Image.alpha_composite(image, self._drawing(shot))
        image = image.convert('RGB').resize(SIZE, Image.LANCZOS)
        self._write(ImageDraw.Draw(image), shot)
        return np.asarray(image)

    def _drawing(self, shot):
        layer = Image.new('RGBA', self._size, (255, 255, 255, 0))
        draw = ImageDraw.Draw(layer)
        self._line(draw, shot.trail, (*_INK, 130), 3)
        # The worst ones first: the good ones are not hidden by them.
        for line in sorted(shot.lines, key=lambda line: line.colour[1]):
            if line.name.startswith('imagined'):
                colour = tuple(int(255 * c) for c in line.colour[:3])
                self._line(draw, line.points, (*colour, 150), 2)
        for line in shot.lines:
            if line.name == 'plan':
                self._line(draw, line.points, (*_PLAN, 255), 5)
        return layer

    def _line(self, draw, points, colour, width):
        if len(points) > 1:
            pixels = _VIEW.project(points, *self._size)
            draw.line([tuple(pixel) for pixel in pixels], fill=colour, width=width,
                      joint='curve')

    def _write(self, draw, shot):
        small, large = self._fonts
        draw.rounded_rectangle((10, SIZE[1] - 94, 284, SIZE[1] - 8), 8, fill=_PANEL)
        draw.text((18, 14), shot.caption, font=small, fill=_INK)
        for i, (text, colour) in enumerate((
                ('imagined, good to bad', None), ('plan', _PLAN), ('goal', (38, 190, 76)))):
            y = SIZE[1] - 86 + 26 * i
            swatch = [_mix(s / 35) for s in range(36)] if colour is None else [colour] * 36
            for x, tone in enumerate(swatch):
                draw.line([(18 + x, y + 8), (18 + x, y + 15)], fill=tone)
            draw.text((64, y), text, font=small, fill=_INK)
        if shot.verdict:
            colour = _GOOD if shot.verdict == 'reached' else _BAD
            draw.text((18, 44), shot.verdict, font=large, fill=colour)


def _mix(share):
    good, bad = np.array([0.1, 0.8, 0.2]), np.array([0.9, 0.15, 0.1])
    return tuple(int(255 * c) for c in (1 - share) * good + share * bad)


def _font(size):
    import matplotlib
    path = Path(matplotlib.get_data_path()) / 'fonts' / 'ttf' / 'DejaVuSans.ttf'
    return ImageFont.truetype(str(path), size)


_studio: Optional[Studio] = None


def _start_worker(robot):
    global _studio
    _studio = Studio(robot)


def _make(shot):
    return _studio.picture(shot)


def pictures(all_shots: Sequence[Shot], robot: str, progress: Callable[[int], None]
             ) -> List[np.ndarray]:
    """Return the pictures of all shots, made on all cores."""
    made = []
    for picture in spread(_make, all_shots, cores(), _start_worker, (robot,),
                          ordered=True):
        made.append(picture)
        progress(len(made))
    return made


def write_mp4(path: Path, frames: Sequence[np.ndarray]):
    """Write an H.264 video that browsers play, whole or not at all."""
    video.write_mp4(path, frames, RATE)


def write_gif(path: Path, frames: Sequence[np.ndarray], limit: int = _GIF_LIMIT) -> int:
    """
    Write a GIF of at most ``limit`` bytes, as good as that allows; return its size.

    Raises WmRosError where even a picture in two seconds is too much.
    """
    width, rate, colours = _GIFS[-1]
    for form in [*_GIFS, *((width, rate / 2 ** i, colours) for i in range(1, 5))]:
        data = _gif(frames, *form)
        if len(data) <= limit:
            with whole(path) as partial:
                partial.write_bytes(data)
            return len(data)
    raise WmRosError(f'{path}: {len(frames)} frames do not fit into {limit} bytes; record fewer '
                     'episodes')


def _gif(frames, width, rate, colours) -> bytes:
    step = RATE / rate
    chosen = [frames[int(i * step)] for i in range(max(1, int(len(frames) / step)))]
    height = round(width * SIZE[1] / SIZE[0])
    small = [Image.fromarray(frame).resize((width, height), Image.LANCZOS) for frame in chosen]
    # One palette for all, taken of pictures from all over: no flicker, small differences.
    sheet = Image.new('RGB', (width, height * min(8, len(small))))
    for i in range(sheet.height // height):
        sheet.paste(small[i * len(small) // (sheet.height // height)], (0, i * height))
    palette = sheet.quantize(colours)
    flat = [image.quantize(palette=palette, dither=0) for image in small]
    file = io.BytesIO()
    flat[0].save(file, 'GIF', save_all=True, append_images=flat[1:],
                 duration=round(1000 / rate), loop=0, optimize=True)
    return file.getvalue()
