"""Named moves: who flies, chosen from a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import imgui

from core.pilots.cinematic import CINEMATICS
from viewer.panel.page import Page

if TYPE_CHECKING:
    from viewer.app import App

OTHERS = {
    "manual": "hover, and fly by hand",
    "autopilot": "on and on, round what stands in the way",
    "rewind": "back the way you came",
    "home": "back to the photo directly",
}


class MovesPage(Page):
    """The page of all pilots."""

    name = "moves"

    def __init__(self, app: App) -> None:
        self._app = app

    def draw(self) -> None:
        """Show a line for each, with a mark at the one that flies."""
        flight = self._app.flight
        if flight is None:
            imgui.text_wrapped("There is no flight yet.")
            return
        moves = {
            name: f"{move.what}, {move.seconds:.0f} s{', again and again' * move.cyclic}" for name, move in CINEMATICS.items()
        }
        for name, what in (OTHERS | moves).items():
            if imgui.radio_button(name, flight.pilot.name == name):
                flight.engage(name)
            imgui.same_line(9.0 * imgui.get_font_size())
            imgui.text_disabled(what)
        imgui.spacing()
        imgui.text_wrapped("Steer, and you fly by hand again.")
