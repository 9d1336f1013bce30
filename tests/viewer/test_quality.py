"""The resolution ladder: down when frames are late, up when there is plenty of time, never in a flutter."""

from hypothesis import given
from hypothesis import strategies as st

from viewer.quality import FAST, LADDER, LOOKUP_PIXELS, PATIENCE, SLOW, Quality


def test_late_frames_step_down_to_the_bottom_and_no_further() -> None:
    quality = Quality(rung=0)
    for _ in range(len(LADDER) * PATIENCE * 2):
        quality.measured(2.0 * SLOW)
    assert quality.rung == len(LADDER) - 1


def test_a_single_stall_changes_nothing() -> None:
    quality = Quality(rung=2)
    for second in (1.0, *[0.5 * (FAST + SLOW)] * 50):
        quality.measured(second)
    assert quality.rung == 2


def test_stepping_up_takes_ten_times_the_patience() -> None:
    quality = Quality(rung=2)
    for _ in range(10 * PATIENCE - 1):
        quality.measured(0.5 * FAST)
    assert quality.rung == 2
    quality.measured(0.5 * FAST)
    assert quality.rung == 1


def test_frozen_while_recording() -> None:
    quality = Quality(rung=2, frozen=True)
    for _ in range(100):
        quality.measured(1.0)
    assert quality.rung == 2


@given(st.integers(64, 8000), st.integers(64, 8000), st.integers(0, len(LADDER) - 1))
def test_sizes_are_even_shaped_like_the_window_and_bounded(width: int, height: int, rung: int) -> None:
    quality = Quality(rung=rung)
    for size in (quality.canvas(width, height), quality.lookup(width, height)):
        assert all(side >= 2 and side % 2 == 0 for side in size)
    assert quality.lookup(width, height)[0] * quality.lookup(width, height)[1] <= LOOKUP_PIXELS * 1.1
    assert quality.canvas(width, height)[0] <= width + 1
