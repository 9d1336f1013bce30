"""One widget for each kind of setting: what the schema says of it decides how it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args, get_origin

from imgui_bundle import imgui

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

WIDE_RANGE = 30.0  # times its lowest value: from there on a slider is logarithmic
LARGEST_SLIDER = 1 << 20  # above this a slider has no pixel for each value, and ImGui counts in 32 bits
Value = bool | int | float | str


def shown(info: FieldInfo) -> bool:
    """Whether there is a widget for such a field; what is made of parts is left to other pages and to the file."""
    return info.annotation in {bool, int, float, str} or get_origin(info.annotation) is Literal


def limits(info: FieldInfo) -> tuple[float | None, float | None]:
    """Return the lowest and the highest value that the schema allows, None where it sets no limit."""
    low = next((each.ge for each in info.metadata if hasattr(each, "ge")), None)
    high = next((each.le for each in info.metadata if hasattr(each, "le")), None)
    return low, high


def widget(label: str, info: FieldInfo, value: Value) -> Value:
    """Show ``value`` of a field so that it can be changed; return what it is now, within the limits of the schema."""
    if isinstance(value, bool):
        return imgui.checkbox(label, value)[1]
    imgui.set_next_item_width(-1.0)
    if isinstance(value, str):
        return _words(label, info, value)
    low, high = limits(info)
    if isinstance(value, int):
        if low is None or high is None or high > LARGEST_SLIDER:
            return _digits(label, value, low, high)
        return imgui.slider_int(label, value, int(low), int(high), flags=imgui.SliderFlags_.always_clamp)[1]
    if low is None or high is None:
        return imgui.input_float(label, value)[1]
    flags = imgui.SliderFlags_.always_clamp
    if 0.0 < low < high / WIDE_RANGE:
        flags |= imgui.SliderFlags_.logarithmic
    changed, moved = imgui.slider_float(label, value, low, high, "%.3g", flags)
    return float(f"{moved:.3g}") if changed else value  # ImGui counts in single precision: 0.12 would come back as 0.119999997


def _digits(label: str, value: int, low: float | None, high: float | None) -> int:
    """Show a whole number of any size; what cannot be one, or is outside of the limits, changes nothing."""
    flags = imgui.InputTextFlags_.chars_decimal | imgui.InputTextFlags_.enter_returns_true
    changed, entered = imgui.input_text(label, str(value), flags)
    try:
        new = int(entered) if changed else value
    except ValueError:
        return value
    return new if (low is None or new >= low) and (high is None or new <= high) else value


def _words(label: str, info: FieldInfo, value: str) -> str:
    if get_origin(info.annotation) is not Literal:
        changed, entered = imgui.input_text(label, value, imgui.InputTextFlags_.enter_returns_true)
        return str(entered) if changed else value
    choices = list(get_args(info.annotation))
    changed, index = imgui.combo(label, choices.index(value), choices)
    return str(choices[index]) if changed else value
