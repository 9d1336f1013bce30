"""Start photos: as the product makes them, understood once, the same in every order of events."""

import logging
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from shard_files import H, W, write_shard

from core.errors import TrainingError
from core.flight import photo_keyframe
from core.perception import assembled, opened, plain_scene
from core.photo import DEFAULT_FOV, open_photo
from core.training import photos
from core.training.photos import open_photos
from core.training.shards import read_shards


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setattr(photos.platformdirs, "user_cache_dir", lambda _name: str(folder))
    return folder / "photos"


@pytest.fixture
def perceived(monkeypatch):
    """Count the photos that are perceived; a plain scene stands in for the network's."""
    seen = []

    def perceive(image):
        seen.append(image)
        return plain_scene(image.shape[1], image.shape[0], image)

    monkeypatch.setattr(photos, "perceive", perceive)
    return seen


@pytest.fixture
def folder(tmp_path):
    """Three photos, one of them below a subfolder, and a damaged one."""
    rng = np.random.default_rng(0)
    place = tmp_path / "photos"
    (place / "more").mkdir(parents=True)
    for name in ("b.png", "a.jpg", "more/a.png"):
        image = cv2.resize(rng.integers(0, 120, (6, 8, 3)).astype(np.uint8), (90, 60), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(place / name), image)
    (place / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    (place / "notes.txt").write_text("not a photo")
    return place


def assert_same(mine, theirs):
    """As equal as 12 bits of root disparity and 8 bits of sky allow."""
    np.testing.assert_allclose(np.sqrt(mine.disparity), np.sqrt(theirs.disparity), atol=0.51 / 4095)
    np.testing.assert_allclose(mine.sky, theirs.sky, atol=0.51 / 255)
    assert (mine.disparity.dtype, mine.sky.dtype, mine.image.dtype) == (np.float32, np.float32, np.uint8)
    assert mine.camera.intrinsics == theirs.camera.intrinsics
    assert np.array_equal(mine.camera.world_from_camera, np.eye(4))
    assert mine.debt.shape == mine.disparity.shape
    assert not mine.debt.any()


def test_a_labelled_photo_is_what_perception_makes_of_its_labels(tmp_path):
    shard = write_shard(tmp_path / "s.tar", 3, 0)
    found = open_photos([shard])
    assert found.names == ["s0", "s1", "s2"]
    for number, sample in enumerate(read_shards([shard])):
        key, sky = found[number], sample.sky.astype(np.float32) / 255.0
        raw = np.square(sample.root.astype(np.float32) / 255.0)
        scene = assembled(sample.photo, opened(raw, sky), sky)
        assert np.array_equal(key.image, sample.photo)
        fov = photos.Intrinsics.from_fov(DEFAULT_FOV, W / H)
        assert key.camera.intrinsics == fov
        np.testing.assert_allclose(np.sqrt(key.disparity), np.sqrt(scene.disparity), atol=0.51 / 4095)
        np.testing.assert_allclose(key.sky, scene.sky, atol=0.51 / 255)


def test_land_goes_on_under_the_sky(tmp_path):
    key = open_photos([write_shard(tmp_path / "s.tar", 1, 0)])[0]
    sky = key.geometry_sky > 0.5
    assert 0.1 < sky.mean() < 0.9
    skyline = np.argmin(sky, axis=0)
    beside = key.disparity[np.minimum(skyline + 6, len(sky) - 1), np.arange(sky.shape[1])]
    above = key.disparity[np.maximum(skyline - 4, 0), np.arange(sky.shape[1])]
    assert above.min() > 0.5 * beside.min()
    assert key.disparity.min() >= 0.0099


def test_a_photo_file_is_what_the_product_makes_of_it(folder, perceived):
    found = open_photos([folder / "b.png"])
    photo = open_photo(folder / "b.png")
    assert len(perceived) == 1
    assert_same(found[0], photo_keyframe(photo, plain_scene(90, 60, photo.image)))
    assert np.abs(found[0].image.astype(int) - photo.image).mean() < 2.0


def test_folders_are_searched_in_order_and_damage_is_one_line(folder, perceived, caplog):
    found = open_photos([folder])
    assert found.names == ["a", "b", "a-2"]
    assert len(found) == len(perceived) == 3
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "broken.jpg" in caplog.text
    assert len(caplog.text.splitlines()) == 1
    assert max(found[0].image.shape) == 90
    assert max(open_photos([folder], longest=45)[0].image.shape) == 45


def test_photos_are_perceived_once(folder, perceived, cache):
    first = open_photos([folder])
    assert len(list(cache.iterdir())) == 3
    assert len(perceived) == 3
    (folder / "a.jpg").rename(folder / "c.jpg")  # known by what is in it, not by its name
    second = open_photos([folder])
    assert len(perceived) == 3
    assert second.names == ["b", "c", "a"]
    assert np.array_equal(first[0].disparity, second[1].disparity)
    assert np.array_equal(first[0].image, second[1].image)


def test_other_weights_perceive_again(folder, perceived, monkeypatch):
    open_photos([folder])
    monkeypatch.setattr(photos, "read_card", lambda _path: {"sha256": "another"})
    open_photos([folder])
    assert len(perceived) == 6


def test_a_damaged_cache_entry_is_made_again(folder, perceived, cache):
    open_photos([folder / "b.png"])
    entry = next(cache.iterdir())
    whole = entry.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"PK\x03\x04 nonsense"):
        entry.write_bytes(damaged)
        assert len(open_photos([folder / "b.png"])) == 1
        assert entry.read_bytes() == whole
    assert len(perceived) == 4


