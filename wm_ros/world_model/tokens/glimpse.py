"""Glimpses: small windows of a frame, put where the picture so far is most wrong."""

import torch
from torch import nn
from torch.nn import functional
from wm_ros.world_model.networks import mlp

#: Tokens of a glimpse.
EACH = 6
#: Rows, and columns, of places in a frame of any size: windows of 1/8, steps of 1/32.
ROWS = 29
_WIDTH = 256


class Glimpses(nn.Module):
    """
    Windows of an eighth of a frame's edge, at places on a grid of a quarter of theirs.

    They do not overlap.  What is in one is coded whole, so that a small thing is one thing
    wherever it stands, and painted over what was there.
    """

    def __init__(self, size: int, codes: int, palette: int):
        super().__init__()
        self.size, self.edge, self.stride = size, size // 8, size // 32
        pixels = 3 * self.edge ** 2
        self.look = mlp((2 * pixels, _WIDTH, _WIDTH, EACH * codes))
        # Codes of features that are not of unit variance begin, and stay, a few.
        self.norm = nn.BatchNorm1d(EACH * codes, affine=False)
        self.draw = mlp((EACH * codes + pixels + palette, _WIDTH, _WIDTH, 4 * self.edge ** 2))

    @torch.no_grad()
    def places(self, error, count: int):
        """Return where ``count`` windows are [B, count], in order, of an error [B, S, S]."""
        scores = functional.avg_pool2d(error[:, None], self.edge, self.stride)[:, 0]
        line, found = torch.arange(ROWS, device=error.device), []
        for _ in range(count):
            best = scores.flatten(1).argmax(-1)
            found.append(best)
            near = [(line - part[:, None]).abs() * self.stride < self.edge
                    for part in (best // ROWS, best % ROWS)]
            scores = scores.masked_fill(near[0][:, :, None] & near[1][:, None], -1.0)
        return torch.stack(found, -1).sort(-1).values

    def features(self, frames, rough, places):
        """Return [B, k * EACH, codes] of what is at ``places`` of frames and of the picture."""
        both = torch.cat([self._cut(frames, places), self._cut(rough, places)], 2)
        seen = self.look(both.flatten(2))
        normed = self.norm(seen.flatten(0, 1)).view_as(seen)
        return normed.unflatten(2, (EACH, -1)).flatten(1, 2)

    def paint(self, rough, codes, places, palette):
        """Return the picture [B, 3, S, S] with what ``codes`` [B, k * EACH, C] say."""
        under = self._cut(rough, places)
        told = torch.cat([
            codes.unflatten(1, (-1, EACH)).flatten(2), under.detach().flatten(2),
            palette.flatten(1)[:, None].expand(-1, places.shape[1], -1)], -1)
        made = self.draw(told).unflatten(-1, (4, self.edge, self.edge))
        over = under + torch.sigmoid(made[:, :, :1]) * (made[:, :, 1:] - under)
        index = self._pixels(places)[:, None].expand(-1, rough.shape[1], -1)
        return rough.flatten(2).scatter(
            2, index, over.transpose(1, 2).flatten(2).to(rough.dtype)).view_as(rough)

    def _cut(self, frames, places):
        """Return the windows [B, k, 3, e, e] of frames [B, 3, S, S]."""
        index = self._pixels(places)[:, None].expand(-1, frames.shape[1], -1)
        found = frames.flatten(2).gather(2, index)
        return found.unflatten(2, (-1, self.edge, self.edge)).transpose(1, 2)

    def _pixels(self, places):
        """Return the pixels [B, k * e * e] of the windows at ``places`` [B, k]."""
        line = torch.arange(self.edge, device=places.device)
        row = (places // ROWS * self.stride)[..., None, None] + line[:, None]
        column = (places % ROWS * self.stride)[..., None, None] + line
        return (row * self.size + column).flatten(1)
