"""The view narrows while it turns, without a step, and is its own again at rest."""

from __future__ import annotations

import numpy as np
import pytest
from handmade import CopyGenerator, keyframe
from hypothesis import given
from hypothesis import strategies as st

from core.camera import Camera, Intrinsics
from core.comfort import narrowed
from core.flight import Flight, FlightSettings
from core.pilots.pilot import ManualPilot
from core.steering import Craft, Motion, Steering

CAMERA = Camera(Intrinsics.from_fov(1.0, 1.6))
rates = st.floats(-2.0, 2.0)


def spun(yaw: float, pitch: float = 0.0) -> Intrinsics:
    return narrowed(CAMERA, Motion(spin=np.array([yaw, pitch, 0.0]))).intrinsics


def test_at_rest_it_is_its_own() -> None:
    assert narrowed(CAMERA, Motion(velocity=np.ones(3))) is CAMERA


@given(rates, rates)
def test_it_is_never_wider_and_never_of_another_shape(yaw: float, pitch: float) -> None:
    lens = spun(yaw, pitch)
    assert CAMERA.intrinsics.fx <= lens.fx <= 1.3 * CAMERA.intrinsics.fx
    assert abs(lens.aspect - CAMERA.intrinsics.aspect) < 1e-12


@given(st.floats(0.0, 1.9))
def test_faster_turns_are_seen_through_a_narrower_view(rate: float) -> None:
    assert spun(rate).fx <= spun(rate + 0.1).fx


def test_a_key_pressed_and_let_go_zooms_without_a_step() -> None:
    pilot, craft, zooms = ManualPilot(), Craft(CAMERA), []
    for i in range(120):
        craft = pilot.advance(craft, Steering(yaw=float(i < 60), calm=True), None, 1.0 / 60.0)
        zooms.append(narrowed(craft.camera, craft.motion).intrinsics.fx / CAMERA.intrinsics.fx)
    assert max(zooms) > 1.15
    assert zooms[-1] == 1.0
    assert np.abs(np.diff(zooms)).max() < 0.06


@pytest.mark.parametrize("calm", [False, True])
def test_a_flight_narrows_its_view_where_calm_is_asked_for(calm: bool) -> None:
    flight = Flight(keyframe(), CopyGenerator(), FlightSettings(aspect=1.6, refine_size=(64, 40), lockstep=True))
    try:
        flight.advance(0.3, Steering(yaw=1.0, calm=calm))
        assert (flight.frame((48, 30)).camera.intrinsics.fx > 1.05 * flight.lens.fx) == calm
        assert flight.craft.camera.intrinsics == flight.lens, "the refiner and the pilots see what they always see"
        flight.advance(1.0, Steering(calm=calm))
        assert flight.camera.intrinsics == flight.lens
    finally:
        flight.close()
