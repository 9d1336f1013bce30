"""What a person does becomes steering, without a window."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.steering import Steering
from viewer.controls import TABLE, Bindings
from viewer.dispatcher import FAST, SLOW, SPEEDS, Dispatcher
from viewer.keyboard import KEYS
from viewer.settings import Settings


@pytest.fixture
def controls() -> Dispatcher:
    return Dispatcher()


def press(controls: Dispatcher, *keys: str) -> None:
    for key in keys:
        assert controls.on_key_press(KEYS[key])


@pytest.mark.parametrize(
    ("keys", "steering"),
    [
        (["W"], {"advance": 1.0}),
        (["S"], {"advance": -1.0}),
        (["A"], {"strafe": -1.0}),
        (["D"], {"strafe": 1.0}),
        (["Q"], {"climb": -1.0}),
        (["E"], {"climb": 1.0}),
        (["Left"], {"yaw": -1.0}),
        (["Right"], {"yaw": 1.0}),
        (["Up"], {"pitch": 1.0}),
        (["Down"], {"pitch": -1.0}),
        (["Z"], {"roll": -1.0}),
        (["X"], {"roll": 1.0}),
        (["W", "S"], {}),
        (["W", "D", "Left Shift"], {"advance": 1.0, "strafe": 1.0, "boost": FAST}),
        (["W", "Right Ctrl"], {"advance": 1.0, "boost": SLOW}),
        (["Left Shift", "Right Shift"], {"boost": FAST}),
    ],
)
def test_held_keys_steer_until_released(controls, keys, steering):
    press(controls, *keys)
    for _ in range(2):
        assert controls.poll() == (Steering(**steering), [])
    for key in keys:
        controls.on_key_release(KEYS[key])
    assert controls.poll() == (Steering(), [])


def test_a_tap_within_one_frame_still_counts(controls):
    press(controls, "W")
    controls.on_key_release(KEYS["W"])
    assert controls.poll()[0].advance == 1.0
    assert controls.poll()[0].advance == 0.0


def test_presses_are_reported_once_in_order(controls):
    press(controls, "P", "F9", "P")
    assert controls.poll() == (Steering(), ["autopilot", "record", "autopilot"])
    assert controls.poll() == (Steering(), [])


def test_every_key_of_the_table_acts():
    for action in TABLE:
        for key in action.keys:
            controls = Dispatcher()
            press(controls, key)
            steering, pressed = controls.poll()
            assert pressed == ([action.id] if action.how == "press" else [])
            assert (steering == Steering()) == (action.how == "press")


def test_unknown_keys_mean_nothing(controls):
    assert not controls.on_key_press(0x1234567)
    controls.on_key_release(0x1234567)
    assert controls.poll() == (Steering(), [])


def test_losing_the_focus_releases_everything(controls):
    press(controls, "W", "Left Shift")
    controls.on_mouse_drag(10.0, 10.0)
    controls.release_all()
    assert controls.poll() == (Steering(), [])


def test_the_mouse_looks_right_and_up_once(controls):
    controls.on_mouse_drag(20.0, 5.0)
    controls.on_mouse_drag(10.0, 5.0)
    steering, _ = controls.poll()
    assert steering.drag == pytest.approx((0.09, 0.03))
    assert steering.touched
    assert controls.poll()[0].drag == (0.0, 0.0)


@given(st.lists(st.floats(-3.0, 3.0), max_size=30))
def test_the_wheel_is_logarithmic_bounded_and_no_steering(notches):
    controls = Dispatcher()
    for notch in notches:
        controls.on_mouse_scroll(notch)
    steering, _ = controls.poll()
    assert SPEEDS[0] <= steering.speed <= SPEEDS[1]
    assert not steering.touched


def test_three_notches_double_the_speed_and_back(controls):
    for _ in range(3):
        controls.on_mouse_scroll(1)
    assert controls.poll()[0].speed == pytest.approx(2.0)
    for _ in range(3):
        controls.on_mouse_scroll(-1)
    assert math.isclose(controls.poll()[0].speed, 1.0)


def test_settings_change_look_bindings_and_speed_in_flight(controls):
    controls.apply(
        Settings.model_validate(
            {"look": {"sensitivity": 2.0, "invert_pitch": True}, "controls": {"keys": {"hover": ["Y"]}}, "flight": {"speed": 2.0}}
        )
    )
    controls.on_mouse_drag(10.0, 10.0)
    press(controls, "Up", "Y")
    steering, pressed = controls.poll()
    assert steering.drag == pytest.approx((0.06, -0.06))
    assert (steering.pitch, steering.speed, pressed) == (-1.0, 2.0, ["hover"])
    controls.on_mouse_scroll(3)
    controls.apply(Settings.model_validate({"flight": {"speed": 2.0}}))
    assert controls.poll()[0].speed == pytest.approx(4.0), "the wheel's choice stays"


def test_holds_stay_until_pressed_again_or_hover_and_are_no_steering(controls):
    press(controls, "F5", "F6", "F7")
    controls.release_all()
    steering, _ = controls.poll()
    assert steering == Steering(hold_speed=True, hold_height=True, hold_heading=True)
    assert not steering.touched
    press(controls, "F6")
    assert controls.poll()[0] == Steering(hold_speed=True, hold_heading=True)
    press(controls, "Space")
    assert controls.poll() == (Steering(), ["hover"])


def test_reduced_motion_is_in_every_steering(controls):
    controls.apply(Settings.model_validate({"comfort": {"reduced_motion": True}}))
    assert controls.poll() == (Steering(calm=True), [])


def test_a_listener_hears_keys_buttons_and_axes_instead_of_the_flight(controls):
    heard = []
    controls.listener = lambda kind, name: heard.append((kind, name))
    press(controls, "W")
    controls.press("buttons", "A", "Pad")
    for way in (0.2, 0.7, 0.9, 0.1):
        controls.tilt("Left trigger", way, "Pad")
    assert heard == [("keys", "W"), ("buttons", "A"), ("axes", "Left trigger")]
    controls.listener = None
    assert controls.poll() == (Steering(), [])


def test_an_axis_bound_to_a_press_acts_once_half_way(controls):
    table = Bindings()
    controls.bind(replace(table, axes=table.axes | {"up": (), "record": ("Right trigger",)}))
    for way in (0.3, 0.6, 0.9, 0.4, 0.6):
        controls.tilt("Right trigger", way, "Pad")
    assert controls.poll() == (Steering(), ["record", "record"])
