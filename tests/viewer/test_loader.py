"""Loading behind the flight: the newest request wins, errors come back as values, missing weights fall back."""

import time
from pathlib import Path

import numpy as np
import pytest

from core.errors import DepthMapError, PhotoError, PhotoflightError, WeightsError
from core.photo import open_photo
from viewer.loader import Loaded, Loader, keyframe_of
from viewer.options import FlyOptions


def waited(loader: Loader) -> Loaded | PhotoflightError | None:
    end = time.monotonic() + 60.0
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
