"""A flight on the stand-in for a GPU: the same as on the CPU, without waiting, and on to the CPU when the GPU is lost."""

from __future__ import annotations

import numpy as np
import pytest
from handmade import CopyGenerator, keyframe

from core.flight import Flight, FlightSettings
from core.steering import Steering
from core.warp.cpu import CpuWarper
from core.warp.device_lookup import DeviceLookup
from core.warp.lookup import Lookup

SIZE = (48, 30)
DT = 1.0 / 30.0


def made():
    flight = Flight(keyframe(), CopyGenerator(), FlightSettings(aspect=1.6, refine_size=(64, 40), lockstep=True))
    flight.engage("autopilot")
    return flight


@pytest.fixture
def flight(cupy):  # noqa: ARG001 - it flies on that
    """Fly on the GPU."""
    flight = made()
    yield flight
    flight.close()


def step(flight):
    flight.advance(DT, Steering())
    return flight.frame(SIZE)


def test_it_is_the_same_flight(flight, monkeypatch):
    monkeypatch.setattr("core.flight.make_warper", CpuWarper)
    on_cpu = made()
    faded = False
    for _ in range(40):
        one, other = step(flight), step(on_cpu)
        np.testing.assert_array_equal(one.camera.world_from_camera, other.camera.world_from_camera)
        for a, b in zip((one.newer, one.older), (other.newer, other.older), strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                assert isinstance(a.lookup, DeviceLookup)
                np.testing.assert_array_equal(a.lookup.slot, b.lookup.slot)
                np.testing.assert_array_equal(a.lookup.uv, b.lookup.uv)
        faded = faded or one.older is not None
    assert faded
    assert len(flight.world) == len(on_cpu.world) > 1
    on_cpu.close()


def test_neither_display_nor_pilots_copy_a_lookup(cupy, flight, monkeypatch):
    flight.warm_up(SIZE)
    monkeypatch.setattr(flight.refiner, "submit", lambda _: None)  # which computes on the processor
    cupy.count.clear()
    for _ in range(4):
        step(flight)
    assert flight.surroundings is not None
    assert cupy.count["copy"] == 0


def test_the_flight_goes_on_when_the_gpu_is_lost(kernels, cupy, flight):
    for _ in range(9):
        step(flight)
    seen = flight.surroundings
    cupy.broken = kernels[0].RuntimeLostError("unspecified launch failure")
    for _ in range(20):
        lookup = step(flight).newer.lookup
        assert type(lookup) is Lookup
        assert lookup.covered_share > 0.5
    assert flight.surroundings is not seen
    assert "unspecified launch failure" in str(flight.warper.fallback)
    assert np.isfinite(flight.camera.world_from_camera).all()
    assert flight.refiner.failures == 0
