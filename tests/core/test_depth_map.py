"""The user's depth map: formats, both directions, and everything that can be wrong with it."""

import cv2
import numpy as np
import pytest

from core.depth_map import read_depth_map, with_depth_map
from core.errors import DepthMapError
from core.perception import Scene

H, W = 40, 60


@pytest.fixture
def depth():
    """A plane from depth 1 at the bottom to 20 at the top."""
    return np.repeat(np.linspace(20.0, 1.0, H, dtype=np.float32)[:, None], W, axis=1)


def write(path, values):
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".exr":
        openexr = pytest.importorskip("OpenEXR")
        header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage}
        with openexr.File(header, {"Z": values.astype(np.float32)}) as file:
            file.write(str(path))
    else:
        assert cv2.imwrite(str(path), values)
    return path


def refused(path, near="bright") -> str:
    with pytest.raises(DepthMapError) as caught:
        read_depth_map(path, near)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    return message


@pytest.mark.parametrize("suffix", [".npy", ".exr"])
def test_depth_and_disparity_are_reciprocal(tmp_path, depth, suffix):
    dark = read_depth_map(write(tmp_path / f"depth{suffix}", depth), "dark")
    bright = read_depth_map(write(tmp_path / f"disparity{suffix}", 1.0 / depth), "bright")
    assert dark.dtype == np.float32
    assert dark.shape == (H, W)
    np.testing.assert_allclose(dark, bright, rtol=1e-5)
    np.testing.assert_allclose(dark / dark.max(), depth.min() / depth, rtol=1e-5)


def test_png_keeps_sixteen_bits(tmp_path):
    values = np.arange(H * W, dtype=np.uint16).reshape(H, W) + 30000
    disparity = read_depth_map(write(tmp_path / "d.png", values), "bright")
    assert len(np.unique(disparity)) == H * W
    np.testing.assert_allclose(disparity, values / values.max(), rtol=1e-6)


def test_grey_saved_as_colour_is_taken(tmp_path):
    grey = np.repeat(np.linspace(1, 255, H, dtype=np.uint8)[:, None], W, axis=1)
    disparity = read_depth_map(write(tmp_path / "d.png", np.stack([grey] * 3, axis=-1)), "bright")
    np.testing.assert_allclose(disparity, grey / 255.0, rtol=1e-6)


def test_unknown_depths_are_not_numbers_and_infinity_is_far(tmp_path, depth):
    depth[0, 0], depth[1, 1], depth[2, 2] = np.nan, 0.0, np.inf
    disparity = read_depth_map(write(tmp_path / "d.npy", depth), "dark")
    assert np.isnan(disparity[0, 0])
    assert np.isnan(disparity[1, 1])
    assert disparity[2, 2] == 0.0


def colour_png(path):
    write(path, np.random.default_rng(0).integers(0, 255, (H, W, 3)).astype(np.uint8))


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("missing.png", lambda _: None),
        ("folder.npy", lambda path: path.mkdir()),
        ("empty.png", lambda path: path.write_bytes(b"")),
        ("empty.npy", lambda path: path.write_bytes(b"")),
        ("empty.exr", lambda path: path.write_bytes(b"")),
        ("noise.png", lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"x" * 50)),
        ("noise.npy", lambda path: path.write_bytes(b"\x93NUMPY" + b"x" * 50)),
        ("noise.exr", lambda path: path.write_bytes(b"x" * 500)),
        ("photo.jpg", lambda path: path.write_bytes(b"x")),
        ("colour.png", colour_png),
        ("pickled.npy", lambda path: np.save(path, np.array([{}, []], dtype=object), allow_pickle=True)),
        ("text.npy", lambda path: np.save(path, np.array(["a", "b"]))),
        ("line.npy", lambda path: np.save(path, np.ones(5))),
        ("cube.npy", lambda path: np.save(path, np.ones((4, 5, 6)))),
        ("none.npy", lambda path: np.save(path, np.ones((0, 5)))),
        ("nan.npy", lambda path: np.save(path, np.full((H, W), np.nan))),
        ("black.npy", lambda path: np.save(path, np.zeros((H, W)))),
        ("negative.npy", lambda path: np.save(path, -np.ones((H, W)))),
    ],
)
def test_unusable_files_give_one_line(tmp_path, name, make):
    path = tmp_path / name
    make(path)
    refused(path)


@pytest.mark.parametrize("keep", [9, 80, 200])
@pytest.mark.parametrize("suffix", [".npy", ".exr", ".png"])
def test_truncated_files(tmp_path, depth, suffix, keep):
    values = (depth * 3000).astype(np.uint16) if suffix == ".png" else depth
    path = write(tmp_path / f"d{suffix}", values)
    path.write_bytes(path.read_bytes()[:keep])
    refused(path)


def test_near_must_be_said_properly(tmp_path, depth):
    assert "bright" in refused(write(tmp_path / "d.npy", depth), "up")


def test_scene_takes_the_map_and_keeps_the_sky(depth):
    image = np.full((2 * H, 2 * W, 3), 127, np.uint8)
    sky = np.zeros((2 * H, 2 * W), np.float32)
    sky[:20] = 1.0
    disparity = (1.0 / depth).astype(np.float32)
    disparity[30:33, 10:14] = np.nan
    scene = with_depth_map(Scene(np.full((8, 8), 0.5, np.float32), sky), disparity, image)
    assert scene.sky.shape == sky.shape
    assert np.isfinite(scene.disparity).all()
    assert scene.disparity.max() <= 1.0
    column = scene.disparity[:, scene.disparity.shape[1] // 2]
    rows = len(column)
    expected = np.interp((np.arange(rows) + 0.5) / rows * H - 0.5, np.arange(H), 1.0 / depth[:, 0])
    land = np.s_[int(0.4 * rows) : int(0.95 * rows)]
    ratio = column[land] / expected[land]
    assert ratio.std() / ratio.mean() < 0.1


@pytest.mark.parametrize("shape", [(40, 40), (60, 40), (8, 200)])
def test_wrong_aspect_ratio(shape):
    scene = Scene(np.full((H, W), 0.5, np.float32), np.zeros((H, W), np.float32))
    with pytest.raises(DepthMapError, match="does not fit"):
        with_depth_map(scene, np.ones(shape, np.float32), np.zeros((2 * H, 2 * W, 3), np.uint8))
