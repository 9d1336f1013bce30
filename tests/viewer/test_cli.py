from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from core.errors import PhotoError, PhotoflightError, WeightsError
from viewer import cli
from viewer.options import DEMO_PHOTO, BenchOptions, DepthOptions, FilmOptions, FlyOptions

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[object]]:
    """Put stand-ins in the commands' places; call it with a command line to learn what they were told."""
    told: list[object] = []

    def stand_in(name: str, result: int | None = None) -> None:
        module = ModuleType(name)
        module.run = module.main = lambda *options: told.extend(options or [name]) or result  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, module)
        package, _, attribute = name.rpartition(".")
        monkeypatch.setattr(sys.modules.get(package) or __import__(package, fromlist=["_"]), attribute, module, raising=False)

    stand_in("viewer.app", 0)
    stand_in("viewer.doctor", 1)
    for name in (
        "viewer.film",
        "viewer.depth",
        "viewer.bench",
        "viewer.parts_bench",
        "core.training.generator",
        "core.training.perception",
    ):
        stand_in(name)

    def run(*argv: str, code: int = 0) -> list[object]:
        told.clear()
        assert cli.main(argv) == code
        return told

    return run


def test_no_command_flies(ran: Callable[..., list[object]]) -> None:
    assert ran() == ran("fly") == [FlyOptions()]
    assert ran("a b.jpg") == ran("fly", "a b.jpg") == [FlyOptions(Path("a b.jpg"))]
    assert ran("--refiner", "own.safetensors") == [FlyOptions(refiner="own.safetensors")]
    assert ran("--pilot", "autopilot", "a.jpg") == [FlyOptions(Path("a.jpg"), pilot="autopilot")]


def test_fly_options(ran: Callable[..., list[object]]) -> None:
    line = (
        "a.jpg --depth d.npy --near dark --perception depth-anything --pilot orbit --seed 7 --size 960x540 --fullscreen --hotkey"
    )
    expected = FlyOptions(
        Path("a.jpg"),
        "depth-anything",
        Path("d.npy"),
        "dark",
        pilot="orbit",
        seed=7,
        size=(960, 540),
        fullscreen=True,
        hotkey=True,
    )
    assert ran(*line.split()) == [expected]


def test_film_options(ran: Callable[..., list[object]]) -> None:
    assert ran("film") == [FilmOptions()]
    line = "film a.jpg -o b.mp4 --seconds 2.5 --size 640X360 --fps 23.976 --pilot loop.json --seed 3 --frames out"
    expected = FilmOptions(
        Path("a.jpg"),
        output=Path("b.mp4"),
        seconds=2.5,
        size=(640, 360),
        fps=23.976,
        pilot="loop.json",
        seed=3,
        frames=Path("out"),
    )
    assert ran(*line.split()) == [expected]


def test_other_photos(ran: Callable[..., list[object]]) -> None:
    also = (Path("b.jpg"), Path("c.jpg"))
    assert ran("a.jpg", "--also", "b.jpg", "c.jpg") == [FlyOptions(Path("a.jpg"), also=also)]
    assert ran("film", "a.jpg", "--also", "b.jpg", "c.jpg", "--fps", "25") == [FilmOptions(Path("a.jpg"), also=also, fps=25.0)]


def test_other_commands(ran: Callable[..., list[object]]) -> None:
    assert ran("depth", "a.jpg", "-o", "b.png") == [DepthOptions(Path("a.jpg"), output=Path("b.png"))]
    assert ran("bench", "--json", "b.json") == [BenchOptions(Path("b.json"))]
    assert ran("bench", "--gpu") == [BenchOptions(parts="gpu")]
    assert ran("bench", "--cpu") == [BenchOptions(parts="cpu")]
    assert ran("doctor", code=1) == ["viewer.doctor"]
    assert ran("train", "--photos", "a", "b.tar", "--smoke", "-h") == [["--photos", "a", "b.tar", "--smoke", "-h"]]
    assert ran("train-perception", "--data", "x", "-h") == [["--data", "x", "-h"]]


@pytest.mark.parametrize(
    "line",
    [
        "--bogus",
        "fly a.jpg b.jpg",
        "fly --size 960",
        "fly --size 20x20",
        "fly --size 99999x540",
        "fly --size -960x540",
        "fly --near far",
        "film --seconds 0",
        "film --seconds nan",
        "film --fps 1000",
        "film --seed x",
        "film --refiner huge",
        "depth --depth d.png",
        "bench --json",
    ],
)
def test_nonsense_is_refused_before_anything_starts(
    ran: Callable[..., list[object]], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        ran(*line.split())
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: photoflight")


@pytest.mark.parametrize("error", [PhotoError("'a' is empty; copy it"), WeightsError("gone")])
def test_errors_are_one_line_and_code_2(
    ran: Callable[..., list[object]], error: PhotoflightError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(sys.modules["viewer.film"], "run", fail)
    ran("film", code=2)
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"photoflight: {error}\n")


def test_programming_errors_are_not_hidden(ran: Callable[..., list[object]], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(sys.modules["viewer.film"], "run", fail)
    with pytest.raises(ZeroDivisionError):
        ran("film")


def test_interrupt_is_130(ran: Callable[..., list[object]], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["viewer.film"], "run", interrupt)
    ran("film", code=130)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("photoflight ")


def test_demo_photos_are_there_and_credited(demo_photos: list[Path]) -> None:
    assert len(demo_photos) == 6
    assert DEMO_PHOTO in demo_photos
    credit = (DEMO_PHOTO.parent / "CREDITS.md").read_text(encoding="utf-8")
    assert all(photo.name in credit for photo in demo_photos)


def program(*arguments: str, root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "viewer", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=root, timeout=300, check=False)


@pytest.mark.usefixtures("xvfb")
@pytest.mark.parametrize("command", ["fly", "film", "depth"])
def test_bad_photo_gives_one_line_from_the_real_program(command: str, tmp_path: Path, project_root: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff\xe0" + b"x" * 500)
    result = program(command, str(bad), root=project_root)
    assert result.returncode == 2
    assert result.stderr.startswith("photoflight: ")
    assert result.stderr.count("\n") == 1
    assert str(bad) in result.stderr


def test_nothing_heavy_before_the_command_is_known(project_root: Path) -> None:
    code = "import viewer.cli, sys; print(sorted({'torch', 'numba', 'cv2', 'av', 'pynput', 'numpy'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=project_root, check=True)
    assert result.stdout.strip() == "[]"
