"""Keyboard: keys by the place they have, named as on a QWERTY board, so that every layout flies with the same fingers.

pyglet reports the symbols of the present layout, which are translated here. They are listed because importing ``pyglet.window``
opens a connection to the display.
"""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyglet.window import BaseWindow

KEYS: dict[str, int] = {
    **{chr(code): code + 32 for code in range(ord("A"), ord("Z") + 1)},
    **{chr(code): code for code in range(ord("0"), ord("9") + 1)},
    **{sign: ord(sign) for sign in "`-=[]\\;',./"},
    "Space": 0x20,
    "Backspace": 0xFF08,
    "Tab": 0xFF09,
    "Enter": 0xFF0D,
    "Esc": 0xFF1B,
    "Home": 0xFF50,
    "Left": 0xFF51,
    "Up": 0xFF52,
    "Right": 0xFF53,
    "Down": 0xFF54,
    "Page Up": 0xFF55,
    "Page Down": 0xFF56,
    "End": 0xFF57,
    "Insert": 0xFF63,
    "Left Shift": 0xFFE1,
    "Right Shift": 0xFFE2,
    "Left Ctrl": 0xFFE3,
    "Right Ctrl": 0xFFE4,
    "Left Alt": 0xFFE9,
    "Right Alt": 0xFFEA,
    "Delete": 0xFFFF,
    **{f"F{i}": 0xFFBD + i for i in range(1, 13)},
    **{f"Keypad {i}": 0xFFB0 + i for i in range(10)},
}
NAMES: dict[int, str] = {symbol: name for name, symbol in KEYS.items()}
_ROWS = ((2, "1234567890-="), (16, "QWERTYUIOP[]"), (30, "ASDFGHJKL;'`"), (43, "\\ZXCVBNM,./"))
SCANS: dict[str, int] = {name: first + i for first, row in _ROWS for i, name in enumerate(row)}  # the PC keyboard's set 1
PLACES: dict[int, str] = {scan: name for name, scan in SCANS.items()}


class Keyboard:
    """A keyboard whose symbols already tell places: that of macOS, and any that cannot be asked."""

    def place(self, symbol: int) -> str | None:
        """Return which of ``KEYS`` lies where pyglet reports ``symbol``, None for a key that has no name here."""
        return PLACES.get(self.scan(symbol)) or NAMES.get(symbol)

    def legend(self, name: str) -> str:
        """Return what is printed on the user's key at the place of ``name``.

        Digits are printed on all boards, with Shift or without; letters beyond ASCII are not in the typeface of the instruments.
        """
        letter = self.letter(SCANS[name]).upper() if name in SCANS and not name.isdigit() else ""
        return letter if letter.isascii() and letter else name

    def scan(self, symbol: int) -> int:
        """Return the scan code of the key that gave ``symbol``, 0 where that does not depend on the layout."""
        del symbol
        return 0

    def letter(self, scan: int) -> str:
        """Return the letter on a key, an empty string where it is not known."""
        del scan
        return ""

    def released(self, symbol: int) -> None:
        """Take note that a key has been let go."""

    def all_released(self) -> None:
        """Take note that what is held is no longer told, as the window has lost the focus."""


_USER_KEY = 32  # pyglet shifts the code of a key that has no symbol of its own by so many bits
_EVDEV = 8  # the X server's keycodes are the PC's scan codes and so much
_ESCAPE, _ESCAPE_SCAN = 0xFF1B, 1
_CORE_KEYBOARD = 0x100  # of XkbGetState
_LATIN, _UNICODE = range(0x21, 0x100), 0x1000000  # keysyms that are the letter's own number, and those that are that far beyond


class X11Keyboard(Keyboard):
    """A keyboard of an X server, which is asked at each key, as the layout may change in flight: 0.04 ms.

    ``pressed`` are the symbols that pyglet takes for held. It forgets only the one that is released, which is not the one that
    was pressed where Shift came or went in between, and would ignore that key from then on.
    """

    def __init__(self, display: int, pressed: set[int]) -> None:
        import pyglet

        self._display, self._pressed = ctypes.c_void_p(display), pressed
        self._x11 = pyglet.lib.load_library("X11")
        self._x11.XkbKeycodeToKeysym.restype = ctypes.c_ulong

    @property
    def numbered_as_usual(self) -> bool:
        """Whether the server numbers keys as nearly all do."""
        return int(self._x11.XKeysymToKeycode(self._display, ctypes.c_ulong(_ESCAPE))) & 0xFF == _ESCAPE_SCAN + _EVDEV

    def scan(self, symbol: int) -> int:
        """See ``Keyboard``."""
        if symbol >> _USER_KEY:
            return (symbol >> _USER_KEY) - _EVDEV
        group = self._group()
        return next((scan for level in (0, 1) for scan in PLACES if self._keysym(scan, group, level) == symbol), 0)

    def letter(self, scan: int) -> str:
        """See ``Keyboard``."""
        keysym = self._keysym(scan, self._group(), 0)
        if keysym in _LATIN:
            return chr(keysym)
        return chr(keysym - _UNICODE) if _UNICODE < keysym <= _UNICODE + sys.maxunicode else ""

    def released(self, symbol: int) -> None:
        """See ``Keyboard``."""
        name = self.place(symbol)
        for other in [each for each in self._pressed if self.place(each) == name]:
            self._pressed.discard(other)

    def all_released(self) -> None:
        """See ``Keyboard``. pyglet would ignore the next press of what was held."""
        self._pressed.clear()

    def _group(self) -> int:
        """Which of the layouts between which the user switches is on."""
        state = ctypes.create_string_buffer(32)  # XkbStateRec; the group is its first byte
        self._x11.XkbGetState(self._display, _CORE_KEYBOARD, state)
        return state.raw[0]

    def _keysym(self, scan: int, group: int, level: int) -> int:
        code = scan + _EVDEV
        ask = self._x11.XkbKeycodeToKeysym
        return int(ask(self._display, code, group, level) or ask(self._display, code, 0, level))  # keys that all layouts share


_VK_TO_SCAN, _SCAN_TO_VK, _VK_TO_CHARACTER = 0, 1, 2  # of MapVirtualKey


class WindowsKeyboard(Keyboard):
    """A keyboard of Windows."""

    def __init__(self, user32: Any) -> None:  # noqa: ANN401 - a ctypes library
        self._user32 = user32

    def scan(self, symbol: int) -> int:
        """See ``Keyboard``."""
        virtual = symbol >> _USER_KEY
        if not virtual and symbol in _LATIN:
            virtual = int(self._user32.VkKeyScanW(symbol)) & 0xFF
        return int(self._user32.MapVirtualKeyW(virtual, _VK_TO_SCAN)) if virtual else 0

    def letter(self, scan: int) -> str:
        """See ``Keyboard``."""
        virtual = int(self._user32.MapVirtualKeyW(scan, _SCAN_TO_VK))
        character = int(self._user32.MapVirtualKeyW(virtual, _VK_TO_CHARACTER)) & 0xFFFF
        return chr(character) if character in _LATIN else ""


def keyboard_of(window: BaseWindow) -> Keyboard:
    """Return the keyboard that types into ``window``."""
    if sys.platform == "win32":
        return WindowsKeyboard(ctypes.windll.user32)
    display = getattr(window, "_x_display", None)  # pyglet gives no other way to it
    if display is None:
        return Keyboard()
    asked = X11Keyboard(ctypes.cast(display, ctypes.c_void_p).value or 0, getattr(window, "pressed_keys", set()))
    return asked if asked.numbered_as_usual else Keyboard()
