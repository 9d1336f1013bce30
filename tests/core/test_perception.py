"""Perception: what it promises of every photo, and what it says of the bundled ones."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from core import perception
from core.errors import PerceptionError, WeightsError
from core.perception import Scene, depth_report, normalised, opened, perceive, plain_scene

pytestmark = pytest.mark.usefixtures("one_thread")


def promises_kept(scene: Scene) -> None:
    for array in (scene.disparity, scene.sky):
        assert array.dtype == np.float32
        assert array.ndim == 2
        assert np.isfinite(array).all()
    assert scene.disparity.min() >= np.float32(0.01)
    assert scene.disparity.max() <= 1.0
    assert scene.sky.min() >= 0.0
    assert scene.sky.max() <= 1.0
    assert max(scene.disparity.shape) == 512
    assert max(scene.sky.shape) <= 1024


def near_land(scene: Scene) -> float:
    h, w = scene.disparity.shape
    land = cv2.resize(scene.sky, (w, h), interpolation=cv2.INTER_AREA if scene.sky.size > h * w else cv2.INTER_LINEAR) < 0.5
    return float(np.percentile(scene.disparity[land], 97))


@pytest.fixture(scope="module")
def scenes(demo_photos):
    images = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in demo_photos]
    return {path.stem: (image, perceive(image)) for path, image in zip(demo_photos, images, strict=True)}


def test_demo_photos_are_perceived(scenes):
    assert scenes
    for image, scene in scenes.values():
        promises_kept(scene)
        h, w = scene.disparity.shape
        assert abs(w / h - image.shape[1] / image.shape[0]) < 0.02
        assert near_land(scene) == pytest.approx(0.8, abs=0.01)
        below, above = scene.disparity[int(0.9 * h) :], scene.disparity[: h // 2]
        assert np.median(below) > 1.3 * np.median(above)


def test_skies_are_where_they_are(scenes):
    sky = {name: float((scene.sky > 0.5).mean()) for name, (_, scene) in scenes.items()}
    assert 0.3 < sky["mountain_sunset"] < 0.6
    assert 0.4 < sky["summer_1am"] < 0.7
    assert sky["forest_stream"] < 0.02
    assert sky["forest_path"] < 0.02


def test_the_lake_lies_flat(scenes):
    """In the row direction a lake is level, and towards the viewer it only comes nearer."""
    _, scene = scenes["summer_1am"]
    h = scene.disparity.shape[0]
    lake = scene.disparity[int(0.7 * h) :, 40:-40]
    profile = np.median(lake, axis=1)
    assert (np.diff(profile) > -1e-4).all()
    assert float(np.percentile(np.abs(lake - profile[:, None]), 95.0)) < 0.03


def test_mirror_image_gives_the_mirror_scene(scenes):
    image, scene = scenes["picos_de_europa"]
    mirrored = perceive(np.ascontiguousarray(image[:, ::-1]))
    np.testing.assert_allclose(mirrored.sky[:, ::-1], scene.sky, atol=0.02)
    assert np.abs(mirrored.disparity[:, ::-1] - scene.disparity).mean() < 0.005


def test_same_photo_same_scene(scenes):
    image, scene = scenes["forest_path"]
    again = perceive(image)
    assert np.array_equal(again.disparity, scene.disparity)
    assert np.array_equal(again.sky, scene.sky)


STRANGE = [((8, 8), "blue"), ((8, 8), "noise"), ((1, 1), "black"), ((16, 300), "noise"), ((300, 16), "noise")]
STRANGE += [((40, 2000), "noise"), ((700, 300), "noise"), ((300, 400), "blue"), ((300, 400), "black")]


@pytest.mark.parametrize(("shape", "fill"), STRANGE)
def test_strange_photos(shape, fill):
    image = np.zeros((*shape, 3), np.uint8)
    if fill == "blue":
        image[:] = (90, 150, 230)
    if fill == "noise":
        image[:] = np.random.default_rng(0).integers(0, 256, image.shape)
    scene = perceive(image)
    promises_kept(scene)
    assert depth_report(image, scene).dtype == np.uint8
    promises_kept(plain_scene(shape[1], shape[0], image))


@pytest.mark.parametrize("image", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), np.zeros((0, 8, 3), np.uint8)])
def test_not_an_image(image):
    with pytest.raises(ValueError, match="uint8"):
        perceive(image)


maps = arrays.arrays(np.float32, (9, 12), elements=st.floats(0.0, 100.0, width=32))


@given(maps, arrays.arrays(np.float32, (18, 24), elements=st.floats(0.0, 1.0, width=32)))
@settings(max_examples=50, deadline=None)
def test_normalised_is_in_range_and_keeps_the_order(disparity, sky):
    result = normalised(disparity, sky)
    assert result.min() >= np.float32(0.01)
    assert result.max() <= 1.0
    assert (np.diff(result.ravel()[np.argsort(disparity, axis=None)]) >= 0.0).all()


@given(st.floats(1e-3, 1e3))
def test_normalised_does_not_depend_on_scale(scale):
    disparity = np.random.default_rng(1).random((20, 30)).astype(np.float32) + 0.1
    sky = np.zeros((20, 30), np.float32)
    expected = normalised(disparity, sky)
    np.testing.assert_allclose(normalised((disparity * scale).astype(np.float32), sky), expected, rtol=1e-4)


def test_far_land_is_far_under_an_open_sky():
    disparity = np.linspace(0.3, 0.8, 100, dtype=np.float32)[:, None].repeat(50, axis=1)
    sky = np.zeros((100, 50), np.float32)
    closed = opened(disparity, sky)
    sky[:10] = 1.0
    far = opened(disparity, sky)
    assert far[10, 0] < 0.15 < closed[10, 0] < disparity[10, 0]
    np.testing.assert_allclose(np.diff(far[:, 0]), float(far[1, 0] - far[0, 0]), rtol=1e-3)  # shift and scale: planes stay planes


def test_a_lake_without_depth_is_level():
    rng = np.random.default_rng(0)
    disparity = cv2.GaussianBlur(rng.random((100, 150)).astype(np.float32), (0, 0), 8) * 0.2 + 0.6
    sky = np.zeros((100, 150), np.float32)
    sky[:40] = 1.0
    ground = opened(disparity, sky)[45:]
    assert ground.std(axis=1).max() < 0.02
    assert (np.diff(ground.mean(axis=1)) > 0.0).all()


def test_plain_scene_is_land_below_and_sky_above():
    image = np.full((200, 300, 3), 40, np.uint8)
    image[:80] = (150, 190, 240)
    scene = plain_scene(300, 200, image)
    promises_kept(scene)
    h = scene.sky.shape[0]
    assert scene.sky[: int(0.35 * h)].min() > 0.9
    assert scene.sky[int(0.5 * h) :].max() < 0.1
    assert (np.diff(scene.disparity[:, 5]) >= 0).all()
    assert plain_scene(300, 200).sky.max() == 0.0


def test_report_shows_photo_and_maps(scenes):
    image, scene = scenes["aitzgorri"]
    picture = depth_report(image, scene)
    assert picture.dtype == np.uint8
    h, w = picture.shape[:2]
    quarter = picture[: h // 2, : w // 2].astype(int)
    expected = cv2.resize(image, (w // 2, h // 2), interpolation=cv2.INTER_AREA)
    assert np.abs(quarter - expected).max() == 0


def test_missing_weights_are_said(monkeypatch, tmp_path):
    perception._network.cache_clear()
    monkeypatch.setattr("core.weights.weights_path", lambda _: tmp_path / "perception.safetensors")
    with pytest.raises(WeightsError, match="missing"):
        perceive(np.zeros((16, 16, 3), np.uint8))


def test_unknown_backend():
    with pytest.raises(PerceptionError, match="shipped, depth-anything"):
        perceive(np.zeros((16, 16, 3), np.uint8), "eyes")


def test_import_is_light():
    code = "import sys, core.perception, core.depth_map; print([m for m in ('torch', 'cv2', 'numba') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_figures_on_the_test_photos(shared_dir):
    """What flights need of perception, on every fourth test photo: the order of near and far, and no contradiction."""
    from core.training.perception_evaluation import shipped
    from core.training.perception_geometry import geometry, summary
    from core.training.shards import read_shards

    network = shipped()
    samples = read_shards([shared_dir / "data" / "test.tar"])[::4]
    found = summary([geometry(network, sample, sample.root) for sample in samples])
    assert found["sky_iou"]["mean"] >= 0.97
    assert found["mirror"]["mean"] >= 0.97
    assert found["part"]["mean"] >= 0.97
    assert found["rows"]["mean"] >= 0.85
