from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from handmade import LENS, keyframe, punched, whole_view
from hypothesis import given, settings
from hypothesis import strategies as st

from core.camera import Camera, turn
from core.classical.detail import BANDS, DetailStyle, bands, strength
from core.classical.fill import mirrored_texture
from core.classical.generator import ClassicalGenerator, halved
from core.classical.prior import Prior
from core.compose import compose
from core.frame import Layer
from core.generator import RefinedView, WarpedView
from core.keyframe import Keyframe
from core.pushpull import push_pull
from core.sky import Dome
from core.warp import make_warper, warp


def begun(photo: Keyframe, seed: int = 0) -> ClassicalGenerator:
    generator = ClassicalGenerator()
    generator.begin(photo, seed)
    return generator


def worn(view: WarpedView, debt: float) -> WarpedView:
    return WarpedView(**{**vars(view), "debt": np.full_like(view.debt, debt) * (view.disparity > 0.0)})


def sound(view: RefinedView) -> bool:
    ranges = ((view.image, 0.0, 1.0), (view.disparity, 0.01, 1.0), (view.sky, 0.0, 1.0), (view.debt, 0.0, 64.0))
    return all(a.dtype == np.float32 and np.isfinite(a).all() and a.min() >= low and a.max() <= high for a, low, high in ranges)


def test_sharp_known_pixels_come_back():
    photo = keyframe()
    view = whole_view(photo)
    refined = begun(photo)(view)
    assert np.abs(refined.image - view.image).max() <= 1.0 / 255.0
    land = view.sky < 0.5
    assert np.abs(refined.disparity - view.disparity)[land].max() <= 1e-6
    assert np.abs(refined.sky - view.sky).max() <= 1.0 / 255.0


def test_a_hole_leaves_the_rest_alone():
    photo = keyframe(size=(128, 80))
    view = whole_view(photo)
    holes = np.zeros(view.mask.shape, bool)
    holes[50:60, 30:60] = True
    refined = begun(photo)(punched(view, holes))
    assert np.abs(refined.image - view.image)[~holes].max() <= 1.0 / 255.0


def test_hole_behind_a_ridge_takes_the_background():
    """A near pillar, a hole beside it, far land beyond: the hole must be far, and of the far land's colour."""
    photo = keyframe(size=(96, 60))
    view = whole_view(photo)
    below = np.zeros(view.mask.shape, bool)
    below[30:] = True
    view.disparity[below], view.sky[below] = 0.1, 0.0
    view.image[below] = (0.2, 0.3, 0.8)
    view.disparity[30:, :40] = 0.8
    view.image[30:, :40] = (0.9, 0.1, 0.1)
    holes = np.zeros_like(below)
    holes[34:56, 40:46] = True
    refined = begun(photo)(punched(view, holes))
    inner = np.s_[38:52, 41:45]
    assert np.median(refined.disparity[inner]) < 0.25
    colour = refined.image[inner].mean(axis=(0, 1))
    assert colour[2] > colour[0]


def test_ground_goes_on_below_the_frame():
    photo = keyframe(size=(96, 60))
    view = whole_view(photo)
    rows = (np.arange(60)[:, None] + 0.5) / 60 * np.ones((1, 96))
    ramp = (0.05 + 0.9 * (rows - 0.4)).astype(np.float32)
    land = rows > 0.45
    view.disparity[land], view.sky[land] = ramp[land], 0.0
    holes = rows > 0.9
    refined = begun(photo)(punched(view, holes))
    assert np.abs(refined.disparity - ramp)[holes].max() < 0.03


def test_nothing_known_gives_a_whole_view():
    photo = keyframe(size=(96, 60))
    view = whole_view(photo)
    refined = begun(photo)(punched(view, np.ones_like(view.mask)))
    assert sound(refined)
    assert 0.2 < (refined.sky > 0.5).mean() < 0.5
    assert (refined.sky[-20:] < 0.5).all()


def moved_view(photo: Keyframe, step: tuple[float, float, float], size: tuple[int, int]) -> WarpedView:
    camera = photo.camera.moved(np.array(step), np.eye(3))
    return compose(Layer((photo,), warp((photo,), camera, size, make_warper())), camera, Dome.of(photo))


