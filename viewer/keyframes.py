"""Keyframes of the user's own: dropped, listed and flown through."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from core.errors import PhotoflightError
from core.pilots.keyed_path import PREFIX

if TYPE_CHECKING:
    import pathlib

    from core.pilots.keyed_path import KeyedPath
    from viewer.app import App


def drop(app: App) -> None:
    """Put a key where the camera is."""
    if app.flight is not None:
        app.keyed = app.keyed.dropped(app.flight.camera.world_from_camera)
        app.hud.say(f"key {len(app.keyed.keys)}", 2.0)


def fly(app: App) -> None:
    """Fly through the keys."""
    if app.flight is None:
        return
    if len(app.keyed.keys) < 2:
        app.hud.say("no path yet: drop two keys or more, then fly through them")
        return
    app.flight.engage(PREFIX + app.keyed.text)


def go_to(app: App, index: int) -> None:
    """Fly to one of the keys and hover there."""
    from core.pilots.keyed_path import KeyedPath

    if app.flight is not None:
        app.flight.engage(PREFIX + KeyedPath(app.keyed.keys[index : index + 1]).text)


def save(app: App, place: pathlib.Path) -> None:
    """Write the keys to ``place``, behind the flight, for ``film --pilot``."""
    app.saver.save(partial(_saved, app.keyed, place))


def _saved(path: KeyedPath, place: pathlib.Path) -> str:
    try:
        path.save(place)
    except PhotoflightError as error:
        return str(error)
    return f"saved {place}"
