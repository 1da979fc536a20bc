"""Glimpses: small windows of a frame, put where the picture so far is most wrong."""

import torch
from torch import nn
from torch.nn import functional
from wm_ros.world_model.networks import mlp
from wm_ros.world_model.tokens.parts import RunningNorm

_SHARE = 8              # windows along a frame's edge
_FINEST = 64            # places along it, from so many on not to a pixel


class Windows:
    """
    Windows of an eighth of a frame's edge, at places that are numbered row by row.

    A place is told to a pixel, or about a 64th of the edge: what is in the middle of a window
    looks the same wherever it stands, so that telling the place saves more than it costs.
    """

    def __init__(self, size: int):
        self.size, self.edge = size, size // _SHARE
        self.stride = max(1, size // _FINEST)
        #: Rows, and columns, of places.
        self.rows = (size - self.edge) // self.stride + 1

    @torch.no_grad()
    def worst(self, error, count: int):
        """
        Return where ``count`` windows are [B, count], worst first, of an error [B, S, S].

        They do not overlap.  What counts most is in the middle of a window.
        """
        half = self.edge // 2
        middle = functional.avg_pool2d(functional.avg_pool2d(error[:, None], half + 1, 1), half, 1)
        scores = middle[:, 0, ::self.stride, ::self.stride]
        line, found = torch.arange(self.rows, device=error.device), []
        for _ in range(count):
            best = scores.flatten(1).argmax(-1)
            found.append(best)
            near = [(line - part[:, None]).abs() * self.stride < self.edge
                    for part in (best // self.rows, best % self.rows)]
            scores = scores.masked_fill(near[0][:, :, None] & near[1][:, None], -1.0)
        return torch.stack(found, -1)

    def cut(self, frames, places):
        """Return the windows [B, k, 3, e, e] of frames [B, 3, S, S]."""
        index = self._pixels(places)[:, None].expand(-1, frames.shape[1], -1)
        found = frames.flatten(2).gather(2, index)
        return found.unflatten(2, (-1, self.edge, self.edge)).transpose(1, 2)

    def paste(self, frames, windows, places):
        """Return the frames [B, 3, S, S] with ``windows`` [B, k, 3, e, e] at ``places``."""
        index = self._pixels(places)[:, None].expand(-1, frames.shape[1], -1)
        return frames.flatten(2).scatter(
            2, index, windows.transpose(1, 2).flatten(2).to(frames.dtype)).view_as(frames)

    def _pixels(self, places):
        """Return the pixels [B, k * e * e] of the windows at ``places`` [B, k]."""
        line = torch.arange(self.edge, device=places.device)
        row = (places // self.rows * self.stride)[..., None, None] + line[:, None]
        column = (places % self.rows * self.stride)[..., None, None] + line
        return (row * self.size + column).flatten(1)


class Glimpses(nn.Module):
    """
    What is in windows as ``each`` codes, and back, over what the picture is there.

    A window is coded whole: a small thing is one thing.
    """

    def __init__(self, windows: Windows, each: int, codes: int, palette: int, width: int):
        super().__init__()
        self.windows, self.each = windows, each
        pixels = 3 * windows.edge ** 2
        self.look = mlp((2 * pixels, width, width, each * codes))
        self.norm = RunningNorm(each * codes)
        self.draw = mlp((each * codes + pixels + palette, width, width,
                         4 * windows.edge ** 2))

    def features(self, frames, rough, places):
        """Return [B, k * each, codes] of what is at ``places`` of frames and of the picture."""
        both = torch.cat([self.windows.cut(frames, places), self.windows.cut(rough, places)], 2)
        seen = self.look(both.flatten(2))
        normed = self.norm(seen.flatten(0, 1)).view_as(seen)
        return normed.unflatten(2, (self.each, -1)).flatten(1, 2)

    def paint(self, rough, codes, places, palette):
        """Return the picture [B, 3, S, S] with what ``codes`` [B, k * each, C] say."""
        under = self.windows.cut(rough, places)
        told = torch.cat([
            codes.unflatten(1, (-1, self.each)).flatten(2), under.detach().flatten(2),
            palette.flatten(1)[:, None].expand(-1, places.shape[1], -1)], -1)
        made = self.draw(told).unflatten(-1, (4, *under.shape[-2:]))
        over = under + torch.sigmoid(made[:, :, :1]) * (made[:, :, 1:] - under)
        return self.windows.paste(rough, over, places)
