"""Instruments: which pictures lie over the flight, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.pilots.path import RewindPilot
from viewer.controls import help_lines
from viewer.flight_stick import FlightStick
from viewer.frame_graph import graph_picture
from viewer.gamepad import Gamepad
from viewer.stage import MARGIN, Corner
from viewer.timeline import map_picture, stacked, strip_picture
from viewer.welcome import card

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from core.flight import Flight
    from viewer.app import App


def instruments(app: App) -> dict[Corner, NDArray[np.uint8]]:
    """Draw what lies over the flight."""
    hud, controls = app.hud, app.controls
    app.meters.pad = ", ".join(app.devices.names)
    pictures, room = {}, app.stage.size[0] - 2 * MARGIN
    if app.flight is not None:
        app.meters.clock = app.clock.word
        pictures[Corner.BOTTOM_LEFT] = stacked(
            [*_timeline(app.flight, app), hud.status_picture(app.flight.status(), app.meters, room)]
        )
    if hud.graph_visible:
        pictures[Corner.TOP_RIGHT] = graph_picture(app.times, hud.scale)
        room -= pictures[Corner.TOP_RIGHT].shape[1] + MARGIN
    if hud.help_visible:
        table = help_lines(controls.bindings, controls.keyboard.legend)
        pictures[Corner.CENTRE] = hud.help_picture(table, pad=app.devices.has(Gamepad), stick=app.devices.has(FlightStick))
    elif hud.card_visible:
        lines = card(controls.bindings, controls.keyboard.legend, pad=app.devices.has(Gamepad))
        pictures[Corner.CENTRE] = hud.card_picture(lines)
    if (message := hud.message_picture(room)) is not None:
        pictures[Corner.TOP_LEFT] = message
    return pictures


def _timeline(flight: Flight, app: App) -> list[NDArray[np.uint8]]:
    """Draw the map, where it is wanted, and where on the path a rewind is."""
    pictures = []
    if app.hud.map_visible:
        keys = [key.pose[:3, 3] for key in app.keyed.keys]
        pictures.append(map_picture(flight.path.trail, flight.camera, keys, app.hud.scale))
    if isinstance(flight.pilot, RewindPilot):
        pictures.append(strip_picture(*flight.pilot.place, app.hud.scale))
    return pictures
