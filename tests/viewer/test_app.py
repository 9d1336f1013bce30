"""The real program, started as a user would, in a real window, with real key events."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SIZE = (480, 270)
PATIENCE = 300.0  # seconds for anything to happen: the machine may be busy and nothing compiled yet


class Program:
    """A running photoflight: what it traced, what its window shows, and keys sent to it."""

    def __init__(self, display: str, home: Path, *arguments: str) -> None:
        self._trace, self._shot = home / "trace.jsonl", home / "shot.xwd"
        self._environment = {**os.environ, "DISPLAY": display, "HOME": str(home), "PHOTOFLIGHT_TRACE": str(self._trace)}
        self.home = home
        command = [sys.executable, "-m", "viewer", "--size", f"{SIZE[0]}x{SIZE[1]}", *arguments]
        self.process = subprocess.Popen(command, env=self._environment, stderr=subprocess.PIPE, text=True)

    def events(self, name: str) -> list[dict]:
        if not self._trace.exists():
            return []
        lines = [json.loads(line) for line in self._trace.read_text().splitlines() if line.endswith("}")]
        return [line for line in lines if line["event"] == name]

    def wait(self, condition: Callable[[], object], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, f"the program ended: {self.process.stderr.read()}"
            assert time.monotonic() < end, f"{what} did not happen; last: {self.meters()}"
            time.sleep(0.05)

    def meters(self) -> dict:
        return (self.events("meters") or [{}])[-1]

    @property
    def position(self) -> np.ndarray:
        return np.array(self.meters().get("position", [0.0, 0.0, 0.0]))

    def keys(self, *words: str) -> None:
        subprocess.run(["xdotool", *words], env=self._environment, check=True)

    def screenshot(self) -> np.ndarray:
        """Press F12 and return the picture it saves, so that the instruments are not in it."""
        folder = self.home / "Pictures" / "photoflight"
        before = set(folder.glob("*.png"))
        self.keys("key", "F12")
        self.wait(lambda: set(folder.glob("*.png")) - before, "a screenshot")
        time.sleep(0.3)
        (path,) = set(folder.glob("*.png")) - before
        return np.asarray(Image.open(path)).astype(int)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(10)


@pytest.fixture
def program(xvfb: str, tmp_path: Path, demo_photos: list[Path]) -> Iterator[Program]:
    running = Program(xvfb, tmp_path, str(demo_photos[0]))
    running.wait(lambda: running.events("flight"), "a flight")
    yield running
    running.close()


def frames_of(path: Path) -> int:
    with av.open(path) as film:
        return sum(1 for _ in film.decode(video=0))


def test_a_flight_from_start_to_quit(program: Program) -> None:
    start = program.screenshot()

    program.keys("keydown", "w")
    program.wait(lambda: program.position[2] > 0.3, "flying forward")
    program.keys("keyup", "w")
    assert abs(program.position[0]) < 0.05
    assert np.abs(program.screenshot() - start).mean() > 3.0

    program.keys("key", "p")
    program.wait(lambda: program.meters()["pilot"] == "autopilot", "the autopilot")
    before = program.position
    program.wait(lambda: np.linalg.norm(program.position - before) > 0.3, "the autopilot flying")
    program.keys("key", "F9")
    program.keys("keydown", "d")
    program.wait(lambda: program.meters()["pilot"] == "manual", "taking over")
    program.keys("keyup", "d")
    time.sleep(1.5)
    program.keys("key", "F9")
    folder = program.home / "Videos" / "photoflight"
    (film,) = folder.glob("*.mp4")
    program.wait(lambda: b"moov" in film.read_bytes()[-200_000:] or frames_of(film) > 0, "the film being closed")

    program.keys("key", "Home")
    program.wait(lambda: np.abs(program.position).max() == 0.0, "coming home")
    time.sleep(1.0)
    assert np.abs(program.screenshot() - start).max() <= 2, "at home the photo is shown untouched"
    program.keys("key", "Escape")
    assert program.process.wait(15) == 0, program.process.stderr.read()
    assert frames_of(film) >= 15


def test_a_killed_recording_can_be_played(program: Program) -> None:
    program.keys("key", "p")
    program.keys("key", "F9")
    folder = program.home / "Videos" / "photoflight"
    program.wait(lambda: any(folder.glob("*.mp4")), "a recording")
    time.sleep(3.0)
    program.process.send_signal(signal.SIGKILL)
    program.process.wait(10)
    (film,) = folder.glob("*.mp4")
    assert frames_of(film) > 0.5 * 3.0 * 30


def test_bad_photos_are_refused_in_one_line(xvfb: str, tmp_path: Path) -> None:
    empty = tmp_path / "empty.jpg"
    empty.touch()
    running = Program(xvfb, tmp_path, str(empty))
    assert running.process.wait(30) == 2
    line = running.process.stderr.read()
    assert line.count("\n") == 1
    assert "empty.jpg" in line
