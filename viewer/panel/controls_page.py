"""The controls: every action with its key and its place on a pad, each of which can be changed by pressing another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import imgui

from core.errors import ControlsError
from viewer.controls import KINDS, TABLE, Bindings
from viewer.panel.page import Page
from viewer.rebind import give, rebind, rehold

if TYPE_CHECKING:
    from collections.abc import Callable

    from viewer.controls import Action, Kind
    from viewer.dispatcher import Dispatcher
    from viewer.panel.edits import Edits
    from viewer.settings import Settings

LEAVE, FREE = "Esc", "Backspace"  # while the page listens: change nothing, bind to nothing
COLUMNS = ("what", "key", "gamepad", "acts", "")
WEIGHTS = (0.28, 0.18, 0.34, 0.1, 0.1)
ASKED = {"key": "press a key", "gamepad": "press a button"}


class ControlsPage(Page):
    """The page of all bindings."""

    name = "controls"

    def __init__(self, edits: Edits, controls: Dispatcher) -> None:
        self._edits, self._controls = edits, controls
        self._asked: tuple[str, str] | None = None  # action id and column that the next press is for
        self._refusal = ""  # why the last press could not be taken

    def draw(self) -> None:
        """Show the table."""
        imgui.text_wrapped(
            f"Click on a key or button, then press another. {LEAVE} leaves it as it is, {FREE} frees it."
            if self._asked is None
            else f"{ASKED[self._asked[1]].capitalize()} for: {self._what(self._asked[0])}"
        )
        if self._refusal:
            imgui.text_wrapped(f"(!) {self._refusal}")
        flags = imgui.TableFlags_.row_bg | imgui.TableFlags_.sizing_stretch_prop
        if imgui.begin_table("controls", len(COLUMNS), flags):
            for column, weight in zip(COLUMNS, WEIGHTS, strict=True):
                imgui.table_setup_column(column, imgui.TableColumnFlags_.width_stretch, weight)
            imgui.table_headers_row()
            for action in TABLE:
                imgui.push_id(action.id)
                self._row(action)
                imgui.pop_id()
            imgui.end_table()

    def _row(self, action: Action) -> None:
        bound, default = self._controls.bindings, Bindings()
        imgui.table_next_row()
        imgui.table_next_column()
        imgui.align_text_to_frame_padding()
        imgui.text_wrapped(action.what)
        keys = [self._controls.keyboard.legend(name) for name in bound.keys[action.id]]
        self._cell(action.id, "key", keys)
        self._cell(action.id, "gamepad", [*bound.axes[action.id], *bound.buttons[action.id]])
        imgui.table_next_column()
        how = bound.how[action.id]
        if how != "press":
            if imgui.small_button(how):
                self._take(lambda settings: rehold(settings, action.id, "toggle" if how == "hold" else "hold"))
            imgui.set_item_tooltip("hold: acts while down; toggle: a press begins it, the next one ends it")
        imgui.table_next_column()
        changed = [kind for kind in KINDS if bound.of(kind)[action.id] != default.of(kind)[action.id]]
        if (changed or how != default.how[action.id]) and imgui.small_button("reset"):
            self._reset(action, changed)

    def _cell(self, action: str, column: str, names: list[str]) -> None:
        imgui.table_next_column()
        asked = self._asked == (action, column)
        words = f"{ASKED[column]} ..." if asked else " / ".join(names) or "-"
        if imgui.button(f"{words}##{column}", imgui.ImVec2(-1.0, 0.0)):
            self._ask(None if asked else (action, column))
        imgui.set_item_tooltip(words)

    def _ask(self, asked: tuple[str, str] | None) -> None:
        """Take the next press for an action, or, with None, for the flight again."""
        self._asked, self._refusal = asked, ""
        self._controls.listener = self._heard if asked else None

    def _heard(self, kind: Kind, name: str) -> None:
        """Take what was pressed: on the keyboard for a key, on any pad for a button or axis."""
        if self._asked is None:
            return
        action, column = self._asked
        if (kind, name) == ("keys", LEAVE):
            self._ask(None)
        elif (kind, name) == ("keys", FREE):
            self._ask(None)
            for each in ("keys",) if column == "key" else ("buttons", "axes"):
                self._take(lambda settings, each=each: rebind(settings, action, each, ()))  # type: ignore[misc]
        elif (kind == "keys") == (column == "key"):
            self._ask(None)
            self._take(lambda settings: give(settings, action, kind, name))

    def _reset(self, action: Action, changed: list[Kind]) -> None:
        for kind in changed:
            names = Bindings().of(kind)[action.id]
            self._take(lambda settings, kind=kind, names=names: rebind(settings, action.id, kind, names))  # type: ignore[misc]
        if action.how != "press":
            self._take(lambda settings: rehold(settings, action.id, action.how))

    def _take(self, change: Callable[[Settings], Settings]) -> None:
        """Change the settings, or say why that cannot be."""
        try:
            self._edits.change(change(self._edits.settings))
        except ControlsError as error:
            self._refusal = str(error)

    def _what(self, action: str) -> str:
        return next(each.what for each in TABLE if each.id == action)

    def key(self, symbol: int) -> bool:
        """Let the dispatcher hear a key that is waited for; it tells ``_heard`` by its place."""
        if self._asked is None:
            return False
        if not self._controls.on_key_press(symbol):
            self._refusal = "that key has no name here: choose another"
        return True

    def leave(self) -> None:
        """Stop listening, and write what has changed."""
        self._ask(None)
        self._edits.poll(now=True)
