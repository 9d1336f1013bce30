"""Input devices that exist nowhere: pyglet's own devices, controls, controllers and joysticks, fed by hand."""

from __future__ import annotations

import pyglet

pyglet.options["shadow_window"] = False  # else importing devices needs a display
from pyglet.input import AbsoluteAxis, Button, Controller, Device, DeviceOpenException, Joystick  # noqa: E402
from pyglet.input.base import Sign  # noqa: E402
from pyglet.input.controller import Relation  # noqa: E402

BUTTONS = ("a", "b", "x", "y", "back", "start", "guide", "leftshoulder", "rightshoulder", "leftstick", "rightstick")
AXES = ("leftx", "lefty", "rightx", "righty", "lefttrigger", "righttrigger")


class FakeDevice(Device):
    """A device whose controls are set by the test."""

    def __init__(self, name: str, controls: list) -> None:
        super().__init__(None, name)
        self.controls = controls
        self.refuses = False

    def open(self, window=None, exclusive=False) -> None:
        if self.refuses:
            raise DeviceOpenException("busy")
        super().open(window, exclusive)

    def get_controls(self) -> list:
        return self.controls

    def get_guid(self) -> str:
        return "f" * 32


class FakePad(Controller):
    """A gamepad with 16-bit sticks, 10-bit triggers and a hat of two axes; it keeps what it was asked to shake."""

    def __init__(self, name: str = "Pad") -> None:
        self.buttons = {each: Button(each) for each in BUTTONS}
        self.axes = {each: AbsoluteAxis(each, *((0, 1023) if "trigger" in each else (-32768, 32767))) for each in AXES}
        self.hats = {"dpright": AbsoluteAxis("hat_x", -1, 1), "dpdown": AbsoluteAxis("hat_y", -1, 1, inverted=True)}
        mapping = {"name": name, "guid": "f" * 32}
        mapping |= {each: Relation("button", i) for i, each in enumerate(self.buttons)}
        mapping |= {each: Relation("axis", i) for i, each in enumerate(self.axes)}
        mapping |= {"dpleft": Relation("hat0", 8, Sign.DEFAULT), "dpup": Relation("hat0", 1, Sign.DEFAULT)}
        controls = [*self.buttons.values(), *self.axes.values(), *self.hats.values()]
        super().__init__(FakeDevice(name, controls), mapping)
        self.shaken: list[float] = []

    def rumble_play_weak(self, strength: float = 1.0, _: float = 0.5) -> None:
        if not self.device.is_open:
            raise OSError("no such device")
        self.shaken.append(strength)

    def press(self, button: str, down: bool = True) -> None:
        self.buttons[button].value = down

    def push(self, stick: str, x: float, y: float) -> None:
        """Push a stick right and up, -1 .. 1, as the hardware reports it: down is positive."""
        self.axes[f"{stick}x"].value = round(x * 32767.5 - 0.5)
        self.axes[f"{stick}y"].value = round(-y * 32767.5 - 0.5)

    def pull(self, trigger: str, value: float) -> None:
        self.axes[f"{trigger}trigger"].value = round(1023 * value)

    def cross(self, x: int, y: int) -> None:
        """Press the direction pad right and up, -1, 0, 1."""
        self.hats["dpright"].value = x
        self.hats["dpdown"].value = -y


class FakeStick(Joystick):
    """A flight stick of two axes, a twist, a throttle, a hat and buttons, 10 bits each."""

    def __init__(self, name: str = "Flight stick", throttle: str = "z") -> None:
        names = {"x": "x", "y": "y", "rz": "rz", "throttle": "z" if throttle == "z" else None}
        self.axes = {key: AbsoluteAxis(name, 0, 1023, None if name else throttle) for key, name in names.items()}
        self.hats = (AbsoluteAxis("hat_x", -1, 1), AbsoluteAxis("hat_y", -1, 1, inverted=True))
        self.triggers = [Button(f"trigger{i}") for i in range(6)]
        super().__init__(FakeDevice(name, [*self.axes.values(), *self.hats, *self.triggers]))

    def move(self, axis: str, value: float) -> None:
        """Move an axis, -1 .. 1 as the hardware reports it: right, back, clockwise."""
        self.axes[axis].value = round(511.5 * (value + 1.0))
