"""Refiners over a small world, for the tests of them."""

from __future__ import annotations

import numpy as np
from handmade import keyframe

from core.refiner import Refiner
from core.sky import Dome
from core.warp import make_warper
from core.world import PAPER_STEP, World

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


def ahead(steps: float):
    return PHOTO.camera.moved(steps * FORWARD, np.eye(3))
