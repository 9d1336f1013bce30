"""The flight's time: paused, step by step, in slow motion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.clock import SLOWER, Clock

steps = st.lists(st.floats(0.0, 0.1), max_size=20)


@given(steps, st.booleans())
def test_time_goes_as_the_walls_or_slower_by_the_same_everywhere(dts: list[float], slow: bool) -> None:
    clock = Clock(slow=slow)
    assert sum(clock.flown(dt, 1.0) for dt in dts) == pytest.approx(sum(dts) / (SLOWER if slow else 1.0))


@given(steps)
def test_no_time_goes_by_while_paused(dts: list[float]) -> None:
    assert all(Clock(paused=True).flown(dt, 1.0) == 0.0 for dt in dts)


def test_a_step_is_one_frame_and_then_it_is_paused() -> None:
    clock = Clock()
    clock.step()
    assert clock.word == "paused"
    assert [clock.flown(0.05, 1.0 / 60.0) for _ in range(3)] == [1.0 / 60.0, 0.0, 0.0]
    clock.slow = True
    clock.step()
    assert clock.flown(0.05, 0.02) == pytest.approx(0.02 / SLOWER)
    assert clock.word == "paused slow motion"
    clock.paused = False
    assert clock.flown(0.04, 0.02) == pytest.approx(0.01)
