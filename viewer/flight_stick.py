"""Flight sticks: what pyglet reports of a joystick, told to the dispatcher by the names of ``viewer.controls``."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pyglet.input import AbsoluteAxis, Joystick

    from viewer.dispatcher import Dispatcher
    from viewer.response import Response

UNNAMED = {"ABS_THROTTLE": "z", "ABS_RUDDER": "rz"}  # axes of Linux that pyglet does not name, and those they stand for


class FlightStick:
    """One open joystick: it turns and pitches, its twist rolls, its throttle is the lasting speed, full when pushed forward.

    Methods named ``on_…`` are pyglet's events.
    """

    def __init__(self, joystick: Joystick, dispatcher: Dispatcher, label: str, response: Response) -> None:
        self.joystick = joystick
        self.label = label
        self.response = response
        self._dispatcher = dispatcher
        self._way = (0.0, 0.0)  # of the hat
        joystick.push_handlers(self)
        for control in joystick.device.get_controls():
            if axis := UNNAMED.get(control.raw_name or ""):
                self._watch(cast("AbsoluteAxis", control), axis)

    def _watch(self, control: AbsoluteAxis, axis: str) -> None:
        low, span = control.min, control.max - control.min

        def on_change(value: float) -> None:
            self.on_joyaxis_motion(self.joystick, axis, 2.0 * (value - low) / span - 1.0)

        control.push_handlers(on_change=on_change)

    @property
    def name(self) -> str:
        """The name that the settings know it by."""
        return str(self.joystick.device.name)

    def on_joyaxis_motion(self, joystick: Joystick, axis: str, value: float) -> None:
        """Take the position of an axis, -1 .. 1: x right, y back (as devices report it), rz clockwise, z throttle back."""
        if axis in ("x", "y"):
            x, y = self.response.of_look(joystick.x, -joystick.y)
            self._dispatcher.tilt_pair("Flight stick", x, y, self.label, ("forward", "back"))
        elif axis == "rz":
            twist = self.response.of_axis(value)
            self._dispatcher.tilt("Twist left", max(-twist, 0.0), self.label)
            self._dispatcher.tilt("Twist right", max(twist, 0.0), self.label)
        elif axis == "z":
            self._dispatcher.tilt("Throttle", 0.5 - 0.5 * value, self.label)
        elif axis in ("hat_x", "hat_y"):  # where the hat is two axes
            self.on_joyhat_motion(joystick, joystick.hat_x, joystick.hat_y)

    def on_joyhat_motion(self, _: Joystick, x: float, y: float) -> None:
        """Take the position of the hat: right and up, -1, 0 or 1."""
        self._dispatcher.press_pair("Hat", self._way, (x, y), self.label)
        self._way = (x, y)

    def on_joybutton_press(self, _: Joystick, button: int) -> None:
        """Take the press of a button, counted from 0."""
        self._dispatcher.press("buttons", f"Stick button {button + 1}", self.label)

    def on_joybutton_release(self, _: Joystick, button: int) -> None:
        """Take the release of a button, counted from 0."""
        self._dispatcher.release("buttons", f"Stick button {button + 1}", self.label)

    def rumble(self, strength: float, seconds: float) -> None:
        """Do nothing: pyglet shakes gamepads alone."""

    @property
    def gone(self) -> bool:
        """Whether the device has closed itself, as it does when it can no longer be read."""
        return not self.joystick.device.is_open

    def close(self) -> None:
        """Let go of everything it held, and of the device."""
        self._dispatcher.release_all(self.label)
        self.joystick.remove_handlers(self)
        if not self.gone:
            self.joystick.close()
