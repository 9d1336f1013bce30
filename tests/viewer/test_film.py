from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import av
import moderngl
import numpy as np
import pytest
from PIL import Image

from core.errors import DeviceError, PhotoError, PilotError, RecordingError
from core.flight_file import FlightRecord
from core.steering import Steering
from core.warp.benchmark import landscape
from viewer import film
from viewer.loader import keyframe_of
from viewer.options import FilmOptions
from viewer.provenance import origin_of, recording_metadata

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("gl_context")  # skips where there is no headless OpenGL

SHORT = FilmOptions(seconds=0.6, fps=10.0, size=(160, 90), seed=3)


def taken(options: FilmOptions) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and poses of a film of a made-up landscape."""
    shots = [(shot.picture.copy(), shot.camera.world_from_camera) for shot in film.shots(landscape(128, 80), options)]
    return np.array([picture for picture, _ in shots]), np.array([pose for _, pose in shots])


def test_two_runs_give_identical_pictures() -> None:
    first, second = taken(SHORT), taken(SHORT)
    assert first[0].shape == (6, 90, 160, 3)
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
    assert first[1][-1][2, 3] > 0.03  # and it flew forward


def test_pictures_that_are_not_taken_change_nothing() -> None:
    every, few = taken(replace(SHORT, seconds=1.0, fps=6.0)), taken(replace(SHORT, seconds=1.0, fps=2.0))
    assert np.array_equal(every[0][::3], few[0])
    assert np.array_equal(every[1][::3], few[1])


def test_the_lookup_tells_where_land_is_in_the_picture() -> None:
    shot = next(film.shots(landscape(128, 80), SHORT))
    assert shot.lookup is not None
    assert shot.lookup.disparity.shape == shot.picture.shape[:2]
    assert 0.2 < (shot.lookup.disparity > 0.0).mean() < 1.0


@pytest.mark.parametrize("size", [(90, 160), (101, 67)])
def test_any_shape(size: tuple[int, int]) -> None:
    pictures, _ = taken(FilmOptions(seconds=0.3, fps=10.0, size=size, pilot="rise"))
    assert pictures.shape == (3, size[1], size[0], 3)
    assert pictures.std() > 10.0


def test_a_cinematic_move_takes_the_length_of_the_film() -> None:
    _, poses = taken(FilmOptions(seconds=1.0, fps=12.0, size=(64, 64), pilot="loop"))
    far = np.linalg.norm(poses[:, :3, 3], axis=1)
    assert far.max() > 0.03
    assert far[-1] < 0.3 * far.max()  # the next picture would be the first again


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> FilmOptions:
    folder = tmp_path_factory.mktemp("film")
    options = FilmOptions(output=folder / "out.mp4", frames=folder / "new" / "frames", seconds=0.5, fps=10.0, size=(161, 91))
    film.run(options)
    return options


def test_the_film_is_an_ordinary_video(made: FilmOptions) -> None:
    with av.open(str(made.output)) as container:
        video = container.streams.video[0]
        assert (video.frames, video.average_rate, video.codec_context.width, video.codec_context.height) == (5, 10, 160, 90)
        comment = container.metadata["comment"]
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert f"seed {made.seed}" in comment
    assert "generator " in comment
    assert hashlib.sha256(made.photo.read_bytes()).hexdigest() in comment
    frame = np.array(Image.open(made.frames / "00004.png"))[:90, :160]
    assert np.abs(pictures[4].astype(int) - frame).mean() < 4.0  # the same picture, but for 4:2:0 and the encoder


def test_frames_come_with_their_cameras(made: FilmOptions) -> None:
    cameras = json.loads((made.frames / "cameras.json").read_text())
    assert (cameras["w"], cameras["h"], cameras["cx"], cameras["cy"]) == (161, 91, 80.5, 45.5)
    assert math.isclose(cameras["fl_x"], cameras["fl_y"], rel_tol=1e-9)
    assert [frame["file_path"] for frame in cameras["frames"]] == [f"{number:05d}.png" for number in range(5)]
    assert all(Image.open(made.frames / frame["file_path"]).size == (161, 91) for frame in cameras["frames"])
    poses = np.array([frame["transform_matrix"] for frame in cameras["frames"]])
    assert np.allclose(poses[0], np.eye(4))
    assert poses[-1][2, 3] < 0.0  # OpenGL cameras look along -Z, and it flies forward
    assert np.allclose(poses[:, :3, :3] @ poses[:, :3, :3].transpose(0, 2, 1), np.eye(3), atol=1e-9)


def test_the_first_picture_is_the_photo(made: FilmOptions) -> None:
    photo = Image.open(made.photo).convert("RGB")
    width, height = photo.size
    crop = (made.size[0] / made.size[1]) / (width / height)
    part = (width * min(1.0, crop), height * min(1.0, 1.0 / crop))
    left, top = (width - part[0]) / 2.0, (height - part[1]) / 2.0
    expected = photo.resize(made.size, Image.Resampling.BOX, (left, top, left + part[0], top + part[1]))
    first = np.array(Image.open(made.frames / "00000.png")).astype(int)
    assert np.abs(first - np.array(expected)).mean() < 6.0


def test_frames_where_no_folder_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordingError, match="cannot write frames to"):
        film.Album(tmp_path / "file", SHORT, {})


def test_no_such_pilot_leaves_an_earlier_film_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viewer.loader.keyframe_of", lambda *_: (None, landscape(64, 40), ""))
    earlier = tmp_path / "out.mp4"
    earlier.write_bytes(b"an earlier film")
    with pytest.raises(PilotError, match="kite"):
        film.run(FilmOptions(output=earlier, pilot="kite"))
    assert earlier.read_bytes() == b"an earlier film"


@pytest.fixture
def lent(tmp_path: Path, demo_photos: list[Path]) -> tuple[FilmOptions, Path]:
    """A flight on file of two small photos that lie beside each other, and the second of them."""
    first, second = tmp_path / "first.jpg", tmp_path / "second.jpg"
    for file, photo in ((first, demo_photos[4]), (second, demo_photos[0])):
        Image.open(photo).reduce(8).save(file)
    options = replace(SHORT, photo=first, also=(second,))
    photo, keyframe, _ = keyframe_of(first, options)
    flight = film.flight_of(keyframe, options, photo)
    flight.advance(1.5, Steering())
    record = FlightRecord.of(flight, origin_of(flight, photo, "auto"), options.size)
    record.save(tmp_path / "flight.json")
    flight.close()
    return replace(options, also=(), pilot=str(tmp_path / "flight.json")), second


def test_a_flight_with_others_is_flown_again_with_those_beside_its_photo(
    lent: tuple[FilmOptions, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    options, second = lent
    photo, keyframe, _ = keyframe_of(options.photo, options)
    shots = list(film.shots(keyframe, replace(options, seconds=1.5), photo))
    assert [other.photo.path for other in shots[-1].others] == [second]
    comment = recording_metadata(photo, 3, "exemplar", shots[-1].others)["comment"]
    assert hashlib.sha256(second.read_bytes()).hexdigest() in comment
    assert capsys.readouterr().err == ""
    next(film.shots(keyframe, replace(options, also=(options.photo,)), photo))
    assert "another set of other photos" in capsys.readouterr().err
    Image.open(second).rotate(180).save(second)
    with pytest.raises(PilotError, match=r"second.jpg has changed"):
        next(film.shots(keyframe, options, photo))
    second.unlink()
    with pytest.raises(PilotError, match=r"second.jpg is not beside"):
        next(film.shots(keyframe, options, photo))


def test_a_bad_other_photo_is_one_line_and_other_refiners_say_that_they_ignore_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.jpg").touch()
    options = replace(SHORT, also=(tmp_path / "bad.jpg",))
    with pytest.raises(PhotoError, match=r"bad.jpg"):
        next(film.shots(landscape(64, 40), options))
    next(film.shots(landscape(64, 40), replace(options, refiner="classical")))
    assert "the classical generator copies from no photo" in capsys.readouterr().err


def test_no_headless_opengl_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise Exception("libEGL.so\nnot loaded")  # noqa: TRY002 - the type that moderngl raises

    monkeypatch.setattr(moderngl, "create_standalone_context", refuse)
    with pytest.raises(DeviceError, match="libegl1") as caught:
        next(film.shots(landscape(64, 40), SHORT))
    assert "\n" not in str(caught.value)
