"""Gamepads: what pyglet reports of one, told to the dispatcher by the names of ``viewer.controls``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyglet.input import Controller
    from pyglet.math import Vec2

    from viewer.dispatcher import Dispatcher
    from viewer.response import Response

BUTTONS = {
    "a": "A",
    "b": "B",
    "x": "X",
    "y": "Y",
    "back": "Back",
    "start": "Start",
    "guide": "Guide",
    "leftshoulder": "Left shoulder",
    "rightshoulder": "Right shoulder",
    "leftstick": "Left stick press",
    "rightstick": "Right stick press",
}
STICKS = {"leftstick": "Left stick", "rightstick": "Right stick"}
TRIGGERS = {"lefttrigger": "Left trigger", "righttrigger": "Right trigger"}


class Gamepad:
    """One open controller. Methods named ``on_…`` are pyglet's events."""

    def __init__(self, controller: Controller, dispatcher: Dispatcher, label: str, response: Response) -> None:
        self.controller = controller
        self.label = label  # tells it from others for the dispatcher; "Name" or "Name (2)"
        self.response = response
        self._dispatcher = dispatcher
        self._way = (0.0, 0.0)  # of the direction pad
        controller.push_handlers(self)

    @property
    def name(self) -> str:
        """The name that the settings know it by."""
        return str(self.controller.name)

    def on_button_press(self, _: Controller, button: str) -> None:
        """Take the press of a button."""
        self._dispatcher.press("buttons", BUTTONS.get(button, button), self.label)

    def on_button_release(self, _: Controller, button: str) -> None:
        """Take the release of a button."""
        self._dispatcher.release("buttons", BUTTONS.get(button, button), self.label)

    def on_stick_motion(self, _: Controller, stick: str, vector: Vec2) -> None:
        """Take the position of a stick: right and up, -1 .. 1."""
        answer = self.response.of_look if stick == "rightstick" else self.response.of_move
        self._dispatcher.tilt_pair(STICKS[stick], *answer(vector.x, vector.y), self.label)

    def on_trigger_motion(self, _: Controller, trigger: str, value: float) -> None:
        """Take the position of a trigger, 0 .. 1."""
        self._dispatcher.tilt(TRIGGERS[trigger], self.response.strength(value), self.label)

    def on_dpad_motion(self, _: Controller, vector: Vec2) -> None:
        """Take the position of the direction pad: right and up, -1, 0 or 1."""
        self._dispatcher.press_pair("Pad", self._way, (vector.x, vector.y), self.label)
        self._way = (vector.x, vector.y)

    def rumble(self, strength: float, seconds: float) -> None:
        """Shake, where the pad can. Raises OSError where it has gone."""
        self.controller.rumble_play_weak(strength, seconds)

    @property
    def gone(self) -> bool:
        """Whether the device has closed itself, as it does when it can no longer be read."""
        return not self.controller.device.is_open

    def close(self) -> None:
        """Let go of everything it held, and of the device."""
        self._dispatcher.release_all(self.label)
        self.controller.remove_handlers(self)
        if not self.gone:
            self.controller.close()
