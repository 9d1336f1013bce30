"""The table of keys and the dispatcher, without a window."""

from __future__ import annotations

import importlib.util
import math
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.steering import Steering
from viewer.controls import FAST, KEYS, SLOW, SPEEDS, TABLE, Controls, Row, conflicts, help_lines


@pytest.fixture
def controls() -> Controls:
    return Controls()


def press(controls: Controls, *keys: str) -> None:
    for key in keys:
        assert controls.on_key_press(KEYS[key])


def test_key_symbols_are_pyglets():
    """Loaded by its path: importing ``pyglet.window`` would need a display."""
    spec = importlib.util.find_spec("pyglet")
    file = Path(spec.origin).parent / "window" / "key.py"
    spec = importlib.util.spec_from_file_location("pyglet_key", file)
    key = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(key)
    theirs = {"Esc": "ESCAPE", "Left Shift": "LSHIFT", "Right Shift": "RSHIFT", "Left Ctrl": "LCTRL", "Right Ctrl": "RCTRL"}
    for name, symbol in KEYS.items():
        attribute = theirs.get(name, f"_{name}" if name.isdigit() else name.upper())
        assert getattr(key, attribute) == symbol, name


def test_importing_needs_neither_display_nor_torch(project_root):
    code = "import sys, viewer.controls; assert not {'torch', 'pyglet', 'cv2', 'numba'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=project_root, env={"PYTHONPATH": str(project_root)})


def test_the_table_has_no_conflicts_and_conflicts_are_named():
    assert conflicts() == []
    twice = (*TABLE, Row("wave", {"W": "wave", "Hyper": "leap"}))
    assert conflicts(twice) == ["W: both forward and wave", "Hyper: no such key, for leap"]
    with pytest.raises(ValueError, match="W: both forward and wave"):
        Controls(twice)


def test_help_names_every_row():
    lines = help_lines()
    assert ("W A S D", "fly forward, left, back, right") in lines
    assert ("Mouse wheel", "lasting speed") in lines
    assert all(keys and what for keys, what in lines)
    assert len(lines) <= 20, "it must fit on the overlay"


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


def test_every_key_of_the_table_acts(controls):
    for row in TABLE:
        for key, action in row.actions.items():
            press(controls, key)
            steering, pressed = controls.poll()
            assert pressed == ([] if row.held else [action])
            assert steering == Steering() or row.held
            controls.release_all()


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
    controls = Controls()
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
