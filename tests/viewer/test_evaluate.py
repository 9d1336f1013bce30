"""`photoflight evaluate` from the command line to the last file, on one made-up photo and with features nobody trained."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from handmade import LENS, keyframe
from random_features import write_features
from random_generator import write_generator
from shard_files import write_shard

from core.camera import Camera
from core.errors import EvaluationError
from core.warp.lookup import Lookup
from viewer import cli, evaluate
from viewer.film import Shot
from viewer.options import DEMO_PHOTO, EvaluateOptions

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def features(tmp_path_factory) -> Path:
    return write_features(tmp_path_factory.mktemp("features"))


@pytest.fixture
def shard(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(tmp_path / "cache"))
    return write_shard(tmp_path / "photos.tar", 1, seed=0)


def test_options(monkeypatch):
    told = []
    monkeypatch.setattr(evaluate, "run", told.append)
    assert cli.main(["evaluate"]) == 0
    assert told.pop() == EvaluateOptions(photos=(DEMO_PHOTO.parent,), refiners=("auto",))
    line = (
        "evaluate a.jpg b.tar --refiner classical --refiner w.safetensors --films --steps 7 --size 96x64 "
        "--courses turn climb --limit 3 --features f --seed 5 -o out"
    )
    assert cli.main(line.split()) == 0
    assert told == [
        EvaluateOptions(
            photos=(Path("a.jpg"), Path("b.tar")),
            refiners=("classical", "w.safetensors"),
            steps=7,
            size=(96, 64),
            courses=("turn", "climb"),
            limit=3,
            films=True,
            features=Path("f"),
            seed=5,
            out=Path("out"),
        )
    ]


@pytest.mark.parametrize("line", ["--steps 0", "--steps x", "--limit 0", "--refiner best", "--size 256", "--films=3"])
def test_nonsense_is_refused(line, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["evaluate", *line.split()])
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: photoflight evaluate")


def test_evaluation_from_end_to_end(shard, features, tmp_path, capsys):
    """Two columns of the same generator are the same, and everything promised is written."""
    out = tmp_path / "out"
    line = f"evaluate {shard} --refiner classical --refiner classical --features {features}"
    assert cli.main([*line.split(), *["--steps", "6", "--size", "96x64", "--out"], str(out)]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0].split() == ["classical", "classical-2", "ratio"]
    content = json.loads((out / "report.json").read_text())
    first, second = content["generators"]
    assert (first["generator"], second["generator"]) == ("classical", "classical-2")
    assert first["figures"] == second["figures"]
    figures = first["figures"]
    assert figures["return.home"] == 0.0
    assert 10.0 < figures["short.psnr"] <= 60.0
    assert figures["autopilot.coherence.1-6"] > 0.0
    assert 0.0 <= figures["autopilot.renewed.1-6"] <= 1.0
    assert not any(name.startswith("film") for name in figures)
    assert figures["autopilot.collapsed"] in {0.0, 1.0}
    assert [photo["course"] for photo in first["photos"]] == ["autopilot", "turn"]
    assert len(first["curves"]["sharpness"]["median"]) == 7
    written = {str(path.relative_to(out)) for path in out.rglob("*.png")}
    sheets = {f"{name}/{course}-s0.png" for name in ("classical", "classical-2") for course in ("autopilot", "turn")}
    assert written == sheets | {"curves.png", "overview-autopilot.png", "overview-turn.png"}


@pytest.mark.usefixtures("gl_context")  # skips where there is no headless OpenGL
def test_films_are_looked_at_where_they_are_wanted(shard, features, tmp_path, monkeypatch):
    monkeypatch.setattr("core.evaluation.film.TIMES", (0, 1, 2))
    monkeypatch.setattr("core.evaluation.film.SIZE", (160, 90))
    line = f"evaluate {shard} --refiner classical --films --features {features} --steps 1 --size 100x70 --courses autopilot"
    assert cli.main([*line.split(), "--out", str(tmp_path / "out")]) == 0
    (told,) = json.loads((tmp_path / "out" / "report.json").read_text())["generators"]
    assert {name for name in told["figures"] if name.startswith("film.sharpness")} == {"film.sharpness.1s", "film.sharpness.2s"}
    assert 0.0 <= told["figures"]["film.in_band.all"] <= 1.0
    film = told["photos"][-1]
    assert (film["photo"], film["course"], film["sharpness"][0], len(film["sharpness"])) == ("s0", "film", 1.0, 3)


def test_a_generator_that_cannot_go_on_is_not_filmed(monkeypatch):
    flat = np.zeros((4, 4), np.float32)
    lookup = Lookup(np.zeros((4, 4, 2), np.float32), flat, flat, np.zeros((4, 4), np.int8))
    shots = [Shot(np.zeros((4, 4, 3), np.uint8), Camera(LENS), name, lookup) for name in ("mine", "classical")]
    monkeypatch.setattr("viewer.film.shots", lambda *_: iter(shots))
    found = evaluate.looks(keyframe(), "mine", 0)
    next(found)
    with pytest.raises(EvaluationError, match="mine cannot be filmed"):
        next(found)


def test_a_weights_file_is_evaluated_and_a_bad_one_never_replaced(shard, features, tmp_path, capsys):
    options = [
        "--features",
        str(features),
        *["--steps", "1", "--size", "96x64", "--courses", "autopilot", "--out"],
        str(tmp_path / "out"),
    ]
    good = write_generator(tmp_path / "mine.safetensors")
    assert cli.main(["evaluate", str(shard), "--refiner", str(good), *options]) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["mine"]
    diverged = write_generator(tmp_path / "diverged.safetensors", strength=float("nan"))
    assert cli.main(["evaluate", str(shard), "--refiner", str(diverged), *options]) == 2
    assert "not finite" in capsys.readouterr().err
    assert cli.main(["evaluate", str(shard), "--refiner", "none.safetensors", *options]) == 2
    assert "missing" in capsys.readouterr().err


def test_a_generator_trained_without_sky_flies_without(shard, features, tmp_path):
    refiners = [str(write_generator(tmp_path / f"{name}.safetensors", sky=name == "knowing")) for name in ("knowing", "plain")]
    line = ["evaluate", str(shard), "--refiner", refiners[0], "--refiner", refiners[1], "--features", str(features)]
    assert cli.main([*line, "--steps", "1", "--size", "96x64", "--courses", "autopilot", "--out", str(tmp_path / "out")]) == 0
    knowing, plain = json.loads((tmp_path / "out" / "report.json").read_text())["generators"]
    assert knowing["curves"]["sky"]["median"][0] > 0.05
    assert plain["curves"]["sky"]["median"][0] == 0.0


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--courses sideways", "sideways: no such course"),
        ("--features nowhere", "no features in nowhere"),
    ],
)
def test_errors_are_one_line(shard, features, tmp_path, line, told, capsys):
    rest = [*line.split(), "--out", str(tmp_path / "out"), "--refiner", "classical"]
    if "--features" not in rest:
        rest += ["--features", str(features)]
    if "--size" not in rest:
        rest += ["--size", "96x64"]
    assert cli.main(["evaluate", str(shard), *rest]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.startswith("photoflight: ")
    assert error.count("\n") == 1


def test_without_matplotlib_only_the_plots_are_missing(shard, features, tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    out = tmp_path / "out"
    line = ["evaluate", str(shard), "--refiner", "classical", "--features", str(features), "--out", str(out)]
    assert cli.main([*line, "--steps", "1", "--size", "96x64", "--courses", "autopilot"]) == 0
    assert "pip install photoflight[evaluate]" in caplog.text
    assert (out / "report.json").is_file()
    assert not (out / "curves.png").exists()


def test_out_must_be_a_folder(shard, features, tmp_path, capsys):
    (tmp_path / "out").write_text("a file")
    line = ["evaluate", str(shard), "--refiner", "classical", "--features", str(features), "--out", str(tmp_path / "out")]
    assert cli.main(line) == 2
    assert "another folder" in capsys.readouterr().err
