"""The wide view of any photo that the released loop starts from: the sky dome and the classical generator continue it.

The paper inverts a GAN for it (section 3.3), and takes disparity and sky from two networks more.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from core.camera import Camera, Intrinsics
from core.classic.canvas import SOURCE, Prepared, prepared
from core.classical import ClassicalGenerator
from core.keyframe import eight_bit
from core.refiner import refine
from core.sky import Dome
from core.warp import make_warper
from core.world import World

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.keyframe import Keyframe

FOV = 2.0 * math.atan(1.5 * math.tan(math.radians(27.5)))  # 76 degrees: 384 pixels of which the middle 256 span 55
# disparity from zenith down to the lowest sky, all below land's; the loop's threshold is a percentile of sky's, and nothing of a
# constant would stay below it
_SKY = 0.05
_LAND = 0.06


def prepared_photo(photo: Keyframe) -> Prepared:
    """Return ``photo``, of any shape, as the released loop takes it."""
    generator = ClassicalGenerator()
    generator.begin(photo, 0)
    dome, camera = Dome.of(photo), Camera(Intrinsics.from_fov(FOV, 1.0))
    wide = refine(World(photo), generator, dome, make_warper(), camera, (SOURCE, SOURCE))
    if wide is None:
        raise RuntimeError("the classical completion of a photo is always finite")
    sky = wide.sky >= 0.5
    floating = ~sky & ~_photographed(photo, camera) & np.maximum.accumulate(sky[::-1])[::-1]  # land that was invented above sky
    image = np.where(floating[..., None], eight_bit(dome.view(camera, SOURCE, SOURCE)), wide.image)
    sky |= floating
    lowest = max(1, int(np.nonzero(sky.any(1))[0].max(initial=0)))
    ramp = (np.arange(SOURCE, dtype=np.float32) * (_SKY / lowest))[:, None]
    return prepared(image, np.where(sky, ramp, np.maximum(wide.disparity, np.float32(_LAND))), sky)


def _photographed(photo: Keyframe, camera: Camera) -> NDArray[np.bool_]:
    """Where the view of ``camera``, which looks as the photo's does, lies within the photo: (384, 384)."""
    wide, lens = camera.intrinsics, photo.camera.intrinsics
    place = (np.arange(SOURCE) + 0.5) / SOURCE - 0.5
    u, v = place / wide.fx * lens.fx + lens.cx, place / wide.fy * lens.fy + lens.cy
    return np.asarray(((v > 0) & (v < 1))[:, None] & ((u > 0) & (u < 1)))
