"""What is shown, and how long it takes to come in."""

from __future__ import annotations

import numpy as np
import pytest
from handmade import keyframe

from core.camera import Camera
from core.keyframe import Keyframe
from core.sight import FADE_SECONDS, LOOK_TICKS, TICK, Sight
from core.world import World

PHOTO = keyframe(size=(64, 40))
HERE = Camera(PHOTO.camera.intrinsics)


class Chooses(World):
    """A world that shows what it is told to."""

    chosen = (PHOTO,)

    newest = None  # whether it was last asked for that

    def choose(self, camera, count=3, held=(), *, newest=False):  # noqa: ARG002 - whatever it is asked for
        self.newest = newest
        return self.chosen


@pytest.mark.parametrize(("factor", "seconds"), [(1.0, FADE_SECONDS), (1.2, FADE_SECONDS), (0.4, 0.6)])
def test_another_scene_comes_in_more_slowly(factor, seconds):
    world = Chooses(PHOTO)
    flat, nothing = np.full_like(PHOTO.disparity, 0.8), np.zeros_like(PHOTO.disparity)
    first, second = (Keyframe(HERE, PHOTO.image, part, nothing, nothing) for part in (flat, flat * np.float32(factor)))
    world.chosen = (first,)
    sight, away = Sight(world), HERE.moved(np.array([0.0, 0.0, 0.01]), np.eye(3))
    sight.at(0, away)
    world.chosen = (second,)
    sight.at(100 * LOOK_TICKS, away)
    tick = 100 * LOOK_TICKS
    assert sight.fade(tick) == 0.0
    assert sight.fade(tick + 0.99 * seconds / TICK) < 1.0
    assert sight.fade(tick + 1.02 * seconds / TICK) == pytest.approx(1.0, abs=0.01)


def test_the_newest_keyframe_is_asked_for_where_there_are_holes_and_only_there():
    world = Chooses(PHOTO)
    sight = Sight(world)
    near, aside = (HERE.moved(np.array([x, 0.0, 0.0]), np.eye(3)) for x in (0.001, 4.0))
    for number, (camera, expected) in enumerate(
        ((near, False), (near, False), (aside, False), (aside, True), (near, True), (near, False))
    ):
        sight.at(200 * number * LOOK_TICKS, camera)
        assert world.newest is expected
