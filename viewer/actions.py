"""Actions: what each key of ``viewer.controls`` does to the app. Keys that steer are not here; they are part of ``Steering``."""

from __future__ import annotations

import sys
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from core.errors import PhotoflightError
from viewer import keyframes
from viewer.gl.debug import DebugView
from viewer.provenance import origin_of, recording_metadata
from viewer.saver import write_png

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from core.flight import Flight
    from core.flight_file import FlightRecord
    from core.photo import Photo
    from viewer.app import App


def keepsake(photo: pathlib.Path, folder: str, suffix: str) -> pathlib.Path:
    """Return a new file name in the user's own folder for pictures or videos, naming the photo and the time."""
    import platformdirs

    place = platformdirs.user_videos_path() if folder == "videos" else platformdirs.user_pictures_path()
    place = place / "photoflight"
    place.mkdir(parents=True, exist_ok=True)
    name = f"{photo.stem}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    names = (name, *(f"{name}-{n}" for n in range(2, 100)))  # two in one second are rare, but must not overwrite
    return next(path for each in names if not (path := place / (each + suffix)).exists())


def toggle_recording(app: App) -> None:
    """Start or stop recording what is on the screen, without the instruments."""
    if app.capture is None:
        start_recording(app)
    else:
        stop_recording(app)


def start_recording(app: App) -> None:
    """Start; a file that cannot be written is told on the screen."""
    from viewer.capture import record

    if app.photo is None or app.flight is None:
        return
    try:
        path = keepsake(app.photo.path, "videos", ".mp4")
        metadata = recording_metadata(app.photo, app.options.seed, app.flight.refiner.generator_name, app.flight.others)
        capture = record(app.stage.context, path, app.stage.canvas.size, metadata)
    except (PhotoflightError, OSError) as error:
        app.hud.say(str(error))
        return
    app.quality.frozen = True
    app.capture = capture
    app.recorded = app.flight, app.photo, app.flight.tick
    app.hud.say(f"recording to {path}")


def stop_recording(app: App) -> None:
    """Stop; the file is closed behind the flight. The flight goes beside it, for ``film --pilot``."""
    capture, app.capture = app.capture, None
    recorded, app.recorded = app.recorded, None
    app.quality.frozen = False
    app.meters.recording = None
    if capture is None or recorded is None:
        return
    capture.finish()
    app.closing = recorder = capture.recorder
    app.hud.say(f"recorded {recorder.seconds:.1f} s to {recorder.path}")
    flight, photo, first = recorded
    record = _record(app, flight, photo, first)
    app.saver.save(partial(_saved, record, recorder.path.with_suffix(".json")))


def end_recording(app: App) -> None:
    """Stop, and wait until the file is closed. What went wrong is printed, as no flight is left to tell it over."""
    if app.capture is not None:
        stop_recording(app)
    if app.closing is not None:
        app.closing.close()
        if app.closing.error is not None:
            print(app.closing.error, file=sys.stderr)


def save_flight(app: App) -> None:
    """Save the flight until now, for ``film --pilot``."""
    if app.photo is not None and app.flight is not None:
        record = _record(app, app.flight, app.photo, 0)
        app.saver.save(partial(_saved_flight, record, app.photo.path))


def _record(app: App, flight: Flight, photo: Photo, first: int) -> FlightRecord:
    """Return the flight until now, of which what follows tick ``first`` is meant."""
    from core.flight_file import FlightRecord

    return FlightRecord.of(flight, origin_of(flight, photo, app.options.refiner), app.stage.size, first)


def _saved_flight(record: FlightRecord, photo: pathlib.Path) -> str:
    try:
        path = keepsake(photo, "videos", ".json")
    except OSError as error:
        return f"cannot save the flight: {error}"
    return _saved(record, path) or f"saved {path}"


def _saved(record: FlightRecord, path: pathlib.Path) -> str:
    try:
        record.save(path)
    except PhotoflightError as error:
        return str(error)
    return ""


