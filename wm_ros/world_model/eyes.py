"""
Where objects are in a camera frame, and how sure that is.

Feature points by spatial softmax (Levine et al. 2016), then a small network.  Objects are
boxes, which look the same after a quarter of a turn, so their yaw is known up to that.
"""

from dataclasses import asdict, dataclass
import math
from typing import NamedTuple

import torch
from torch import nn
from wm_ros.world_model.networks import mlp

_QUARTER = math.pi / 2


@dataclass(frozen=True)
class EyesConfig:
    """What eyes are made of; raises ValueError for what makes no sense."""

    size: int = 64              # [px] edge of the frames
    objects: int = 1
    width: int = 24             # channels of the first layer
    points: int = 32            # feature points
    hidden: int = 128

    def __post_init__(self):
        if self.size % 4 or not 16 <= self.size <= 1024:
            raise ValueError(f'size: got {self.size}, expected a multiple of 4 from 16 to 1024')
        if min(self.objects, self.width, self.points, self.hidden) < 1:
            raise ValueError('objects, width, points, hidden: expected at least 1 each')

    def to_dict(self) -> dict:
        """Return it as plain data, for checkpoints."""
        return asdict(self)


class Sight(NamedTuple):
    """
    What is seen of M objects.

    positions [B, M, 3] m; turns [B, M, 2] cosine and sine of 4 x yaw; spread [B, M] m, the
    standard deviation along each axis; seen [B, M], the logit of its being in sight.
    """

    positions: torch.Tensor
    turns: torch.Tensor
    spread: torch.Tensor
    seen: torch.Tensor


class Eyes(nn.Module):
    """Frames [B, 3, S, S] in [0, 1] to a Sight."""

    def __init__(self, config: EyesConfig):
        super().__init__()
        self.config = config
        width, points = config.width, config.points
        self.look = nn.Sequential(
            nn.Conv2d(3, width, 5, padding=2), nn.SiLU(),
            nn.Conv2d(width, points, 3, stride=2, padding=1), nn.GroupNorm(1, points), nn.SiLU(),
            nn.Conv2d(points, points, 3, padding=1), nn.GroupNorm(1, points), nn.SiLU(),
            nn.Conv2d(points, points, 3, padding=1))
        line = torch.linspace(-1.0, 1.0, config.size // 2)
        self.register_buffer('line', line, persistent=False)
        self.sharpness = nn.Parameter(torch.zeros(points))
        self.head = mlp((3 * points, config.hidden, config.hidden, 7 * config.objects))
        self.register_buffer('centre', torch.tensor([0.48, 0.0, 0.03]))
        self.register_buffer('scale', torch.tensor([0.15, 0.2, 0.05]))

    @torch.no_grad()
    def fit_scale(self, positions):
        """Learn where objects usually are of positions [..., 3] m."""
        flat = positions.flatten(0, -2)
        self.centre.copy_(flat.mean(0))
        self.scale.copy_(flat.std(0).clamp(min=0.01))

    def forward(self, frames) -> Sight:
        """Return what is seen."""
        maps = self.look(frames - 0.5)
        shares = torch.softmax(maps.flatten(2) * self.sharpness.exp()[:, None], -1)
        shares = shares.unflatten(2, maps.shape[2:])
        # How sharp a point is says whether what it looks for is there.
        points = torch.stack([(shares.sum(3) * self.line).sum(2),
                              (shares.sum(2) * self.line).sum(2),
                              shares.flatten(2).amax(2)], -1)
        made = self.head(points.flatten(1)).unflatten(1, (self.config.objects, 7))
        return Sight(made[..., :3] * self.scale + self.centre, made[..., 3:5],
                     0.02 * torch.exp(made[..., 5].clamp(-5.0, 4.0)), made[..., 6])


def yaw_of(turns, near=0.0):
    """Return the yaw [...] rad that turns [..., 2] mean, of four the one next to ``near``."""
    yaw = torch.atan2(turns[..., 1], turns[..., 0]) / 4
    return yaw + _QUARTER * torch.round((near - yaw) / _QUARTER)
