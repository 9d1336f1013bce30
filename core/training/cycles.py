"""Cycles: self-supervised view synthesis from one picture (paper section 3.1). There, and back again, and compare.

A picture is rendered to a virtual camera nearby and back; what was lost on the way (occluded, outside, magnified) is what the
generator has to restore, and the picture itself says how it should look.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.camera import Camera, turn
from core.compose import compose
from core.frame import Layer
from core.keyframe import Keyframe, eight_bit
from core.warp import warp
from core.warp.sample import sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.classical import ClassicalGenerator
    from core.generator import WarpedView
    from core.sky import Dome
    from core.warp import Warper

    Floats = NDArray[np.float32]

# bounds of one virtual move; the paper's are in its unpublished supplement
ADVANCE = -1.0, 0.7  # scene units: back, so that the way here magnifies up to 1.8 times; forward, so that the borders are lost
STRAFE, CLIMB = 0.45, 0.25
YAW, PITCH = math.radians(14.0), math.radians(6.0)
MOVES = 2  # at most, before the way back
COARSE = 0.4  # least resolution of a virtual view, so that blur accumulates as in long flights: up to 1.3 octaves of debt
_COARSE_SHARE = 0.7  # of cycles


@dataclass(frozen=True, eq=False)
class Cycle:
    """What came back, and what should have."""

    view: WarpedView
    target: WarpedView  # the same view as it was


def cycle(source: Keyframe, dome: Dome, classical: ClassicalGenerator, warper: Warper, size: tuple[int, int], seed: int) -> Cycle:
    """Send ``source`` there and back; ``classical`` has begun with the start photo that ``dome`` belongs to.

    ``size`` is the (width, height) of the views; the same ``seed`` makes the same moves.
    """
    random = np.random.default_rng(seed)
    home = source.camera.through(source.camera.intrinsics.covered_by(size[0] / size[1]))
    target = compose(Layer((source,), warp([source], home, size, warper)), home, dome)
    coarse = random.uniform(COARSE, 1.0) if random.random() < _COARSE_SHARE else 1.0
    small = max(16, round(size[0] * coarse)), max(16, round(size[1] * coarse))
    there = source
    known: Floats | None = None
    for _ in range(int(random.integers(1, MOVES + 1))):
        camera = _moved(home, random)
        done = classical.complete(_seen(there, known, camera, dome, warper, small))
        # holes are only carried along, so that the surface stays whole; what lies in them counts as unknown
        there = Keyframe(camera, eight_bit(done.view.image), done.disparity, done.sky, done.view.debt)
        known = done.view.mask.astype(np.float32)
    return Cycle(_seen(there, known, home, dome, warper, size), target)


def _moved(home: Camera, random: np.random.Generator) -> Camera:
    translation = np.array([random.uniform(-STRAFE, STRAFE), -random.uniform(-CLIMB, CLIMB), random.uniform(*ADVANCE)])
    return home.moved(translation, turn(random.uniform(-YAW, YAW), random.uniform(-PITCH, PITCH)))


def _seen(
    keyframe: Keyframe, known: Floats | None, camera: Camera, dome: Dome, warper: Warper, size: tuple[int, int]
) -> WarpedView:
    """See ``keyframe`` from ``camera``, without what was not ``known`` in it."""
    lookup = warp([keyframe], camera, size, warper)
    view = compose(Layer((keyframe,), lookup), camera, dome)
    return view if known is None else view.within(sample(lookup, [known]) > 0.5)
