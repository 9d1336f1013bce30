from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.viewer.test_recorder import decoded, number_of, numbered
from viewer.capture import Capture
from viewer.readback import ReadbackRing
from viewer.recorder import Recorder

if TYPE_CHECKING:
    from pathlib import Path

    import moderngl

SIZE = (45, 30)  # rows of 135 bytes: no multiple of 4, so padding would show


class Screen:
    """A framebuffer that shows given pictures."""

    def __init__(self, context: moderngl.Context, size: tuple[int, int], components: int = 3) -> None:
        self.texture = context.texture(size, components)
        self.framebuffer = context.framebuffer([self.texture])

    def show(self, picture: np.ndarray) -> moderngl.Framebuffer:
        rows = picture[::-1]
        if self.texture.components == 4:
            rows = np.dstack([rows, np.full(rows.shape[:2], 99, np.uint8)])
        self.texture.write(np.ascontiguousarray(rows).tobytes(), alignment=1)
        return self.framebuffer


def noise(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)


@pytest.mark.parametrize("components", [3, 4])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_the_right_pictures_in_order(gl_context: moderngl.Context, depth: int, components: int) -> None:
    screen, ring = Screen(gl_context, SIZE, components), ReadbackRing(gl_context, SIZE, depth)
    seen = []
    for seed in range(10):
        picture = ring.push(screen.show(noise(seed)))
        assert (picture is None) == (seed < depth - 1)
        if picture is not None:
            seen.append(picture.copy())
    seen.extend(ring.pull().copy() for _ in range(depth - 1))
    assert len(seen) == 10
    assert all(np.array_equal(picture, noise(seed)) for seed, picture in enumerate(seen))
    with pytest.raises(ValueError, match="push"):
        ring.pull()
    ring.release()


def test_pull_early_keeps_the_order(gl_context: moderngl.Context) -> None:
    screen, ring = Screen(gl_context, SIZE), ReadbackRing(gl_context, SIZE)
    for seed in range(7):
        assert ring.push(screen.show(noise(seed))) is None
        assert np.array_equal(ring.pull(), noise(seed))
    ring.release()


def test_nothing_is_allocated_for_each_picture(gl_context: moderngl.Context) -> None:
    screen, ring = Screen(gl_context, SIZE), ReadbackRing(gl_context, SIZE)
    pictures = [ring.push(screen.show(noise(seed))) for seed in range(5)]
    assert np.shares_memory(pictures[2], pictures[4])


@pytest.mark.parametrize("rate", [12, 30, 60, 144])
def test_capture_records_what_was_shown_when(gl_context: moderngl.Context, tmp_path: Path, rate: int) -> None:
    size = (160, 96)
    screen = Screen(gl_context, size)
    recorder = Recorder(tmp_path / "shown.mp4", size, 30, capacity=60)
    capture = Capture(gl_context, recorder)
    times = [100.0 + number / rate for number in range(rate)]
    for number, seconds in enumerate(times):
        capture.shoot(screen.show(numbered(number)), seconds)
    capture.finish()
    recorder.close()
    assert (recorder.error, recorder.dropped) == (None, 0)
    shown = [number_of(picture) for picture in decoded(recorder.path)]
    assert shown == sorted(shown)
    assert len(shown) in (30, 31) or rate < 30
    lag = np.abs(np.array(shown) / rate - np.arange(len(shown)) / 30)
    assert lag.max() <= 0.5 / 30 + 1.0 / rate


def test_capture_goes_on_through_a_resize(gl_context: moderngl.Context, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "resized.mp4", (160, 96), capacity=20)
    capture = Capture(gl_context, recorder)
    for number in range(8):
        size = (160, 96) if number < 4 else (320, 192)
        capture.shoot(Screen(gl_context, size).show(numbered(number, size)), number / 30)
    capture.finish()
    assert recorder.seconds == 8 / 30
    recorder.close()
    assert [number_of(picture) for picture in decoded(recorder.path)] == list(range(8))


def test_a_slow_display_has_nothing_on_its_way(gl_context: moderngl.Context, tmp_path: Path) -> None:
    screen = Screen(gl_context, (160, 96))
    recorder = Recorder(tmp_path / "slow.mp4", (160, 96), 30, capacity=20)
    capture = Capture(gl_context, recorder)
    for number in range(1, 5):
        capture.shoot(screen.show(numbered(number)), number / 10)
        assert recorder.seconds == (1 + 3 * (number - 1) if number > 1 else 0) / 30
    capture.finish()
    recorder.close()
    assert len(decoded(recorder.path)) == 10
