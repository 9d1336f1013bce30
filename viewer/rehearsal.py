"""Rehearsal: frames that need what a flight will need, drawn before it and never shown.

A driver compiles a shader, and makes room for a texture, when it is first drawn with. In flight that is a picture too late:
software OpenGL then took 0.3 to 0.6 s of processor time for the first of each of these frames, and some 20 ms where Mesa knew
the shaders from an earlier run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.frame import Frame, Layer
from core.keyframe import Keyframe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.flight import Flight

BACK = np.array([0.0, 0.0, -0.5])  # scene units: from there the photo does not fill the view


def rehearsal(flight: Flight, size: tuple[int, int]) -> Iterator[Frame]:
    """Yield frames of every kind: at home and away, of one layer and two, with holes and without; ``size`` is the lookup's.

    A frame is to be drawn before the next is asked for. ``flight`` stays as it is.
    """
    photo, home = flight.world.photo, flight.camera
    layer = (photo, _refined(flight))
    for camera in (home, home.moved(BACK, np.eye(3))):
        newer, older = flight.warper.warp([layer, (photo,)], camera, size)
        yield Frame(camera, Layer(layer, newer))
        yield Frame(camera, Layer(layer, newer), Layer((photo,), older), 0.5)


def _refined(flight: Flight) -> Keyframe:
    """Return a grey wall, as large as the pictures of keyframes that the refiner is going to make."""
    width, height = flight.refiner.picture_size
    image = np.full((height, width, 3), 128, np.uint8)
    disparity, nothing = np.full((height, width), 0.5, np.float32), np.zeros((height, width), np.float32)
    return Keyframe(flight.forecast(), image, disparity, nothing, nothing)