def test_what_a_skyline_uncovers_is_sky():
    """The camera climbs, the ridge sinks below its old skyline: what stood behind the strip is sky, of the dome's colour."""
    photo = keyframe(size=(192, 120))
    view = moved_view(photo, (0.0, -0.5, 0.0), (192, 120))
    strip = ~view.mask[:60]
    assert strip.any(axis=0).mean() > 0.9
    refined = begun(photo)(view)
    assert (refined.sky[:60][strip] > 0.95).mean() > 0.95
    assert np.median(np.abs(refined.image - view.backdrop)[:60][strip]) < 0.01


@pytest.mark.parametrize("step", [(0.25, 0.0, 0.0), (-0.25, 0.0, 0.0)])
def test_what_a_post_uncovers_is_the_wall_behind(step: tuple[float, float, float]):
    """A red post before a blue wall, the camera strafes: no trace of the post may stay where it was."""
    size = (192, 120)
    random = np.random.default_rng(0)
    image = (np.array((60, 90, 200)) + random.integers(-15, 16, (120, 192, 1))).astype(np.uint8)
    disparity = np.full((120, 192), 0.1, np.float32)
    post = np.s_[20:, 90:102]
    image[post], disparity[post] = (220, 30, 20), 0.6
    blank = np.zeros_like(disparity)
    photo = Keyframe(Camera(LENS), image, disparity, blank, blank)
    view = moved_view(photo, step, size)
    holes = ~view.mask
    holes[:, :40] = holes[:, -40:] = False  # beside the frame
    assert holes.sum() > 300
    refined = begun(photo)(view)
    assert np.abs(refined.disparity[holes] - 0.1).max() < 0.02
    assert refined.sky[holes].max() < 0.05
    colour = refined.image[holes]
    assert np.abs(colour.mean(axis=0) - np.array((60, 90, 200)) / 255.0).max() < 0.05
    assert (colour[:, 2] > colour[:, 0] + 0.2).all()


def test_no_sky_below_the_horizon():
    """What looks like sky where the photo had only land is the rim of a ridge that came near."""
    photo = keyframe(size=(96, 60))
    view = whole_view(photo)
    view.sky[45:55] = 0.7
    assert (begun(photo)(worn(view, 1.0)).sky[40:] < 0.5).all()


def test_crumbs_in_the_sky_dissolve():
    photo = keyframe(size=(96, 60))
    view = whole_view(photo)
    crumb = np.s_[5:9, 40:45]
    view.sky[crumb], view.disparity[crumb], view.image[crumb] = 0.0, 0.5, 0.1
    refined = begun(photo)(view)
    assert (refined.sky[crumb] == 1.0).all()
    assert np.abs(refined.image - view.backdrop)[crumb].max() < 1e-6


@pytest.mark.parametrize("debt", [0.5, 3.0])
def test_worn_blur_regains_detail_and_debt_falls(debt: float):
    photo = keyframe(size=(128, 80))
    view = worn(whole_view(photo), debt)
    smooth = np.full_like(view.image, 0.4)
    view = WarpedView(**{**vars(view), "image": np.where(view.sky[..., None] > 0.0, view.image, smooth)})
    refined = begun(photo)(view)
    land = np.s_[50:75, 10:118]
    assert refined.debt[land].max() < 0.25 * debt
    assert bands(refined.image)[0][land].std() > 0.3 * bands(photo.image.astype(np.float32) / 255.0)[0][land].std()


def test_streaks_are_seen_as_lacking_detail():
    streaks = np.broadcast_to(np.random.default_rng(0).uniform(0, 1, (1, 64, 1)), (40, 64, 3)).astype(np.float32)
    weakest, streaked = strength(bands(streaks)[0])
    noise = np.random.default_rng(0).uniform(0, 1, (40, 64, 1)).repeat(3, axis=2).astype(np.float32)
    assert weakest[10:-10, 10:-10].max() < 0.2 * strength(bands(noise)[0])[0][10:-10, 10:-10].min()
    assert streaked[10:-10, 10:-10].min() > 0.95


