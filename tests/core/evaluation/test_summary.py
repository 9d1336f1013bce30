"""Summary and report: figures from flights made up to be known, tables, JSON, sheets."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from core.errors import OutputError
from core.evaluation import report, sheets
from core.evaluation.appearance import Appearance
from core.evaluation.embedding import LITE0, VGG
from core.evaluation.flights import FlightRecord, Return, Snapshot
from core.evaluation.likeness import Likeness
from core.evaluation.reference import Reference
from core.evaluation.summary import Summary, summarise

DIMENSIONS = 12  # of features: the real ones have hundreds and take as much longer


def frame(sharpness=0.02, contrast=0.1, grey=0.4) -> Appearance:
    return Appearance(0.3, 0.6, grey, grey, grey, contrast, sharpness, 0.9, 0.2, 0.05, 0.2, 0.8)


def record(photo: str, sharpness: float, steps: int = 60, away: float = 0.0) -> FlightRecord:
    """A flight that is at once ``sharpness`` times as sharp, greyer by 0.1, and whose features lie ``away`` from the first."""
    random = np.random.default_rng(int(1000 * sharpness))
    frames = [frame(), *[frame(sharpness=0.02 * sharpness, grey=0.5)] * steps]
    made = FlightRecord(photo, "autopilot", frames)
    made.lite0 = random.normal(size=(steps, DIMENSIONS)).astype(np.float32) + np.float32(away)
    made.vgg = random.normal(size=(steps // 5, 2, DIMENSIONS)).astype(np.float32) + np.float32(away)
    made.start_lite0 = random.normal(size=(1, DIMENSIONS)).astype(np.float32)
    made.style = [float(i) for i in range(1, steps // 5 + 1)]
    made.short = Likeness(20.0 if photo == "a" else math.inf, 0.5, 0.2, 0.7)
    made.way_back = Return(50, 0.0, 0.01, 30.0)
    made.snapshots = {
        step: Snapshot(np.full((32, 64, 3), step, np.uint8), np.full((32, 64), 0.5, np.float32), np.zeros((32, 64), np.float32))
        for step in (0, 5, steps)
    }
    return made


@pytest.fixture(scope="module")
def real() -> Reference:
    random = np.random.default_rng(9)
    return Reference({name: random.normal(size=(80, DIMENSIONS)).astype(np.float32) for name in (LITE0, *VGG)})


@pytest.fixture(scope="module")
def summary(real) -> Summary:
    return summarise("some", {"autopilot": [record("a", 0.9), record("b", 0.5)]}, [], real)


def test_figures(summary):
    found = summary.figures
    assert found["autopilot.sharpness.last"] == pytest.approx(0.7)
    assert found["autopilot.sharpness.in_band"] == 0.5
    assert found["autopilot.colour.mean"] == pytest.approx(0.1)
    assert found["autopilot.style"] == pytest.approx(6.5)
    assert found["autopilot.collapsed"] == 0.0
    assert found["short.psnr"] == 40.0  # 20 dB and equal, which counts as 60
    assert found["return.home"] == 0.0
    assert summary.sets == {"photos": 2, "reference": 80}


def test_distances_are_by_block_and_window(summary, real):
    kids = [name for name in summary.figures if name.startswith(f"autopilot.kid.{LITE0}")]
    assert kids == [f"autopilot.kid.{LITE0}.{part}" for part in ("start", "1-50", "51-60", "window20")]
    assert abs(summary.figures[f"autopilot.kid.{LITE0}.1-50"]) < 0.15
    far = summarise("far", {"autopilot": [record("a", 0.9, away=0.5), record("b", 0.5, away=0.5)]}, [], real)
    for name in (LITE0, *VGG):
        for measure in ("kid", "frechet"):
            key = f"autopilot.{measure}.{name}.1-50"
            assert far.figures[key] > summary.figures[key] + 0.2, key


def test_curves_have_quartiles_by_step(summary):
    sharpness = summary.curves["sharpness"]
    assert sharpness["steps"] == list(range(61))
    assert (sharpness["low"][7], sharpness["median"][7], sharpness["high"][7]) == pytest.approx((0.6, 0.7, 0.8))
    assert summary.curves["style"]["steps"][:3] == [5, 10, 15]
    assert len(summary.curves["kid"]["median"]) == 5  # windows 1-20, 11-30, ... 41-60


def test_without_reference_there_are_no_distances():
    found = summarise("some", {"autopilot": [record("a", 0.9)]}, [], None)
    assert not any("kid" in name or "frechet" in name for name in found.figures)
    assert "kid" not in found.curves


def test_a_turn_is_judged_behind():
    made = record("a", 0.9, steps=44)
    made.course = "turn"
    made.frames[22] = frame(sharpness=0.01)
    found = summarise("some", {"turn": [made]}, [], None).figures
    assert found["turn.sharpness.behind"] == pytest.approx(0.5)
    assert "turn.sharpness.last" not in found


def test_short_flights_have_what_they_can_have(real):
    found = summarise("some", {"turn": [record("a", 0.9, steps=3)]}, [], real)
    assert math.isnan(found.figures[f"turn.kid.{VGG[0]}.1-3"])  # VGG16 has looked at no frame
    assert math.isfinite(found.figures[f"turn.kid.{LITE0}.1-3"])
    assert "turn.style" not in found.figures


def test_table_has_ratios_to_the_first(summary):
    other = Summary("other", {**summary.figures, "autopilot.style": 3.25}, {}, [], summary.sets)
    lines = report.table([summary, other]).splitlines()
    assert lines[0].split() == ["some", "other", "ratio"]
    style = next(line for line in lines if line.startswith("autopilot.style"))
    assert style.split() == ["autopilot.style", "6.5", "3.25", "0.5", "1e-5"]
    home = next(line for line in lines if line.startswith("return.home "))
    assert home.split()[-1] == "-"  # no ratio to nothing


def test_json_is_strict(summary, tmp_path):
    path = tmp_path / "report.json"
    report.write_json(path, {"steps": 60}, [Summary("odd", {"a": math.nan, "b": math.inf, "c": 1.0}, {}, [], {}), summary])

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
