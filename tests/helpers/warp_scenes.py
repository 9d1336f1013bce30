"""Keyframes and cameras for the tests of the warp."""

from __future__ import annotations

import numpy as np

from core.camera import Camera, Intrinsics, turn
from core.keyframe import Keyframe

FOV = np.radians(55.0)


def keyframe(disparity, sky=None, *, camera=None, image=None):
    height, width = disparity.shape
    if image is None:
        image = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    if sky is None:
        sky = np.zeros((height, width))
    camera = camera or Camera(Intrinsics.from_fov(FOV, width / height))
    return Keyframe(camera, image, disparity.astype(np.float32), sky.astype(np.float32), np.zeros((height, width), np.float32))


def uv_grid(width, height):
    """uv of the pixel centres, (height, width, 2)."""
    return np.stack(np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height), axis=-1)


def hills(width, height, seed=0):
    """Smooth connected land: disparity in [0.2, 0.6], no step between neighbours that could tear."""
    u, v = np.moveaxis(uv_grid(width, height), -1, 0)
    a, b, c, d = np.random.default_rng(seed).uniform(1.0, 5.0, 4)
    return 0.4 + 0.1 * np.sin(a * u + b) * np.cos(c * v + d) + 0.1 * np.sin(d * (u + v))


def ridge(width, height):
    """A near ridge before far hills: disparity 0.6 below, 0.1 above a slanted border."""
    u, v = np.moveaxis(uv_grid(width, height), -1, 0)
    return np.where(v > 0.45 + 0.2 * u, 0.6, 0.1)


def valley(width, height, seed=0):
    """Ground, a ridge, hills and a sky, as in a photo; returns a keyframe whose sky is twice as fine as its depth."""
    u, v = np.moveaxis(uv_grid(width, height), -1, 0)
    ground = np.clip(1.4 * (v - 0.4), 0.01, 1.0)
    far = 0.05 * hills(width, height, seed)
    land = np.maximum(ground, np.where(v > 0.6 + 0.1 * np.sin(6.0 * u + seed), 0.5, far))
    fine = uv_grid(2 * width, 2 * height)
    sky = np.clip((0.3 + 0.05 * np.sin(9.0 * fine[..., 0]) - fine[..., 1]) * height / 2 + 0.5, 0.0, 1.0)
    return keyframe(land, sky)


def moved(camera, x=0.0, y=0.0, z=0.0, yaw=0.0, pitch=0.0, roll=0.0):
    return camera.moved(np.array([x, y, z]), turn(yaw, pitch, roll))
