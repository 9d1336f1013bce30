"""From the CUDA warp to the picture: what is drawn of a flight on the stand-in for a GPU is what is drawn of one on the CPU."""

from __future__ import annotations

import sys
from itertools import pairwise

import fake_interop
import numpy as np
import pytest
from handmade import CopyGenerator, keyframe

from core.flight import Flight, FlightSettings
from core.steering import Steering
from core.warp.cpu import CpuWarper
from tests.core.warp.conftest import cupy, kernels  # noqa: F401 - fixtures
from tests.viewer.test_renderer import drawn
from viewer.interop import Registered
from viewer.renderer import Renderer


def flown(renderer: Renderer) -> list[np.ndarray]:
    """Fly for a second; return the pictures."""
    flight = Flight(keyframe(), CopyGenerator(), FlightSettings(aspect=1.6, refine_size=(64, 40), lockstep=True))
    renderer.enter(flight.dome)
    flight.engage("autopilot")
    pictures = []
    for number in range(30):
        flight.advance(1.0 / 30.0, Steering())
        size = (48, 30) if number < 15 else (64, 40)
        pictures.append(drawn(renderer, flight.frame(size), 96, 60))
    flight.close()
    return pictures


@pytest.mark.parametrize("refused", [None, "register"])
def test_what_is_drawn_is_the_same(gl_context, kernels, cupy, monkeypatch, refused) -> None:  # noqa: F811 - fixtures
    def get(array, stream, out) -> None:
        np.copyto(out, cupy.asnumpy(array, stream))

    monkeypatch.setattr(kernels[0].Array, "get", get, raising=False)
    context = fake_interop.Context(gl_context)
    runtime = fake_interop.Runtime(context)
    runtime.refused, runtime.streams = refused, cupy.streams
    renderer = Renderer(context)
    renderer._transfer = Registered(context, runtime)
    with monkeypatch.context() as patch:
        if refused is None:  # the pictures of keyframes are on the GPU before they are drawn
            patch.setattr("viewer.gl.textures._fitted", None)
        pictures = flown(renderer)
    assert (renderer.fallback is None) == (refused is None)
    renderer.release()
    assert not runtime.registered

    monkeypatch.setattr("core.flight.make_warper", CpuWarper)
    monkeypatch.setitem(sys.modules, "cupy", None)
    twin = Renderer(gl_context)
    expected = flown(twin)
    twin.release()
    for picture, other in zip(pictures, expected, strict=True):
        assert (picture == other).all()
    assert all((one != other).any() for one, other in pairwise(expected))
