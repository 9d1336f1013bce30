"""Widgets follow the schema, and never leave its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from imgui_bundle import imgui
from pydantic import BaseModel, Field

from viewer.panel import theme
from viewer.panel.widgets import limits, shown, widget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from viewer.panel.widgets import Value


class Model(BaseModel):
    speed: float = Field(1.0, ge=1.0 / 16.0, le=16.0)
    count: int = Field(3, ge=1, le=9)
    seed: int = Field(0, ge=0, le=2**32 - 1)
    free: float = 0.5
    on: bool = False
    quality: Literal["auto", "full"] = "auto"
    words: str = "w"
    parts: dict[str, int] = {}


FIELDS = Model.model_fields


@pytest.fixture(autouse=True)
def _imgui() -> Iterator[None]:
    context = imgui.create_context()
    imgui.set_current_context(context)
    imgui.get_io().set_ini_filename("")
    imgui.get_io().backend_flags |= imgui.BackendFlags_.renderer_has_textures
    theme.apply(1.0)
    yield
    imgui.destroy_context(context)


def one_frame(name: str, value: Value) -> Value:
    io = imgui.get_io()
    io.display_size, io.delta_time = imgui.ImVec2(400, 200), 1.0 / 60.0
    imgui.new_frame()
    imgui.set_next_window_pos(imgui.ImVec2(0, 0))
    imgui.set_next_window_size(imgui.ImVec2(400, 200))
    imgui.begin("window", None, imgui.WindowFlags_.no_title_bar)
    new = widget("##value", FIELDS[name], value)
    imgui.end()
    imgui.render()
    return new


def clicked(name: str, value: Value, x: float) -> Value:
    """Click on the only widget at ``x`` of 400 pixels."""
    io = imgui.get_io()
    for press in (None, None, True, False, None):
        io.add_mouse_pos_event(x, 24.0)
        if press is not None:
            io.add_mouse_button_event(0, press)
        value = one_frame(name, value)
    return value


@pytest.mark.parametrize("name", [name for name in FIELDS if name != "parts"])
def test_a_look_changes_nothing(name: str) -> None:
    value = FIELDS[name].default
    assert one_frame(name, value) == value
    assert type(one_frame(name, value)) is type(value)


def test_every_plain_field_has_a_widget_and_others_have_none() -> None:
    assert [name for name, info in FIELDS.items() if not shown(info)] == ["parts"]


def test_limits_are_those_of_the_schema() -> None:
    assert limits(FIELDS["speed"]) == (1.0 / 16.0, 16.0)
    assert limits(FIELDS["seed"]) == (0, 2**32 - 1)
    assert limits(FIELDS["free"]) == (None, None)


@pytest.mark.parametrize("name", ["speed", "count"])
def test_a_slider_reaches_both_ends_and_stays_within_them(name: str) -> None:
    low, high = limits(FIELDS[name])
    assert clicked(name, FIELDS[name].default, 16.0) == pytest.approx(low, rel=0.03)
    assert clicked(name, FIELDS[name].default, 384.0) == pytest.approx(high, rel=0.03)
    for x in (15.0, 60.0, 200.0, 385.0):
        assert Model.model_validate({name: clicked(name, FIELDS[name].default, x)})


def test_a_click_switches() -> None:
    assert clicked("on", value=False, x=24.0) is True


def test_a_wide_range_is_logarithmic() -> None:
    assert clicked("speed", 8.0, 200.0) == pytest.approx(1.0, rel=0.15)


def test_large_whole_numbers_are_typed() -> None:
    def typed(digits: str) -> Value:
        value = clicked("seed", 7, 100.0)
        io = imgui.get_io()
        for letter in digits:
            io.add_input_character(ord(letter))
            assert one_frame("seed", value) == value, "not before Enter"
        io.add_key_event(imgui.Key.enter, down=True)
        return one_frame("seed", value)

    assert one_frame("seed", 2**32 - 1) == 2**32 - 1
    assert typed("99999999999") == 7, "too large"
