"""Sight: which keyframes a flight shows, and what its pilots see of them.

Both change only every ``LOOK_TICKS``, whatever the display does: pilots look through a small warp of their own, of keyframes
thinned out, always on the processor. So the same flight is flown on a fast machine and on a slow one, in a window and in a film.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from core.frame import Layer
from core.keyframe import Keyframe, picked
from core.steering import Surroundings
from core.warp.cpu import CpuWarper
from core.warp.lookup import HOLE, THIN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.camera import Camera
    from core.world import World

TICK = 1.0 / 120.0  # seconds: everything that a flight does, it does in whole ticks
LOOK_TICKS = 12  # ten times a second
TRACK_TICKS = 12  # between poses that are saved
_MESH = 128, 80  # columns, rows of the geometry that is looked at: a look takes 1.3 ms instead of 6.8
FADE_SECONDS = 0.25  # a new keyframe fades in over this time: shorter pops, longer ghosts in a fast turn
_SWAP_SECONDS = 0.6  # over this if all changes, as behind a wall; longer, and what was before lies behind the camera
_APART = 0.3  # of log disparity: more is another thing
_HOLD_SECONDS = 0.5  # the shown keyframes stay at least this long, as every fade costs a second resolve and a second layer,
_HOLES = 0.01  # unless more than this share of the view is holes
_AT_HOME = 1e-6  # scene units and radians: closer than this to the photo's own pose the photo alone is shown


class Sight:
    """Looks at a ``world``. Call ``at(tick, camera)`` at every tick."""

    def __init__(self, world: World) -> None:
        self.shown: tuple[Keyframe, ...] = (world.photo,)
        self.before: tuple[Keyframe, ...] = ()  # what was shown before, as long as that fades
        self.surroundings: Surroundings | None = None  # None before the first look
        self._world, self._warper = world, CpuWarper(threads=1)
        self._changed = -math.inf  # tick of the last change of what is shown
        self._fading = FADE_SECONDS  # how long that takes to come in
        self._holed = False
        self._thinned: dict[Keyframe, Keyframe] = {}
        self._looked: tuple[Camera, tuple[Keyframe, ...]] | None = None  # from where, at what

    def fade(self, tick: float) -> float:
        """How far what is shown has faded in at ``tick``, [0, 1]."""
        return min(1.0, (tick - self._changed) * TICK / self._fading)

    def at(self, tick: int, camera: Camera) -> None:
        """Choose what to show and look at it from ``camera``, if it is time to."""
        if tick % LOOK_TICKS:
            return
        self._choose(tick, camera)
        if self._looked is None or self._looked[0] is not camera or self._looked[1] is not self.shown:
            self._looked = camera, self.shown
            before, self.surroundings = self.surroundings, self.look(camera)
            if before is not None and self._changed == tick:
                self._fading = FADE_SECONDS + (_SWAP_SECONDS - FADE_SECONDS) * _replaced(before, self.surroundings)
            self._holed = float(self.surroundings.covered.mean()) < 1.0 - _HOLES

    def _choose(self, tick: int, camera: Camera) -> None:
        if self.fade(tick) < 1.0 or (not self._holed and (tick - self._changed) * TICK < _HOLD_SECONDS):
            return
        photo = self._world.photo
        at_home = bool(np.abs(camera.world_from_camera - photo.camera.world_from_camera).max() < _AT_HOME)
        chosen = (photo,) if at_home else self._world.choose(camera, held=self.shown, newest=self._holed)
        if {key.serial for key in chosen} != {key.serial for key in self.shown}:
            self.before, self.shown, self._changed = self.shown, chosen, tick

    def look(self, camera: Camera) -> Surroundings:
        """Look at what is shown from ``camera``."""
        self._thinned = {key: self._thinned.get(key) or thinned(key) for key in self.shown}
        keyframes = tuple(self._thinned.values())
        return coarse(Layer(keyframes, self._warper.warp([keyframes], camera, THIN)[0]))


def _replaced(before: Surroundings, after: Surroundings) -> float:
    """Share of what is seen that is another thing than before, [0, 1]."""
    seen = before.covered & after.covered
    apart = np.abs(np.log(np.maximum(after.disparity, 0.01) / np.maximum(before.disparity, 0.01)))
    return float((apart[seen] > _APART).mean()) if seen.any() else 0.0


def thinned(keyframe: Keyframe) -> Keyframe:
    """Return ``keyframe`` with at most 128 x 80 points of geometry."""
    rows, columns = keyframe.disparity.shape
    shape = min(rows, _MESH[1]), min(columns, _MESH[0])
    disparity, sky, debt = (picked(array, shape) for array in (keyframe.disparity, keyframe.sky, keyframe.debt))
    return Keyframe(keyframe.camera, picked(keyframe.image, shape), disparity, sky, debt)


def coarse(layer: Layer) -> Surroundings:
    """Thin a lookup out to what pilots see."""
    disparity, slot = layer.lookup.thin(*THIN)
    covered = np.not_equal(slot, HOLE)
    return Surroundings(disparity, (covered & (disparity == 0.0)).astype(np.float32), covered)


def ground_clearance(surroundings: Surroundings | None, fy: float) -> float:
    """Height over the ground nearby, scene units: the median over the lower middle of the view; nan where none is seen."""
    if surroundings is None:
        return math.nan
    rows, columns = surroundings.disparity.shape
    patch = np.s_[int(rows * 0.8) :, columns // 4 : columns - columns // 4]
    disparity = surroundings.disparity[patch]
    down = ((np.arange(rows)[int(rows * 0.8) :, None] + 0.5) / rows - 0.5) / fy
    heights: NDArray[np.float64] = (down / np.maximum(disparity, 1e-3))[disparity > 0.0]
    return float(np.median(heights)) if heights.size else math.nan
