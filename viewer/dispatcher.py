"""Dispatcher: turns what a person does with keys, mouse, pads and sticks into ``Steering`` and the actions that were pressed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.steering import Steering
from viewer.controls import KINDS, Bindings, Kind, conflicts
from viewer.keyboard import Keyboard
from viewer.rebind import bindings

if TYPE_CHECKING:
    from collections.abc import Callable

    from viewer.controls import How
    from viewer.settings import Settings

FAST, SLOW = 4.0, 0.25  # x10, usual in viewers of whole scenes, would leave the land that one refinement knows within a second
WHEEL_STEP = 2.0 ** (1.0 / 3.0)  # three notches double the speed
SPEEDS = (1.0 / 16.0, 16.0)
LOOK = 0.003  # radians a pixel of mouse motion: a drag across 960 pixels turns by 165 degrees
INVERTED = {"look_up": "look_down", "look_down": "look_up"}
PRESSED = 0.5  # how far an axis must go to count as a button

Input = tuple[str, Kind, str]  # device, kind, name: two pads may hold the same button


class Dispatcher:
    """Collects events between two frames; ``poll`` returns what they amount to.

    Call ``release_all`` when the window loses focus, since releases are then not reported, and with a device that has gone.
    """

    def __init__(self, bound: Bindings | None = None) -> None:
        self.bind(bound or Bindings())
        self._down: dict[Input, float] = {}  # how far what is held is held, 0 .. 1
        self._way: dict[Input, float] = {}  # of each axis, whether it acts or not
        self._tapped: set[Input] = set()  # pressed since the last poll: a tap shorter than a frame still counts for one
        self._latched: set[str] = set()  # actions toggled on
        self._pressed: list[str] = []
        self._drag = [0.0, 0.0]
        self.speed = self._usual = 1.0
        self.look = LOOK  # radians a pixel
        self.invert_pitch = False  # of mouse and keys; devices have their own
        self.calm = False  # reduced motion
        self.keyboard = Keyboard()
        self.listener: Callable[[Kind, str], None] | None = None  # takes the next key, button or axis instead of the flight

    def bind(self, bound: Bindings) -> None:
        """Use other bindings from now on. Raises ValueError where they conflict."""
        if wrong := conflicts(bound):
            raise ValueError("; ".join(wrong))
        self.bindings = bound
        self._actions: dict[tuple[Kind, str], str] = {
            (kind, name): action for kind in KINDS for action, names in bound.of(kind).items() for name in names
        }
        self._how: dict[str, How] = dict(bound.how)

    def apply(self, settings: Settings) -> None:
        """Be bound and answer as ``settings`` say. Raises ControlsError where their bindings cannot be."""
        self.bind(bindings(settings))
        self.look, self.invert_pitch = LOOK * settings.look.sensitivity, settings.look.invert_pitch
        self.calm = settings.comfort.reduced_motion
        if settings.flight.speed != self._usual:  # else the wheel's choice stays
            self.speed = self._usual = settings.flight.speed

    def on_key_press(self, symbol: int) -> bool:
        """Take a key press by pyglet's symbol; return whether the key means anything."""
        name = self.keyboard.place(symbol)
        return name is not None and self.press("keys", name)

    def action(self, symbol: int) -> str | None:
        """Return what the key of ``symbol`` is bound to."""
        return self._actions.get(("keys", self.keyboard.place(symbol) or ""))

    def on_key_release(self, symbol: int) -> None:
        """Take a key release."""
        if (name := self.keyboard.place(symbol)) is not None:
            self.release("keys", name)
        self.keyboard.released(symbol)

    def on_mouse_drag(self, dx: float, dy: float) -> None:
        """Take mouse motion with a button down, in pixels right and up."""
        self._drag[0] += self.look * dx
        self._drag[1] += -self.look * dy if self.invert_pitch else self.look * dy

    def on_mouse_scroll(self, notches: float) -> None:
        """Take wheel motion: forward is faster."""
        self.speed = min(max(self.speed * WHEEL_STEP**notches, SPEEDS[0]), SPEEDS[1])

    def press(self, kind: Kind, name: str, device: str = "") -> bool:
        """Take the press of a key or button; return whether it means anything."""
        if self.listener is not None:
            self.listener(kind, name)
            return True
        action = self._actions.get((kind, name))
        if action is None:
            return False
        how = self._how[action]
        if how == "hold":
            self._down[device, kind, name] = 1.0
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

    def press_pair(self, name: str, before: tuple[float, float], now: tuple[float, float], device: str) -> None:
        """Take the position of a cross of four buttons, right and up, and the one it had before."""
        for way, was, held in (
            ("right", before[0] > 0.0, now[0] > 0.0),
            ("left", before[0] < 0.0, now[0] < 0.0),
            ("up", before[1] > 0.0, now[1] > 0.0),
            ("down", before[1] < 0.0, now[1] < 0.0),
        ):
            if held and not was:
                self.press("buttons", f"{name} {way}", device)
            elif was and not held:
                self.release("buttons", f"{name} {way}", device)

    def tilt(self, name: str, value: float, device: str) -> None:
        """Take the position of an axis, 0 .. 1; one that is bound to a button's action acts once, half way."""
        held: Input = (device, "axes", name)
        before = self._way.get(held, 0.0)
        self._way[held] = value
        action = self._actions.get(("axes", name))
        crossed = before < PRESSED <= value
        if self.listener is not None or (action is not None and self._how[action] != "hold"):
            if crossed:
                self.press("axes", name, device)
        elif action == "speed":
            low, high = SPEEDS
            self.speed = low * (high / low) ** value
        elif action is not None and value > 0.0:
            self._down[held] = value
        else:
            self._down.pop(held, None)

    def tilt_pair(self, name: str, x: float, y: float, device: str, ways: tuple[str, str] = ("up", "down")) -> None:
        """Take the position of a stick, right and up, -1 .. 1; ``ways`` are the words for y > 0 and y < 0."""
        for way, value in (("right", x), ("left", -x), (ways[0], y), (ways[1], -y)):
            self.tilt(f"{name} {way}", max(value, 0.0), device)

    def release_all(self, device: str | None = None) -> None:
        """Let go of everything that is held, on one device or on all."""
        for held in (self._down, self._way):
            for each in [each for each in held if device in (None, each[0])]:
                del held[each]
        self._tapped = {each for each in self._tapped if device not in (None, each[0])}
        if device is None:
            self._drag = [0.0, 0.0]

    def poll(self) -> tuple[Steering, list[str]]:
        """Return the steering since the last poll and the ids of the actions pressed, in order."""
        strength = dict.fromkeys(self._latched, 1.0)
        for (_, kind, name), value in [*self._down.items(), *((tap, 1.0) for tap in self._tapped)]:
            action = self._actions.get((kind, name), "")
            if kind == "keys" and self.invert_pitch:
                action = INVERTED.get(action, action)
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
            hold_speed="hold_speed" in strength,
            hold_height="hold_height" in strength,
            hold_heading="hold_heading" in strength,
            calm=self.calm,
        ), pressed
