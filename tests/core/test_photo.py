from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from photo_files import exif, saved, scene
from PIL import Image, ImageCms

from core.photo import DEFAULT_FOV, MIN_SIDE, open_photo, preview

if TYPE_CHECKING:
    from pathlib import Path


def difference(a: np.ndarray, b: np.ndarray) -> float:
    assert a.shape == b.shape
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


# formats -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "mode", "tolerance"),
    [
        ("a.jpg", "RGB", 2.0),
        ("a.png", "RGB", 0.0),
        ("a.png", "RGBA", 0.0),
        ("a.webp", "RGB", 3.0),
        ("a.tiff", "RGB", 0.0),
        ("a.tiff", "CMYK", 0.0),
        ("a.jpg", "CMYK", 2.0),
        ("a.heic", "RGB", 3.0),
        ("a.avif", "RGB", 3.0),
        ("a.bmp", "RGB", 0.0),
    ],
)
def test_formats_and_modes(tmp_path: Path, name: str, mode: str, tolerance: float) -> None:
    photo = open_photo(saved(tmp_path / name, Image.fromarray(scene()).convert(mode)))
    assert photo.image.dtype == np.uint8
    assert difference(photo.image, scene()) <= tolerance


@pytest.mark.parametrize("name", ["a.png", "a.gif"])
def test_palette(tmp_path: Path, name: str) -> None:
    palette = Image.fromarray(scene()).quantize(64)
    assert difference(open_photo(saved(tmp_path / name, palette)).image, np.asarray(palette.convert("RGB"))) == 0.0


@pytest.mark.parametrize("mode", ["L", "LA", "1"])
def test_grey_becomes_rgb(tmp_path: Path, mode: str) -> None:
    grey = Image.fromarray(scene()).convert(mode)
    photo = open_photo(saved(tmp_path / "a.png", grey))
    assert difference(photo.image, np.asarray(grey.convert("RGB"))) == 0.0


def test_sixteen_bit_grey_keeps_its_tones(tmp_path: Path) -> None:
    ramp = np.broadcast_to(np.linspace(0, 65535, 256).astype(np.uint16), (64, 256))
    photo = open_photo(saved(tmp_path / "a.png", ramp))
    assert difference(photo.image[..., 0], np.broadcast_to(np.arange(256), (64, 256))) == 0.0


@pytest.mark.parametrize(("dtype", "white"), [(np.float32, 1.0), (np.float32, 4095.0), (np.int32, 65535)])
def test_deep_grey_tiff_is_scaled_to_its_white(tmp_path: Path, dtype: type, white: float) -> None:
    ramp = np.broadcast_to(np.linspace(0, white, 256), (64, 256)).astype(dtype)
    photo = open_photo(saved(tmp_path / "a.tif", ramp))
    assert np.abs(photo.image[0, :, 1].astype(int) - np.arange(256)).max() <= 1


def test_sixteen_bit_colour_png(tmp_path: Path) -> None:
    import cv2

    assert cv2.imwrite(str(tmp_path / "a.png"), scene()[..., ::-1].astype(np.uint16) * 257)
    assert difference(open_photo(tmp_path / "a.png").image, scene()) == 0.0


def test_transparency_goes_over_white(tmp_path: Path) -> None:
    rgba = np.dstack([scene(), np.full((64, 96), 255, np.uint8)])
    rgba[:32, :, 3] = 0
    rgba[32:, :, 3] = 128
    image = open_photo(saved(tmp_path / "a.png", rgba)).image
    assert (image[:32] == 255).all()
    assert difference(image[32:], scene()[32:] * (128 / 255) + 255 * (127 / 255)) <= 1.0


def test_transparent_palette_goes_over_white(tmp_path: Path) -> None:
    palette = Image.new("P", (32, 32), 0)
    palette.putpalette([0, 0, 0, 200, 10, 10])
    palette.paste(1, (0, 0, 16, 32))
    image = open_photo(saved(tmp_path / "a.png", palette, transparency=0)).image
    assert tuple(image[5, 5]) == (200, 10, 10)
    assert tuple(image[5, 25]) == (255, 255, 255)


def test_animation_gives_its_first_frame(tmp_path: Path) -> None:
    first, second = Image.fromarray(scene()), Image.new("RGB", (96, 64), "black")
    for name in ("a.gif", "a.webp", "a.png"):
        path = saved(tmp_path / name, first, save_all=True, append_images=[second])
        assert difference(open_photo(path).image, scene()) < 8.0


def test_multi_picture_jpeg_gives_its_first_picture(tmp_path: Path) -> None:
    path = saved(
        tmp_path / "a.jpg", Image.fromarray(scene()), format="MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))]
    )
    assert difference(open_photo(path).image, scene()) < 2.0


# colour ------------------------------------------------------------------------------------------------------------------


