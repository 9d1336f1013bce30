"""The card of a first run: the six things to know, in the words and keys of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import PhotoflightError
from viewer.controls import TABLE, help_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from viewer.app import App
    from viewer.controls import Bindings

TO_KNOW = ("forward", "look_left", "speed", "autopilot", "record", "help")  # ids; each stands for its line of the help
TITLE = "Fly into your photo"
END = "Any key closes this card. Drop another photo on the window to fly into that one."


def card(bindings: Bindings | None = None, legend: Callable[[str], str] = str, *, pad: bool = False) -> list[str]:
    """Return the card's lines for ``viewer.hud.text_picture``: what is pressed, a tab, what it does.

    With ``pad`` it names what is pressed on a gamepad, and the keyboard's where that has no part in it.
    """
    lines = {line.what: line for line in help_lines(bindings, legend)}
    rows = [lines[each.line or each.what] for name in TO_KNOW for each in TABLE if each.id == name]
    return [TITLE, *(f"{(pad and row.pad) or row.keys}\t{row.what}" for row in rows), END]


def close(app: App) -> None:
    """Take the card away, for good: the settings remember that it was seen. A file that cannot be written is told."""
    app.hud.card_visible = False
    before = app.settings
    app.apply(before.model_copy(update={"welcome": before.welcome.model_copy(update={"seen": True})}))
    try:
        app.keep(before, app.settings)
    except PhotoflightError as error:
        app.hud.say(str(error))
