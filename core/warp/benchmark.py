"""Benchmark of the warp: medians for the sizes that matter."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from core.camera import Camera, Intrinsics, turn
from core.keyframe import Keyframe

if TYPE_CHECKING:
    from core.warp import Warper

CASES = {  # what: geometry (width, height), target (width, height)
    "display": ((512, 320), (1280, 720)),
    "display, small": ((512, 320), (960, 540)),
    "refine": ((256, 160), (512, 320)),
    "refine from the photo": ((512, 320), (256, 160)),
}


def landscape(width: int, height: int) -> Keyframe:
    """Make a keyframe (width, height) of rolling ground, two ridges and a sky: all that a warp meets, the same every time."""
    u, v = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    ground = 1.4 * (v - 0.45) + 0.02 * np.sin(9.0 * u) * np.cos(14.0 * v)
    far = np.where(v > 0.36 + 0.08 * np.sin(7.0 * u), 0.08, 0.0)
    near = np.where(v > 0.55 + 0.15 * np.sin(4.0 * u + 1.0), 0.45 + 0.2 * v, 0.0)
    disparity = np.clip(np.maximum(np.maximum(ground, far), near), 0.01, 1.0).astype(np.float32)
    sky = (v < 0.36 + 0.08 * np.sin(7.0 * u)).astype(np.float32)
    image = np.stack([255 * u, 255 * v, 128 + 127 * np.sin(40 * u) * np.sin(40 * v)], axis=-1).astype(np.uint8)
    camera = Camera(Intrinsics.from_fov(np.radians(55.0), width / height))
    return Keyframe(camera, image, disparity, sky, np.zeros_like(disparity))


def benchmark(warper: Warper, repeats: int = 20) -> dict[str, float]:
    """Time the mesh and the warp on a step forward with a turn; milliseconds, medians of ``repeats``.

    The share that is covered is asked for, as the display does, which on a GPU waits for the end. On a CPU the warp is bound by
    the set-up of triangles while pixels are fewer than triangles, and by edge tests and the decoding of pixels when there are
    more.
    """
    results: dict[str, float] = {}
    for name, (geometry, size) in CASES.items():
        start = landscape(*geometry)
        lens = start.camera.intrinsics.covered_by(size[0] / size[1])
        camera = start.camera.through(lens).moved(np.array([0.05, -0.02, 0.3]), turn(0.03))
        times: dict[str, list[float]] = {"mesh": [], "warp": []}
        for _ in range(repeats):
            keyframe = landscape(*geometry)
            began = time.perf_counter()
            _ = keyframe.mesh
            meshed = time.perf_counter()
            warper.prepare(keyframe)
            prepared = time.perf_counter()
            _ = warper.warp([[keyframe]], camera, size)[0].covered_share
            warped = time.perf_counter()
            for part, span in zip(times, (meshed - began, warped - prepared), strict=True):
                times[part].append(1e3 * span)
        results |= {f"{name}: {part}": median(spans) for part, spans in times.items()}
    return results