def test_a_thousand_renewals_neither_ring_nor_fade():
    photo = keyframe(size=(64, 40))
    image = photo.image.astype(np.float32) / 255.0
    style = DetailStyle(image, photo.disparity, photo.sky)
    random = np.random.default_rng(0)
    start, pay = bands(image)[0][25:].std(), np.ones_like(photo.sky)
    for _ in range(1000):
        shift = int(random.integers(-32, 33)), int(random.integers(-16, 17))
        image = np.clip(style.renew(image, photo.disparity, pay, shift), 0.0, 1.0)
    assert 0.4 * start < bands(image)[0][25:].std() < 1.6 * start


def test_bands_sum_to_the_image():
    image = np.random.default_rng(1).uniform(0, 1, (40, 64, 3)).astype(np.float32)
    parts = bands(image)
    assert len(parts) == BANDS + 1
    assert np.abs(sum(parts) - image).max() < 1e-5


def test_deterministic_by_seed():
    photo = keyframe()
    view = worn(whole_view(photo), 1.0)
    same = [begun(photo, 3)(view).image for _ in range(2)]
    assert (same[0] == same[1]).all()
    assert (begun(photo, -4)(view).image != same[0]).any()


def test_must_begin_first():
    with pytest.raises(RuntimeError, match="begin"):
        ClassicalGenerator()(whole_view(keyframe()))


def test_must_begin_before_it_fills_and_suggests():
    view = whole_view(keyframe())
    for ask in (lambda: ClassicalGenerator().fill(view, coarse=True), lambda: ClassicalGenerator().positions(view)):
        with pytest.raises(RuntimeError, match="begin"):
            ask()


@pytest.mark.parametrize("size", [(64, 40), (48, 32)])
def test_filled_coarsely_what_is_known_is_as_fine_as_it_was(size: tuple[int, int]):
    photo = keyframe(size=size)
    holes = np.random.default_rng(0).random((size[1] // 4, size[0] // 4)) < 0.3
    view = punched(whole_view(photo), np.kron(holes, np.ones((4, 4))) > 0)
    fine, coarse = (begun(photo).fill(view, coarse=coarse) for coarse in (False, True))
    known = coarse.view.mask
    assert np.array_equal(known, fine.view.mask)
    assert np.abs(coarse.land - fine.land)[known].max() < 1e-6
    assert np.abs(coarse.sky - fine.sky)[known].max() < 1e-6
    land = known & (view.sky < 0.5)
    assert np.abs(coarse.disparity - fine.disparity)[land].max() < 1e-6


@pytest.mark.parametrize("size", [(63, 40), (64, 39)])
def test_views_that_cannot_be_halved_are_filled_finely(size: tuple[int, int]):
    photo = keyframe(size=size)
    holes = np.zeros(size[::-1], bool)
    holes[25:35, 20:40] = True
    fine, coarse = (begun(photo).fill(punched(whole_view(photo), holes), coarse=coarse) for coarse in (False, True))
    assert all(np.array_equal(getattr(fine, name), getattr(coarse, name)) for name in ("land", "disparity", "sky", "need"))


def test_holes_filled_coarsely_are_much_as_filled_finely():
    photo = keyframe(size=(128, 80))
    holes = np.zeros((80, 128), bool)
    holes[40:70, 40:80] = holes[:, 110:] = True
    fine, coarse = (begun(photo).fill(punched(whole_view(photo), holes), coarse=coarse) for coarse in (False, True))
    assert np.abs(coarse.land - fine.land)[holes].mean() < 0.05
    assert np.abs(np.log(coarse.disparity / fine.disparity))[holes].mean() < 0.15
    assert ((coarse.sky > 0.5) == (fine.sky > 0.5))[holes].mean() > 0.97


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.0, 1.0))
def test_a_halved_view_has_means_of_what_is_known_and_the_farthest_land(seed: int, share: float):
    random = np.random.default_rng(seed)
    view = punched(whole_view(keyframe(size=(48, 32))), random.random((32, 48)) < share)
    half = halved(view)
    blocks = {name: getattr(view, name).reshape(16, 2, 24, 2, -1) for name in ("mask", "image", "sky", "debt", "disparity")}
    count = blocks["mask"].sum(axis=(1, 3))
    assert np.array_equal(half.mask, count[..., 0] > 0)
    for name in ("image", "sky", "debt"):
        mean = blocks[name].sum(axis=(1, 3)) / np.maximum(count, 1)
        assert np.abs(getattr(half, name).reshape(16, 24, -1) - mean).max() < 1e-5
    land = blocks["mask"] & (blocks["disparity"] > 0.0)
    farthest = np.where(land, blocks["disparity"], np.inf).min(axis=(1, 3))[..., 0]
    on_land = half.mask & (half.sky < 0.5)
    assert np.array_equal(half.disparity, np.where(on_land, farthest, 0.0).astype(np.float32))
    assert all(part.dtype == np.float32 for part in (half.image, half.disparity, half.sky, half.debt, half.backdrop))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.0, 1.0), st.floats(-3.0, 3.0), st.floats(-1.4, 1.4))
