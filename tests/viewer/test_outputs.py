"""Laws of what a command may write over."""

from __future__ import annotations

import os
import shutil
from argparse import Namespace
from pathlib import Path

import pytest

from core.errors import OutputError
from viewer.cli import main
from viewer.outputs import check


def film(photo: Path, output: Path, **others: object) -> Namespace:
    return Namespace(command="film", photo=photo, output=output, **others)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"a photo")
    return path


def linked(photo: Path) -> Path:
    link = photo.with_name("link.mp4")
    link.symlink_to(photo)
    return link


def hard_linked(photo: Path) -> Path:
    link = photo.with_name("hard.mp4")
    os.link(photo, link)
    return link


@pytest.mark.parametrize(
    "spelt",
    [lambda p: p, lambda p: p.parent / ".." / p.parent.name / p.name, linked, hard_linked, lambda p: Path(os.path.relpath(p))],
)
@pytest.mark.parametrize("force", [False, True])
def test_what_is_read_is_never_written_over(photo, spelt, force):
    with pytest.raises(OutputError, match="read as well"):
        check(film(photo, spelt(photo), force=force))
    assert photo.read_bytes() == b"a photo"


@pytest.mark.parametrize("name", ["depth", "pilot", "refiner", "also", "photos", "refiners"])
def test_whatever_is_read_counts(photo, name):
    value = (photo,) if name in {"also", "photos", "refiners"} else str(photo)
    with pytest.raises(OutputError, match="read as well"):
        check(Namespace(command="export", photo=None, to=photo, force=True, **{name: value}))


def test_all_that_depth_writes_is_looked_at(photo, tmp_path):
    for name in ("d.png", "d_sky.png", "d_view.png"):
        shutil.copy(photo, tmp_path / name)
        with pytest.raises(OutputError, match=name):
            check(Namespace(command="depth", photo=tmp_path / name, output=tmp_path / "d.jpg", force=True))


def test_what_others_made_is_replaced_only_by_force(photo, tmp_path):
    other = tmp_path / "other.mp4"
    other.write_bytes(b"another film")
    with pytest.raises(OutputError, match="--force"):
        check(film(photo, other, force=False))
    check(film(photo, other, force=True))


def test_what_the_program_made_and_what_is_no_file_is_replaced(photo, tmp_path):
    own, empty = tmp_path / "own.mp4", tmp_path / "empty.mp4"
    own.write_bytes(b"x" * 200_000 + b"photoflight: a.jpg" + b"y" * 100)
    empty.touch()
    for path in (own, empty, tmp_path / "none.mp4", Path("/dev/null")):
        check(film(photo, path, force=False))


def test_folders(photo, tmp_path):
    folder = tmp_path / "frames"
    check(film(photo, tmp_path / "f.mp4", frames=folder))
    folder.mkdir()
    check(film(photo, tmp_path / "f.mp4", frames=folder))
    (folder / "00000.png").touch()
    with pytest.raises(OutputError, match="files of another program"):
        check(film(photo, tmp_path / "f.mp4", frames=folder))
    (folder / "cameras.json").touch()
    check(film(photo, tmp_path / "f.mp4", frames=folder))
    with pytest.raises(OutputError, match=r"is a file; name another folder"):
        check(film(photo, tmp_path / "f.mp4", frames=folder / "00000.png"))


@pytest.mark.parametrize(
    "line",
    [("film", "{}", "-o", "{}"), ("compare", "{}", "-o", "{}"), ("depth", "{}", "-o", "{}"), ("export", "{}", "--to", "{}")],
)
def test_the_command_line_refuses_in_one_line(line, demo_photos, tmp_path, capsys):
    photo = tmp_path / "victim.png"
    shutil.copy(demo_photos[0], photo)
    before = photo.read_bytes()
    assert main([word.format(photo) for word in line]) == 2
    err = capsys.readouterr().err
    assert err.startswith("photoflight: ")
    assert err.count("\n") == 1
    assert photo.read_bytes() == before


def test_what_depth_writes_is_known_again(demo_photos, tmp_path, capsys):
    for _ in range(2):
        assert main(["depth", str(demo_photos[0]), "-o", str(tmp_path / "d.png")]) == 0
    assert "d_view.png" in capsys.readouterr().out
