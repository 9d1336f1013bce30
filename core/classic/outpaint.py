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
from core.refiner import refine
from core.sky import Dome
from core.warp import make_warper
from core.world import World

if TYPE_CHECKING:
    from core.keyframe import Keyframe

FOV = 2.0 * math.atan(1.5 * math.tan(math.radians(27.5)))  # 76 degrees: 384 pixels of which the middle 256 span 55
# disparities of sky, from zenith down, all below land's; the loop's threshold is a percentile of them, which a constant would not
# stay below
_SKY = 0.02, 0.05


def prepared_photo(photo: Keyframe) -> Prepared:
    """Return ``photo``, of any shape, as the released loop takes it."""
    generator = ClassicalGenerator()
    generator.begin(photo, 0)
    camera = Camera(Intrinsics.from_fov(FOV, 1.0))
    wide = refine(World(photo), generator, Dome.of(photo), make_warper(), camera, (SOURCE, SOURCE))
    if wide is None:
        raise RuntimeError("the classical completion of a photo is always finite")
    sky = wide.sky >= 0.5
    ramp = np.linspace(*_SKY, SOURCE, dtype=np.float32)[:, None]
    return prepared(wide.image, np.where(sky, ramp, np.maximum(wide.disparity, _SKY[1])), sky)
