"""The user's own bindings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ControlsError, SettingsError
from core.steering import Steering
from viewer.controls import KINDS, TABLE, Bindings, conflicts, help_lines
from viewer.dispatcher import Dispatcher
from viewer.keyboard import KEYS
from viewer.pages import controls_table
from viewer.rebind import bindings, give, rebind, rehold
from viewer.settings import Settings
from viewer.settings_file import load, load_or_default, save

ACTIONS = [action.id for action in TABLE]


def test_without_changes_it_is_the_table():
    assert bindings(Settings()) == Bindings()


def test_a_changed_key_acts_and_is_in_help_and_settings():
    settings = rebind(Settings(), "autopilot", "keys", ("Y",))
    assert dict(settings.controls.keys) == {"autopilot": ["Y"]}
    bound = bindings(settings)
    assert ("Y", "A", "Button 4", "autopilot on, off") in help_lines(bound)
    dispatcher = Dispatcher(bound)
    assert dispatcher.on_key_press(KEYS["Y"])
    assert not dispatcher.on_key_press(KEYS["P"])
    assert dispatcher.poll() == (Steering(), ["autopilot"])


def test_help_readme_settings_file_and_flight_change_together(tmp_path):
    changed = rebind(rebind(Settings(), "autopilot", "keys", ("Y",)), "autopilot", "buttons", ("Stick button 20",))
    path = save(Settings(), changed, tmp_path / "settings.toml")
    assert '[controls.keys]\nautopilot = ["Y"]' in path.read_text(encoding="utf-8")
    bound = bindings(load(path, {}).settings)
    dispatcher = Dispatcher(bound)
    dispatcher.on_key_press(KEYS["Y"])
    dispatcher.press("buttons", "Stick button 20")
    assert dispatcher.poll() == (Steering(), ["autopilot", "autopilot"])
    assert ("Y", "", "Button 20", "autopilot on, off") in help_lines(bound)
    before, after = controls_table().splitlines(), controls_table(bound).splitlines()
    assert [line for line in after if line not in before] == ["| `Y` |  | `Button 20` | autopilot on, off |"]
    assert conflicts(bound) == []


def test_going_back_to_the_table_leaves_nothing_in_the_settings():
    settings = rebind(
        rebind(Settings(), "hover", "buttons", ("Stick button 20",)), "hover", "buttons", Bindings().buttons["hover"]
    )
    assert settings == Settings()
    assert rehold(rehold(Settings(), "forward", "toggle"), "forward", "hold") == Settings()


def test_a_pads_new_axis_leaves_the_flight_sticks_alone():
    settings = give(rebind(Settings(), "left", "axes", ()), "look_left", "axes", "Left stick left")
    assert bindings(settings).axes["look_left"] == ("Flight stick left", "Left stick left")
    settings = give(settings, "look_left", "axes", "Right stick left")
    assert set(bindings(settings).axes["look_left"]) == {"Flight stick left", "Right stick left"}
    assert bindings(give(settings, "fast", "keys", "Y")).keys["fast"] == ("Y",)


def test_a_conflict_is_named_and_changes_nothing():
    with pytest.raises(ControlsError, match="W is taken by 'fly forward'"):
        rebind(Settings(), "hover", "keys", ("W",))
    with pytest.raises(ControlsError, match="Left trigger is taken by 'fly down'"):
        rebind(Settings(), "up", "axes", ("Left trigger",))
    with pytest.raises(ControlsError, match="A is taken by 'autopilot on, off'"):
        rebind(Settings(), "hover", "buttons", ("A",))
    freed = rebind(Settings(), "forward", "keys", ())
    assert bindings(rebind(freed, "hover", "keys", ("W",))).keys["hover"] == ("W",)


@pytest.mark.parametrize(
    ("controls", "line"),
    [
        ({"keys": {"hoover": ["W"]}}, "no action 'hoover'"),
        ({"keys": {"hover": ["Hyper"]}}, "Hyper: not one of the keys, for hover"),
        ({"keys": {"hover": ["W"]}}, "W: both forward and hover"),
        ({"hold": {"record": "toggle"}}, "record acts once a press"),
    ],
)
def test_what_a_file_may_get_wrong_is_one_line(controls, line):
    with pytest.raises(ControlsError, match=line):
        bindings(Settings.model_validate({"controls": controls}))


def test_a_file_that_gives_one_key_to_two_is_told_with_its_line_and_the_defaults_fly(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text('[controls.keys]\nautopilot = ["O"]\nhover = ["W"]\n', encoding="utf-8")
    loaded = load_or_default(path)
    assert loaded.settings == Settings()
    assert loaded.notice.startswith(f"{path}:3: W: both forward and hover; ")
    with pytest.raises(SettingsError, match=r"settings\.toml:3: W: both"):
        save(Settings(), rebind(Settings(), "graph", "keys", ("Y",)), path)


def test_toggled_actions_stay_until_pressed_again_or_hover():
    dispatcher = Dispatcher(bindings(rehold(Settings(), "forward", "toggle")))
    for expected in (1.0, 0.0, 1.0):
        dispatcher.on_key_press(KEYS["W"])
        dispatcher.on_key_release(KEYS["W"])
        assert dispatcher.poll()[0].advance == expected
    dispatcher.release_all()
    assert dispatcher.poll()[0].advance == 1.0, "that is what it is toggled for"
    dispatcher.on_key_press(KEYS["Space"])
    assert dispatcher.poll() == (Steering(), ["hover"])


@given(st.sampled_from(ACTIONS), st.sampled_from(ACTIONS), st.sampled_from(KINDS))
def test_what_is_taken_from_one_action_can_be_given_to_another(one, other, kind):
    names = Bindings().of(kind)[one]
    settings = rebind(rebind(Settings(), one, kind, ()), other, kind, names)
    assert bindings(settings).of(kind)[other] == names
    assert bindings(settings).of(kind)[one] == (names if one == other else ())