def screenshot(app: App) -> None:
    """Save the view as PNG: without the instruments, and at full resolution even where the flight is drawn more coarsely.

    The flight goes beside it, with the camera; ``film --pilot`` of it takes the picture again.
    """
    if app.photo is not None and app.flight is not None:
        picture = app.stage.picture(app.flight.frame(app.stage.size))
        app.saver.save(partial(_saved_picture, picture, _record(app, app.flight, app.photo, app.flight.tick), app.photo.path))


def _saved_picture(picture: NDArray[np.uint8], record: FlightRecord, photo: pathlib.Path) -> str:
    try:
        path = keepsake(photo, "pictures", ".png")
        write_png(path, picture)
    except OSError as error:
        return f"cannot save the screenshot: {error}"
    return _saved(record, path.with_suffix(".json")) or f"saved {path}"


def toggle_autopilot(app: App) -> None:
    """Hand over to the autopilot, or take the controls back."""
    if app.flight is not None:
        app.flight.engage("manual" if app.flight.pilot.name == "autopilot" else "autopilot")


def next_cinematic(app: App) -> None:
    """Start the cinematic move after the present one."""
    from core.pilots.cinematic import CINEMATICS

    if app.flight is not None:
        names = list(CINEMATICS)
        now = names.index(app.flight.pilot.name) if app.flight.pilot.name in names else -1
        app.flight.engage(names[(now + 1) % len(names)])
        app.hud.say(f"cinematic: {app.flight.pilot.name}", 2.0)


def show_panel(app: App, page: str) -> None:
    """Open the panel at a page, or close it where that page is open."""
    if app.panels is not None:
        app.panels.toggle(page)


def _fly(app: App, how: str) -> None:
    if app.flight is not None:
        app.flight.engage(how)


def _look(app: App, view: DebugView | None) -> None:
    app.stage.view = view


def _toggle_help(app: App) -> None:
    app.hud.help_visible = not app.hud.help_visible


def _toggle_map(app: App) -> None:
    app.hud.map_visible = not app.hud.map_visible


def _pause(app: App) -> None:
    app.clock.paused = not app.clock.paused


def _slow(app: App) -> None:
    app.clock.slow = not app.clock.slow


def _step(app: App) -> None:
    app.clock.step()


def _toggle_graph(app: App) -> None:
    app.hud.graph_visible = not app.hud.graph_visible


def _toggle_fullscreen(app: App) -> None:
    app.window.set_fullscreen(not app.window.fullscreen)
    app.controls.release_all()


def _quit(app: App) -> None:
    app.running = False


ACTIONS: dict[str, Callable[[App], None]] = {
    "hover": partial(_fly, how="manual"),
    "autopilot": toggle_autopilot,
    "cinematic": next_cinematic,
    "rewind": partial(_fly, how="rewind"),
    "home": partial(_fly, how="home"),
    "keyframe": keyframes.drop,
    "keyframes": partial(show_panel, page="keyframes"),
    "fly_keyframes": keyframes.fly,
    "step": _step,
    "pause": _pause,
    "slow_motion": _slow,
    "map": _toggle_map,
    "record": toggle_recording,
    "fullscreen": _toggle_fullscreen,
    "screenshot": screenshot,
    "save_flight": save_flight,
    "view_disparity": partial(_look, view=DebugView.DISPARITY),
    "view_sky": partial(_look, view=DebugView.SKY),
    "view_stretch": partial(_look, view=DebugView.STRETCH),
    "view_holes": partial(_look, view=DebugView.HOLES),
    "view_keyframe": partial(_look, view=DebugView.KEYFRAME),
    "view_lookup": partial(_look, view=DebugView.LOOKUP),
    "view_flight": partial(_look, view=None),
    "settings": partial(show_panel, page="settings"),
    "graph": _toggle_graph,
    "help": _toggle_help,
    "quit": _quit,
}
