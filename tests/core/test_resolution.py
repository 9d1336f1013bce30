from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.flight import REFINE_PERIOD
from core.resolution import BUDGET, FINEST, PATIENCE, STEPS, Resolution, magnification

SMALL = (256, 160)


def adaptive() -> Resolution:
    return Resolution(SMALL, adaptive=True)


def flown(resolution: Resolution, seconds_of_a_pixel: float, views: int) -> list[tuple[int, int]]:
    """Make views on a machine where each takes time by its pixels."""
    sizes = []
    for _ in range(views):
        width, height = resolution.size
        sizes.append((width, height))
        resolution.measured(seconds_of_a_pixel * width * height)
    return sizes


def per_pixel(size: tuple[int, int]) -> float:
    """The speed at which views of ``size`` just keep to the budget."""
    return 0.99 * BUDGET / (size[0] * size[1])


def test_the_budget_leaves_some_of_the_period() -> None:
    assert 0.5 * REFINE_PERIOD < BUDGET < REFINE_PERIOD


def test_sides_are_multiples_of_32_and_of_the_same_shape() -> None:
    sizes = [(step * SMALL[0], step * SMALL[1]) for step in STEPS]
    assert (sizes[0], sizes[-1]) == ((256, 160), (1024, 640))
    assert all(side % 32 == 0 for size in sizes for side in size)
    assert all(width * SMALL[1] == height * SMALL[0] for width, height in sizes)


@pytest.mark.parametrize("best", [(256, 160), (512, 320), (768, 480), (1024, 640)])
def test_it_finds_what_the_machine_can_do_and_stays(best: tuple[int, int]) -> None:
    resolution = adaptive()
    flown(resolution, per_pixel(best), 5 * PATIENCE)
    assert set(flown(resolution, per_pixel(best), 1000)) == {best}


def test_up_takes_patience_and_one_slow_view_starts_it_anew() -> None:
    resolution, fast = adaptive(), per_pixel((512, 320))
    sizes = flown(resolution, fast, PATIENCE)
    resolution.measured(0.9 * BUDGET)
    sizes += flown(resolution, fast, PATIENCE)
    assert set(sizes) == {SMALL}
    assert flown(resolution, fast, 1) == [(512, 320)]


def test_down_is_at_once() -> None:
    resolution = adaptive()
    flown(resolution, per_pixel((1024, 640)), 4 * PATIENCE)
    assert resolution.size == (1024, 640)
    slow = per_pixel((512, 320))
    assert flown(resolution, slow, 5) == [(1024, 640), (768, 480), (768, 480), (512, 320), (512, 320)]


def test_the_first_view_of_a_size_is_not_held_against_it() -> None:
    resolution = adaptive()
    flown(resolution, per_pixel((512, 320)), PATIENCE + 1)
    assert resolution.size == (512, 320)
    resolution.measured(10.0)
    assert resolution.size == (512, 320)
    resolution.measured(10.0)
    assert resolution.size == SMALL


def test_what_was_given_up_is_never_tried_again() -> None:
    resolution = adaptive()
    flown(resolution, 0.0, 3 * PATIENCE)
    assert resolution.size == (768, 480)
    assert resolution.give_up()
    assert set(flown(resolution, 0.0, 10 * PATIENCE)) == {(512, 320)}
    assert resolution.give_up()
    assert not resolution.give_up()
    assert set(flown(resolution, 0.0, 10 * PATIENCE)) == {SMALL}


def test_climbing_by_hand_needs_a_measurement() -> None:
    resolution = adaptive()
    assert not resolution.climb()
    resolution.measured(1.0)  # the first
    assert not resolution.climb()
    resolution.measured(0.2 * BUDGET)
    assert resolution.climb()
    assert resolution.size == (512, 320)


@given(st.lists(st.floats(0.0, 2.0), max_size=200), st.integers(0, 5))
def test_one_that_does_not_adapt_never_changes(times: list[float], failures: int) -> None:
    resolution = Resolution((96, 60))
    for seconds in times:
        resolution.measured(seconds)
        assert not resolution.climb()
    for _ in range(failures):
        assert not resolution.give_up()
    assert resolution.size == (96, 60)


sizes = st.tuples(st.integers(1, 5000), st.integers(1, 5000))


@given(size=sizes, canvas=sizes)
def test_a_picture_is_magnified_until_it_is_as_fine_as_its_canvas_and_no_more(
    size: tuple[int, int], canvas: tuple[int, int]
) -> None:
    times = magnification(size, canvas)
    assert 1 <= times <= FINEST
    assert times == FINEST or all(times * own >= wanted for own, wanted in zip(size, canvas, strict=True))
    assert times == 1 or any((times - 1) * own < wanted for own, wanted in zip(size, canvas, strict=True))


def test_films_and_windows_are_magnified_as_they_need() -> None:
    canvases = [(0, 0), (480, 270), (960, 540), (1920, 1080), (3840, 2160)]
    assert [magnification(SMALL, canvas) for canvas in canvases] == [1, 2, 4, 8, 8]