def test_always_sound(seed: int, share: float, yaw: float, pitch: float):
    """Whatever is known, wherever it looks: whole, finite, in range, and no sky at its feet."""
    photo = keyframe(size=(48, 30))
    random = np.random.default_rng(seed)
    shape = photo.sky.shape
    view = WarpedView(
        camera=photo.camera.moved(np.zeros(3), turn(yaw, pitch)),
        image=random.uniform(0, 1, (*shape, 3)).astype(np.float32),
        disparity=random.uniform(0.01, 1.5, shape).astype(np.float32),
        sky=(random.uniform(0, 1, shape) ** 4).astype(np.float32) * np.float32(1.000001),
        stretch=np.ones(shape, np.float32),
        debt=random.uniform(0, 6, shape).astype(np.float32),
        mask=np.ones(shape, bool),
        backdrop=random.uniform(0, 1, (*shape, 3)).astype(np.float32),
    )
    assert sound(begun(photo)(punched(view, random.uniform(0, 1, shape) < share)))


@pytest.mark.parametrize("sky", [0.0, 1.0])
def test_photos_without_sky_or_land(sky: float):
    photo = keyframe()
    photo = Keyframe(photo.camera, photo.image, photo.disparity, np.full_like(photo.sky, sky), photo.debt)
    view = whole_view(photo)
    refined = begun(photo)(punched(view, np.ones_like(view.mask)))
    assert sound(refined)
    assert np.abs(refined.sky - sky).max() < 1e-3


