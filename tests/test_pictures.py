"""PSNR and SSIM against what is known of them."""

import math

import numpy as np
import pytest
import torch
from wm_ros.evaluation.pictures import error_inside, inside, psnr, psnr_inside, ssim


def noise(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_psnr_of_a_known_error():
    first = torch.full((2, 3, 8, 8), 0.5)
    second = first + torch.tensor([0.1, 0.01])[:, None, None, None]
    assert psnr(first, second).tolist() == pytest.approx([20.0, 40.0], abs=1e-3)


def test_ssim_of_the_same_is_one_and_of_noise_nearly_none():
    first = noise(2, 3, 32, 32)
    assert ssim(first, first).tolist() == pytest.approx([1.0, 1.0])
    assert ssim(first, noise(2, 3, 32, 32, seed=1)).abs().max() < 0.1


def test_ssim_of_flat_pictures_is_the_formula():
    """Without structure only the luminances are compared."""
    a, b = 0.3, 0.6
    found = ssim(torch.full((1, 3, 16, 16), a), torch.full((1, 3, 16, 16), b))
    expected = (2 * a * b + 1e-4) / (a * a + b * b + 1e-4)
    assert float(found) == pytest.approx(expected, abs=1e-4)


def test_ssim_is_that_of_a_direct_computation():
    """At the only place where the window fits, weight by weight."""
    x, y = noise(1, 1, 11, 11), noise(1, 1, 11, 11, seed=1)
    line = np.exp(-np.arange(-5, 6) ** 2 / (2 * 1.5 ** 2))
    weights = np.outer(line, line) / line.sum() ** 2
    x_, y_ = x[0, 0].numpy(), y[0, 0].numpy()
    mx, my = (weights * x_).sum(), (weights * y_).sum()
    vx, vy = (weights * (x_ - mx) ** 2).sum(), (weights * (y_ - my) ** 2).sum()
    cov = (weights * (x_ - mx) * (y_ - my)).sum()
    expected = ((2 * mx * my + 1e-4) * (2 * cov + 9e-4)
                / ((mx ** 2 + my ** 2 + 1e-4) * (vx + vy + 9e-4)))
    assert float(ssim(x, y)) == pytest.approx(expected, abs=1e-9)


def test_boxes_are_rows_and_columns():
    boxes = torch.tensor([[[1, 2, 3, 6], [0, 0, 0, 0]], [[0, 0, 1, 1], [7, 7, 8, 8]]])
    mask = inside(boxes, 8)
    assert mask[0].nonzero().tolist() == [[r, c] for r in (1, 2) for c in (2, 3, 4, 5)]
    assert mask[1].nonzero().tolist() == [[0, 0], [7, 7]]


def test_error_inside_a_box_does_not_see_the_rest():
    first, second = torch.zeros(2, 3, 8, 8), torch.ones(2, 3, 8, 8)
    second[:, :, 1:3, 2:6] = 0.1
    boxes = torch.tensor([[[1, 2, 3, 6]], [[0, 0, 0, 0]]])
    assert float(error_inside(first, second, boxes)[0]) == pytest.approx(0.01)
    found = psnr_inside(first, second, boxes)
    assert float(found[0]) == pytest.approx(20.0, abs=1e-3) and math.isnan(found[1])