def lab_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def swapped_profile() -> bytes:
    """An sRGB profile in which red and blue have changed places, under another name."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for i in range(struct.unpack(">I", data[128:132])[0]):
        at = 132 + 12 * i
        if data[at : at + 4] == b"rXYZ":
            red = at
        elif data[at : at + 4] == b"bXYZ":
            blue = at
    data[red : red + 4], data[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(data).replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


def test_colour_profile_is_applied(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", scene(), icc_profile=swapped_profile())
    assert difference(open_photo(path).image, scene()[..., ::-1]) < 2.0


def test_srgb_profile_changes_nothing(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert difference(open_photo(saved(tmp_path / "a.png", scene(), icc_profile=profile)).image, scene()) == 0.0


@pytest.mark.parametrize("profile", [b"nonsense", lab_profile(), swapped_profile()[:200]])
def test_unfit_profile_is_ignored(tmp_path: Path, profile: bytes) -> None:
    assert difference(open_photo(saved(tmp_path / "a.png", scene(), icc_profile=profile)).image, scene()) == 0.0


def test_lab_tiff(tmp_path: Path) -> None:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(Image.fromarray(scene()), to_lab)
    assert difference(open_photo(saved(tmp_path / "a.tif", lab)).image, scene()) < 3.0


# orientation and lens ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_stands_upright(tmp_path: Path, name: str, orientation: int) -> None:
    stored = scene()
    if orientation >= 5:
        stored = stored.transpose(1, 0, 2)
    first_row_is_last, first_column_is_last = orientation in (3, 4, 6, 7), orientation in (2, 3, 7, 8)
    stored = np.ascontiguousarray(stored[:: -1 if first_row_is_last else 1, :: -1 if first_column_is_last else 1])
    photo = open_photo(saved(tmp_path / name, stored, exif=exif(orientation)))
    assert difference(photo.image, scene()) < 3.0
    assert photo.intrinsics.aspect == pytest.approx(1.5)


def test_heic_is_not_turned_twice(tmp_path: Path) -> None:
    """Its decoder has already turned it, whatever the EXIF data inside say."""
    photo = open_photo(saved(tmp_path / "a.heic", scene(), exif=exif(6)))
    assert difference(photo.image, scene()) < 3.0


def test_orientation_beyond_the_standard_is_ignored(tmp_path: Path) -> None:
    assert difference(open_photo(saved(tmp_path / "a.png", scene(), exif=exif(77))).image, scene()) == 0.0


def long_fov(path: Path) -> float:
    return math.degrees(max(open_photo(path, 48).intrinsics.fov))


def test_field_of_view_without_metadata(tmp_path: Path) -> None:
    assert long_fov(saved(tmp_path / "a.jpg", scene())) == pytest.approx(math.degrees(DEFAULT_FOV))
    assert long_fov(saved(tmp_path / "b.jpg", scene(40, 90))) == pytest.approx(math.degrees(DEFAULT_FOV))


@pytest.mark.parametrize(("size", "focal", "degrees"), [((96, 64), 24, 73.74), ((64, 96), 50, 39.60), ((80, 60), 26, 67.28)])
def test_field_of_view_from_equivalent_focal_length(tmp_path: Path, size: tuple[int, int], focal: int, degrees: float) -> None:
    path = saved(tmp_path / "a.jpg", scene(*size), exif=exif(FocalLengthIn35mmFilm=focal))
    assert long_fov(path) == pytest.approx(degrees, abs=0.02)


@pytest.mark.parametrize(("unit", "per_unit"), [(2, 96 / 23.6 * 25.4), (3, 96 / 2.36), (4, 96 / 23.6)])
def test_field_of_view_from_the_sensor(tmp_path: Path, unit: int, per_unit: float) -> None:
    tags = exif(FocalLength=18.0, FocalPlaneXResolution=per_unit, FocalPlaneYResolution=per_unit, FocalPlaneResolutionUnit=unit)
    path = saved(tmp_path / "a.jpg", scene(), exif=tags)
    assert long_fov(path) == pytest.approx(math.degrees(2 * math.atan(11.8 / 18)), abs=0.02)


@pytest.mark.parametrize("focal", [0, 1, 9999])
def test_unbelievable_focal_length_is_ignored(tmp_path: Path, focal: int) -> None:
    path = saved(tmp_path / "a.jpg", scene(), exif=exif(FocalLengthIn35mmFilm=focal))
    assert long_fov(path) == pytest.approx(55.0)


# size --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_longest_side_bounds_and_view_stays(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / name, scene(1500, 1000))
    full, small = open_photo(path), preview(path, 300)
    assert full.image.shape == (1000, 1500, 3)
    assert small.image.shape == (200, 300, 3)
    assert small.intrinsics == full.intrinsics
    assert small.digest == full.digest
    reference = np.asarray(Image.fromarray(full.image).resize((300, 200), Image.Resampling.BOX))
    assert difference(small.image, reference) < 1.0


def test_extreme_aspect_keeps_a_usable_side(tmp_path: Path) -> None:
    photo = open_photo(saved(tmp_path / "a.png", scene(2000, MIN_SIDE)), 500)
    assert photo.image.shape == (MIN_SIDE, 500, 3)
    assert photo.intrinsics.aspect == pytest.approx(2000 / MIN_SIDE)


def test_small_photo_is_not_enlarged(tmp_path: Path) -> None:
    assert open_photo(saved(tmp_path / "a.png", scene(MIN_SIDE, MIN_SIDE))).image.shape == (MIN_SIDE, MIN_SIDE, 3)


def test_digest_is_of_the_file(tmp_path: Path) -> None:
    import hashlib

    path = saved(tmp_path / "a.png", scene())
    assert open_photo(path).digest == hashlib.sha256(path.read_bytes()).hexdigest()
