"""Settings: the one schema of everything that a person can set once and for all.

The file (``viewer.settings_file``), the environment, ``photoflight settings`` and the settings panel are made from it: each field
has its range and says what it is for.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from core.generator import GENERATORS, WEIGHTS_SUFFIX

NARROWEST = 20.0  # degrees
Quality = Literal["auto", "full", "half", "quarter"]


class Section(BaseModel):
    """Part of the settings. Unknown names, wrong types and values out of range are refused; nothing can be changed in place."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


class FlightSettings(Section):
    """How to fly."""

    speed: float = Field(
        default=1.0, ge=1.0 / 16.0, le=16.0, description="lasting speed, times the usual; the wheel changes it in flight"
    )
    refiner: str = Field(
        default="auto", description="what paints new land: auto, exemplar, small, base, classical, or a weights file"
    )
    seed: int = Field(default=0, ge=0, le=2**32 - 1, description="same photo, pilot and seed: same flight")

    @field_validator("refiner")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in GENERATORS and not name.endswith(WEIGHTS_SUFFIX):
            raise ValueError(f"it is none of {', '.join(GENERATORS)}, nor a {WEIGHTS_SUFFIX} file")
        return name


class LookSettings(Section):
    """How the view turns."""

    sensitivity: float = Field(default=1.0, ge=0.1, le=10.0, description="how far the mouse turns the view, times the usual")
    invert_pitch: bool = Field(default=False, description="mouse and keys turn the view up where they turned it down")


class ViewSettings(Section):
    """What is seen."""

    field_of_view: float = Field(default=0.0, ge=0.0, le=120.0, description="vertical, degrees; 0: the photo's own")

    @field_validator("field_of_view")
    @classmethod
    def _seen(cls, angle: float) -> float:
        return max(angle, NARROWEST) if angle else 0.0


class DisplaySettings(Section):
    """The window."""

    quality: Quality = Field(default="auto", description="resolution of the picture: auto follows what the machine can do")
    vsync: bool = Field(default=True, description="show pictures in step with the display, without tearing")
    fullscreen: bool = Field(default=False, description="start in full screen")
    hud_scale: float = Field(default=1.0, ge=0.5, le=4.0, description="size of everything that is written over the flight")


class ComfortSettings(Section):
    """For people whom moving pictures make ill."""

    reduced_motion: bool = Field(
        default=False, description="level horizon, no roll, slower turns, and a narrower view while turning"
    )


class PadSettings(Section):
    """How sticks answer."""

    dead_zone: float = Field(default=0.12, ge=0.0, le=0.9, description="share of a stick's way from its middle that does nothing")
    expo: float = Field(default=0.35, ge=0.0, le=1.0, description="how much gentler sticks are near their middle; 0: not at all")
    sensitivity: float = Field(default=1.0, ge=0.1, le=4.0, description="how fast sticks turn the view, times the usual")
    pitch_sensitivity: float = Field(default=1.0, ge=0.1, le=4.0, description="the same up and down alone, times that")
    invert_yaw: bool = Field(default=False, description="sticks turn the view left where they turned it right")
    invert_pitch: bool = Field(default=False, description="sticks turn the view up where they turned it down")
    strafe_sensitivity: float = Field(default=1.0, ge=0.1, le=1.0, description="how fast sticks fly sideways, times the usual")
    advance_sensitivity: float = Field(default=1.0, ge=0.1, le=1.0, description="how fast sticks fly ahead, times the usual")
    invert_strafe: bool = Field(default=False, description="sticks fly left where they flew right")
    invert_advance: bool = Field(default=False, description="sticks fly back where they flew ahead")
    rumble: bool = Field(default=True, description="shake the pad when the ground is touched")


class ControlSettings(Section):
    """What differs from the table of controls: action ids, and what they are bound to instead; [] for nothing."""

    keys: dict[str, list[str]] = Field(default_factory=dict, description="keys of an action, as in the help")
    buttons: dict[str, list[str]] = Field(default_factory=dict, description="buttons of a gamepad or flight stick")
    axes: dict[str, list[str]] = Field(default_factory=dict, description="halves of sticks, and triggers")
    hold: dict[str, Literal["hold", "toggle"]] = Field(
        default_factory=dict, description="whether a steering action acts while held, or until pressed again"
    )


class WelcomeSettings(Section):
    """The card of a first run."""

    seen: bool = Field(default=False, description="whether the card with the six things to know has been closed")


class Settings(Section):
    """All settings."""

    flight: FlightSettings = FlightSettings()
    look: LookSettings = LookSettings()
    view: ViewSettings = ViewSettings()
    display: DisplaySettings = DisplaySettings()
    comfort: ComfortSettings = ComfortSettings()
    pad: PadSettings = PadSettings()
    devices: dict[str, PadSettings] = Field(default_factory=dict, description="the same as pad, for a device of that name alone")
    controls: ControlSettings = ControlSettings()
    welcome: WelcomeSettings = WelcomeSettings()
