"""The OpenGL grid warp against the CPU warp: what covers what, and which colour is seen where."""

from __future__ import annotations

import numpy as np
import pytest
from warp_scenes import hills, keyframe, moved, ridge, valley

from core.warp import warp
from core.warp.cpu import CpuWarper
from core.warp.sample import sample
from viewer.gl.grid_warp import GridWarp

SIZE = (144, 96)
POSES = [
    {},
    {"z": 0.4, "yaw": 0.1},
    {"x": 0.3, "y": -0.1, "z": 0.2},
    {"x": -0.4, "pitch": 0.1, "roll": 0.3},
    {"z": -0.5},
    {"z": 1.2, "yaw": -0.3},
    {"yaw": 3.0},
]


def smooth(width: int, height: int) -> np.ndarray:
    v, u = np.mgrid[0:height, 0:width]
    return np.stack([255 * u / width, 255 * v / height, 128 + 100 * np.sin(u / 9.0)], axis=-1).astype(np.uint8)


def drawn(context, key, camera, size=SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Colours (h, w, 3) and where land is seen."""
    grid = GridWarp(context, key, size)
    for _ in range(2):  # the second time over the first picture
        grid.draw(camera)
    pixels = np.frombuffer(grid.buffer.read(components=4), np.uint8).reshape(*size[::-1], 4)[::-1].astype(int)
    grid.release()
    return pixels[..., :3], pixels[..., 3] == 255


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("make", [hills, ridge, valley])
def test_it_sees_what_the_twin_sees(gl_context, make, pose) -> None:
    key = make(72, 48) if make is valley else keyframe(make(72, 48), image=smooth(72, 48))
    key.image[...] = smooth(72, 48)
    camera = moved(key.camera, **pose)
    lookup = warp([key], camera, SIZE, CpuWarper(1))
    colours, land = drawn(gl_context, key, camera)
    expected = lookup.disparity > 0.0
    assert (land != expected).mean() <= 0.001
    both = land & expected
    apart = np.abs(colours - sample(lookup, [key.image.astype(np.float32)])).max(axis=2)[both]
    assert both.any() == (pose.get("yaw", 0.0) < 1.0)
    assert not both.any() or np.quantile(apart, 0.995) <= 2.0


def test_land_is_not_seen_from_behind(gl_context) -> None:
    key = keyframe(hills(72, 48))
    camera = moved(key.camera, z=9.0, yaw=np.pi)
    assert (warp([key], camera, SIZE, CpuWarper(1)).slot == -1).all()
    assert not drawn(gl_context, key, camera)[1].any()


def test_it_may_follow_a_framebuffer_that_was_released(gl_context) -> None:
    """An OpenGL error would be found by the fixture."""
    gone = gl_context.simple_framebuffer((8, 8))
    gone.use()
    gone.release()
    key = keyframe(hills(8, 5))
    assert drawn(gl_context, key, key.camera)[1].any()