def test_without_a_cache_it_works_and_says_so(folder, perceived, cache, caplog):
    cache.parent.write_text("a file where a folder should be")
    assert len(open_photos([folder / "b.png"])) == len(perceived) == 1
    assert "cannot be kept" in caplog.text


@pytest.mark.parametrize("info", [{"sky": 0.95}, {"sky": 0.3, "iou": 0.2}])
def test_doubtful_labels_are_left_out(tmp_path, info):
    good, doubtful = write_shard(tmp_path / "good.tar", 2, 0), write_shard(tmp_path / "bad.tar", 2, 1, info=info)
    assert open_photos([good, doubtful]).names == ["s0", "s1"]
    with pytest.raises(TrainingError, match="no usable photo"):
        open_photos([doubtful])


def test_incomplete_samples_are_left_out(tmp_path, caplog):
    good, bad = write_shard(tmp_path / "good.tar", 1, 0), write_shard(tmp_path / "bad.tar", 1, 1, "sky.webp")
    assert len(open_photos([bad, good])) == 1
    assert "incomplete" in caplog.text


def test_what_cannot_be_opened_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.tar").write_bytes(b"x" * 2000)
    for name, said in (("missing", "does not exist"), ("empty", "no usable photo"), ("bad.tar", "cannot be read")):
        with pytest.raises(TrainingError, match=said) as caught:
            open_photos([tmp_path / name])
        assert name in str(caught.value)
    with pytest.raises(TrainingError):
        open_photos([])


def test_a_limit_stops_early(tmp_path):
    assert open_photos([write_shard(tmp_path / "s.tar", 5, 0)], limit=2).names == ["s0", "s1"]


def test_names_are_distinct(tmp_path):
    shards = [write_shard(tmp_path / name, 2, seed) for seed, name in enumerate(("a.tar", "b.tar"))]
    assert open_photos(shards).names == ["s0", "s1", "s0-2", "s1-2"]


def test_threads_may_read_together(tmp_path):
    found = open_photos([write_shard(tmp_path / "s.tar", 3, 0)])
    alone = [found[i] for i in range(3)]
    with ThreadPoolExecutor(4) as pool:
        for number, key in enumerate(pool.map(lambda i: found[i % 3], range(24))):
            assert np.array_equal(key.image, alone[number % 3].image)
            assert np.array_equal(key.disparity, alone[number % 3].disparity)


def test_thousands_fit_in_memory(shared_dir):
    """3,600 photos in less than 600 MB."""
    found = open_photos([shared_dir / "data" / "val.tar"], limit=20)
    assert found.nbytes / len(found) < 600e6 / 3600
