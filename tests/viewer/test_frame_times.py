"""Frame times under a clock of the test's own, and their graph."""

from __future__ import annotations

import gc
import tracemalloc
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.frame_graph import COLOURS, COLUMNS, ROWS, SCALES, graph_picture
from viewer.frame_times import CAPACITY, During, FrameTimes, Part
from viewer.hud import PADDING, RED

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Mapping

PERIOD = 1.0 / 60.0
USUAL = {Part.EVENTS: 0.001, Part.FLY: 0.001, Part.WARP: 0.004, Part.DRAW: 0.004, Part.FLIP: 0.006}  # 16 ms


class Clock:
    """Stands still unless it is told to go on."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


class Loop:
    """A display loop whose frames take as long as they are told to."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.clock = Clock()
        self.times = FrameTimes(PERIOD, capacity, self.clock)
        self.frame({})  # the first picture has none before it, and no time

    def frame(self, parts: Mapping[Part, float] = USUAL, during: During = During.NOTHING) -> None:
        self.times.begin()
        self.times.note(during)
        for part, seconds in parts.items():
            self.clock.now += seconds
            self.times.mark(part)
        self.times.shown()

    def frames(self, count: int) -> None:
        for _ in range(count):
            self.frame()

    def late(self) -> Counter[str]:
        return self.times.summary().late


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.times.close()


def test_a_frame_runs_from_picture_to_picture_and_its_parts_add_up(loop: Loop) -> None:
    loop.frame({Part.WARP: 0.010, Part.DRAW: 0.005})
    loop.clock.now += 0.002  # the loop's pause
    loop.frame({Part.WARP: 0.011, Part.FLIP: 0.001})
    parts, late = loop.times.latest(60.0)
    assert parts.shape == (2, len(Part))
    assert parts.sum(axis=1) == pytest.approx([0.015, 0.014])
    assert parts[1, Part.FLIP] == pytest.approx(0.003)
    assert not late.any()


def test_rest_is_nobodys_time(loop: Loop) -> None:
    loop.frames(3)
    loop.times.begin()
    loop.times.rested()
    loop.clock.now += 100.0
    loop.frame()  # follows a rest: no picture before it to count from
    assert loop.times.count == 3
    loop.frame()
    assert loop.times.count == 4
    assert loop.times.summary().longest == pytest.approx(0.016)


def test_percentiles_are_those_of_all_frames(loop: Loop) -> None:
    seconds = np.random.default_rng(3).permutation(np.linspace(0.001, 0.02, 2001))
    for each in seconds:
        loop.frame({Part.DRAW: float(each)})
    summary = loop.times.summary()
    assert summary.frames == 2001
    found = (summary.median, summary.p99, summary.p999, summary.longest)
    assert found == pytest.approx(np.percentile(seconds, (50, 99, 99.9, 100)), rel=1e-5)
    assert summary.line == "p50 10.5  p99 19.8  p99.9 20.0  max 20.0 ms"


@pytest.mark.parametrize("part", list(Part))
def test_the_part_that_grew_is_the_reason(loop: Loop, part: Part) -> None:
    loop.frames(40)
    loop.frame({**USUAL, part: USUAL.get(part, 0.0) + 0.02})
    loop.frames(40)
    assert loop.late() == {part.word: 1}
    assert loop.times.late == 1


def test_what_happened_meanwhile_is_told(loop: Loop) -> None:
    loop.frames(40)
    loop.frame({**USUAL, Part.DRAW: 0.05}, During.KEYFRAME | During.RECORDING)
    loop.frame(USUAL, During.KEYFRAME)  # in time, whatever it did
    loop.frame({**USUAL, Part.DRAW: 0.05})
    assert loop.late() == {"draw (new keyframe, recording)": 1, "draw": 1}


def test_a_keyframe_is_new_when_the_frame_before_did_not_show_it(loop: Loop) -> None:
    def layer(*serials: int) -> SimpleNamespace:
        return SimpleNamespace(keyframes=[SimpleNamespace(serial=serial) for serial in serials])

    loop.frames(40)
    for newer, older in ((layer(0), None), (layer(1, 0), layer(0)), (layer(1, 0), None), (layer(0), layer(1))):
        loop.times.begin()
        loop.times.note_keyframes(SimpleNamespace(newer=newer, older=older))
        loop.frame({**USUAL, Part.WARP: 0.05})
    loop.frames(40)
    assert loop.late() == {"warp (new keyframe)": 2, "warp": 2}


def test_a_slow_machine_is_slow_and_not_late(loop: Loop) -> None:
    for number in range(200):
        loop.frame({Part.DRAW: 0.048 + 0.004 * (number % 3)})
    assert not loop.late()
    loop.frame({Part.DRAW: 0.080})
    assert loop.late() == {"draw": 1}


def test_a_fast_machine_may_take_a_period_and_a_half(loop: Loop) -> None:
    for _ in range(300):
        loop.frame({Part.DRAW: 0.002})
    loop.frame({Part.DRAW: 1.49 * PERIOD})
    assert not loop.late()
    loop.frame({Part.DRAW: 1.51 * PERIOD})
    assert loop.late() == {"draw": 1}


