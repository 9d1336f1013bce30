from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from core.camera import Camera, Intrinsics, turn
from core.warp.benchmark import landscape
from core.warp.cpu import CpuWarper
from core.warp.visibility import projection
from viewer.softmax_splat import softmax_splat

pytestmark = pytest.mark.usefixtures("one_thread")
LENS = Camera(Intrinsics.from_fov(math.radians(55.0), 1.6))


def splatted(values: np.ndarray, disparity: np.ndarray, camera: Camera, size: tuple[int, int]) -> np.ndarray:
    matrix = torch.from_numpy(projection(LENS, camera, size).astype(np.float32))
    return softmax_splat(torch.from_numpy(values), torch.from_numpy(disparity), matrix, size).numpy()


def by_hand(values: np.ndarray, disparity: np.ndarray, camera: Camera, size: tuple[int, int]) -> np.ndarray:
    """One pixel after the other, in double precision."""
    (width, height), (rows, columns) = size, disparity.shape
    matrix = projection(LENS, camera, size)
    hits = []
    for row in range(rows):
        for column in range(columns):
            d = disparity[row, column]
            x, y, ratio = matrix @ ((column + 0.5) / columns, (row + 0.5) / rows, 1.0, d)
            hits.append((x / ratio - 0.5, y / ratio - 0.5, d / ratio, [*values[:, row, column], d / ratio, 1.0]))
    near = [hit[2] for hit in hits]
    total, mass = np.zeros((height, width, len(values) + 2)), np.zeros((height, width, 1))
    for x, y, nearness, content in hits:
        weight = math.exp(20.0 * (nearness - min(near)) / (max(near) - min(near) + 1e-6) - 10.0)
        for i in (math.floor(x), math.floor(x) + 1):
            for j in (math.floor(y), math.floor(y) + 1):
                if 0 <= i < width and 0 <= j < height:
                    share = weight * (1.0 - abs(x - i)) * (1.0 - abs(y - j))
                    total[j, i] += share * np.array(content)
                    mass[j, i] += share
    return np.moveaxis(total / (mass + 1e-7), -1, 0)


def random_view(size: tuple[int, int] = (16, 10)) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return random.random((3, *size[::-1]), np.float32), random.uniform(0.1, 0.9, size[::-1]).astype(np.float32)


@pytest.mark.parametrize("size", [(16, 10), (24, 15), (9, 20)])
def test_it_is_what_one_pixel_after_the_other_gives(size: tuple[int, int]) -> None:
    camera = LENS.moved(np.array([0.1, -0.05, 0.3]), turn(0.1))
    found, wanted = (by(*random_view(), camera, size) for by in (splatted, by_hand))
    assert np.abs(found - wanted).max() < 1e-3
    assert found[-1].max() > 0.9
    assert found[-1].min() < 0.1


def test_without_motion_the_view_stays() -> None:
    """But for far pixels, whose weights the least weight attenuates by up to 0.22 %."""
    values, disparity = random_view((64, 40))
    found = splatted(values, disparity, LENS, (64, 40))
    assert np.abs(found[:3] - values).max() < 0.0025
    assert found[-1].min() > 0.997
    assert np.abs(found[-2] - disparity).max() < 0.003


def test_what_is_nearer_covers_what_is_behind() -> None:
    values, disparity = np.zeros((1, 40, 64), np.float32), np.full((40, 64), 0.1, np.float32)
    values[:, 10:30, 20:30], disparity[10:30, 20:30] = 1.0, 0.9
    found = splatted(values, disparity, LENS.moved(np.array([-0.3, 0.0, 0.0]), np.eye(3)), (64, 40))
    near = np.nonzero(found[-2] > 0.85)
    assert len(near[0]) > 150
    assert found[0][near].min() > 0.99
    assert near[1].min() > 30  # it has moved over what was beside it


def test_it_sees_what_the_warp_sees() -> None:
    start = landscape(128, 80)
    key = type(start)(LENS, start.image, start.disparity, np.zeros_like(start.sky), start.debt)
    camera = LENS.moved(np.array([0.05, -0.02, 0.2]), turn(0.03))
    lookup = CpuWarper(1).warp([[key]], camera, (128, 80))[0]
    found = splatted(np.zeros((1, 80, 128), np.float32), key.disparity, camera, (128, 80))
    both = lookup.covered & (found[-1] > 0.9)
    assert both.mean() > 0.8
    assert np.median(np.abs(found[-2] / np.maximum(lookup.disparity, 1e-6) - 1.0)[both]) < 0.02
