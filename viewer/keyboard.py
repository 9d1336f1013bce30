"""Keyboard: keys by the place they have, named as on a QWERTY board, so that every layout flies with the same fingers.

The symbols are pyglet's, listed here because importing ``pyglet.window`` opens a connection to the display.
"""

from __future__ import annotations

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
