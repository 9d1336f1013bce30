"""Dispatcher: turns what a person does with keys, mouse, pads and sticks into ``Steering`` and the actions that were pressed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.steering import Steering
from viewer.controls import KINDS, Bindings, Kind, conflicts
from viewer.keyboard import NAMES

if TYPE_CHECKING:
    from viewer.controls import How

FAST, SLOW = 4.0, 0.25  # x10, usual in viewers of whole scenes, would leave the land that one refinement knows within a second
WHEEL_STEP = 2.0 ** (1.0 / 3.0)  # three notches double the speed
SPEEDS = (1.0 / 16.0, 16.0)
LOOK = 0.003  # radians a pixel of mouse motion: a drag across 960 pixels turns by 165 degrees
PRESSED = 0.5  # how far an axis must go to count as a button

Input = tuple[str, Kind, str]  # device, kind, name: two pads may hold the same button


class Dispatcher:
    """Collects events between two frames; ``poll`` returns what they amount to.

    Call ``release_all`` when the window loses focus, since releases are then not reported, and with a device that has gone.
    """

    def __init__(self, bindings: Bindings | None = None) -> None:
        self.bind(bindings or Bindings())
        self._down: dict[Input, float] = {}  # how far what is held is held, 0 .. 1
        self._tapped: set[Input] = set()  # pressed since the last poll: a tap shorter than a frame still counts for one
        self._latched: set[str] = set()  # actions toggled on
        self._pressed: list[str] = []
        self._drag = [0.0, 0.0]
        self.speed = 1.0

    def bind(self, bindings: Bindings) -> None:
        """Use other bindings from now on. Raises ValueError where they conflict."""
        if wrong := conflicts(bindings):
            raise ValueError("; ".join(wrong))
        self._actions: dict[tuple[Kind, str], str] = {
            (kind, name): action for kind in KINDS for action, names in bindings.of(kind).items() for name in names
        }
        self._how: dict[str, How] = dict(bindings.how)

    def on_key_press(self, symbol: int) -> bool:
        """Take a key press by pyglet's symbol; return whether the key means anything."""
        name = NAMES.get(symbol)
        return name is not None and self.press("keys", name)

    def on_key_release(self, symbol: int) -> None:
        """Take a key release."""
        if (name := NAMES.get(symbol)) is not None:
            self.release("keys", name)

    def on_mouse_drag(self, dx: float, dy: float) -> None:
        """Take mouse motion with a button down, in pixels right and up."""
        self._drag[0] += LOOK * dx
        self._drag[1] += LOOK * dy

    def on_mouse_scroll(self, notches: float) -> None:
        """Take wheel motion: forward is faster."""
        self.speed = min(max(self.speed * WHEEL_STEP**notches, SPEEDS[0]), SPEEDS[1])

    def press(self, kind: Kind, name: str, device: str = "", value: float = 1.0) -> bool:
        """Take the press of a key or button; return whether it means anything."""
        action = self._actions.get((kind, name))
        if action is None:
            return False
        how = self._how[action]
        if how == "hold":
            self._down[device, kind, name] = value
            self._tapped.add((device, kind, name))
        elif how == "toggle":
            self._latched ^= {action}
        else:
            self._pressed.append(action)
            if action == "hover":
                self._latched.clear()
        return True

    def release(self, kind: Kind, name: str, device: str = "") -> None:
        """Take the release of a key or button."""
        self._down.pop((device, kind, name), None)

    def tilt(self, name: str, value: float, device: str) -> None:
        """Take the position of an axis, 0 .. 1; one that is bound to a button's action acts at half its way."""
        action = self._actions.get(("axes", name))
        if action is None:
            return
        before = self._down.get((device, "axes", name), 0.0)
        if action == "speed":
            low, high = SPEEDS
            self.speed = low * (high / low) ** value
        elif self._how[action] != "hold" and before < PRESSED <= value:
            self.press("axes", name, device)
        if value > 0.0:
            self._down[device, "axes", name] = value
        else:
            self._down.pop((device, "axes", name), None)

    def release_all(self, device: str | None = None) -> None:
        """Let go of everything that is held, on one device or on all."""
        for each in [each for each in self._down if device in (None, each[0])]:
            del self._down[each]
        self._tapped.clear()
        self._drag = [0.0, 0.0]

    def poll(self) -> tuple[Steering, list[str]]:
        """Return the steering since the last poll and the ids of the actions pressed, in order."""
        strength = dict.fromkeys(self._latched, 1.0)
        for (_, kind, name), value in [*self._down.items(), *((tap, 1.0) for tap in self._tapped)]:
            action = self._actions.get((kind, name), "")
            strength[action] = max(strength.get(action, 0.0), value)
        pressed, drag = self._pressed, (self._drag[0], self._drag[1])
        self._pressed, self._drag = [], [0.0, 0.0]
        self._tapped.clear()

        def axis(minus: str, plus: str) -> float:
            return strength.get(plus, 0.0) - strength.get(minus, 0.0)

        return Steering(
            strafe=axis("left", "right"),
            climb=axis("down", "up"),
            advance=axis("back", "forward"),
            yaw=axis("look_left", "look_right"),
            pitch=axis("look_down", "look_up"),
            roll=axis("roll_left", "roll_right"),
            drag=drag,
            boost=(FAST if "fast" in strength else 1.0) * (SLOW if "slow" in strength else 1.0),
            speed=self.speed,
        ), pressed
