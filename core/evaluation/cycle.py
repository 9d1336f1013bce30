"""The cycle: from the photo to a virtual camera and back, refined: InfiniteNature-Zero, section 3.1, as a test, not a loss.

The virtual camera stands behind and beside the photo's, so that coming home magnifies what was sampled there: the generator has
worn detail to renew, and the truth is known. Holes are not judged: a generator that knows the photo could copy the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.camera import turn
from core.edges import land_extended
from core.evaluation.flights import Home, Judge, Start
from core.evaluation.likeness import Likeness, likeness
from core.keyframe import Keyframe, eight_bit
from core.warp.sample import sample

if TYPE_CHECKING:
    from core.generator import Generator, WarpedView

BACK = 5 * 0.1875  # scene units: five steps
ASIDE = 0.1
YAW = 0.06  # radians, toward the middle of the scene
_KNOWN = 0.99  # of a sample's weight must lie on known pixels
_BEHIND = 0.01  # disparity of what is unknown: as far as can be, so that it hides nothing


@dataclass(frozen=True)
class Cycle:
    """Likeness to the photo of what came home: as it was warped, and refined, where it is known; None where too little is."""

    warped: Likeness | None
    refined: Likeness | None


def cycle(start: Start, generator: Generator, judge: Judge) -> Cycle:
    """Send the photo to a virtual camera and home again and compare; the judge's seed chooses the side."""
    flight = judge.flight(start, "autopilot")
    home = Home.of(flight, judge.warper)
    side = float(np.random.default_rng(judge.seed).choice((-1.0, 1.0)))
    there = flight.look_from(flight.camera.moved(np.array([side * ASIDE, 0.0, -BACK]), turn(-side * YAW)))
    view = come_home(there, home)
    generator.begin(start.photo, judge.seed)
    refined = generator(view)
    return Cycle(
        likeness(view.image, home.view.image, view.mask, judge.vgg),
        likeness(refined.image, home.view.image, view.mask, judge.vgg),
    )


def come_home(there: WarpedView, home: Home) -> WarpedView:
    """Warp the known part of ``there``, and nothing else, back home."""
    on_sky = there.mask & (there.disparity == 0.0)
    land = np.where(there.mask & ~on_sky, there.disparity, np.float32(_BEHIND))
    disparity = np.where(there.mask, land_extended(land, on_sky.astype(np.float32), rim=1), np.float32(_BEHIND))
    raw = Keyframe(there.camera, eight_bit(there.image), np.clip(disparity, _BEHIND, 1.0), there.sky, there.debt)
    lookup = home.lookup((raw,))
    view = home.composed((raw,), lookup)
    known = sample(lookup, [there.mask.astype(np.float32)]) > _KNOWN
    return view.within(known)
