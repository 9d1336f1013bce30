"""The window in this process: dropped files, other shapes of window, and a clean OpenGL after everything."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import pyglet
import pytest
from drag_source import DragSource
from fake_devices import FakePad
from window_loop import turn, turn_until

from viewer.frame_times import Part
from viewer.options import FlyOptions
from viewer.quality import AUTO
from viewer.settings_file import settings_path
from viewer.stage import Corner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from viewer.app import App


@pytest.fixture(scope="module")
def app(demo_photos: list[Path], xvfb: str) -> Iterator[App]:  # noqa: ARG001 - the display must be there
    from viewer.app import App

    app = App(FlyOptions(photo=demo_photos[0], size=(320, 200)))
    app.load(demo_photos[0])
    turn_until(app, lambda: app.flight is not None)
    yield app
    app._close()


def test_the_photo_is_shown_before_the_flight(demo_photos: list[Path], xvfb: str) -> None:  # noqa: ARG001
    from viewer.app import App

    waiting = App(FlyOptions(photo=demo_photos[1], size=(160, 100)))
    picture = np.frombuffer(waiting.stage.canvas.read(components=3, alignment=1), np.uint8)
    assert picture.std() > 10.0
    turn(waiting, 2)
    waiting._close()


def test_a_bad_photo_dropped_before_the_first_flight_does_not_end_it(demo_photos: list[Path], tmp_path: Path, xvfb: str) -> None:  # noqa: ARG001
    from viewer.app import App

    bad = tmp_path / "early.jpg"
    bad.touch()
    waiting = App(FlyOptions(photo=demo_photos[1], size=(160, 100)))
    waiting.load(demo_photos[1])
    waiting.on_file_drop(0, 0, [str(bad)])
    turn_until(waiting, lambda: waiting.flight is not None)
    assert waiting.photo.path == demo_photos[1]
    waiting._close()


def test_of_several_dropped_the_first_is_flown_and_the_others_lend_their_look(
    demo_photos: list[Path],
    tmp_path: Path,
    xvfb: str,  # noqa: ARG001
) -> None:
    from viewer.app import App

    bad = tmp_path / "torn.jpg"
    bad.write_bytes(b"not a photo")
    app = App(FlyOptions(photo=demo_photos[0], size=(160, 100)))
    app.on_file_drop(0, 0, [str(demo_photos[1]), str(bad), str(demo_photos[2])])
    turn_until(app, lambda: app.flight is not None)
    assert app.photo.path == demo_photos[1]
    assert app.flight.others == (), "the first frame that is steered waits for none"
    turn_until(app, lambda: bool(app.flight.others))
    assert [other.photo.path for other in app.flight.others] == [demo_photos[2]]
    assert "torn.jpg" in app.hud.message
    app._close()


def test_dropping_a_photo_flies_into_it(app: App, demo_photos: list[Path]) -> None:
    before = app.flight
    app.on_file_drop(0, 0, [str(demo_photos[1])])
    turn_until(app, lambda: app.flight is not before)
    assert app.photo.path == demo_photos[1]
    turn(app, 3)


def test_dropping_a_bad_photo_is_told_and_the_flight_goes_on(app: App, tmp_path: Path) -> None:
    bad = tmp_path / "broken.jpg"
    bad.write_bytes(b"not a photo")
    before = app.flight
    app.on_file_drop(0, 0, [str(bad)])
    turn_until(app, lambda: "broken.jpg" in app.hud.message)
    assert app.flight is before
    turn(app, 3)


@pytest.mark.parametrize("size", [(500, 120), (120, 400), (320, 200)])
def test_the_view_follows_the_windows_shape(app: App, size: tuple[int, int]) -> None:
    app.window.set_size(*size)
    turn_until(app, lambda: app.stage.size == size)
    turn(app, 3)
    assert app.flight.lens.aspect == pytest.approx(size[0] / size[1])
    assert app.flight.frame(size).newer.lookup.covered.all()


def test_every_view_and_action_leaves_opengl_clean(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from viewer.actions import ACTIONS

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in [*ACTIONS, *ACTIONS]:  # twice: what is toggled is toggled back
        if name != "quit":
            ACTIONS[name](app)
            turn(app, 3)
    turn_until(app, lambda: app.closing is None and "saved" in app.hud.message)
    assert list(tmp_path.rglob("*.mp4"))
    assert list(tmp_path.rglob("*.json"))
    assert len(list(tmp_path.rglob("*.png"))) == 2
    app.panels.close()  # two of its pages were asked for by turns
    app.clock.paused = False  # a step pauses


def test_the_frame_that_takes_a_key_is_the_first_that_moves(app: App, xvfb: str) -> None:
    """A real key, sent to the real window."""
    app.on_deactivate()
    app.flight.engage("manual")
    turn_until(app, lambda: app.flight.still)
    at_rest, before = app.flight.camera.position.copy(), app.stage.canvas.read()
    environment = {"DISPLAY": xvfb, "PATH": os.environ["PATH"]}
    subprocess.run(["xdotool", "windowfocus", str(app.window._window), "keydown", "w"], check=True, env=environment)
    try:
        turn_until(app, lambda: app.controls._down or (app.flight.camera.position != at_rest).any())
        assert app.controls._down
        assert (app.flight.camera.position != at_rest).any()
        assert app.stage.canvas.read() != before
    finally:
        subprocess.run(["xdotool", "keyup", "w"], check=True, env=environment)
    turn_until(app, lambda: not app.controls._down)
    turn_until(app, lambda: app.flight.still)


def test_a_key_that_was_held_as_the_focus_went_is_heard_again(app: App, xvfb: str) -> None:
    """Its release went to another window."""
    app.flight.engage("manual")
    environment = {"DISPLAY": xvfb, "PATH": os.environ["PATH"]}
    subprocess.run(["xdotool", "windowfocus", str(app.window._window), "keydown", "w"], check=True, env=environment)
    turn_until(app, lambda: app.controls._down)
    app.on_deactivate()
    assert not app.controls._down
    subprocess.run(["xdotool", "keyup", "w"], check=True, env=environment)
    turn(app, 3)
    app.window.pressed_keys.add(pyglet.window.key.S)  # as if pressed here, and released elsewhere
    app.on_deactivate()
    subprocess.run(["xdotool", "keydown", "s"], check=True, env=environment)
    try:
        turn_until(app, lambda: app.controls._down)
    finally:
        subprocess.run(["xdotool", "keyup", "s"], check=True, env=environment)
    turn_until(app, lambda: not app.controls._down)


def test_a_gamepad_plugged_in_flies_and_unplugged_lets_go(app: App) -> None:
    app.on_deactivate()
    app.flight.engage("manual")
    turn_until(app, lambda: app.flight.still)
    pad = FakePad("Gamma")
    app.devices.connect(pad)
    assert app.devices.names == ["Gamma"]
    pad.push("left", 0, 1)
    turn(app, 3)
    assert app.flight.craft.motion.velocity[2] > 0.0
    turn_until(app, lambda: app.meters.pad == "Gamma")
    pad.press("a")
    turn(app)
    pad.push("left", 0, 0.02)
    pad.press("a", down=False)
    pad.press("a")
    turn(app)
    assert app.flight.pilot.name == "autopilot", "a stick at rest steers nothing, so the autopilot keeps the controls"
    pad.push("right", 0.6, 0)
    turn(app, 2)
    assert app.flight.pilot.name == "manual"
    app.devices.disconnect(pad)
    turn_until(app, lambda: app.flight.still)
    assert app.devices.names == []


def test_settings_saved_in_the_file_fly_at_once(app: App) -> None:
    path = settings_path()
    before, was = path.read_text(), app.settings
    width, height = app.stage.size
    own, scale = app.flight.lens.fov[1], app.hud.scale
    path.write_text(before + "[view]\nfield_of_view = 40.0\n[display]\nquality = 'full'\nhud_scale = 2.0\n")
    turn_until(app, lambda: app.settings != was)
    assert math.degrees(app.flight.lens.fov[1]) == pytest.approx(40.0)
    assert app.hud.scale == 2.0 * scale
    turn_until(app, lambda: app.stage.canvas.size == (width, height))
    path.write_text(before + "[view]\nfield_of_vew = 50.0\n")
    turn_until(app, lambda: "is it view.field_of_view?" in app.hud.message)
    assert app.settings.view.field_of_view == 40.0, "what is wrong changes nothing"
    path.write_text(before)
    turn_until(app, lambda: app.settings == was)
    assert app.flight.lens.fov[1] == own
    assert app.hud.scale == scale
    assert (app.quality.rung, app.quality.fixed) == (AUTO, False), "it finds the resolution by itself again"


def test_losing_the_focus_releases_every_key(app: App) -> None:
    app.on_key_press(ord("w"), 0)
    turn(app, 3)
    assert app.flight.craft.motion.velocity[2] > 0.0
    app.on_deactivate()
    turn(app, 30)
    assert app.flight.craft.motion.still


def test_frames_in_flight_are_clocked_and_rest_is_not(app: App) -> None:
    app.on_deactivate()
    turn(app, 40)
    at_rest = app.times.count
    turn(app, 5)
    assert app.times.count == at_rest
    app.on_key_press(ord("w"), 0)
    turn(app, 9)
    app.on_deactivate()
    assert app.times.count == at_rest + 8, "the first has no picture before it"
    parts, _ = app.times.latest(0.0, 8)
    assert (parts[:, [Part.WARP, Part.DRAW, Part.FLIP]] > 0.0).all()
    assert parts[:, Part.RECORD].max() == 0.0


def test_g_shows_the_graph_of_frame_times_at_once(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.on_deactivate()
    turn(app, 40)
    shown: dict[Corner, np.ndarray] = {}
    overlay = app.stage.overlay

    def seen(picture: np.ndarray, corner: Corner) -> None:
        shown[corner] = picture
        overlay(picture, corner)

    monkeypatch.setattr(app.stage, "overlay", seen)
    for there in (True, False):
        shown.clear()
        app.on_key_press(ord("g"), 0)
        turn(app)
        assert Corner.BOTTOM_LEFT in shown
        assert (Corner.TOP_RIGHT in shown) == there


def test_a_fallback_is_one_line_on_the_screen(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(app.stage.renderer), "fallback", "lookups are copied")
    app._changed = True
    turn(app)
    assert app.hud.message == "lookups are copied"
    monkeypatch.setattr(app.flight.refiner, "last_error", "refining on the processor")
    app._changed = True
    turn(app, 2)
    assert app.hud.message == "refining on the processor"


@pytest.mark.parametrize(("told", "believed"), [(143.9, 143.9), (0, 60.0), (None, 60.0), (1e9, 60.0)])
def test_the_displays_rate_is_believed_where_it_can_be(told: float | None, believed: float) -> None:
    from viewer.window import display_rate

    mode = SimpleNamespace(rate=told)
    assert display_rate(SimpleNamespace(screen=SimpleNamespace(get_mode=lambda: mode))) == believed


def test_a_display_without_modes_is_taken_for_60_hz() -> None:
    from viewer.window import display_rate

    assert display_rate(SimpleNamespace(screen=SimpleNamespace(get_mode=lambda: None))) == 60.0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X11 only")
def test_without_a_display_one_line_says_so() -> None:
    for display in ({}, {"DISPLAY": ":987"}):
        environment = {key: value for key, value in os.environ.items() if key != "DISPLAY"} | display
        ended = subprocess.run([sys.executable, "-m", "viewer"], env=environment, check=False, capture_output=True, text=True)
        assert ended.returncode == 2
        assert ended.stderr.count("\n") == 1
        assert "DISPLAY" in ended.stderr


def test_a_photo_that_another_program_drops_is_flown_into(app: App, demo_photos: list[Path], tmp_path: Path, xvfb: str) -> None:
    photo = tmp_path / os.fsdecode("☃ #1 100%".encode() + b"\xe9.jpg")  # no UTF-8
    photo.write_bytes(demo_photos[2].read_bytes())
    source = DragSource(xvfb, app.window._window, f"file://{quote(os.fsencode(photo))}\r\n".encode())
    source.enter()
    source.move(200, 100)
    source.drop()

    def flown() -> bool:
        source.serve()
        return app.photo.path == photo and bool(source.finished)

    turn_until(app, flown)
    turn(app, 3)
    source.close()


@pytest.mark.parametrize("dropped", ["a folder", "a link"])
def test_what_is_dropped_and_no_photo_is_told_and_the_flight_goes_on(app: App, tmp_path: Path, dropped: str) -> None:
    before = app.flight
    app.on_file_drop(0, 0, [str(tmp_path)] if dropped == "a folder" else [])
    turn_until(app, lambda: ("is a folder" if dropped == "a folder" else "no file") in app.hud.message)
    assert app.flight is before


def test_what_is_raised_in_an_event_handler_is_told_and_the_flight_goes_on(app: App) -> None:
    def on_mouse_scroll(*_: object) -> None:
        raise ValueError("a wheel that is none")

    app.window.push_handlers(on_mouse_scroll=on_mouse_scroll)
    app.window.dispatch_event("on_mouse_scroll", 0, 0, 0.0, 1.0)
    turn(app)
    app.window.remove_handlers(on_mouse_scroll=on_mouse_scroll)
    assert "a wheel that is none" in app.hud.message
    turn(app, 2)
