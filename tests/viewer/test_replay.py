"""A flight in the window, at the pace of this machine, and the same flight filmed from its file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from window_loop import turn_until

from viewer import actions, film
from viewer.loader import keyframe_of
from viewer.options import FilmOptions, FlyOptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from core.keyframe import Keyframe
    from core.photo import Photo
    from viewer.app import App

pytestmark = pytest.mark.usefixtures("gl_context")  # films leave no context behind that is in a later window's way

SIZE = (320, 200)
STEPS = (2, 4, 2, 2, 6)  # ticks between pictures: an uneven pace


@dataclass
class Flown:
    """A flight as it was seen."""

    folder: Path
    photo: Photo
    keyframe: Keyframe
    pictures: dict[int, np.ndarray] = field(default_factory=dict)  # by tick
    keyframes: int = 0

    def file(self, pattern: str) -> Path:
        (file,) = self.folder.rglob(pattern)
        return file


def fly(app: App, flown: Flown) -> None:
    """Press keys and turn the loop, keeping what is on the canvas."""
    import time

    script = {
        3: lambda: app.on_key_press(ord("w"), 0),
        20: lambda: app.on_mouse_drag(0, 0, 14, -3, 1, 0),
        25: lambda: app.on_key_press(ord("d"), 0),
        35: lambda: actions.screenshot(app),
        40: lambda: app.on_key_release(ord("d"), 0),
        45: app.on_deactivate,
        55: lambda: actions.toggle_autopilot(app),
    }
    for step in range(80):
        app.window.switch_to()
        app.window.dispatch_events()
        script.get(step, lambda: None)()
        app._changed = True
        app._step(STEPS[step % len(STEPS)] / 120.0, time.perf_counter())
        pixels = np.frombuffer(app.stage.canvas.read(components=3, alignment=1), np.uint8)
        flown.pictures[app.flight.tick] = pixels.reshape(SIZE[1], SIZE[0], 3)[::-1]
    flown.keyframes = len(app.flight.world)


@pytest.fixture(scope="module")
def flown(demo_photos: list[Path], xvfb: str, tmp_path_factory: pytest.TempPathFactory) -> Flown:  # noqa: ARG001
    from viewer.app import App

    folder = tmp_path_factory.mktemp("home")
    photo, keyframe, _ = keyframe_of(demo_photos[0], FlyOptions())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        app = App(FlyOptions(photo=demo_photos[0], size=SIZE, refiner="classical", seed=5))
        app.quality.rung, app.quality.frozen = 0, True  # a film's lookups are as fine
        app.load(demo_photos[0])
        turn_until(app, lambda: app.flight is not None)
        flown = Flown(folder, photo, keyframe)
        fly(app, flown)
        actions.save_flight(app)
        turn_until(app, lambda: bool(list(folder.rglob("*ideos/**/*.json"))) and not app.saver._pending)
        app._close()
    return flown


def filmed(flown: Flown, options: FilmOptions) -> Iterator[np.ndarray]:
    return (shot.picture.copy() for shot in film.shots(flown.keyframe, options, flown.photo))


@pytest.fixture(scope="module")
def options(flown: Flown) -> FilmOptions:
    return FilmOptions(pilot=str(flown.file("*ideos/**/*.json")), size=SIZE, fps=60.0)


def test_the_film_is_what_was_seen_bit_for_bit(flown: Flown, options: FilmOptions) -> None:
    assert flown.keyframes > 3, "new land was made behind the display"
    same = {}
    for tick, picture in zip(range(0, 9999, 2), filmed(flown, options), strict=False):
        if tick in flown.pictures:
            same[tick] = np.array_equal(picture, flown.pictures[tick])
    assert len(same) > 70
    assert all(same.values()), [tick for tick, equal in same.items() if not equal]


def test_the_screenshot_is_taken_again(flown: Flown) -> None:
    shot = np.array(Image.open(flown.file("*.png")))
    options = FilmOptions(pilot=str(flown.file("*.png").with_suffix(".json")), size=SIZE)
    (again,) = filmed(flown, options)
    assert np.array_equal(again, shot)
    (large,) = filmed(flown, replace(options, size=(3840, 2400)))
    coarse = np.asarray(Image.fromarray(large).resize(SIZE, Image.Resampling.BOX)).astype(int)
    assert np.abs(coarse - shot).mean() < 6.0
    assert np.abs(np.diff(large.astype(int), axis=1)).mean() > 0.0


def test_it_is_small_and_says_what_it_is(flown: Flown, options: FilmOptions) -> None:
    document = json.loads(flown.file("*ideos/**/*.json").read_text())
    own = document["photoflight"]
    assert (own["digest"], own["seed"], own["generator"]) == (flown.photo.digest, 5, "classical")
    assert len(json.dumps(own)) < 2000 * film.seconds_of(options)


def test_into_another_photo_the_path_is_followed(flown: Flown, options: FilmOptions, capsys: pytest.CaptureFixture[str]) -> None:
    other = replace(flown.photo, digest="0" * 64)
    poses = [shot.camera for shot in film.shots(flown.keyframe, replace(options, seconds=0.5, fps=4.0), other)]
    assert len(poses) == 2
    assert capsys.readouterr().err.count("\n") == 1
