"""Refiners over a small world, for the tests of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from handmade import keyframe

from core.refiner import Refiner
from core.sky import Dome
from core.warp import make_warper
from core.world import PAPER_STEP, World

if TYPE_CHECKING:
    from core.camera import Camera
    from core.keyframe import Keyframe

SIZE = (64, 40)
PHOTO = keyframe(size=(128, 80))
FORWARD = np.array([0.0, 0.0, PAPER_STEP])


class RefinerMaker:
    """Makes refiners over a fresh world, and closes them."""

    def __init__(self) -> None:
        self.dome, self.warper = Dome.of(PHOTO), make_warper()
        self._made: list[Refiner] = []

    def __call__(self, generator, *, lockstep: bool = True, **options) -> tuple[World, Refiner]:
        world = World(PHOTO)
        self._made.append(Refiner(world, generator, self.dome, self.warper, SIZE, lockstep=lockstep, **options))
        return world, self._made[-1]

    def close(self) -> None:
        while self._made:
            self._made.pop().close()


def made(refiner: Refiner, camera: Camera) -> Keyframe | None:
    """Have ``refiner`` make the keyframe of ``camera`` and wait for it; None when there is one already or it failed."""
    refiner.submit(camera)
    while refiner.busy:
        outcome = refiner.collect()
        if outcome is not None:
            return outcome.keyframe
        time.sleep(0.001)
    return None


def ahead(steps: float):
    return PHOTO.camera.moved(steps * FORWARD, np.eye(3))
