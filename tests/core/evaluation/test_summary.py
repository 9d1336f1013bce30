"""Summary and report: figures from flights made up to be known, tables, JSON, sheets."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from core.errors import OutputError
from core.evaluation import report, sheets
from core.evaluation.appearance import Appearance
from core.evaluation.film import TIMES
from core.evaluation.flights import FlightRecord, Return, Snapshot
from core.evaluation.likeness import Likeness
from core.evaluation.patches import Similarity
from core.evaluation.renewal import Change
from core.evaluation.summary import Summary, summarise


def frame(sharpness=0.02, contrast=0.1, grey=0.4) -> Appearance:
    return Appearance(0.3, 0.6, grey, grey, grey, contrast, sharpness, 0.5 * sharpness, 0.9, 0.2, 0.1, 0.05, 0.2, 0.8)


def record(photo: str, sharpness: float, steps: int = 60) -> FlightRecord:
    """A flight that is at once ``sharpness`` times as sharp, greyer by 0.1, and whose patches change with every step."""
    frames = [frame(), *[frame(sharpness=0.02 * sharpness, grey=0.5)] * steps]
    made = FlightRecord(photo, "autopilot", frames)
    made.changes = [Change(0.001 * step, 0.5) for step in range(1, steps + 1)]
    made.similarities = [Similarity(0.1 * step, 1.0, 0.25) for step in range(5, steps + 1, 5)]
    made.style = [float(i) for i in range(1, steps // 5 + 1)]
    made.short = Likeness(20.0 if photo == "a" else math.inf, 0.5, 0.2, 0.7)
    made.way_back = Return(50, 0.0, 0.01, 30.0)
    made.snapshots = {
        step: Snapshot(
            np.full((32, 64, 3), min(step, 255), np.uint8), np.full((32, 64), 0.5, np.float32), np.zeros((32, 64), np.float32)
        )
        for step in (0, 5, steps)
    }
    return made


def film(photo: str, *shares: float) -> FlightRecord:
    """A film whose land is so many times as sharp as in the first picture."""
    return FlightRecord(photo, "film", [frame(0.02 * share) for share in (1.0, *shares)])


@pytest.fixture(scope="module")
def summary() -> Summary:
    films = [film("a", *[1.2] * 6), film("b", 1.0, 1.0, 0.5, 1.0, 1.0, math.nan)]
    return summarise("some", {"autopilot": [record("a", 0.9), record("b", 0.5)]}, [], films)


def test_figures(summary):
    found = summary.figures
    assert found["autopilot.sharpness.last"] == pytest.approx(0.7)
    assert found["autopilot.sharpness.in_band"] == 0.5
    assert found["autopilot.colour.mean"] == found["autopilot.colour.p90"] == pytest.approx(0.1)
    assert found["autopilot.style"] == pytest.approx(6.5)
    assert found["autopilot.collapsed"] == 0.0
    assert found["short.psnr"] == 40.0  # 20 dB and equal, which counts as 60
    assert found["return.home"] == 0.0


def test_windows_have_medians_and_means(summary):
    found = summary.figures
    assert found["autopilot.coherence.20-60"] == pytest.approx(4.0)  # of 2.0, 2.5, ... 6.0
    assert found["autopilot.repetition.20-60"] == 0.25
    assert found["autopilot.streaks.20-60"] == 1.0
    assert found["autopilot.boiling.20-60"] == pytest.approx(0.04)
    assert found["autopilot.renewed.20-60"] == 0.5
    assert found["autopilot.colour.20-60"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("steps", "windows"), [(12, ["1-12"]), (44, ["20-44"]), (100, ["20-100", "50-100"]), (300, ["20-100", "50-100", "250-300"])]
)
def test_flights_have_the_windows_that_they_are_long_enough_for(steps, windows):
    found = summarise("some", {"climb": [record("a", 0.9, steps)]}, [])
    prefix = "climb.coherence."
    assert [name.removeprefix(prefix) for name in found.figures if name.startswith(prefix)] == windows
    last = found.figures[f"climb.coherence.{windows[-1]}"]
    assert last == pytest.approx({12: 0.75, 44: 3.0, 100: 7.5, 300: 27.5}[steps])
    assert found.photos[0][f"coherence.{windows[-1]}"] == last


def test_films_are_judged_at_every_time_and_at_all(summary):
    found = summary.figures
    assert [found[f"film.in_band.{time}s"] for time in TIMES[1:]] == [1.0, 1.0, 0.5, 1.0, 1.0, 0.5]  # without land is not within
    assert found["film.in_band.all"] == 0.5
    assert found["film.sharpness.15s"] == pytest.approx(0.85)
    assert found["film.sharpness.30s"] == pytest.approx(1.2)
    assert (found["film.contrast"], found["film.streaks"], found["film.colour"]) == (1.0, 1.0, 0.0)
    told = [photo for photo in summary.photos if photo["course"] == "film"]
    assert [photo["photo"] for photo in told] == ["a", "b"]
    assert told[0]["sharpness"] == pytest.approx([1.0, *[1.2] * 6])


def test_curves_have_quartiles_by_step(summary):
    sharpness = summary.curves["sharpness"]
    assert sharpness["steps"] == list(range(61))
    assert (sharpness["low"][7], sharpness["median"][7], sharpness["high"][7]) == pytest.approx((0.6, 0.7, 0.8))
    for name in ("style", "coherence"):
        assert summary.curves[name]["steps"][:3] == [5, 10, 15]
    assert summary.curves["boiling"]["steps"][:3] == [1, 2, 3]


def test_a_turn_is_judged_behind():
    made = record("a", 0.9, steps=44)
    made.course = "turn"
    made.frames[22] = frame(sharpness=0.01)
    found = summarise("some", {"turn": [made]}, []).figures
    assert found["turn.sharpness.behind"] == pytest.approx(0.5)
    assert "turn.sharpness.last" not in found


def test_short_flights_have_what_they_can_have():
    found = summarise("some", {"autopilot": [record("a", 0.9, steps=3)]}, [])
    assert math.isnan(found.figures["autopilot.coherence.1-3"])  # no frame was looked at
    assert math.isnan(found.figures["autopilot.style"])
    assert found.figures["autopilot.boiling.1-3"] == pytest.approx(0.002)
    assert found.curves["coherence"]["median"] == []


def test_table_has_ratios_to_the_first(summary):
    other = Summary("other", {**summary.figures, "autopilot.style": 3.25}, {}, [])
    lines = report.table([summary, other]).splitlines()
    assert lines[0].split() == ["some", "other", "ratio"]
    style = next(line for line in lines if line.startswith("autopilot.style"))
    assert style.split() == ["autopilot.style", "6.5", "3.25", "0.5", "1e-5"]
    home = next(line for line in lines if line.startswith("return.home "))
    assert home.split()[-1] == "-"  # no ratio to nothing


def test_json_is_strict(summary, tmp_path):
    path = tmp_path / "report.json"
    report.write_json(path, {"steps": 60}, [Summary("odd", {"a": math.nan, "b": math.inf, "c": 1.0}, {}, []), summary])

    def refuse(constant):
        raise AssertionError(constant)

    content = json.loads(path.read_text(), parse_constant=refuse)
    assert content["generators"][0]["figures"] == {"a": None, "b": None, "c": 1.0}
    assert content["generators"][1]["photos"][0]["photo"] == "a"
    with pytest.raises(OutputError, match="another folder"):
        report.write_json(tmp_path / "none" / "report.json", {}, [])


def test_sheets_hold_every_step(tmp_path):
    flights = [record("a", 0.9), record("b", 0.5), record("c", 0.7)]
    picture = sheets.sheet(flights[0])
    assert picture.dtype == np.uint8
    for column, step in enumerate((0, 5, 60)):
        assert (picture[20, 30 + 68 * column] == step).all()
    both = sheets.overview([[sheets.Thumbnails.of(flight, [0, 60]) for flight in flights]] * 2, ["x", "y"])
    assert both.shape[1] > 4 * 160
    path = tmp_path / "deep" / "sheet.png"
    sheets.write(path, both)
    assert path.read_bytes().startswith(b"\x89PNG")
    path.parent.joinpath("file").write_text("")
    with pytest.raises(OutputError, match="another folder"):
        sheets.write(path.parent / "file" / "sheet.png", both)
