"""How flying feels: the same at every frame rate, and soon at rest."""

from __future__ import annotations

import numpy as np
import pytest

from core.camera import Camera, Intrinsics
from core.pilots.pilot import ManualPilot
from core.steering import Craft
from viewer.dispatcher import Dispatcher
from viewer.keyboard import KEYS


def fly(dispatcher: Dispatcher, pilot: ManualPilot, craft: Craft, seconds: float, fps: int) -> Craft:
    for _ in range(round(seconds * fps)):
        craft = pilot.advance(craft, dispatcher.poll()[0], None, 1.0 / fps)
    return craft


@pytest.mark.parametrize("key", ["W", "A", "E", "Right", "Up", "X"])
def test_a_held_key_moves_the_same_at_every_frame_rate(key):
    ends = []
    for fps in (30, 60, 144):
        dispatcher = Dispatcher()
        dispatcher.on_key_press(KEYS[key])
        craft = fly(dispatcher, ManualPilot(), Craft(Camera(Intrinsics(0.8, 1.2))), 1.0, fps)
        ends.append(craft.camera.world_from_camera - np.eye(4))
    way = np.abs(ends[0]).max()
    assert way > 0.1
    for end in ends[1:]:
        assert np.abs(end - ends[0]).max() < 0.01 * way


@pytest.mark.parametrize("fps", [30, 60, 144])
@pytest.mark.parametrize("key", ["W", "Right"])
def test_a_released_key_comes_to_rest_within_0_4_s_without_overshoot(key, fps):
    dispatcher, pilot = Dispatcher(), ManualPilot()
    dispatcher.on_key_press(KEYS[key])
    craft = fly(dispatcher, pilot, Craft(Camera(Intrinsics(0.8, 1.2))), 1.0, fps)
    dispatcher.on_key_release(KEYS[key])
    rate = np.concatenate([craft.motion.velocity, craft.motion.spin])
    for _ in range(round(0.4 * fps)):
        craft = fly(dispatcher, pilot, craft, 1.0 / fps, fps)
        later = np.concatenate([craft.motion.velocity, craft.motion.spin])
        assert later @ rate >= 0.0, "it went back"
        assert np.linalg.norm(later) <= np.linalg.norm(rate)
        rate = later
    assert craft.motion.still