@pytest.mark.parametrize("closed", [False, True])
def test_behind_a_wall_a_photo_without_sky_begins_anew(closed: bool):
    """Elsewhere what comes up behind is averaged along rows, so that no silhouette is seen twice."""
    photo = keyframe(size=(128, 80))
    stripes = np.where(np.arange(128) // 16 % 2, 40, 200).astype(np.uint8)
    photo = replace(photo, image=np.broadcast_to(stripes[None, :, None], (80, 128, 3)).copy())
    if closed:
        photo = replace(photo, sky=np.zeros_like(photo.sky))
    generator = ClassicalGenerator()
    generator.begin(photo, 0)
    view = whole_view(photo)
    wall = np.full_like(view.disparity, 1.5)
    done = generator.complete(replace(view, disparity=wall, sky=np.zeros_like(wall), image=np.full_like(view.image, 0.1)))
    assert not done.view.mask[:40, 32:96].any(), "within an arm's length it is flown through"
    middle = done.land[20:40, 32:96].mean(axis=(0, 2))
    likeness = np.corrcoef(middle, stripes[32:96])[0, 1]
    assert (likeness > 0.8) == closed
    if closed:
        assert middle.std() > 0.5 * stripes[32:96].std() / 255.0


def test_prior_of_nothing_but_sky_and_what_is_near_has_depth():
    photo = keyframe()
    photo.sky[:] = 1.0
    photo.sky[-2:, 20:30] = 0.0
    photo.disparity[:] = 0.9
    behind = Prior(photo).view(photo.camera, 64, 40, np.zeros((40, 64), np.float32))
    assert behind.disparity.min() >= 0.02 - 1e-6
    assert sound(begun(photo)(punched(whole_view(photo), np.ones(photo.sky.shape, bool))))


def test_prior_is_the_photo_at_home_and_ground_below():
    photo = keyframe(size=(128, 80))
    prior = Prior(photo)
    assert np.abs(prior.view(photo.camera, 128, 80, np.ones((80, 128), np.float32)).sky - photo.sky).mean() < 0.03
    down = prior.view(photo.camera.moved(np.zeros(3), turn(pitch=-1.2)), 64, 40, np.ones((40, 64), np.float32))
    assert down.sky[20:].max() == 0.0


def test_prior_behind_land_is_lower_and_has_no_silhouettes():
    photo = keyframe(size=(128, 80))
    photo.disparity[8:60, 50:58], photo.sky[8:60, 50:58], photo.image[8:60, 50:58] = 0.8, 0.0, (255, 0, 0)
    behind = Prior(photo).view(photo.camera, 128, 80, np.zeros((80, 128), np.float32))
    skyline = np.argmin(behind.sky > 0.5, axis=0)
    assert (skyline > 31).all()  # the photo's is at row 24 to 32, the horizon at 40
    assert (skyline < 40).all()
    assert np.abs(behind.image[36:] - behind.image[36:].mean(axis=1, keepdims=True)).max() < 0.15
    assert behind.disparity[36:46].max() < 0.2


def test_prior_has_sky_below_a_branch():
    photo = keyframe(size=(128, 80))
    photo.sky[2:10, 90:], photo.image[2:10, 90:] = 0.0, 20
    behind = Prior(photo).view(photo.camera, 128, 80, np.zeros((80, 128), np.float32))
    assert behind.sky[:28].min() > 0.95


def test_push_pull_keeps_the_known_and_reaches_everywhere():
    random = np.random.default_rng(0)
    values = random.uniform(-1, 1, (37, 53, 5)).astype(np.float32)
    weights = np.zeros((37, 53), np.float32)
    weights[5, 7] = weights[30, 50] = 1.0
    out = push_pull(values, weights)
    assert np.abs(out - values)[weights == 1.0].max() < 1e-6
    known = values[weights == 1.0]
    assert (out >= known.min(axis=0) - 1e-5).all()
    assert (out <= known.max(axis=0) + 1e-5).all()
    assert np.abs(push_pull(np.ones((8, 9, 1), np.float32), np.zeros((8, 9), np.float32))).max() == 0.0


def test_mirrored_texture_stays_in_the_hole():
    image = np.random.default_rng(0).uniform(0, 1, (30, 40, 3)).astype(np.float32)
    land = np.ones((30, 40), bool)
    land[:, 18:24] = False
    texture = mirrored_texture(image, land)
    assert np.abs(texture[land]).max() == 0.0
    assert np.abs(texture[:, 18:24]).std() > 0.05
    assert np.abs(mirrored_texture(image, np.zeros_like(land))).max() == 0.0


def test_a_long_flight_keeps_land_sky_and_colours():
    """Straight ahead for 100 steps at the paper's speed, through the real warp: the view stays a landscape."""
    size = (96, 60)
    photo = keyframe(Camera(LENS), size=(192, 120))
    dome, warper, generator = Dome.of(photo), make_warper(), begun(photo)
    key, shares, contrasts = photo, [], []
    camera = photo.camera
    for _ in range(100):
        view = generator(compose(Layer((key,), warp((key,), camera, size, warper)), camera, dome))
        assert sound(view)
        image = (view.image * 255.0 + 0.5).astype(np.uint8)
        key = Keyframe(camera, image, view.disparity, view.sky, view.debt)
        land = view.sky < 0.5
        shares.append(float(land.mean()))
        contrasts.append(float(view.image[land].std()))
        camera = camera.moved(np.array([0.0, -0.005, 0.1875]), np.eye(3))
    assert min(shares) > 0.45
    assert max(shares) < 0.95
    assert abs(np.mean(shares[50:]) - shares[0]) < 0.15
    assert 0.4 * contrasts[0] < contrasts[-1] < 2.0 * contrasts[0]
