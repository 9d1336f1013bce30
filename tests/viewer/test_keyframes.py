"""Keyframes of the user's own, as the keys and the panel use them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from core.camera import Camera, Intrinsics, rigid
from core.pilots import make_pilot
from core.pilots.keyed_path import KeyedPath
from viewer import keyframes
from viewer.hud import Hud
from viewer.saver import Saver

if TYPE_CHECKING:
    from pathlib import Path


class Window(SimpleNamespace):
    """What keyframes use of the app: a flight that remembers who was given the controls."""

    def __init__(self) -> None:
        self.engaged: list[str] = []
        flight = SimpleNamespace(camera=Camera(Intrinsics.from_fov(1.0, 1.6)), engage=self.engaged.append)
        super().__init__(flight=flight, keyed=KeyedPath(), hud=Hud(), saver=Saver(), engaged=self.engaged)

    def move(self, z: float) -> None:
        self.flight.camera = Camera(self.flight.camera.intrinsics, rigid(np.eye(3), np.array([0.0, 0.0, z])))


@pytest.fixture
def app() -> Any:
    return Window()


def test_keys_are_dropped_where_the_camera_is_and_flown_through(app: Any) -> None:
    keyframes.fly(app)
    assert "drop two keys" in app.hud.message
    assert not app.engaged
    for z in (0.0, 1.0, 3.0):
        app.move(z)
        keyframes.drop(app)
    assert app.hud.message == "key 3"
    keyframes.fly(app)
    pilot = make_pilot(app.engaged[0])
    assert pilot.name == "keys"
    keyframes.go_to(app, 1)
    there = KeyedPath.of_text(app.engaged[1].removeprefix("keys:"))
    assert [key.pose[2, 3] for key in there.keys] == [1.0]


def test_without_a_flight_nothing_happens(app: Any) -> None:
    app.flight = None
    keyframes.drop(app)
    keyframes.fly(app)
    keyframes.go_to(app, 0)
    assert app.keyed.keys == ()


def test_saved_keys_are_flown_by_films_and_failures_are_told(app: Any, tmp_path: Path) -> None:
    keyframes.drop(app)
    app.move(2.0)
    keyframes.drop(app)
    keyframes.save(app, tmp_path / "k.json")
    keyframes.save(app, tmp_path / "nowhere" / "k.json")
    app.saver.close()
    assert make_pilot(str(tmp_path / "k.json")).name == "keys"
    again = KeyedPath.load(tmp_path / "k.json")
    assert again is not None
    assert again.text == app.keyed.text
    lines = []
    while line := app.saver.poll():
        lines.append(line)
    assert any("the keys cannot be saved" in line for line in lines)
