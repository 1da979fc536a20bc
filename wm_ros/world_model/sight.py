"""Eyes as the world model uses them: an image in, rough places of objects out."""

from typing import NamedTuple, Optional

import numpy as np
import torch
from wm_ros.tasks import TaskSpec
from wm_ros.types import WmRosError
from wm_ros.world_model.eyes import Eyes, yaw_of
from wm_ros.world_model.load import load_part


class Seen(NamedTuple):
    """Places [M, 4] of objects (position m, yaw rad) and their standard deviation [M] m."""

    places: np.ndarray
    spread: np.ndarray


class Looker:
    """Looks for the objects of a task in images [S, S, 3] uint8."""

    def __init__(self, eyes: Eyes, objects: int, device: str = 'cpu'):
        if eyes.config.objects != objects:
            raise WmRosError(f'eyes see {eyes.config.objects} objects, the task has {objects}')
        self._eyes, self._device = eyes.to(device).eval(), device

    @torch.inference_mode()
    def look(self, image: np.ndarray, near=None, age: float = 0.0):
        """
        Return what is Seen, None where an object is out of sight.

        ``near`` [M, 8] is where the objects are expected, with their rates: of yaws that look
        alike the one nearby is taken, and an image of ``age`` [s] tells where they were.
        Raises WmRosError for an image of another size.
        """
        size = self._eyes.config.size
        if image.shape != (size, size, 3):
            raise WmRosError(f'image: got {image.shape[1]} x {image.shape[0]} pixels, expected '
                             f'{size} x {size}, which the eyes were trained with')
        pixels = torch.tensor(image, device=self._device).permute(2, 0, 1)[None].float() / 255.0
        sight = self._eyes(pixels)
        if (sight.seen[0] < 0).any():
            return None
        turn = torch.zeros(len(sight.seen[0])) if near is None else torch.tensor(near[:, 3])
        yaw = yaw_of(sight.turns[0].cpu(), turn)
        places = torch.cat([sight.positions[0].cpu(), yaw[:, None].float()], -1).double().numpy()
        if near is not None:
            places = places + age * near[:, 4:]
        return Seen(places, sight.spread[0].cpu().double().numpy())


def load_looker(reference: str, task: TaskSpec, device: str = 'cpu') -> Optional[Looker]:
    """
    Return what looks for the objects of ``task``; None for '' and for tasks without objects.

    ``reference`` is the path of eyes or the name of shipped ones, in which ``{task}`` stands for
    the name of the task.  Raises CheckpointError.
    """
    if not reference or not task.object_names:
        return None
    eyes = load_part(reference.replace('{task}', task.name), 'eyes', device)
    return Looker(eyes, len(task.object_names), device)
