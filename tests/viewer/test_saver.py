"""Files written behind the flight."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from viewer import actions
from viewer.saver import Saver, write_png

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def saver() -> Iterator[Saver]:
    saver = Saver()
    yield saver
    saver.close()


def polled(saver: Saver) -> str:
    end = time.monotonic() + 300.0
    while not (line := saver.poll()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return line


def test_nobody_waits_and_lines_come_in_order_once(saver: Saver) -> None:
    go = threading.Event()
    saver.save(lambda: "first" if go.wait(10.0) else "")
    saver.save(lambda: "second")
    assert saver.poll() == ""
    go.set()
    assert [polled(saver), polled(saver)] == ["first", "second"]
    assert saver.poll() == ""


def test_what_nobody_expected_is_not_swallowed(saver: Saver) -> None:
    saver.save(lambda: str(1 // 0))
    with pytest.raises(ZeroDivisionError):
        polled(saver)


def test_closing_waits_for_the_last_file(saver: Saver, tmp_path: Path) -> None:
    saver.save(lambda: time.sleep(0.1) or str(tmp_path.joinpath("last").touch()))
    saver.close()
    assert (tmp_path / "last").exists()


def test_a_picture_is_written_as_it_is(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    write_png(tmp_path / "picture.png", picture[::-1])
    assert (np.asarray(Image.open(tmp_path / "picture.png")) == picture[::-1]).all()


def test_screenshots_of_one_second_have_their_own_names_and_a_full_disk_is_told(
    saver: Saver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_pictures_path", lambda: tmp_path)
    picture, photo = np.zeros((8, 8, 3), np.uint8), tmp_path / "alps.jpg"
    record = SimpleNamespace(save=lambda path: path.touch())
    for _ in range(3):
        saver.save(lambda: actions._saved_picture(picture, record, photo))
    lines = {polled(saver) for _ in range(3)}
    assert lines == {f"saved {path}" for path in tmp_path.rglob("*.png")}
    assert len(lines) == len(list(tmp_path.rglob("*.json"))) == 3

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(actions, "write_png", full)
    saver.save(lambda: actions._saved_picture(picture, record, photo))
    assert polled(saver) == "cannot save the screenshot: [Errno 28] No space left on device"
