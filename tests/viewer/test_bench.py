from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import closing
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from core.errors import PhotoflightError
from core.frame import Frame, Layer
from viewer import bench
from viewer.bench import Figure
from viewer.frame_times import FrameTimes, Part, Summary
from viewer.options import BenchOptions

if TYPE_CHECKING:
    from pathlib import Path

FIGURES = [Figure("warp", "display", 12.5), Figure("frame", "rate", 31.0, "1/s")]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "measured", lambda: iter(FIGURES))
    monkeypatch.setattr(bench, "machine", lambda: {"processor": "a test"})


def test_table_and_json_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench.run(BenchOptions(tmp_path / "figures.json"))
    lines = capsys.readouterr().out.splitlines()
    assert "a test" in lines[0]
    assert [line.split() for line in lines[-2:]] == [["warp", "display", "12.50", "ms"], ["frame", "rate", "31.00", "1/s"]]
    document = json.loads((tmp_path / "figures.json").read_text())
    assert document["machine"] == {"processor": "a test"}
    assert [Figure(**figure) for figure in document["figures"]] == FIGURES


def test_json_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(PhotoflightError, match="cannot write"):
        bench.run(BenchOptions(tmp_path / "nowhere" / "figures.json"))


def test_timed_is_a_median_without_the_first_run() -> None:
    spans = iter([0.4, 0.01, 0.01, 0.4])
    assert 10.0 <= bench.timed(lambda: time.sleep(next(spans)), repeats=3) < 200.0


def test_only_the_first_of_each_event_counts(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    assert bench._events(trace) == {}
    trace.write_text(
        '{"event": "window", "seconds": 0.5}\n{"event": "meters", "seconds": 3}\n{"event": "window", "seconds": 9}\n'
    )
    assert bench._events(trace) == {"window": 0.5, "meters": 3}


def test_without_a_display_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(bench.sys, "platform", "linux")
    monkeypatch.setattr(bench, "started", lambda: pytest.fail("started"))
    assert list(bench.start_up()) == []


def test_late_frames_stand_below_the_times() -> None:
    summary = Summary(1000, 0.020, 0.019, 0.040, 0.060, 0.065, Counter({"draw (new keyframe)": 3, "garbage collection": 1}))
    figures = list(bench.frame_figures("flying", summary))
    assert [figure.value for figure in figures] == pytest.approx([19.0, 40.0, 60.0, 65.0, 50.0, 3, 1])
    assert figures[3].what == "flying, longest"
    assert figures[5] == Figure("late", "flying: draw (new keyframe)", 3, "of 1000 frames")


def test_the_rig_clocks_every_frame_it_flies() -> None:
    drawn, finished = [], []
    flight = SimpleNamespace(advance=lambda *_: time.sleep(0.002), frame=lambda _: Frame(None, Layer((), None)))
    rig = bench.Rig(
        flight, SimpleNamespace(draw=lambda *_: drawn.append(1)), SimpleNamespace(finish=lambda: finished.append(1)), None
    )
    with closing(FrameTimes()) as times:
        rig.fly(0.1, times)
        first = times.count
        rig.fly(0.1, times)
    assert times.count == len(drawn) - 2 == len(finished) - 2, "the first of each flight has none before it"
    assert 0 < first < times.count
    parts, _ = times.latest(0.0, times.count)
    assert parts[:, Part.FLY].min() >= 0.002
    assert parts.sum() <= 0.5
