"""Hotkey: one key that works while another window has the focus, for those who ask for it.

Only a ``Hotkey`` that exists listens, for its one key; nothing is imported, opened or heard before. Keys that the
program's own window gets are not its business: the window reports those itself.
"""

from __future__ import annotations

import os
import sys
from threading import Event
from typing import TYPE_CHECKING

from core.errors import DeviceError

if TYPE_CHECKING:
    from pynput.keyboard import Key, KeyCode


class Hotkey:
    """Listens for function key ``name`` ("f9") system-wide until ``close``.

    Raises DeviceError where the system does not let a program do that.
    """

    def __init__(self, name: str = "f9") -> None:
        if sys.platform.startswith("linux") and os.environ.get("WAYLAND_DISPLAY"):
            raise _unavailable(name, "Wayland keeps keys from other windows; log in to an X11 session")
        try:
            from pynput import keyboard
        except ImportError as error:  # what pynput raises where there is no display, too
            raise _unavailable(name, "there is no X display to listen on, or pynput is missing") from error
        self._key = keyboard.Key[name]
        self._pressed = Event()
        self._listener = keyboard.Listener(on_press=self._on_press)
        if not getattr(self._listener, "IS_TRUSTED", True):
            raise _unavailable(name, "allow it under System Settings, Privacy, Accessibility")
        self._listener.start()

    def poll(self) -> bool:
        """Whether the key was pressed since the last call."""
        pressed = self._pressed.is_set()
        self._pressed.clear()
        return pressed

    def close(self) -> None:
        """Stop listening."""
        self._listener.stop()

    def _on_press(self, key: Key | KeyCode | None) -> None:
        if key == self._key:
            self._pressed.set()


def _unavailable(name: str, why: str) -> DeviceError:
    return DeviceError(f"{name.upper()} is heard in the window only: {why}")
