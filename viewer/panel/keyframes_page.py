"""Keyframes: the poses that were dropped, in their order, and how the flight goes through them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from imgui_bundle import imgui

from core.pilots.keyed_path import LONGEST, SHORTEST, KeyedPath
from viewer import keyframes
from viewer.actions import keepsake
from viewer.panel.page import Page

if TYPE_CHECKING:
    from viewer.app import App


class KeyframesPage(Page):
    """The page of the keyed path."""

    name = "keyframes"

    def __init__(self, app: App) -> None:
        self._app = app

    def draw(self) -> None:
        """Show a line for each key, and what holds for all of them."""
        app = self._app
        if app.flight is None or app.photo is None:
            imgui.text_wrapped("There is no flight yet.")
            return
        if imgui.button("drop a key here"):
            keyframes.drop(app)
        if not app.keyed.keys:
            imgui.text_wrapped("No keys yet. Fly somewhere and drop one; the path runs smoothly through all of them.")
            return
        for index in range(len(app.keyed.keys)):
            imgui.push_id(str(index))
            deleted = self._row(index)
            imgui.pop_id()
            if deleted:
                break
        path = app.keyed
        tension = imgui.slider_float("tension", path.tension, 0.0, 1.0, "%.2f", imgui.SliderFlags_.always_clamp)[1]
        imgui.set_item_tooltip("0: smooth curves; 1: straight from key to key, with a rest at each")
        closed = imgui.checkbox("closed: from the last key on to the first, again and again", path.closed)[1]
        if (tension, closed) != (path.tension, path.closed):
            app.keyed = replace(path, tension=tension, closed=closed)
        self._buttons(app)

    def _buttons(self, app: App) -> None:
        if app.photo is None or not app.keyed.keys:
            return
        imgui.text_disabled(f"{app.keyed.seconds:.1f} s in all")
        if imgui.button("fly"):
            keyframes.fly(app)
        imgui.same_line()
        if imgui.button("save"):
            try:
                keyframes.save(app, keepsake(app.photo.path, "videos", "-keys.json"))
            except OSError as error:
                app.hud.say(f"the keys cannot be saved: {error}")
        imgui.same_line()
        if imgui.button("delete all"):
            app.keyed = KeyedPath()

    def _row(self, index: int) -> bool:
        """Show one key; return whether it has gone."""
        app = self._app
        count = len(app.keyed.keys)
        imgui.align_text_to_frame_padding()
        imgui.text(f"{index + 1:2d}")
        imgui.same_line()
        if imgui.button("go to"):
            keyframes.go_to(app, index)
        for word, other in (("up", index - 1), ("down", index + 1)):
            imgui.same_line()
            imgui.begin_disabled(not 0 <= other < count)
            if imgui.button(word):
                app.keyed = app.keyed.swapped(index, other)
            imgui.end_disabled()
        imgui.same_line()
        if imgui.button("delete"):
            app.keyed = app.keyed.without(index)
            return True
        if index < count - 1 or app.keyed.closed:
            imgui.same_line()
            imgui.set_next_item_width(8.0 * imgui.get_font_size())
            seconds = app.keyed.keys[index].seconds
            changed, new = imgui.drag_float("s to the next", seconds, 0.05, SHORTEST, LONGEST, "%.1f")
            if changed:
                app.keyed = app.keyed.timed(index, round(new, 1))
        return False
