"""Keys by their places."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from viewer.controls import help_lines
from viewer.keyboard import KEYS, Keyboard, WindowsKeyboard, X11Keyboard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


@pytest.fixture(scope="module")
def keyboards() -> Iterator[Callable[[str, str], X11Keyboard]]:
    """X servers' keyboards of any layout, on a display whose layout no other test types on."""
    if not shutil.which("Xvfb") or not shutil.which("setxkbmap"):
        pytest.skip("Xvfb or setxkbmap is not installed")
    read, write = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(write), "-nolisten", "tcp"], pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as pipe:
        display = f":{pipe.readline().strip()}"
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    opened = []

    def make(layout: str, variant: str = "") -> X11Keyboard:
        subprocess.run(["setxkbmap", "-display", display, layout, variant], check=True)
        opened.append(x11.XOpenDisplay(display.encode()))
        return X11Keyboard(opened[-1], set())

    yield make
    for each in opened:
        x11.XCloseDisplay(ctypes.c_void_p(each))
    server.terminate()
    server.wait(10)


@pytest.mark.parametrize(
    ("layout", "variant", "typed"),
    [
        ("us", "", {"W": "w", "A": "a", "S": "s", "D": "d", "Q": "q", "Z": "z", "1": "1", ";": ";"}),
        ("fr", "", {"W": "z", "A": "q", "S": "s", "D": "d", "Q": "a", "Z": "w", "1": "&", ";": "m"}),
        ("us", "dvorak", {"W": ",", "A": "a", "S": "o", "D": "e", "Q": "'", "Z": ";", "1": "1", ";": "s"}),
        ("de", "", {"W": "w", "A": "a", "S": "s", "D": "d", "Q": "q", "Z": "y", "1": "1", ";": "ö"}),
    ],
)
def test_the_same_fingers_fly_on_every_layout(keyboards, layout, variant, typed):
    keyboard = keyboards(layout, variant)
    assert keyboard.numbered_as_usual
    for name, letter in typed.items():
        assert keyboard.place(ord(letter)) == name
        assert keyboard.legend(name) == (name if letter in "&ö" else letter.upper())
    for name in ("Space", "Left", "F9", "Left Shift", "Home", "Esc", "Tab"):
        assert keyboard.place(KEYS[name]) == name == keyboard.legend(name)


def test_shift_and_letters_that_pyglet_does_not_know_change_no_place(keyboards):
    assert keyboards("fr").place(ord("1")) == "1", "Shift with &"
    dvorak = keyboards("us", "dvorak")
    assert dvorak.place(ord("<")) == "W", "Shift with the comma"
    assert dvorak.place(25 << 32) == "W", "pyglet's word for a key without a name"


def test_a_key_whose_symbol_shift_changed_midway_is_not_held_for_ever(keyboards):
    keyboard = keyboards("us", "dvorak")
    pressed = keyboard._pressed
    pressed |= {ord("<"), ord("a")}
    keyboard.released(ord(","))
    assert pressed == {ord("a")}


def test_the_help_shows_what_is_printed_on_the_keys(keyboards):
    lines = [line.keys for line in help_lines(legend=keyboards("fr").legend)]
    assert "Z Q S D" in lines
    assert "A E" in lines
    assert "Arrows, mouse drag" in lines


def test_windows_is_asked_for_places_and_letters():
    """AZERTY: virtual key Z has the scan code of QWERTY's W."""
    scans = {ord("Z"): 17, ord("A"): 16, 0xBC: 50}
    user32 = SimpleNamespace(
        VkKeyScanW=lambda symbol: ord(chr(symbol).upper()) | 0x100,
        MapVirtualKeyW=lambda code, kind: {
            0: scans.get(code, 0),
            1: next((virtual for virtual, scan in scans.items() if scan == code), 0),
            2: code,
        }[kind],
    )
    keyboard = WindowsKeyboard(user32)
    assert keyboard.place(ord("z")) == "W"
    assert keyboard.place(0xBC << 32) == "M"
    assert keyboard.place(KEYS["F9"]) == "F9"
    assert keyboard.legend("W") == "Z"
    assert keyboard.legend("F9") == "F9"


def test_a_board_that_cannot_be_asked_is_taken_for_qwerty():
    assert Keyboard().place(ord("w")) == "W"
    assert Keyboard().place(0x1234567) is None
    assert Keyboard().legend("W") == "W"
