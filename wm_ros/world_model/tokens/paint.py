"""Features of cells to pixels, by masks over a palette of the frame's colours."""

import torch
from torch import nn

_COLOURS = 12           # of a palette that has no tokens
_REST = 0.2             # size of what no colour of the palette gives, at first


class Paint(nn.Module):
    """
    Features [B, C, h, w] of cells and a palette to patches [B, 3 * cell ** 2, h, w].

    Each pixel is a mixture of the palette's colours, which fade from the upper edge to the
    lower one, and a rest.  Most of what cameras see has few colours and sharp edges: even
    areas come out even, and an edge is a matter of one mask.
    """

    def __init__(self, width: int, context: int, cell: int, given: int = 0):
        super().__init__()
        self._pixels, self._count = cell ** 2, given or _COLOURS
        self.width = 6 * self._count        # of a palette
        self.masks = nn.Conv2d(width, self._count * cell ** 2, 1)
        self.rest = nn.Conv2d(width, 3 * cell ** 2, 1)
        self.colours = nn.Linear(context, self.width)
        with torch.no_grad():
            self.rest.weight.mul_(_REST)
            if given:
                self.colours.weight.mul_(_REST)
                self.colours.bias.zero_()
            else:
                self.colours.bias.copy_(0.4 * torch.randn(self.width))
                self.colours.bias[1::2] *= 0.1

    def palette(self, context, given=None):
        """
        Return the colours [B, 3, K, 2], and by how much they fade, of ``context`` [B, F].

        It is added to colours that are ``given`` [B, K, 3].
        """
        made = self.colours(context).unflatten(1, (3, self._count, 2))
        if given is None:
            return made
        return torch.stack([made[..., 0] + given.transpose(1, 2), made[..., 1]], -1)

    def forward(self, features, palette):
        """Return patches about 0, in the order of pixel_unshuffle."""
        batch, _, rows, columns = features.shape
        masks = self.masks(features).reshape(batch, self._count, -1).unflatten(
            2, (self._pixels, rows * columns))
        shares = torch.softmax(masks, 1).flatten(2)
        colours = palette.permute(0, 3, 1, 2).flatten(1, 2) @ shares
        even, fading = colours.view(batch, 2, 3, self._pixels, rows, columns).unbind(1)
        made = even + fading * self._height(rows, features.device)
        return made.flatten(1, 2) + self.rest(features)

    def _height(self, rows, device):
        """Return how far down each pixel is [cell ** 2, h, 1], from -1 to 1."""
        cell = int(self._pixels ** 0.5)
        line = torch.linspace(-1.0, 1.0, rows * cell, device=device).view(rows, cell)
        return line.T.repeat_interleave(cell, 0)[..., None]
