"""Frame: everything the display needs for one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.camera import Camera
    from core.keyframe import Keyframe
    from core.warp.lookup import Lookup


@dataclass(frozen=True, eq=False)
class Layer:
    """Keyframes and where each target pixel finds its colour in them: ``lookup.slot`` indexes ``keyframes``."""

    keyframes: tuple[Keyframe, ...]
    lookup: Lookup


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture to draw: the newer layer over the older one, so that new keyframes never pop in.

    ``fade`` in [0, 1] is the weight of ``newer``; ``older`` is None when the fade is over.
    """

    camera: Camera
    newer: Layer
    older: Layer | None = None
    fade: float = 1.0
