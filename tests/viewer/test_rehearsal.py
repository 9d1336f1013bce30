"""Rehearsal: after it a flight makes nothing new in OpenGL."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import moderngl
import numpy as np
import pytest

from core.classical import ClassicalGenerator
from core.flight import Flight, FlightSettings
from core.steering import Steering
from viewer.loader import keyframe_of
from viewer.options import FilmOptions
from viewer.rehearsal import rehearsal
from viewer.renderer import Renderer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE, LOOKUP = (160, 100), (80, 50)


@pytest.fixture
def flight(demo_photos: list[Path]) -> Iterator[Flight]:
    _, photo, _ = keyframe_of(demo_photos[0], FilmOptions())
    flight = Flight(photo, ClassicalGenerator(), FlightSettings(SIZE[0] / SIZE[1], lockstep=True))
    yield flight
    flight.close()


def test_every_kind_of_frame_is_there_and_the_flight_stays_as_it_was(flight: Flight) -> None:
    pose = flight.camera.world_from_camera.copy()
    kinds = set()
    for frame in rehearsal(flight, LOOKUP):
        home = bool((frame.camera.world_from_camera == pose).all())
        kinds.add((home, frame.older is not None, bool(frame.newer.lookup.covered.all())))
        assert frame.newer.lookup.size == LOOKUP
    assert kinds == {(True, False, True), (True, True, True), (False, False, False), (False, True, False)}
    assert len(flight.world) == 1
    assert (flight.camera.world_from_camera == pose).all()
    assert flight.surroundings is None


def test_nothing_is_made_in_flight(flight: Flight, gl_context: moderngl.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = Renderer(gl_context, flight.dome)
    target = gl_context.framebuffer([gl_context.texture(SIZE, 4)])
    for frame in rehearsal(flight, LOOKUP):
        renderer.draw(frame, target)
    made: Counter[str] = Counter()

    def counted(name: str) -> None:
        make = getattr(moderngl.Context, name)

        def counting(*arguments: object, **options: object) -> object:
            made[name] += 1
            return make(*arguments, **options)

        monkeypatch.setattr(moderngl.Context, name, counting)

    for name in ("texture", "texture_array", "framebuffer", "buffer", "program", "vertex_array", "depth_renderbuffer"):
        counted(name)
    layers, faded = set(), 0
    for _ in range(12):
        flight.advance(0.1, Steering(advance=1.0))
        frame = flight.frame(LOOKUP)
        renderer.draw(frame, target)
        layers.update(key.serial for key in frame.newer.keyframes)
        faded += frame.older is not None
    assert len(layers) > 2, "refined keyframes were shown"
    assert faded
    assert not made
    picture = np.frombuffer(target.read(components=3, alignment=1), np.uint8)
    assert picture.std() > 10.0
    renderer.release()
