"""Open a window with OpenGL 3.3, or say in one line why that cannot be."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

import pyglet

from core.errors import DeviceError
from viewer.trace import trace

if TYPE_CHECKING:
    from pyglet.window import BaseWindow

DEFAULT_SIZE = (1280, 720)
RATE, RATES = 60.0, (24.0, 1000.0)  # Hz of a display that does not tell, and what is believed (Xvfb tells 0 or nonsense)


def open_window(size: tuple[int, int] | None, *, fullscreen: bool) -> BaseWindow:
    """Open a resizable window that takes dropped files; ``size`` is (width, height), None for as large as fits well.

    Raises DeviceError where there is no display or no OpenGL 3.3.
    """
    pyglet.options["shadow_window"] = False  # a second context that nothing here needs: 0.1 s
    _require_display()
    from pyglet.gl import Config, ContextException
    from pyglet.window import NoSuchConfigException, Window

    if sys.platform.startswith("linux"):
        from viewer.xdnd import XdndWindow as Window
    config = Config(double_buffer=True, major_version=3, minor_version=3, depth_size=0)  # type: ignore[abstract]
    try:
        screen = pyglet.display.get_display().get_default_screen()
        width, height = size or (min(DEFAULT_SIZE[0], screen.width), min(DEFAULT_SIZE[1], screen.height))
        window: BaseWindow = Window(
            width,
            height,
            caption="photoflight",
            resizable=True,
            file_drops=True,
            config=config,
            fullscreen=fullscreen,
        )
    except (NoSuchConfigException, ContextException) as error:
        raise DeviceError(f"no OpenGL 3.3 here ({error}): install a graphics driver, or Mesa (libgl1-mesa-dri)") from error
    return window


def dispatch_events(window: BaseWindow) -> str:
    """Let ``window`` take what the system tells it; return in one line what was raised by that, or nothing. It is traced."""
    try:
        window.dispatch_events()
    except Exception as error:  # noqa: BLE001 - of pyglet's handlers as well as ours: the flight goes on
        trace("event failed", error=traceback.format_exc())
        return f"that could not be done: {error or type(error).__name__}"
    return ""


def display_rate(window: BaseWindow) -> float:
    """Return how often a second the display of ``window`` shows a new picture, Hz; 60 where it does not tell."""
    try:
        rate = float(window.screen.get_mode().rate or 0.0)
    except (AttributeError, IndexError, NotImplementedError):  # no XRandR, no modes
        return RATE
    return rate if RATES[0] <= rate <= RATES[1] else RATE


def _require_display() -> None:
    """Raise DeviceError on an X11 system whose display cannot be reached."""
    if not sys.platform.startswith("linux"):
        return
    from pyglet.display.xlib import NoSuchDisplayException

    try:
        pyglet.display.get_display()
    except NoSuchDisplayException as error:
        name = os.environ.get("DISPLAY", "")
        raise DeviceError(f"no display {name!r} to open a window on: set DISPLAY, or use `photoflight film`") from error
