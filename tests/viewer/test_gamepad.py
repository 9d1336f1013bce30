"""Gamepads: pyglet's own controllers over devices that exist nowhere."""

from __future__ import annotations

import math

import pytest
from fake_devices import FakePad

from core.steering import Steering
from viewer.controls import BUTTONS, TABLE, help_lines
from viewer.dispatcher import SLOW, Dispatcher
from viewer.gamepad import Gamepad
from viewer.response import Response


@pytest.fixture
def flown() -> tuple[FakePad, Dispatcher]:
    pad, dispatcher = FakePad(), Dispatcher()
    pad.open()
    pad.gamepad = Gamepad(pad, dispatcher, "Pad", Response())
    return pad, dispatcher


@pytest.mark.parametrize(
    ("stick", "x", "y", "steering"),
    [
        ("left", 0, 1, {"advance": 1.0}),
        ("left", 0, -1, {"advance": -1.0}),
        ("left", 1, 0, {"strafe": 1.0}),
        ("left", -1, 0, {"strafe": -1.0}),
        ("right", 1, 0, {"yaw": 1.0}),
        ("right", -1, 0, {"yaw": -1.0}),
        ("right", 0, 1, {"pitch": 1.0}),
        ("right", 0, -1, {"pitch": -1.0}),
    ],
)
def test_the_left_stick_moves_and_the_right_one_looks(flown, stick, x, y, steering):
    pad, dispatcher = flown
    pad.push(stick, x, y)
    got, pressed = dispatcher.poll()
    assert pressed == []
    for name in ("strafe", "climb", "advance", "yaw", "pitch", "roll"):
        assert getattr(got, name) == pytest.approx(steering.get(name, 0.0), abs=1e-3), name
    pad.push(stick, 0.02, -0.02)
    assert dispatcher.poll() == (Steering(), [])


def test_a_circle_of_the_stick_steers_a_circle(flown):
    pad, dispatcher = flown
    radii = []
    for turn in (math.tau * i / 48 for i in range(48)):
        pad.push("left", 0.7 * math.cos(turn), 0.7 * math.sin(turn))
        steering, _ = dispatcher.poll()
        radii.append(math.hypot(steering.strafe, steering.advance))
        assert math.atan2(steering.advance, steering.strafe) % math.tau == pytest.approx(turn, abs=1e-3) or turn < 1e-3
    assert max(radii) < 1.01 * min(radii)


def test_triggers_sink_and_rise_by_their_way(flown):
    pad, dispatcher = flown
    pad.pull("right", 1.0)
    assert dispatcher.poll()[0].climb == 1.0
    pad.pull("right", 0.5)
    assert 0.2 < dispatcher.poll()[0].climb < 0.6
    pad.pull("right", 0.0)
    pad.pull("left", 1.0)
    assert dispatcher.poll()[0].climb == -1.0


def test_shoulders_roll_and_sticks_pressed_change_the_pace(flown):
    pad, dispatcher = flown
    pad.press("rightshoulder")
    pad.press("rightstick")
    assert dispatcher.poll() == (Steering(roll=1.0, boost=SLOW), [])
    pad.press("rightshoulder", down=False)
    pad.press("rightstick", down=False)
    assert dispatcher.poll() == (Steering(), [])


def test_buttons_act_once_a_press(flown):
    pad, dispatcher = flown
    bound = {name: action.id for action in TABLE if action.how == "press" for name in action.buttons}
    for button, name in (("a", "A"), ("b", "B"), ("x", "X"), ("y", "Y"), ("back", "Back"), ("guide", "Guide")):
        pad.press(button)
        assert dispatcher.poll() == (Steering(), [bound[name]])
        pad.press(button, down=False)
    pad.cross(-1, 0)
    pad.cross(0, -1)
    assert dispatcher.poll() == (Steering(), [bound["Pad left"], bound["Pad down"]])
    pad.cross(0, 0)
    assert dispatcher.poll() == (Steering(), [])


def test_pads_can_do_what_flying_needs_and_the_help_says_so():
    can = {action.id for action in TABLE if action.buttons or action.axes}
    assert {"autopilot", "record", "rewind", "home", "screenshot", "hover", "roll_left", "up", "down"} <= can
    assert ("Q E", "Triggers", "Hat down, Hat up", "fly down, up") in help_lines()
    assert {name for action in TABLE for name in action.buttons} <= set(BUTTONS)


def test_pitch_is_inverted_for_looking_alone(flown):
    pad, dispatcher = flown
    pad.gamepad.response = Response(look=(1.0, -1.0))
    pad.push("right", 0, 1)
    pad.push("left", 0, 1)
    steering, _ = dispatcher.poll()
    assert steering.pitch == pytest.approx(-1.0, abs=1e-3)
    assert steering.advance == pytest.approx(1.0, abs=1e-3)


def test_closing_lets_go_of_everything_it_held(flown):
    pad, dispatcher = flown
    pad.push("left", 0, 1)
    pad.press("rightshoulder")
    pad.gamepad.close()
    assert dispatcher.poll() == (Steering(), [])
    assert not pad.device.is_open
    pad.push("left", 0, -1)
    assert dispatcher.poll() == (Steering(), []), "it is no longer listened to"
