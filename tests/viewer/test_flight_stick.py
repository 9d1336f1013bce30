"""Flight sticks: pyglet's own joysticks over devices that exist nowhere."""

from __future__ import annotations

import pytest
from fake_devices import FakeStick

from core.steering import Steering
from viewer.dispatcher import SPEEDS, Dispatcher
from viewer.flight_stick import FlightStick
from viewer.response import Response


def flown(stick: FakeStick, response: Response | None = None) -> Dispatcher:
    dispatcher = Dispatcher()
    stick.open()
    stick.flight_stick = FlightStick(stick, dispatcher, "Stick", response or Response())
    return dispatcher


@pytest.mark.parametrize(
    ("axis", "value", "field", "expected"),
    [
        ("x", 1.0, "yaw", 1.0),
        ("x", -1.0, "yaw", -1.0),
        ("y", 1.0, "pitch", 1.0),  # pulled: the nose rises
        ("y", -1.0, "pitch", -1.0),
        ("rz", 1.0, "roll", 1.0),
        ("rz", -1.0, "roll", -1.0),
    ],
)
def test_axes_turn_pitch_and_roll(axis, value, field, expected):
    stick = FakeStick()
    dispatcher = flown(stick)
    stick.move(axis, value)
    steering, _ = dispatcher.poll()
    assert getattr(steering, field) == pytest.approx(expected, abs=1e-3)
    stick.move(axis, 0.01)
    assert dispatcher.poll() == (Steering(), [])


@pytest.mark.parametrize("name", ["z", "ABS_THROTTLE"])
def test_the_throttle_is_the_lasting_speed_full_when_forward(name):
    stick = FakeStick(throttle=name)
    dispatcher = flown(stick)
    stick.move("throttle", -1.0)
    assert dispatcher.poll()[0].speed == pytest.approx(SPEEDS[1])
    stick.move("throttle", 1.0)
    assert dispatcher.poll()[0].speed == pytest.approx(SPEEDS[0])
    stick.move("throttle", 0.0)
    steering, _ = dispatcher.poll()
    assert steering.speed == pytest.approx(1.0, rel=0.01)
    assert not steering.touched


def test_the_trigger_flies_and_the_hat_slides():
    stick = FakeStick()
    dispatcher = flown(stick)
    stick.triggers[0].value = True
    stick.hats[0].value = 1
    stick.hats[1].value = -1
    steering, pressed = dispatcher.poll()
    assert (steering.advance, steering.strafe, steering.climb, pressed) == (1.0, 1.0, 1.0, [])
    stick.triggers[0].value = False
    stick.hats[0].value = stick.hats[1].value = 0
    stick.triggers[3].value = True
    assert dispatcher.poll() == (Steering(), ["autopilot"])


def test_pitch_can_be_inverted_and_closing_lets_go():
    stick = FakeStick()
    dispatcher = flown(stick, Response(look=(1.0, -1.0)))
    stick.move("y", 1.0)
    assert dispatcher.poll()[0].pitch == pytest.approx(-1.0, abs=1e-3)
    stick.flight_stick.close()
    assert dispatcher.poll() == (Steering(), [])
