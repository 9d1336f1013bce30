"""Keys by their places."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from viewer.keyboard import KEYS

PYGLETS = {
    "Esc": "ESCAPE",
    "Left Shift": "LSHIFT",
    "Right Shift": "RSHIFT",
    "Left Ctrl": "LCTRL",
    "Right Ctrl": "RCTRL",
    "Left Alt": "LALT",
    "Right Alt": "RALT",
    "Page Up": "PAGEUP",
    "Page Down": "PAGEDOWN",
    "`": "GRAVE",
    "-": "MINUS",
    "=": "EQUAL",
    "[": "BRACKETLEFT",
    "]": "BRACKETRIGHT",
    "\\": "BACKSLASH",
    ";": "SEMICOLON",
    "'": "APOSTROPHE",
    ",": "COMMA",
    ".": "PERIOD",
    "/": "SLASH",
}


def test_key_symbols_are_pyglets():
    """Loaded by its path: importing ``pyglet.window`` would need a display."""
    spec = importlib.util.find_spec("pyglet")
    file = Path(spec.origin).parent / "window" / "key.py"
    spec = importlib.util.spec_from_file_location("pyglet_key", file)
    key = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(key)
    for name, symbol in KEYS.items():
        attribute = PYGLETS.get(name, f"_{name}" if name.isdigit() else name.upper().replace("KEYPAD ", "NUM_"))
        assert getattr(key, attribute) == symbol, name
