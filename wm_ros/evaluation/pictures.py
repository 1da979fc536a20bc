"""How close pictures are to others: PSNR, SSIM, and PSNR inside boxes."""

import torch
from torch.nn import functional

_WINDOW, _SIGMA = 11, 1.5           # [px] of SSIM's Gaussian window
_C1, _C2 = 0.01 ** 2, 0.03 ** 2     # for values from 0 to 1


def psnr(pictures, others):
    """Return the peak signal-to-noise ratio [B] dB of pictures [B, 3, H, W] in [0, 1]."""
    return _decibels((pictures - others).square().flatten(1).mean(1))


def ssim(pictures, others):
    """
    Return the structural similarity [B] of pictures [B, 3, H, W] in [0, 1].

    Mean over channels and over the places where the window of 11 x 11 pixels fits (Wang et al.
    2004).  Differentiable; single precision at least, since variances are small differences.
    """
    with torch.autocast(pictures.device.type, enabled=False):
        return _ssim(*(x if x.dtype == torch.float64 else x.float() for x in (pictures, others)))


def _ssim(pictures, others):
    channels = pictures.shape[1]
    line = torch.arange(_WINDOW, dtype=pictures.dtype, device=pictures.device) - _WINDOW // 2
    line = torch.exp(-line.square() / (2 * _SIGMA ** 2))
    line = (line / line.sum()).expand(channels, 1, _WINDOW)

    def mean(x):
        x = functional.conv2d(x, line[..., None], groups=channels)
        return functional.conv2d(x, line[:, :, None], groups=channels)

    m, n = mean(pictures), mean(others)
    mm, nn, mn = m * m, n * n, m * n
    v = mean(pictures * pictures) - mm
    w = mean(others * others) - nn
    covariance = mean(pictures * others) - mn
    quality = ((2 * mn + _C1) * (2 * covariance + _C2)
               / ((mm + nn + _C1) * (v + w + _C2)))
    return quality.flatten(1).mean(1)


def inside(boxes, size: int):
    """
    Return the mask [B, size, size] of what is inside any of the boxes [B, K, 4].

    A box is first row, first column, last row, last column (exclusive); 0 for none.
    """
    place = torch.arange(size, device=boxes.device)
    rows = (place >= boxes[..., 0:1]) & (place < boxes[..., 2:3])
    columns = (place >= boxes[..., 1:2]) & (place < boxes[..., 3:4])
    return (rows[..., :, None] & columns[..., None, :]).any(1)


def psnr_inside(pictures, others, boxes):
    """Return the PSNR [B] dB inside boxes [B, K, 4]; NaN where there is no box."""
    return _decibels(error_inside(pictures, others, boxes))


def error_inside(pictures, others, boxes):
    """Return the mean squared error [B] inside boxes [B, K, 4]; NaN where there is no box."""
    mask = inside(boxes, pictures.shape[-1]).to(pictures.dtype)
    error = (pictures - others).square().mean(1)
    return (error * mask).flatten(1).sum(1) / mask.flatten(1).sum(1)


def _decibels(error):
    return -10.0 * torch.log10(error.clamp(min=1e-10))
