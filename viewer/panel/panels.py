"""The panel over the flight: one window of ImGui with a tab for each page. It is drawn on the window only, so never recorded."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from imgui_bundle import imgui

from viewer.panel import theme
from viewer.panel.events import Events
from viewer.panel.renderer import PanelRenderer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import moderngl

    from viewer.app import App
    from viewer.panel.edits import Edits
    from viewer.panel.page import Page

ESCAPE = 0xFF1B
ALWAYS = ("settings", "keyframes", "record", "screenshot", "fullscreen", "help")  # actions whose keys no panel has a use for
WIDTH, HEIGHT = 36.0, 0.86  # of the panel: in sizes of its text, and of the window's height
EDGE = 12.0  # pixels between panel and window at scale 1


class Panels:
    """Opens, draws and closes the panel. Make it in the thread, and with the OpenGL context, that draws."""

    def __init__(self, app: App, edits: Edits, pages: Sequence[Page]) -> None:
        self._app, self._edits = app, edits
        self._pages = {page.name: page for page in pages}
        self._context = imgui.create_context()
        imgui.set_current_context(self._context)
        io = imgui.get_io()
        io.set_ini_filename("")  # where the panel was is nothing to litter a folder with
        io.config_flags |= imgui.ConfigFlags_.nav_enable_keyboard
        theme.load_font()
        self._renderer = PanelRenderer(app.stage.context)
        self._events = Events(lambda: app.stage.size[1], app.window.get_pixel_ratio, self._key)
        self._scale = 0.0
        self._drawn = time.perf_counter()
        self._chosen = ""  # a page to turn to in the next frame
        self.page = ""  # the page that is shown, empty while the panel is closed

    def toggle(self, name: str) -> None:
        """Show a page; where it is shown already, close the panel."""
        if self.page == name:
            self.close()
            return
        if not self.page:
            self._app.controls.release_all()
            self._app.window.push_handlers(self._events)
            imgui.get_io().clear_input_keys()
        self.page = self._chosen = name

    def close(self) -> None:
        """Take the panel away."""
        if self.page:
            self._pages[self.page].leave()
            self._app.window.remove_handlers(self._events)
            self.page = ""

    def _key(self, symbol: int) -> bool:
        """Take a key before ImGui: the page may be waiting for it, and Esc closes the panel, unless it ends typing."""
        if self._pages[self.page].key(symbol):
            return True
        if not imgui.get_io().want_text_input and self._app.controls.action(symbol) in ALWAYS:
            return self._app.controls.on_key_press(symbol)
        if symbol == ESCAPE and not (imgui.get_io().want_text_input or imgui.is_popup_open("", imgui.PopupFlags_.any_popup)):
            self.close()
            return True
        return False

    def rehearse(self, target: moderngl.Framebuffer) -> None:
        """Draw a panel on ``target`` before that is drawn over: a first frame takes 70 ms, for glyphs and shaders."""
        self.page = self._chosen = next(iter(self._pages))
        self.draw(target)
        self.page = self._chosen = ""

    def draw(self, target: moderngl.Framebuffer) -> None:
        """Draw the panel, if it is open, over ``target``."""
        if not self.page:
            return
        if self._scale != self._app.hud.scale:
            self._scale = self._app.hud.scale
            theme.apply(self._scale)
        io, now = imgui.get_io(), time.perf_counter()
        io.display_size = imgui.ImVec2(*self._app.stage.size)
        io.delta_time, self._drawn = max(now - self._drawn, 1e-3), now
        imgui.new_frame()
        still_open = self._window()
        imgui.render()
        self._renderer.draw(target)
        self._edits.poll()
        if not still_open:
            self.close()

    def _window(self) -> bool:
        """Make the window and its tabs; return False when it was closed with its button."""
        width, height = self._app.stage.size
        edge = EDGE * self._scale
        size = imgui.ImVec2(min(WIDTH * imgui.get_font_size(), width - 2 * edge), HEIGHT * height - edge)
        imgui.set_next_window_size(size)
        imgui.set_next_window_pos(imgui.ImVec2(width - edge, edge), pivot=imgui.ImVec2(1.0, 0.0))
        if self._chosen:
            imgui.set_next_window_focus()
        fixed = imgui.WindowFlags_.no_move | imgui.WindowFlags_.no_resize | imgui.WindowFlags_.no_collapse
        shown, still_open = imgui.begin("photoflight", True, fixed)
        if shown and imgui.begin_tab_bar("pages"):
            for name in self._pages:
                self._tab(name)
            imgui.end_tab_bar()
        imgui.end()
        return bool(still_open)

    def _tab(self, name: str) -> None:
        flags = imgui.TabItemFlags_.set_selected if name == self._chosen else imgui.TabItemFlags_.none
        if not imgui.begin_tab_item_simple(name, flags):
            return
        if name == self._chosen:
            self._chosen = ""
        if name != self.page and not self._chosen:
            self._pages[self.page].leave()
            self.page = name
        if imgui.begin_child("page"):
            self._pages[name].draw()
        imgui.end_child()
        imgui.end_tab_item()

    def release(self) -> None:
        """Close the panel and give everything back."""
        self.close()
        self._renderer.release()
        imgui.destroy_context(self._context)
