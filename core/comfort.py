"""Comfort: a narrower view while turning, which spares people whom moving pictures make ill."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.camera import Camera, Intrinsics

if TYPE_CHECKING:
    from core.steering import Motion

_NARROWEST = 0.3  # more of the focal length, at the fastest turn
_HALF = 0.3  # radians / s at which half of that is reached


def narrowed(camera: Camera, motion: Motion) -> Camera:
    """Return ``camera`` with a view that is narrower the faster it turns; at rest it is its own.

    A function of the motion alone, which has no steps, so the view has none either.
    """
    rate = float(motion.spin @ motion.spin)
    if rate == 0.0:
        return camera
    lens, zoom = camera.intrinsics, 1.0 + _NARROWEST * rate / (rate + _HALF**2)
    return camera.through(Intrinsics(lens.fx * zoom, lens.fy * zoom, lens.cx, lens.cy))
