"""Boxes that the arm keeps out of, and how far points are from them."""

from typing import NamedTuple, Sequence

import torch
from wm_ros.types import ParameterError

_NUMBERS = 6


class Boxes(NamedTuple):
    """Boxes along the axes of the base frame: centres [B, 3] m and half their lengths [B, 3] m."""

    centres: torch.Tensor
    halves: torch.Tensor

    @classmethod
    def from_numbers(cls, numbers: Sequence[float], device='cpu') -> 'Boxes':
        """
        Return boxes of ``numbers``: centre x, y, z and lengths x, y, z [m] of each in turn.

        Raises ParameterError for an incomplete box, or one without an inside.
        """
        if len(numbers) % _NUMBERS:
            raise ParameterError(f'parameter planner.keep_out: got {len(numbers)} numbers, '
                                 'expected x, y, z of the centre and the lengths x, y, z of '
                                 'each box')
        rows = torch.tensor(list(numbers), device=device).reshape(-1, _NUMBERS)
        if (rows[:, 3:] <= 0).any():
            raise ParameterError('parameter planner.keep_out: got lengths '
                                 f'{rows[:, 3:].tolist()}, expected lengths above 0 m')
        return cls(rows[:, :3], 0.5 * rows[:, 3:])

    def distance(self, points):
        """
        Return the signed distances [..., B] m of ``points`` [..., 3], below 0 inside a box.

        Exact and, outside, differentiable (Quilez' box); inside it is that to the nearest face.
        """
        off = (points[..., None, :] - self.centres).abs() - self.halves
        outside = off.clamp(min=0).square().sum(-1)
        # The root has no slope at 0, where the other part counts.
        away = torch.where(outside > 0, outside, torch.ones_like(outside)).sqrt()
        return away * (outside > 0) + off.amax(-1).clamp(max=0)
