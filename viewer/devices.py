"""Devices: gamepads and flight sticks as they come and go."""

from __future__ import annotations

import os
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
import pyglet

from viewer.flight_stick import FlightStick
from viewer.gamepad import Gamepad
from viewer.response import Response

if TYPE_CHECKING:
    from pyglet.input import Controller, ControllerManager, Joystick

    from core.flight import Flight
    from viewer.dispatcher import Dispatcher
    from viewer.settings import Settings

LINUX_DEVICES = Path("/dev/input")
LOOK_SECONDS = 2.0  # between looks for new flight sticks, which nothing announces
RUMBLE_SECONDS = 0.2


class Devices:
    """Opens what is plugged in, tells the dispatcher what it does, and lets go of what is unplugged.

    Machines without input devices, and devices that may not be read, just give none.
    """

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._settings: Settings | None = None
        self._open: list[Gamepad | FlightStick] = []
        self._shaken = 0.0
        self._looked = 0.0
        self._present: frozenset[str] = frozenset()
        warnings.filterwarnings("ignore", module=r"pyglet\.input")  # it guesses what it does not know, and says so at length
        self._manager = _manager()
        if self._manager is not None:
            self._manager.push_handlers(on_connect=self.connect, on_disconnect=self.disconnect)
            for controller in self._manager.get_controllers():
                self.connect(controller)

    @property
    def names(self) -> list[str]:
        """What is plugged in, for people to read."""
        return [device.label for device in self._open]

    def has(self, kind: type[Gamepad | FlightStick]) -> bool:
        """Whether one of a kind is plugged in."""
        return any(isinstance(device, kind) for device in self._open)

    def poll(self) -> None:
        """Take what the devices have to say, once a frame; never waits."""
        if self._manager is not None:
            pyglet.app.platform_event_loop.step(0.0)
        for device in [device for device in self._open if device.gone]:
            self._drop(device)
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            self._look_for_sticks()

    def apply(self, settings: Settings) -> None:
        """Let each device answer as ``settings`` say."""
        self._settings = settings
        for device in self._open:
            device.response = self._response(device.name)

    def connect(self, controller: Controller) -> None:
        """Take in a gamepad. One that may not be opened is left alone."""
        if any(isinstance(device, Gamepad) and device.controller is controller for device in self._open) or not _opened(
            controller
        ):
            return
        name = str(controller.name)
        self._open.append(Gamepad(controller, self._dispatcher, self._label(name), self._response(name)))

    def disconnect(self, controller: Controller) -> None:
        """Let go of a gamepad that has been unplugged."""
        for device in [each for each in self._open if isinstance(each, Gamepad) and each.controller is controller]:
            self._drop(device)

    def connect_stick(self, joystick: Joystick) -> None:
        """Take in a flight stick. One that may not be opened is left alone."""
        if _opened(joystick):
            name = str(joystick.device.name)
            self._open.append(FlightStick(joystick, self._dispatcher, self._label(name), self._response(name)))

    def rumble(self, strength: float) -> None:
        """Shake every gamepad for a moment, 0 .. 1; call it as often as there is cause."""
        now = time.monotonic()
        if strength <= 0.0 or now - self._shaken < RUMBLE_SECONDS:
            return
        self._shaken = now
        for device in list(self._open):
            if self._shakes(device.name):
                try:
                    device.rumble(min(strength, 1.0), RUMBLE_SECONDS)
                except OSError:  # unplugged between two frames
                    self._drop(device)

    def close(self) -> None:
        """Let go of everything."""
        for device in list(self._open):
            self._drop(device)

    def _drop(self, device: Gamepad | FlightStick) -> None:
        self._open.remove(device)
        device.close()

    def _label(self, name: str) -> str:
        taken = set(self.names)
        labels = (name, *(f"{name} ({n})" for n in range(2, 100)))
        return next(label for label in labels if label not in taken)

    def _response(self, name: str) -> Response:
        if self._settings is None:
            return Response()
        choice = self._settings.devices.get(name, self._settings.pad)
        look = choice.sensitivity, choice.sensitivity * choice.pitch_sensitivity
        inverted = (choice.invert_yaw, choice.invert_pitch), (choice.invert_strafe, choice.invert_advance)
        move = choice.strafe_sensitivity, choice.advance_sensitivity
        return Response(choice.dead_zone, choice.expo, _signed(look, inverted[0]), _signed(move, inverted[1]))

    def _shakes(self, name: str) -> bool:
        return self._settings is None or self._settings.devices.get(name, self._settings.pad).rumble

    def _look_for_sticks(self) -> None:
        """Open the flight sticks there are now, where a device has come or gone; nothing tells two alike from each other."""
        present = _present()
        if present == self._present:
            return
        self._present = present
        for device in [device for device in self._open if isinstance(device, FlightStick)]:
            self._drop(device)
        pads = {device.controller.device.name for device in self._open if isinstance(device, Gamepad)}
        for joystick in _joysticks():
            if joystick.device.name not in pads:
                self.connect_stick(joystick)


def contact(flight: Flight) -> float:
    """How hard the flight brushes the ground, 0 .. 1; a camera at rest touches nothing."""
    from core.pilots.pilot import ground_push

    if flight.craft.motion.still or flight.surroundings is None:
        return 0.0
    return 0.5 * ground_push(flight.surroundings)


def database() -> Path:
    """Where a newer community database of gamepads may lie, in the format of SDL."""
    return platformdirs.user_data_path("photoflight") / "gamecontrollerdb.txt"


def _manager() -> ControllerManager | None:
    """Return pyglet's manager of gamepads, which then knows the user's database, and above it SDL_GAMECONTROLLERCONFIG."""
    if not _present():
        return None
    from pyglet.input import ControllerManager
    from pyglet.input.controller import add_mappings_from_string

    try:
        if (newer := database()).is_file():
            add_mappings_from_string(newer.read_text(encoding="utf-8", errors="replace"))
        add_mappings_from_string(os.environ.get("SDL_GAMECONTROLLERCONFIG", ""))
        return ControllerManager()
    except OSError:
        return None


def _present() -> frozenset[str]:
    """Name what might be an input device; elsewhere than on Linux, flight sticks are looked for once."""
    if not sys.platform.startswith("linux"):
        return frozenset({"any"})
    try:
        # With the time of the last change: who may read it is often told only a moment after it has come.
        return frozenset(f"{path.name} {path.stat().st_ctime_ns}" for path in LINUX_DEVICES.iterdir())
    except OSError:
        return frozenset()


def _joysticks() -> list[Joystick]:
    """Return the joysticks that are not gamepads."""
    from pyglet.input import get_joysticks
    from pyglet.input.controller import get_mapping

    return [each for each in get_joysticks() if get_mapping(each.device.get_guid()) is None]


def _signed(gains: tuple[float, float], inverted: tuple[bool, bool]) -> tuple[float, float]:
    """Return the gains of two axes, negative where they are inverted."""
    return (-gains[0] if inverted[0] else gains[0], -gains[1] if inverted[1] else gains[1])


def _opened(device: Controller | Joystick) -> bool:
    """Open a device; return whether that was allowed."""
    from pyglet.input import DeviceException

    try:
        device.open()
    except (DeviceException, OSError):
        return False
    return True
