"""The ``export`` command, from a photo file to files."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import trimesh
from PIL import Image

from core.errors import OutputError, PilotError
from core.warp.benchmark import landscape
from viewer import cli, export
from viewer.options import ExportOptions

if TYPE_CHECKING:
    from pathlib import Path

SHORT = ExportOptions(refiner="classical", seconds=0.5, size=(64, 64), pilot="dolly")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small photo of a made-up landscape."""
    file = tmp_path / "photo.png"
    Image.fromarray(landscape(128, 80).image).save(file)
    return file


def test_from_the_command_line(photo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viewer.loader.keyframe_of", lambda *_: (None, landscape(128, 80), "a notice"))
    to = photo.with_name("new") / "mesh.ply"
    what = ["export", str(photo), "--to", str(to), "--seconds", "0.5", "--refiner", "classical", "--size", "64x64"]
    assert cli.main(what) == 0
    out, err = capsys.readouterr()
    assert err.startswith("a notice\n")
    assert out.startswith(f"{to}: ")
    assert out.count("\n") == 1
    mesh = trimesh.load(to)
    assert f"{len(mesh.faces)} triangles" in out
    assert mesh.vertices[:, 2].max() < 0.0  # before the photo, which looks along -Z


def test_an_unknown_suffix_is_one_line_before_anything_is_loaded(
    photo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("viewer.loader.keyframe_of", pytest.fail)
    assert cli.main(["export", str(photo), "--to", str(photo.with_name("scene.obj"))]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(OutputError, match="cannot be written"):
        export.run(ExportOptions(photo, to=photo / "scene.glb"))


def test_the_same_flight_makes_the_same_world() -> None:
    worlds = []
    for _ in range(2):
        flight = export.flown(landscape(128, 80), SHORT)
        worlds.append(flight.world.keyframes)
        flight.close()
    assert len(worlds[0]) == len(worlds[1]) > 2
    for one, other in zip(*worlds, strict=True):
        assert np.array_equal(one.image, other.image)
        assert np.array_equal(one.disparity, other.disparity)
        assert np.array_equal(one.camera.world_from_camera, other.camera.world_from_camera)


def test_no_seconds_are_the_photo_alone() -> None:
    flight = export.flown(landscape(128, 80), replace(SHORT, seconds=0.0))
    assert len(flight.world) == 1
    flight.close()


def test_a_flight_file_stands_for_its_photo(photo: Path) -> None:
    file = photo.with_name("flight.json")
    file.write_text(json.dumps({"photoflight": {"photo": photo.name}}))
    options = export.with_photo(ExportOptions(file))
    assert (options.photo, options.pilot) == (photo, str(file))
    assert export.with_photo(ExportOptions(photo)) == ExportOptions(photo)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "names no photo"),
        ("[]", "names no photo"),
        ('{"photoflight": {"photo": "other.jpg"}}', "other.jpg is not beside it"),
    ],
)
def test_a_flight_file_without_its_photo(photo: Path, content: str, words: str) -> None:
    file = photo.with_name("flight.json")
    file.write_text(content)
    with pytest.raises(PilotError, match=words) as caught:
        export.run(ExportOptions(file, to=photo.with_name("a.glb")))
    assert "\n" not in str(caught.value)
