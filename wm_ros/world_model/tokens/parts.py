"""Building blocks of frame tokenizers: convolutions that are told of the whole, resampling."""

import torch
from torch import nn
from torch.nn import functional
from wm_ros.world_model import collective

_FOLLOW, _TINY = 0.1, 1e-5      # share of a batch in running statistics; added to variances


class Block(nn.Module):
    """
    A residual block: depthwise convolution, then an MLP per place (Liu et al. 2022).

    With ``context`` features of the whole frame [B, context] scale and shift what is
    normalised (FiLM, Perez et al. 2018).
    """

    def __init__(self, width: int, context: int = 0):
        super().__init__()
        self.spread = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norm = nn.GroupNorm(1, width)
        self.widen = nn.Conv2d(width, 2 * width, 1)
        self.narrow = nn.Conv2d(2 * width, width, 1)
        self.film = nn.Linear(context, 2 * width) if context else None
        if context:
            nn.init.zeros_(self.film.weight)
            nn.init.zeros_(self.film.bias)

    def forward(self, x, whole=None):
        """Return x [B, C, h, w], changed."""
        y = self.norm(self.spread(x))
        if self.film is not None:
            scale, shift = self.film(whole)[..., None, None].chunk(2, 1)
            y = y * (1 + scale) + shift
        return x + self.narrow(functional.silu(self.widen(y)))


class RunningNorm(nn.Module):
    """
    Features [B, N] to zero mean and unit variance: batch renormalisation (Ioffe 2017).

    Codes of features that are not of unit variance begin, and too often stay, a few of those
    that there are.  What is returned is normalised by the statistics of the last batches, in
    training too: those of one batch, with few rows in it, are noise, of which codes, and what is
    drawn from them, learn to be robust by being coarse.  Gradients are those of the batch's own,
    or mean and width would drift without end.
    """

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer('mean', torch.zeros(width))
        self.register_buffer('variance', torch.ones(width))
        self.register_buffer('batches', torch.tensor(0))

    def forward(self, x):
        """Return [B, N]; in training mode the statistics follow."""
        x = x.float()
        if self.training:
            mean, variance = x.mean(0), x.var(0, correction=0)
            self._follow(mean.detach(), variance.detach())
            normed = (x - mean) * (variance + _TINY).rsqrt()
            # To the same numbers as below, whatever the batch's own statistics are.
            scale = ((variance + _TINY) / (self.variance + _TINY)).sqrt().detach()
            shift = ((mean - self.mean) * (self.variance + _TINY).rsqrt()).detach()
            return normed * scale + shift
        return (x - self.mean) * (self.variance + _TINY).rsqrt()

    @torch.no_grad()
    def _follow(self, mean, variance):
        moments = torch.stack([mean, variance + mean.square()])
        collective.add_up(moments)
        moments /= collective.count()
        self.batches += 1
        share = (1.0 / self.batches).clamp(min=_FOLLOW)     # a tensor: no wait for a GPU
        self.variance.lerp_(moments[1] - moments[0].square()
                            + (1 - share) * (moments[0] - self.mean).square(), share)
        self.mean.lerp_(moments[0], share)


class ToCodes(nn.Module):
    """
    Features [B, N, C] to what a quantiser takes [B, N, codes], each of unit variance.

    A token that says little (a corner of the sky) would leave most of its bits unused.
    ``apart``: each token has weights of its own.
    """

    def __init__(self, width: int, codes: int, tokens: int, apart: bool = False):
        super().__init__()
        shape = (tokens, width, codes) if apart else (width, codes)
        self.weight = nn.Parameter(torch.randn(shape) / width ** 0.5)
        self.norm = RunningNorm(tokens * codes)

    def forward(self, x):
        """Return [B, N, codes]."""
        made = (torch.einsum('bnc,nck->bnk', x, self.weight) if self.weight.dim() == 3
                else x @ self.weight)
        return self.norm(made.flatten(1)).view_as(made)


class Pool(nn.Module):
    """Looks at a map from ``tokens`` sides: weighted means over all places."""

    def __init__(self, width: int, tokens: int):
        super().__init__()
        self.look = nn.Conv2d(width, tokens, 1)

    def forward(self, x):
        """Return [B, tokens, C] of x [B, C, h, w]."""
        weights = torch.softmax(self.look(x).flatten(2), -1)
        return weights @ x.flatten(2).transpose(1, 2)


class Resample(nn.Module):
    """A learned change of resolution, rows and columns apart; begins as interpolation."""

    def __init__(self, old, new):
        super().__init__()
        self.rows = nn.Parameter(_interpolation(old[0], new[0]))
        self.columns = nn.Parameter(_interpolation(old[1], new[1]))

    def forward(self, x):
        """Return x [B, C, h, w] at the new resolution."""
        return torch.einsum('bchw,rh,sw->bcrs', x, self.rows, self.columns)


def _interpolation(old, new):
    """Return the matrix [new, old] that resamples a line linearly, without aliasing."""
    unit = torch.eye(old)[:, None, :, None]
    return functional.interpolate(unit, size=(new, 1), mode='bilinear', antialias=True,
                                  align_corners=False)[:, 0, :, 0].T.contiguous()
