"""Loading behind the flight: the newest request wins, errors come back as values, missing weights fall back."""

import time
from pathlib import Path

import numpy as np
import pytest
from handmade import CopyGenerator, JoiningGenerator

from core.errors import DepthMapError, PhotoError, PhotoflightError, WeightsError
from core.photo import open_photo
from viewer.loader import Loaded, Loader, keyframe_of, lenders, other_of
from viewer.options import FlyOptions


def waited(loader: Loader) -> Loaded | PhotoflightError | None:
    end = time.monotonic() + 300.0
    while loader.busy and time.monotonic() < end:
        if (loaded := loader.poll()) is not None:
            return loaded
        time.sleep(0.02)
    return None


def test_a_photo_becomes_a_flight_and_a_bad_one_an_error(demo_photos: list[Path], tmp_path: Path) -> None:
    loader = Loader(FlyOptions())
    loader.load(tmp_path / "missing.jpg", (160, 100), (96, 60))
    assert isinstance(waited(loader), PhotoError)
    loader.load(demo_photos[0], (160, 100), (96, 60))
    loaded = waited(loader)
    assert isinstance(loaded, Loaded)
    assert loaded.flight.frame((96, 60)).newer.lookup.covered.all()
    loaded.flight.close()
    loader.close()


def test_without_usable_weights_the_plain_scene_flies(demo_photos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(*_: object) -> None:
        raise WeightsError("weights are damaged; install again")

    monkeypatch.setattr("core.perception.perceive", damaged)
    _, keyframe, notice = keyframe_of(demo_photos[0], FlyOptions())
    assert notice == "weights are damaged; install again"
    assert np.isfinite(keyframe.disparity).all()


def test_the_users_depth_map_is_used(demo_photos: list[Path], tmp_path: Path) -> None:
    width, height = 96, round(96 / open_photo(demo_photos[0]).intrinsics.aspect)
    ramp = np.linspace(0.1, 1.0, height, dtype=np.float32)[:, None] * np.ones((1, width), np.float32)
    np.save(tmp_path / "ramp.npy", ramp)
    _, keyframe, _ = keyframe_of(demo_photos[0], FlyOptions(depth=tmp_path / "ramp.npy"))
    rows = keyframe.disparity.mean(axis=1)
    assert np.corrcoef(rows, np.arange(len(rows)))[0, 1] > 0.99
    with pytest.raises(DepthMapError):
        keyframe_of(demo_photos[0], FlyOptions(depth=tmp_path / "missing.npy"))


def test_others_are_ready_behind_the_flight_and_a_bad_one_is_a_line(demo_photos: list[Path], tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no photo")
    loader = Loader(FlyOptions())
    loader.load(demo_photos[0], (160, 100), (96, 60), (demo_photos[1], tmp_path / "bad.jpg"))
    while (loaded := loader.poll()) is None:
        assert loader.poll_others() == ([], "")
        time.sleep(0.02)
    assert isinstance(loaded, Loaded)
    assert loaded.flight.others == ()
    while loader.busy and not (ready := loader.poll_others())[0]:
        time.sleep(0.02)
    others, wrong = ready
    assert [other.photo.path for other in others] == [demo_photos[1]]
    assert "bad.jpg" in wrong
    assert "\n" not in wrong
    assert loader.poll_others() == ([], "")
    loaded.flight.close()
    loader.close()


def test_the_users_depth_map_is_not_the_others(demo_photos: list[Path], tmp_path: Path) -> None:
    assert other_of(demo_photos[0], FlyOptions(depth=tmp_path / "missing.npy")).photo.path == demo_photos[0]


def test_who_lends_and_why_others_do_not() -> None:
    also = tuple(Path(f"{n}.jpg") for n in range(5))
    assert lenders(also[:3], JoiningGenerator()) == (also[:3], "")
    assert lenders((), CopyGenerator()) == ((), "")
    kept, line = lenders(also, JoiningGenerator())
    assert kept == also[:3]
    assert line.startswith("5 other photos")
    kept, line = lenders(also[:1], CopyGenerator())
    assert kept == ()
    assert "copy" in line
