"""The panel in a real window, driven through the window's own events."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from window_loop import turn, turn_until

from viewer.options import FlyOptions
from viewer.settings_file import settings_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from viewer.app import App

TAB, ESCAPE, SIZE = 0xFF09, 0xFF1B, (800, 600)


def press(app: App, symbol: int) -> None:
    app.window.dispatch_event("on_key_press", symbol, 0)
    turn(app, 2)
    app.window.dispatch_event("on_key_release", symbol, 0)
    turn(app, 2)


def click(app: App, x: float, y: float, to: float | None = None) -> None:
    """Click at (x, y) from the top left, or drag from there to another x."""
    place = (round(x), SIZE[1] - round(y))
    app.window.dispatch_event("on_mouse_motion", *place, 0, 0)
    turn(app, 2)
    app.window.dispatch_event("on_mouse_press", *place, 1, 0)
    turn(app, 2)
    if to is not None:
        app.window.dispatch_event("on_mouse_drag", round(to), place[1], round(to - x), 0, 1, 0)
        turn(app, 2)
        place = (round(to), place[1])
    app.window.dispatch_event("on_mouse_release", *place, 1, 0)
    turn(app, 2)


def picture(app: App, where: str) -> NDArray[np.uint8]:
    pixels = np.frombuffer(getattr(app.stage, where).read(components=3, alignment=1), np.uint8)
    assert app.stage.context.error is not None  # asking forgets that a window's framebuffer has no attachment to read
    return pixels


@pytest.fixture(scope="module")
def flying(demo_photos: list[Path], xvfb: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:  # noqa: ARG001
    from viewer.app import App

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        app = App(FlyOptions(photo=demo_photos[0], size=SIZE))
        app.load(demo_photos[0])
        turn_until(app, lambda: app.flight is not None)
        press(app, ord("0"))  # closes the card
        yield app
        app._close()


@pytest.fixture
def app(flying: App) -> Iterator[App]:
    flying.on_deactivate()
    turn_until(flying, lambda: flying.flight.craft.motion.still)
    yield flying
    flying.panels.close()


def test_tab_opens_and_closes_it(app: App) -> None:
    press(app, TAB)
    assert app.panels.page == "settings"
    press(app, TAB)
    assert app.panels.page == ""


def test_esc_closes_the_panel_and_not_the_program(app: App) -> None:
    press(app, TAB)
    press(app, ESCAPE)
    assert app.panels.page == ""
    assert app.running
    assert not app.window.has_exit


def test_keys_go_to_the_panel_while_it_has_them_and_to_the_flight_otherwise(app: App) -> None:
    app.panels.toggle("moves")
    turn(app, 3)
    press(app, ord("w"))
    assert app.flight.craft.motion.still, "the panel has the keyboard"
    click(app, 60, 300)
    press(app, ord("w"))
    assert not app.flight.craft.motion.still, "a click beside the panel gave it to the flight"


def test_what_was_held_when_it_opened_is_let_go(app: App) -> None:
    app.window.dispatch_event("on_key_press", ord("w"), 0)
    turn(app, 3)
    app.panels.toggle("settings")
    turn_until(app, lambda: app.flight.craft.motion.still)
    app.window.dispatch_event("on_key_release", ord("w"), 0)


def test_it_is_over_the_window_and_not_in_the_film(app: App) -> None:
    app.panels.toggle("settings")
    turn(app, 4)
    app.stage.present()
    film, window = picture(app, "canvas"), picture(app, "screen")
    app.panels.draw(app.stage.screen)
    assert np.array_equal(picture(app, "canvas"), film)
    assert (picture(app, "screen") != window).mean() > 0.2


def test_a_slider_acts_at_once_and_is_kept(app: App) -> None:
    app.panels.toggle("settings")
    turn(app, 4)
    before = app.settings.flight.speed
    click(app, 560, 120, to=620)
    assert app.settings.flight.speed != before
    app.panels.close()
    assert tomllib.loads(settings_path().read_text("utf-8"))["flight"]["speed"] == app.settings.flight.speed


def test_a_new_key_is_taken_by_pressing_it_and_one_that_is_taken_is_refused_by_name(app: App) -> None:
    app.panels.toggle("controls")
    turn(app, 4)
    page = app.panels._pages["controls"]
    page._ask(("autopilot", "key"))
    press(app, ord("w"))
    assert "W is taken by 'fly forward'" in page._refusal
    page._ask(("autopilot", "key"))
    press(app, ord("o"))
    assert app.controls.bindings.keys["autopilot"] == ("O",)
    page._ask(("autopilot", "key"))
    press(app, ESCAPE)
    assert app.panels.page == "controls", "Esc only ended the listening"
    app.panels.close()
    assert tomllib.loads(settings_path().read_text("utf-8"))["controls"]["keys"] == {"autopilot": ["O"]}
    assert app.controls.listener is None
    press(app, ord("o"))
    assert app.flight.pilot.name == "autopilot"
    app.flight.engage("manual")


def test_a_settings_file_that_is_broken_is_told_and_left_as_it_is(app: App) -> None:
    whole = settings_path().read_text("utf-8") if settings_path().exists() else ""
    settings_path().parent.mkdir(parents=True, exist_ok=True)
    settings_path().write_text("[flight\n", "utf-8")
    app.panels.toggle("settings")
    turn(app, 4)
    click(app, 560, 120, to=600)
    app.panels.close()
    assert "settings.toml:1" in app.hud.message
    assert settings_path().read_text("utf-8") == "[flight\n"
    settings_path().write_text(whole, "utf-8")


def test_every_page_shows_at_every_size(app: App) -> None:
    scale = app.hud.scale
    for name in app.panels._pages:
        app.panels.toggle(name)
        for app.hud.scale in (0.5, 2.0):
            turn(app, 2)
    app.hud.scale = scale


def test_an_export_is_written_behind_the_flight_and_told(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viewer.panel.export_page.keepsake", lambda photo, _, suffix: tmp_path / (photo.stem + suffix))
    app.panels.toggle("export")
    turn(app, 4)
    click(app, 500, 120)
    page = app.panels._pages["export"]
    turn_until(app, lambda: bool(page._lines))
    assert [path.suffix for path in tmp_path.iterdir()] == [".ply"]
    assert str(tmp_path) in page._lines[0]
