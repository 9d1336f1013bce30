"""Instruments, messages and the help overlay as pictures."""

import math

import numpy as np
import pytest

from core.flight import FlightStatus
from viewer.controls import help_lines
from viewer.hud import RED, Hud, Meters, text_picture

STATUS = FlightStatus("autopilot", 1.25, 0.4, math.radians(90.0), 4.5, (256, 160), "classical")


def test_a_picture_is_drawn_once_for_the_same_text() -> None:
    hud = Hud()
    first = hud.status_picture(STATUS, Meters(fps=30.0))
    assert hud.status_picture(STATUS, Meters(fps=30.0)) is first
    assert hud.status_picture(STATUS, Meters(fps=31.0)) is not first


def test_recording_shows_in_red_and_dropped_frames_are_told() -> None:
    hud = Hud()
    plain = hud.status_picture(STATUS, Meters()).astype(int)
    recording = hud.status_picture(STATUS, Meters(recording=65.0, dropped=3)).astype(int)
    assert recording.shape[1] > plain.shape[1]
    assert not (np.abs(plain[..., :3] - RED[:3]).sum(-1) < 30).any()
    assert (np.abs(recording[..., :3] - RED[:3]).sum(-1) < 30).any()


def test_what_is_not_as_usual_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    said = list[str]()
    monkeypatch.setattr("viewer.hud.text_picture", lambda lines, alert, _scale: said.extend([*lines, alert]))
    Hud().status_picture(STATUS, Meters(clock="paused", holds=("speed", "heading"), pad="Stadia Controller", recording=1.0))
    for words in ("paused", "hold speed heading", "Stadia Controller", "REC"):
        assert words in " ".join(said)
    said.clear()
    Hud().status_picture(STATUS, Meters())
    assert "hold" not in " ".join(said)


def test_unknown_height_is_no_error() -> None:
    assert Hud().status_picture(FlightStatus("manual", 0.0, math.nan, 0.0, 0.0, (256, 160), "x"), Meters()).size


def test_text_scales_with_the_display() -> None:
    one, two = text_picture(["photoflight"]), text_picture(["photoflight"], scale=2.0)
    assert abs(two.shape[1] / one.shape[1] - 2.0) < 0.2
    assert one.shape[2] == 4
    assert one.dtype == np.uint8


def test_narrow_windows_wrap() -> None:
    wide, narrow = Hud().status_picture(STATUS, Meters()), Hud().status_picture(STATUS, Meters(), width=300)
    assert narrow.shape[1] <= 300 < wide.shape[1]
    assert narrow.shape[0] > wide.shape[0]


def test_messages_end_and_errors_are_said_once() -> None:
    hud = Hud()
    assert hud.message_picture() is None
    hud.say("hello", seconds=100.0)
    assert hud.message == "hello"
    hud.report("refiner", "broken")
    assert hud.message == "broken"
    hud.say("later", seconds=100.0)
    hud.report("refiner", "broken")
    hud.report("warp", None)
    assert hud.message == "later"
    hud.report("warp", "the CPU warps")
    hud.report("refiner", "broken")
    assert hud.message == "the CPU warps", "one part's silence is no news about another"
    hud.report("refiner", None)
    hud.report("refiner", "broken")
    assert hud.message == "broken", "it has happened again"
    hud.say("gone", seconds=-1.0)
    assert hud.message_picture() is None


def test_help_has_a_line_for_every_row() -> None:
    lines = help_lines()
    tall = Hud().help_picture(lines).shape[0]
    assert tall > Hud().help_picture(lines[:-1]).shape[0]