def test_one_stall_longer_than_the_window_is_late(loop: Loop) -> None:
    loop.frames(40)
    loop.frame({**USUAL, Part.WARP: 3.0})
    loop.frames(40)
    assert loop.late() == {"warp": 1}


def test_a_stall_right_at_the_start_is_late(loop: Loop) -> None:
    loop.frame({**USUAL, Part.DRAW: 0.4}, During.RESOLUTION)
    assert not loop.late(), "nothing to compare it with yet"
    loop.frames(40)
    assert loop.late() == {"draw (new resolution)": 1}


def test_garbage_collection_is_told_apart_from_the_part_it_hit(loop: Loop) -> None:
    loop.frames(40)
    loop.times.begin()
    loop.times._collected("start", {})
    loop.clock.now += 0.03
    loop.times._collected("stop", {})
    loop.times.mark(Part.WARP)
    loop.times.shown()
    loop.frame({**USUAL, Part.WARP: 0.03})
    assert loop.late() == {"garbage collection": 1, "warp": 1}


def test_pythons_collections_are_seen_until_the_end(loop: Loop) -> None:
    before = loop.times.collections
    gc.collect()
    assert loop.times.collections == before + 1
    loop.times.close()
    loop.times.close()
    gc.collect()
    assert loop.times.collections == before + 1


def test_the_ring_forgets_the_oldest() -> None:
    loop = Loop(capacity=50)
    loop.frame({Part.DRAW: 0.5})
    for number in range(120):
        loop.frame({Part.DRAW: 1e-4 * (1 + number)})
    parts, _ = loop.times.latest(60.0)
    assert parts[:, Part.DRAW] == pytest.approx(1e-4 * np.arange(71, 121))
    assert loop.times.summary().frames == 50
    assert not loop.late(), "the late one is forgotten"
    assert loop.times.late == 1, "but not that there was one"
    loop.times.close()


@given(st.lists(st.floats(1e-4, 0.2), min_size=1, max_size=80), st.floats(0.01, 2.0), st.integers(1, 70))
def test_the_latest_frames_are_the_latest(seconds: list[float], window: float, least: int) -> None:
    loop = Loop(capacity=60)
    for each in seconds:
        loop.frame({Part.FLY: each})
    loop.times.close()
    parts, late = loop.times.latest(window, least)
    kept = seconds[-60:]
    assert len(parts) == len(late)
    assert len(parts) >= min(least, len(kept))
    assert parts.sum(axis=1) == pytest.approx(kept[len(kept) - len(parts) :], rel=1e-4)
    if len(parts) > least:
        assert sum(kept[len(kept) - len(parts) :]) <= window * 1.001
    assert loop.times.summary().longest == pytest.approx(max(kept), rel=1e-4)
    assert loop.times.count == len(seconds)


def test_flying_for_long_allocates_nothing(loop: Loop) -> None:
    def held() -> int:
        gc.collect()  # Python's own lists of free objects come and go
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        loop.frames(1000)
        before = held()
        loop.frames(8000)
        assert held() - before < 40_000, "bytes; 8000 floats would be 190 000"
    finally:
        tracemalloc.stop()


def bars(loop: Loop) -> np.ndarray:
    picture = graph_picture(loop.times)
    return picture[PADDING : PADDING + ROWS, PADDING : PADDING + COLUMNS]


def test_the_graph_stacks_the_parts_of_the_newest_frames_at_the_right(loop: Loop) -> None:
    loop.frames(10)
    column = bars(loop)[:, -1]
    assert SCALES[3] == 0.03, "is the scale for 2 x 16 ms"
    heights = [int((column == COLOURS[part]).all(axis=1).sum()) for part in Part]
    expected = [USUAL.get(part, 0.0) / SCALES[4] * ROWS for part in Part]
    assert np.abs(np.array(heights) - expected).max() <= 1.5, "the period's line may lie over a cell"
    assert (bars(loop)[-1, : COLUMNS - 10] == bars(loop)[-1, 100]).all(), "no frames there yet"
    assert tuple(column[-1]) == COLOURS[Part.EVENTS], "the first part at the bottom"


def test_the_graph_marks_late_frames_and_scales_with_the_display(loop: Loop) -> None:
    loop.frames(30)
    loop.frame({**USUAL, Part.DRAW: 0.012})  # 24 ms: in time
    loop.frame({**USUAL, Part.DRAW: 0.020})
    loop.frames(30)
    loop.times.summary()
    red = (bars(loop)[..., :3] == RED[:3]).all(axis=-1)
    assert red.any(axis=0).nonzero()[0].tolist() == [COLUMNS - 31]
    one, two = graph_picture(loop.times), graph_picture(loop.times, scale=2.0)
    assert abs(two.shape[1] / one.shape[1] - 2.0) < 0.05


def test_the_graph_of_nothing_is_a_graph() -> None:
    times = FrameTimes()
    times.close()
    assert graph_picture(times).shape[2] == 4
    assert times.summary().frames == 0
