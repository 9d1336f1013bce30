"""The sky dome: seamless, single-valued at the poles, the photo where the photo has sky, mist below it."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import sky
from core.camera import Camera, Intrinsics, turn
from core.keyframe import Keyframe
from core.sky import HEIGHT, WIDTH, Dome

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = (300, 200)
FRAME = 8  # pixels


def photo_of(image: np.ndarray, sky: np.ndarray) -> Keyframe:
    height, width = image.shape[:2]
    flat = np.full((64, 96), 0.3, np.float32)
    lens = Intrinsics.from_fov(math.radians(55.0), width / height)
    return Keyframe(Camera(lens), image, flat, sky.astype(np.float32), np.zeros_like(flat))


def landscape(top=(60, 110, 190), low=(200, 215, 230), grain: float = 6.0, skyline: float = 0.5) -> Keyframe:
    """Blue sky with a gradient and cloud-like grain over dark green land."""
    import cv2

    width, height = SIZE
    v = ((np.arange(height) + 0.5) / height)[:, None, None]
    image = np.array(top) + np.clip(v / skyline, 0.0, 1.0) * (np.array(low) - np.array(top)) + np.zeros((1, width, 1))
    noise = cv2.GaussianBlur(np.random.default_rng(3).standard_normal((height, width)).astype(np.float32), (0, 0), 3.0)
    image = image + grain * (noise / noise.std())[..., None]
    sky = np.repeat((v[..., 0] < skyline).astype(np.float32), width, axis=1)
    image = np.where(sky[..., None] > 0.5, image, np.array([30.0, 60.0, 20.0]))
    return photo_of(np.clip(image, 0.0, 255.0).astype(np.uint8), sky)


@pytest.fixture(scope="module", autouse=True)
def _whole_domes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sky, "WIDTH", WIDTH)
        patch.setattr(sky, "HEIGHT", HEIGHT)
        yield


@functools.cache
def shared_dome() -> Dome:
    return Dome.of(landscape())


@pytest.fixture
def dome() -> Dome:
    return shared_dome()


def towards(yaw: float, elevation: float) -> np.ndarray:
    return np.array([math.sin(yaw) * math.cos(elevation), -math.sin(elevation), math.cos(yaw) * math.cos(elevation)])


def test_the_photos_own_sky_is_shown_at_full_resolution_but_at_its_frame(dome: Dome) -> None:
    photo = dome.photo
    width, height = SIZE
    view = dome.view(photo.camera, width, height) * 255.0
    clean = np.s_[FRAME : height // 2 - 12, FRAME : width - FRAME]
    assert np.abs(view[clean] - photo.image[clean]).max() < 1.5


def test_a_dark_frame_is_not_continued() -> None:
    """Vignettes, scans and tone mapping leave dark edges; upright bands in the sky would tell where the photo ended."""
    photo = landscape(grain=0.0)
    image = photo.image.copy()
    image[:, :3] = image[:, -3:] = 20
    framed, plain = (Dome.of(photo_of(picture, photo.sky)).equirect.astype(float) for picture in (image, photo.image))
    sky = slice(0, 480)
    assert np.abs(framed[sky] - plain[sky]).max() < 12.0


def test_the_sky_beside_the_photo_goes_on_as_it_is_at_its_edge() -> None:
    photo = landscape(grain=0.0)
    tint = np.linspace(-30.0, 30.0, SIZE[0])[None, :, None]
    image = np.clip(photo.image + np.where(photo.sky[..., None] > 0.5, tint, 0.0), 0, 255).astype(np.uint8)
    dome = Dome.of(photo_of(image, photo.sky))
    wide = dome.photo.camera.moved(np.zeros(3), turn(0.5))
    row = 255.0 * dome.view(wide, *SIZE)[40].mean(axis=-1)
    assert np.abs(np.diff(cv2.blur(row[None], (9, 1))[0])).max() < 0.4


def test_a_photo_that_darkens_towards_its_edge_leaves_no_line_there() -> None:
    """What the mean of the near side left over was mirrored: two degrees that were darker than what was on either side."""
    photo = landscape(grain=0.0)
    darker = 60.0 * np.abs(np.linspace(-1.0, 1.0, SIZE[0]))[None, :, None]
    image = np.clip(photo.image - np.where(photo.sky[..., None] > 0.5, darker, 0.0), 0, 255).astype(np.uint8)
    dome = Dome.of(photo_of(image, photo.sky))
    wide = dome.photo.camera.moved(np.zeros(3), turn(0.5))  # the photo's edge is in the middle
    row = cv2.blur(255.0 * dome.view(wide, *SIZE)[40].mean(axis=-1)[None], (5, 1))[0]
    assert np.diff(row[100:170:5]).max() < 0.3  # it goes on darkening


def test_nothing_of_the_land_gets_into_the_sky(dome: Dome) -> None:
    """Blue is 190 and more in this sky and 20 in this land."""
    assert dome.equirect[..., 2].min() > 150
    view = dome.view(dome.photo.camera, *SIZE) * 255.0
    assert view[..., 2].min() > 150.0


@settings(max_examples=40, deadline=None)
@given(st.floats(-1.5, 1.5))
def test_no_seam_behind(elevation: float) -> None:
    dome = shared_dome()
    step = 0.5 * math.tau / WIDTH
    left, right = dome.colour(np.stack([towards(math.pi - step, elevation), towards(-math.pi + step, elevation)]))
    inner = dome.colour(np.stack([towards(math.pi - 3 * step, elevation), towards(math.pi - step, elevation)]))
    assert np.abs(left - right).max() <= np.abs(inner[0] - inner[1]).max() + 4.0 / 255.0


def test_the_poles_have_one_colour(dome: Dome) -> None:
    for row in (0, HEIGHT - 1):
        assert np.ptp(dome.equirect[row].astype(int), axis=0).max() <= 3


def test_continued_sky_has_no_edges(dome: Dome) -> None:
    """Steps between neighbours are no larger than inside the photo's own sky."""
    picture = dome.equirect.astype(int)
    inside = picture[HEIGHT // 2 - 60 : HEIGHT // 2 - 10, WIDTH // 2 - 100 : WIDTH // 2 + 100]
    limit = np.abs(np.diff(inside, axis=1)).max() + 4
    assert np.abs(np.diff(picture, axis=1)).max() <= limit
    assert np.abs(np.diff(picture, axis=0)).max() <= limit


def test_below_the_skyline_is_mist_and_above_it_goes_on_darkening(dome: Dome) -> None:
    behind = dome.colour(np.stack([towards(math.pi, e) for e in (-1.2, -0.4, 0.05, 0.3, 0.8)])).mean(axis=1)
    mist, low, zenithwards = behind[:2], behind[2], behind[4]
    assert np.ptp(mist) < 0.03
    assert abs(mist.mean() - low) < 0.12
    assert zenithwards < low - 0.15


def test_a_night_stays_dark() -> None:
    dome = Dome.of(landscape(top=(4, 6, 14), low=(14, 14, 22), grain=1.0))
    assert dome.equirect.max() < 60


@pytest.mark.parametrize("tone", [(12, 14, 10), (120, 140, 90)])
def test_photo_without_sky_gets_haze_of_its_bright_tones(tone: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    image = np.clip(np.array(tone) + rng.normal(0.0, 8.0, (*SIZE[::-1], 3)), 0, 255).astype(np.uint8)
    image[:40] = np.clip(np.array(tone) * 1.5, 0, 255)
    dome = Dome.of(photo_of(image, np.zeros(SIZE[::-1], np.float32)))
    assert abs(dome.equirect.mean() - 1.5 * np.mean(tone)) < 12.0
    assert dome.equirect.std(axis=(0, 1)).max() < 1.0


def test_directions_of_any_length_and_shape(dome: Dome) -> None:
    ray = towards(2.0, 0.4)
    one = dome.colour(ray)
    assert one.shape == (3,)
    assert np.array_equal(one, dome.colour(10.0 * ray))
    many = dome.colour(np.broadcast_to(ray, (2, 4, 5, 3)))
    assert many.shape == (2, 4, 5, 3)
    assert np.allclose(many, one)


def test_a_turned_photo_camera_turns_the_dome() -> None:
    photo = landscape()
    turned = Keyframe(photo.camera.moved(np.zeros(3), turn(1.0)), photo.image, photo.disparity, photo.sky, photo.debt)
    view = Dome.of(turned).view(turned.camera, *SIZE)
    assert np.abs(view[FRAME:80, FRAME:-FRAME] * 255.0 - photo.image[FRAME:80, FRAME:-FRAME]).max() < 2.5


def test_views_coarser_than_the_photo_are_averages(dome: Dome) -> None:
    width, height = SIZE[0] // 4, SIZE[1] // 4
    view = dome.view(dome.photo.camera, width, height)[: height // 2 - 6] * 255.0
    mean = dome.photo.image.reshape(height, 4, width, 4, 3).mean(axis=(1, 3))[: height // 2 - 6]
    assert np.abs(view - mean).mean() < 1.2


def test_making_it_twice_gives_the_same(dome: Dome) -> None:
    again = Dome.of(landscape())
    assert np.array_equal(again.equirect, dome.equirect)
    assert np.array_equal(again.details[0], dome.details[0])


@pytest.mark.parametrize("shape", [(2, 3), (40, 700), (500, 30)])
@pytest.mark.parametrize("sky", ["all", "specks"])
def test_odd_photos_have_a_dome_too(shape: tuple[int, int], sky: str) -> None:
    rng = np.random.default_rng(0)
    alpha = np.ones(shape) if sky == "all" else (rng.random(shape) > 0.97).astype(float)
    dome = Dome.of(photo_of(rng.integers(0, 255, (*shape, 3), dtype=np.uint8), alpha))
    everywhere = dome.view(dome.photo.camera, 64, 48)
    assert np.isfinite(everywhere).all()
    assert everywhere.min() >= 0.0
    assert everywhere.max() <= 1.0
