"""What a person does goes to the panel while the panel has it, and to the flight otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import imgui

if TYPE_CHECKING:
    from collections.abc import Callable

Key = imgui.Key

KEYS: dict[int, imgui.Key] = {  # from pyglet's symbols
    **{ord(letter): getattr(Key, letter) for letter in "abcdefghijklmnopqrstuvwxyz"},
    **{ord(digit): getattr(Key, f"_{digit}") for digit in "0123456789"},
    0x20: Key.space,
    0x2C: Key.comma,
    0x2D: Key.minus,
    0x2E: Key.period,
    0xFF08: Key.backspace,
    0xFF09: Key.tab,
    0xFF0D: Key.enter,
    0xFF1B: Key.escape,
    0xFF50: Key.home,
    0xFF51: Key.left_arrow,
    0xFF52: Key.up_arrow,
    0xFF53: Key.right_arrow,
    0xFF54: Key.down_arrow,
    0xFF55: Key.page_up,
    0xFF56: Key.page_down,
    0xFF57: Key.end,
    0xFF8D: Key.keypad_enter,
    0xFFE1: Key.left_shift,
    0xFFE2: Key.right_shift,
    0xFFE3: Key.left_ctrl,
    0xFFE4: Key.right_ctrl,
    0xFFFF: Key.delete,
}
MODIFIERS = {1: Key.mod_shift, 2: Key.mod_ctrl, 4: Key.mod_alt}  # pyglet's bits
BUTTONS = {1: 0, 2: 2, 4: 1}  # pyglet's left, middle, right to ImGui's numbers


class Events:
    """Handlers for a window's event stack. ``first`` sees each pressed key before ImGui; True means it has used it."""

    def __init__(self, height: Callable[[], int], ratio: Callable[[], float], first: Callable[[int], bool]) -> None:
        self._height, self._ratio, self._first = height, ratio, first
        self._io = imgui.get_io()

    # What pyglet calls, by its names.

    def on_key_press(self, symbol: int, modifiers: int) -> bool:
        """Take a key where the panel has the keyboard."""
        if self._first(symbol):
            return True
        self._key(symbol, modifiers, down=True)
        return self._io.want_capture_keyboard

    def on_key_release(self, symbol: int, modifiers: int) -> None:
        """Take a key's release; the flight is told as well, since the key may have been pressed before the panel was there."""
        self._key(symbol, modifiers, down=False)

    def _key(self, symbol: int, modifiers: int, *, down: bool) -> None:
        for bit, key in MODIFIERS.items():
            self._io.add_key_event(key, bool(modifiers & bit))
        if symbol in KEYS:
            self._io.add_key_event(KEYS[symbol], down)

    def on_text(self, text: str) -> bool:
        """Take typed text."""
        for letter in text:
            if letter.isprintable():
                self._io.add_input_character(ord(letter))
        return self._io.want_text_input

    def on_mouse_motion(self, x: int, y: int, dx: int, dy: int) -> bool:
        """Follow the pointer."""
        del dx, dy
        self._io.add_mouse_pos_event(x * self._ratio(), self._height() - y * self._ratio())
        return self._io.want_capture_mouse

    def on_mouse_drag(self, x: int, y: int, dx: int, dy: int, *buttons: int) -> bool:
        """Follow the pointer while a button is down."""
        del buttons
        return self.on_mouse_motion(x, y, dx, dy)

    def on_mouse_press(self, x: int, y: int, button: int, modifiers: int) -> bool:
        """Take a click."""
        del modifiers
        self.on_mouse_motion(x, y, 0, 0)
        self._io.add_mouse_button_event(BUTTONS.get(button, 0), down=True)
        return self._io.want_capture_mouse

    def on_mouse_release(self, x: int, y: int, button: int, modifiers: int) -> bool:
        """Take the end of a click."""
        del x, y, modifiers
        self._io.add_mouse_button_event(BUTTONS.get(button, 0), down=False)
        return self._io.want_capture_mouse

    def on_mouse_scroll(self, x: int, y: int, scroll_x: float, scroll_y: float) -> bool:
        """Take the wheel."""
        self.on_mouse_motion(x, y, 0, 0)
        self._io.add_mouse_wheel_event(scroll_x, scroll_y)
        return self._io.want_capture_mouse

    def on_mouse_leave(self, x: int, y: int) -> None:
        """Lose the pointer."""
        del x, y
        self._io.add_mouse_pos_event(-1e6, -1e6)

    def on_deactivate(self) -> None:
        """Lose the focus, and with it every key."""
        self._io.add_focus_event(focused=False)

    def on_activate(self) -> None:
        """Take the focus."""
        self._io.add_focus_event(focused=True)
