"""The reference: what is compared, kept, and left out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image
from shard_files import write_shard

from core.errors import EvaluationError
from core.evaluation.embedding import LITE0, Embedder
from core.evaluation.reference import Reference, fitted, reference

pytestmark = pytest.mark.usefixtures("one_thread")
SIZE = 64, 32


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(tmp_path / "cache"))
    return tmp_path / "cache"


def folder_of(path, count=3, side=(80, 60)):
    path.mkdir()
    random = np.random.default_rng(1)
    for i in range(count):
        Image.fromarray(random.integers(0, 256, (side[1], side[0], 3), dtype=np.uint8)).save(path / f"{i}.png")
    return path


@pytest.mark.parametrize("shape", [(40, 200), (200, 40), (32, 64), (16, 36)])
def test_pictures_are_cut_centrally_and_scaled(shape):
    height, width = shape
    image = np.zeros((height, width, 3), np.uint8)
    rows, columns = np.mgrid[:height, :width]
    image[..., 0] = (rows + 0.5) * 255 / height
    image[..., 1] = (columns + 0.5) * 255 / width
    out = fitted(image, SIZE)
    assert out.shape == (32, 64, 3)
    assert out.mean((0, 1))[:2] == pytest.approx(127.0, abs=2.0)  # the middle stays in the middle
    if shape == (32, 64):
        assert np.array_equal(out, image)


def test_folders_and_shards_are_embedded_and_kept(tmp_path, embedder, cache, monkeypatch):
    paths = [folder_of(tmp_path / "photos"), write_shard(tmp_path / "real.tar", 4, seed=0)]
    found = reference(paths, SIZE, embedder)
    assert len(found) == 7
    assert len(list((cache / "features").iterdir())) == 1

    def refuse(*_):
        raise AssertionError("embedded again")

    with monkeypatch.context() as patch:
        patch.setattr(Embedder, "vectors", refuse)
        again = reference(paths, SIZE, embedder)
    assert all(np.array_equal(again.vectors[name], found.vectors[name]) for name in found.vectors)
    Image.new("RGB", (80, 60)).save(tmp_path / "photos" / "new.png")
    assert len(reference(paths, SIZE, embedder)) == 8


def test_damaged_photos_are_left_out(tmp_path, embedder, caplog):
    folder = folder_of(tmp_path / "photos")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (folder / "notes.txt").write_text("not a photo")
    assert len(reference([folder], SIZE, embedder)) == 3
    assert "broken.jpg" in caplog.text


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path, embedder, cache, caplog):
    cache.write_text("a file where the folder should be")
    assert len(reference([folder_of(tmp_path / "photos")], SIZE, embedder)) == 3
    assert "computed again" in caplog.text


def test_no_reference(tmp_path, embedder):
    with pytest.raises(EvaluationError, match="does not exist"):
        reference([tmp_path / "none"], SIZE, embedder)
    with pytest.raises(EvaluationError, match="no two usable"):
        reference([folder_of(tmp_path / "one", count=1)], SIZE, embedder)


def test_distances_are_on_standardised_features():
    random = np.random.default_rng(0)
    real = random.normal(size=(50, 4)).astype(np.float32)
    scale, shift = np.array([1.0, 100.0, 1e-3, 5.0], np.float32), np.array([0.0, 7.0, 0.1, -40.0], np.float32)
    other = random.normal(0.3, 1.0, size=(20, 4)).astype(np.float32)

    def measure(x, y):
        return float(np.abs(x.mean(0) - y.mean(0)).sum())

    plain = Reference({LITE0: real}).distance(LITE0, other, measure)
    scaled = Reference({LITE0: real * scale + shift}).distance(LITE0, other * scale + shift, measure)
    assert scaled == pytest.approx(plain, rel=1e-3)
    assert math.isnan(Reference({LITE0: real}).distance(LITE0, other[:1], measure))
