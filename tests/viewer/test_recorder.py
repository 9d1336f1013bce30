from __future__ import annotations

import gc
import os
import resource
import signal
import subprocess
import sys
import time
import weakref
from fractions import Fraction
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import RecordingError
from viewer.actions import end_recording
from viewer.mp4 import ENCODERS, X264, even, fitted, working_encoder
from viewer.recorder import Recorder

SIZE = (160, 96)


def numbered(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A picture whose number can be read back after encoding: 16 blocks of black or white."""
    picture = np.full((size[1], size[0], 3), 128, np.uint8)
    width, height = size[0] // 4, size[1] // 4
    for bit in range(16):
        x, y = bit % 4 * width, bit // 4 * height
        picture[y : y + height, x : x + width] = 235 if number >> bit & 1 else 20
    return picture


def number_of(picture: np.ndarray) -> int:
    height, width = picture.shape[0] // 4, picture.shape[1] // 4
    centres = picture[height // 2 :: height, width // 2 :: width, 1][:4, :4].ravel()
    return sum(int(value > 128) << bit for bit, value in enumerate(centres))


def decoded(path: Path, *, torn: bool = False) -> list[np.ndarray]:
    """All pictures of a video; of a ``torn`` one those before the tear."""
    pictures = []
    with av.open(str(path)) as container:
        try:
            pictures.extend(frame.to_ndarray(format="rgb24") for frame in container.decode(video=0))
        except av.InvalidDataError:
            assert torn
    return pictures


def boxes(path: Path) -> list[str]:
    """Names of the top-level boxes of an MP4."""
    data, names, at = path.read_bytes(), [], 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        names.append(data[at + 4 : at + 8].decode("latin1"))
        at += int.from_bytes(data[at + 8 : at + 16], "big") if size == 1 else size
        if size == 0:
            break
    return names


def run(program: str, path: Path) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=pipe, stderr=pipe, text=True, cwd=root, env=environment
    )


class Gate:
    """Holds the encoder up until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import threading

        import viewer.recorder

        self.open = threading.Event()
        writer = viewer.recorder.Mp4Writer

        def late(*args: object, **kwargs: object) -> object:
            self.open.wait(10)
            return writer(*args, **kwargs)

        monkeypatch.setattr(viewer.recorder, "Mp4Writer", late)


def test_closed_file_is_an_ordinary_mp4(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    about = {"title": "A flight", "comment": "seed 7"}
    with Recorder(path, SIZE, 30, about, lockstep=True) as recorder:
        for number in range(75):
            assert recorder.offer(numbered(number))
    assert recorder.error is None
    assert recorder.done
    assert (recorder.frames, recorder.dropped, recorder.seconds) == (75, 0, 2.5)
    kinds = boxes(path)
    assert kinds[0] == "ftyp"
    assert kinds.count("moov") == 1
    assert "moof" not in kinds
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        context = video.codec_context
        assert (video.frames, video.average_rate, container.duration) == (75, 30, 2_500_000)
        assert video.start_time == 0
        assert (context.name, context.pix_fmt, context.width, context.height) == ("h264", "yuv420p", *SIZE)
        assert {context.colorspace, context.color_primaries, context.color_trc, context.color_range} == {1}
        assert about.items() <= container.metadata.items()
    assert [number_of(picture) for picture in decoded(path)] == list(range(75))


def test_colours_survive(tmp_path: Path) -> None:
    colours = np.array([[200, 40, 30], [30, 180, 60], [40, 60, 210], [128, 128, 128]], np.uint8)
    picture = np.repeat(np.repeat(colours[None], SIZE[1], 0), SIZE[0] // 4, 1)
    with Recorder(tmp_path / "c.mp4", SIZE, lockstep=True) as recorder:
        for _ in range(5):
            recorder.offer(picture)
    seen = decoded(recorder.path)[-1][48, 20::40].astype(int)
    assert np.abs(seen - colours).max() <= 6


@settings(max_examples=12, deadline=None)
@given(steps=st.lists(st.floats(0.001, 0.2), min_size=1, max_size=25))
def test_video_time_is_wall_time(tmp_path_factory: pytest.TempPathFactory, steps: list[float]) -> None:
    times = np.concatenate([[5.0], 5.0 + np.cumsum(steps)])
    path = tmp_path_factory.mktemp("live") / "live.mp4"
    with Recorder(path, SIZE, 30, capacity=50) as recorder:
        taken = [number for number, at in enumerate(times) if recorder.offer(numbered(number), at)]
    assert (recorder.error, recorder.dropped) == (None, 0)
    slots = [int((times[number] - 5.0) * 30 + 0.5) for number in taken]
    expected = np.array(taken)[np.searchsorted(slots, np.arange(slots[-1] + 1), side="right") - 1]
    assert [number_of(picture) for picture in decoded(path)] == expected.tolist()
    assert abs((recorder.frames - 1) / 30 - (times[-1] - 5.0)) <= 0.5 / 30 + 1e-9 or taken[-1] != len(steps)


def test_full_queue_drops_counts_and_never_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    recorder = Recorder(tmp_path / "busy.mp4", SIZE, 30, capacity=4)
    taken = [recorder.offer(numbered(number), number / 30) for number in range(10)]  # who waits gets all in
    assert taken == [True] * 4 + [False] * 6
    assert recorder.dropped == 6
    gate.open.set()
    while not recorder.frames:
        time.sleep(0.005)
    assert recorder.offer(numbered(10), 10 / 30)
    recorder.close()
    shown = [number_of(picture) for picture in decoded(recorder.path)]
    assert shown == [0, 1, 2, 3, 3, 3, 3, 3, 3, 3, 10]


def test_drops_at_the_end_do_not_shorten_the_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    recorder = Recorder(tmp_path / "busy.mp4", SIZE, 30, capacity=2)
    for number in range(5):
        recorder.offer(numbered(number), number / 30)
    gate.open.set()
    recorder.close()
    assert [number_of(picture) for picture in decoded(recorder.path)] == [0, 1, 1, 1, 1]


def test_a_finished_recording_is_let_go(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.mp4", SIZE, lockstep=True)
    recorder.offer(numbered(1))
    recorder.finish()
    thread, gone = recorder._thread, weakref.ref(recorder)
    del recorder
    thread.join()
    del thread
    gc.collect()
    assert gone() is None


def test_pictures_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    picture = numbered(77)
    with Recorder(tmp_path / "a.mp4", SIZE, lockstep=True) as recorder:
        recorder.offer(picture)
        picture[:] = 0
        gate.open.set()
    assert number_of(decoded(recorder.path)[0]) == 77


def test_finish_does_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch)
    recorder = Recorder(tmp_path / "a.mp4", SIZE, capacity=1)
    assert recorder.offer(numbered(1), 0.0)
    recorder.finish()
    assert not recorder.done
    assert not recorder.offer(numbered(2), 1.0)
    gate.open.set()
    recorder.close()
    assert recorder.done
    assert len(decoded(recorder.path)) == 1


@pytest.mark.parametrize("size", [(161, 97), (160, 97), (333, 211), (17, 301), (2, 2)])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    with Recorder(tmp_path / "odd.mp4", size, lockstep=True) as recorder:
        for number in range(4):
            recorder.offer(np.full((size[1], size[0], 3), 40 * number, np.uint8))
    assert recorder.error is None
    pictures = decoded(recorder.path)
    assert len(pictures) == 4
    assert pictures[0].shape == (size[1] // 2 * 2, size[0] // 2 * 2, 3)
    assert np.abs(pictures[-1].astype(int) - 120).max() <= 3


def test_resized_window_keeps_recording(tmp_path: Path) -> None:
    with Recorder(tmp_path / "r.mp4", SIZE, lockstep=True) as recorder:
        for scale in (1, 2, 3):
            recorder.offer(numbered(9, (SIZE[0] * scale, SIZE[1] * scale)))
    assert [number_of(picture) for picture in decoded(recorder.path)] == [9, 9, 9]


@given(width=st.integers(2, 90), height=st.integers(2, 90), target=st.tuples(st.integers(1, 40), st.integers(1, 40)))
def test_fitted_is_a_centred_part_of_the_right_shape(width: int, height: int, target: tuple[int, int]) -> None:
    picture = np.arange(width * height * 3, dtype=np.uint32).reshape(height, width, 3)
    size = (target[0] * 2, target[1] * 2)
    part = fitted(picture, size)
    assert np.shares_memory(part, picture)
    assert part.shape[1] == width or part.shape[0] == height or part.shape[:2] == size[::-1]
    ideal_width, ideal_height = min(width, height * size[0] / size[1]), min(height, width * size[1] / size[0])
    assert abs(part.shape[1] - ideal_width) <= 1
    assert abs(part.shape[0] - ideal_height) <= 1
    assert even((width, height)) == (width & ~1, height & ~1)


@pytest.mark.parametrize("name", ["nowhere/a.mp4", "folder", "file/a.mp4"])
def test_places_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(RecordingError, match="cannot record to") as caught:
        Recorder(tmp_path / name, SIZE)
    assert "\n" not in str(caught.value)


def test_a_recording_of_nothing_leaves_nothing(tmp_path: Path) -> None:
    with Recorder(tmp_path / "a.mp4", SIZE):
        pass
    assert list(tmp_path.iterdir()) == []


def test_too_small_a_picture(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="1x9"):
        Recorder(tmp_path / "a.mp4", (1, 9))


def test_full_disk_ends_the_recording_and_keeps_the_file(tmp_path: Path) -> None:
    noise = np.random.default_rng(1)
    shape = (SIZE[1], SIZE[0], 3)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    recorder = Recorder(tmp_path / "full.mp4", SIZE, lockstep=True)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))
        taken = sum(recorder.offer(noise.integers(0, 256, shape, np.uint8)) for _ in range(200))
        recorder.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert 0 < taken < 200
    assert recorder.error is not None
    assert "\n" not in str(recorder.error)
    assert str(recorder.path) in str(recorder.error)
    assert not recorder.offer(np.zeros(shape, np.uint8))
    kept = len(decoded(recorder.path, torn=True))
    assert kept > 10
    assert f"{kept / 30.0:.1f} s are kept" in str(recorder.error)


def test_a_disk_that_is_full_when_the_file_is_closed_ends_the_recording(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    recorder = Recorder(tmp_path / "short.mp4", SIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
        for number in range(2):
            recorder.offer(numbered(number), number / 30.0)
        closing = Thread(target=recorder.close, daemon=True)
        closing.start()
        closing.join(60.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert recorder.done
    assert "0.0 s are kept" in str(recorder.error)


def test_who_waits_for_room_is_let_go_when_the_file_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        time.sleep(0.2)
        raise OSError("no such place")

    monkeypatch.setattr("viewer.recorder.Mp4Writer", refuse)
    recorder = Recorder(tmp_path / "none.mp4", SIZE, lockstep=True, capacity=1)
    offering = Thread(target=lambda: [recorder.offer(numbered(n)) for n in range(50)], daemon=True)
    offering.start()
    offering.join(60.0)
    assert not offering.is_alive()
    recorder.close()
    assert "no such place" in str(recorder.error)


def test_what_fails_while_quitting_is_printed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("viewer.recorder.Mp4Writer", lambda *_, **__: 1 / 0)
    end_recording(SimpleNamespace(capture=None, closing=Recorder(tmp_path / "last.mp4", SIZE)))
    assert "last.mp4 stopped: division by zero; 0.0 s are kept" in capsys.readouterr().err


def test_names_need_not_be_utf8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"b\xe9ret.mp4")
    with Recorder(path, SIZE, lockstep=True) as recorder:
        recorder.offer(numbered(7))
    assert recorder.error is None
    assert path.is_file()


def test_an_encoder_that_does_not_open_is_passed_over() -> None:
    missing = [encoder for encoder in ENCODERS if not encoder.works(SIZE, Fraction(30))]
    assert X264 not in missing
    assert working_encoder(SIZE, Fraction(30)) not in missing


FORGOTTEN = """
import sys
from pathlib import Path
from viewer.recorder import Recorder
from tests.viewer.test_recorder import SIZE, numbered
recorder = Recorder(Path(sys.argv[1]), SIZE, lockstep=True)
for number in range(20):
    recorder.offer(numbered(number))
raise RuntimeError("a crash")
"""


def test_a_program_that_ends_without_closing_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "forgotten.mp4"
    result = run(FORGOTTEN, path).wait(30)
    assert result == 1
    assert "moof" not in boxes(path)
    assert [number_of(picture) for picture in decoded(path)] == list(range(20))


KILLED = """
import sys, time
from pathlib import Path
from viewer.recorder import Recorder
from tests.viewer.test_recorder import numbered
size = (640, 360)
pictures = [numbered(number, size) for number in range(120)]
recorder = Recorder(Path(sys.argv[1]), size, 30, {"title": "killed"})
recorder.offer(pictures[0], 0.0)
while not (recorder.encoder or recorder.error):
    time.sleep(0.01)
start = time.perf_counter()
for number in range(1, 120):
    time.sleep(max(0.0, start + number / 30 - time.perf_counter()))
    recorder.offer(pictures[number], number / 30)
    print(number, flush=True)
"""


@pytest.mark.parametrize("last", [38, 42])
def test_killed_process_loses_at_most_three_tenths_of_a_second(tmp_path: Path, last: int) -> None:
    path = tmp_path / "killed.mp4"
    process = run(KILLED, path)
    assert process.stdout is not None
    shown = 0
    for line in process.stdout:
        shown = int(line)
        if shown == last:
            process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    numbers = [number_of(picture) for picture in decoded(path, torn=True)]
    assert numbers == sorted(numbers)
    assert (shown - numbers[-1]) / 30 <= 0.3
    with av.open(str(path)) as container:
        assert container.metadata["title"] == "killed"
