from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exemplars import here, landlocked, patchwork
from handmade import keyframe, punched, whole_view
from hypothesis import given, settings
from hypothesis import strategies as st

from core.camera import Intrinsics
from core.classical import ClassicalGenerator
from core.exemplar.atlas import Atlas
from core.exemplar.loops import Loops
from core.exemplar.renewal import Renewal, _grown, evened, raised, smoothness, softened, thresholds, tidied

WIDTH, HEIGHT = 64, 40
PHOTO = keyframe(size=(WIDTH, HEIGHT))
ROW = here(WIDTH, HEIGHT)[..., 1] / HEIGHT


@pytest.fixture(scope="module")
def atlas():
    return Atlas.of([PHOTO], WIDTH)


def completed(view=None):
    generator = ClassicalGenerator()
    generator.begin(PHOTO, 0)
    return generator.fill(view or whole_view(PHOTO))


def renewal(atlas, done, source, kept=None, row=ROW):
    kept = np.zeros(done.sky.shape, np.bool_) if kept is None else kept
    return Renewal.of(done, source.astype(np.float32), atlas, thresholds(smoothness(atlas), 0), row, kept, Loops())


def test_sharp_known_land_is_not_renewed(atlas):
    out = renewal(atlas, completed(), here(WIDTH, HEIGHT))
    assert not out.new.any()
    assert not out.open.any()
    assert np.abs(out.worn).max() < 1e-3


@settings(max_examples=10, deadline=None)
@given(st.floats(0.0, 0.7), st.floats(-5.0, 5.0))
def test_land_that_is_less_than_worn_is_not_renewed(atlas, octaves, shift):
    source = here(WIDTH, HEIGHT) / 2.0**octaves + (20.0 + shift, 3.0)
    out = renewal(atlas, completed(), source, row=source[..., 1] / HEIGHT)
    assert not out.new.any()


def test_worn_land_is_renewed_wholly_and_owes_nothing_then(atlas):
    out = renewal(atlas, completed(), here(WIDTH, HEIGHT) / 2.0**7)
    assert out.new[out.land].all()
    assert not out.worn.any()


def test_what_is_kept_never_wears(atlas):
    kept = np.zeros((HEIGHT, WIDTH), np.bool_)
    kept[:, : WIDTH // 2] = True
    out = renewal(atlas, completed(), here(WIDTH, HEIGHT) / 2.0**7, kept)
    assert not out.new[:, : WIDTH // 4].any()
    assert out.new[:, WIDTH // 2 :][out.land[:, WIDTH // 2 :]].all()


def test_streaked_land_is_renewed(atlas):
    out = renewal(atlas, completed(), here(WIDTH, HEIGHT) * (1.2, 0.01))
    assert out.new[out.land].all()


def test_rubble_is_renewed_and_patches_are_not(atlas):
    """What many patches have left scraps of is laid out anew; large ones stay as they are."""
    for tile, gone in ((2, True), (16, False)):
        source = patchwork(WIDTH, HEIGHT, tile=tile)[0] % (WIDTH, HEIGHT)
        done = replace(completed(), disparity=atlas.disparity_at(source.astype(np.float32)))
        out = renewal(atlas, done, source, row=source[..., 1] / HEIGHT)
        assert (out.new[out.land].mean() > 0.9) if gone else not out.new.any()


@pytest.mark.parametrize(("far", "shrunk", "gone"), [(32.0, 1.0, True), (2.0, 1.0, False), (4.0, 2.0, False)])
def test_what_is_too_large_for_how_far_away_it_is_goes(far, shrunk, gone):
    """As the tip of a near spruce on a far mountain does; what was left behind, and is as small as that, stays."""
    done = replace(completed(), disparity=np.full((HEIGHT, WIDTH), 0.8 / far, np.float32))
    near = Atlas.of([replace(PHOTO, disparity=np.full((HEIGHT, WIDTH), 0.8, np.float32))], WIDTH)
    out = renewal(near, done, here(WIDTH, HEIGHT) * shrunk)
    assert (out.new[out.land].mean() > 0.9) if gone else not out.new.any()


@pytest.mark.parametrize(
    ("lower", "nearer", "gone"), [(0.5, 4.0, True), (0.5, 1.0, False), (0.15, 4.0, False), (0.0, 4.0, False), (-0.5, 4.0, False)]
)
def test_far_land_that_lies_near_and_far_below_its_row_of_the_photo_goes(lower, nearer, gone):
    """Far hills become no ground; land that rose, as mountains do that are flown to, and near ground that sinks stay."""
    done, source = replace(completed(), disparity=np.full((HEIGHT, WIDTH), 0.1 * nearer, np.float32)), here(WIDTH, HEIGHT)
    atlas = Atlas.of([replace(PHOTO, disparity=np.full((HEIGHT, WIDTH), 0.1, np.float32))], WIDTH)
    out = renewal(atlas, done, source, row=ROW + np.float32(lower))
    assert (out.new[out.land].mean() > 0.9) if gone else not out.new.any()


def test_a_long_lens_makes_nothing_too_large(atlas):
    done, lens = completed(), PHOTO.camera.intrinsics
    for longer in (1.0, 2.0, 8.0):
        camera = PHOTO.camera.through(Intrinsics(longer * lens.fx, longer * lens.fy))
        view, source = replace(done.view, camera=camera), here(WIDTH, HEIGHT) / longer
        trust = renewal(atlas, replace(done, view=view), source, row=source[..., 1] / HEIGHT).believed.trust
        assert trust.max() == pytest.approx(0.8)


def test_what_is_due_is_renewed_with_what_is_spent_beside_it():
    """Whole patches, seldom: nothing far away, nothing that is not due, and no speck begins."""
    age = np.zeros((160, 240), np.float32)
    age[20:70, 20:110] = 0.9
    age[30:40, 30:40] = 1.1
    age[60, 100] = 1.1
    age[:, 34] = 0.0
    out = _grown(age)
    assert out[25:40, 25:33].all()
    assert not out[:, 34].any()
    assert not out[:, 90:].any()
    assert not (out & (age < 0.9)).any()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999))
def test_no_scene_is_swapped_at_once_but_what_is_overdue_is(seed):
    random = np.random.default_rng(seed)
    age = (1.05 + 0.1 * random.random((80, 120))).astype(np.float32)
    row, column = random.integers(30, 50), random.integers(45, 75)
    age[row - 4 : row + 5, column - 4 : column + 5] = 1.3
    out = _grown(age)
    assert out[row, column]
    assert 0.03 < out.mean() <= 0.1
    assert _grown(age + 0.5).all()


def test_of_land_that_is_as_old_the_middle_of_the_view_goes_first():
    """Corners wear soonest and are about to be left."""
    age = np.full((80, 120), 1.2, np.float32)
    out = _grown(age)
    assert out[40, 60]
    assert not out[[0, 0, -1, -1], [0, -1, 0, -1]].any()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 999))
def test_relief_is_that_of_what_is_copied_and_known_land_keeps_its_own(seed):
    random = np.random.default_rng(seed)
    holes = np.zeros((HEIGHT, WIDTH), bool)
    holes[24:40, 10:54] = True
    done = completed(punched(whole_view(PHOTO), holes))
    flat = replace(done, disparity=np.full((HEIGHT, WIDTH), 0.2, np.float32))
    wave = np.exp(0.3 * np.sin(np.arange(WIDTH) / 2.0 + random.uniform(0.0, 6.0))) * np.ones((HEIGHT, 1))
    out = raised(flat, (0.4 * wave).astype(np.float32)).disparity
    assert (out[~holes] == np.float32(0.2)).all()
    deep = np.s_[34:40, 20:44]
    assert np.corrcoef(np.log(out[deep]).ravel(), np.log(wave[deep]).ravel())[0, 1] > 0.9
    assert abs(np.log(out[deep] / 0.2).mean()) < 0.1


def test_without_holes_there_is_no_new_relief():
    done = completed()
    assert raised(done, np.full((HEIGHT, WIDTH), 0.3, np.float32)) is done


def test_sky_is_never_renewed_where_it_is_known(atlas):
    out = renewal(atlas, completed(), here(WIDTH, HEIGHT) / 4.0)
    assert not (out.new & ~out.land).any()


def test_holes_in_the_land_are_renewed_and_the_rest_is_not(atlas):
    holes = np.zeros((HEIGHT, WIDTH), bool)
    holes[28:36, 20:40] = True
    out = renewal(atlas, completed(punched(whole_view(PHOTO), holes)), here(WIDTH, HEIGHT))
    assert out.new[holes].all()
    assert not out.new[:24].any()
    assert out.believed.trust[32, 30] < out.believed.trust[28, 20] < out.believed.trust[28, 5]


@settings(max_examples=10, deadline=None)
@given(st.floats(1.0, 8.0), st.floats(1.0, 2.0))
def test_trust_is_a_share_and_falls_with_streaks(atlas, across, more):
    """Along rows, so that nothing but the streaks changes."""
    less, out = (renewal(atlas, completed(), here(WIDTH, HEIGHT) / (a, 1.0)).believed.trust for a in (across, across * more))
    assert out.min() >= 0.0
    assert out.max() <= 1.0
    assert (out <= less + 1e-4).all()


def test_land_that_is_far_from_its_row_of_the_photo_is_doubted(atlas):
    home = renewal(atlas, completed(), here(WIDTH, HEIGHT)).believed.trust
    for rows in (2.0, 8.0, 16.0):
        moved = renewal(atlas, completed(), here(WIDTH, HEIGHT) + np.float32((0.0, rows))).believed.trust
        assert (moved <= home + 1e-6).all()
        assert (moved[:20] < 0.5 * home[:20]).all() == (rows > 4.0)


def test_land_that_is_much_nearer_or_farther_than_where_it_is_from_is_doubted(atlas):
    done = completed()
    home = renewal(atlas, done, here(WIDTH, HEIGHT)).believed.trust
    for octaves, doubted in ((-3.0, True), (-0.9, False), (0.4, False), (3.0, True)):
        nearer = replace(done, disparity=done.disparity * np.float32(2.0**octaves))
        trust = renewal(atlas, nearer, here(WIDTH, HEIGHT)).believed.trust
        assert (trust[25:] < 0.5 * home[25:]).all() == doubted
        assert (trust[25:] > 0.99 * home[25:]).all() != doubted


def test_land_that_is_doubted_for_its_place_keeps_its_colour(atlas):
    moved = renewal(atlas, completed(), here(WIDTH, HEIGHT) + np.float32((0.0, 12.0)))
    home = renewal(atlas, completed(), here(WIDTH, HEIGHT)).believed
    assert (moved.believed.trust[:20] < 0.5 * home.trust[:20]).all()
    assert np.allclose(moved.believed.colour[:20][moved.land[:20]], home.colour[:20][moved.land[:20]])
    streaked = renewal(atlas, completed(), here(WIDTH, HEIGHT) / (4.0, 1.0))
    assert (streaked.believed.colour < home.colour)[streaked.land].all()


def test_what_made_the_colours_drift_is_not_kept(atlas):
    """The left half of the view has turned white: as much as it takes that, and no more, is let go."""
    done, middle = completed(), WIDTH // 2
    home = renewal(atlas, done, here(WIDTH, HEIGHT)).believed.colour
    white = done.land.copy()
    white[:, :middle] += 0.6
    out = renewal(atlas, replace(done, land=white), here(WIDTH, HEIGHT)).believed
    assert (out.colour[30:, : middle - 1] < 0.5 * home[30:, : middle - 1]).all()
    assert np.median(out.colour[30:, middle:] / home[30:, middle:]) > 0.9
    assert np.array_equal(out.trust, renewal(atlas, done, here(WIDTH, HEIGHT)).believed.trust)


def test_beside_a_lake_that_mirrors_it_colours_of_land_say_nothing(atlas):
    kept = np.zeros((HEIGHT, WIDTH), np.bool_)
    kept[-4:] = True
    believed = renewal(atlas, completed(), here(WIDTH, HEIGHT), kept).believed
    assert np.array_equal(believed.colour, believed.trust)


@settings(max_examples=10, deadline=None)
@given(st.floats(0.0, 3.0), st.floats(0.0, 3.0))
def test_a_pixel_of_magnified_land_shows_less_of_the_photo(atlas, across, down):
    source = here(WIDTH, HEIGHT) / np.float32((2.0**across, 2.0**down))
    area = renewal(atlas, completed(), source).believed.area
    assert area[25:35, 5:-5] == pytest.approx(2.0 ** -(across + down), rel=0.02)


def test_where_a_hole_crosses_the_skyline_what_is_copied_decides_where_it_runs(atlas):
    holes = np.zeros((HEIGHT, WIDTH), bool)
    holes[4:36, 20:40] = True
    done = completed(punched(whole_view(PHOTO), holes))
    done = replace(done, free=np.zeros_like(done.free))
    out = renewal(atlas, done, here(WIDTH, HEIGHT))
    skyline = np.argmax(out.land, axis=0)
    assert out.new[out.open].all()
    assert not out.open[~holes].any()
    assert all(out.open[[skyline[x] - 4, skyline[x] + 4], x].all() for x in range(24, 36))
    assert not out.open[[5, 34], 20:40].any()
    free = replace(done, free=np.ones_like(done.free))
    assert not renewal(atlas, free, here(WIDTH, HEIGHT)).open.any()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_thresholds_are_about_one_or_more_and_the_seed_s_own(atlas, seed):
    factors = thresholds(smoothness(atlas), seed)
    assert factors.shape == (HEIGHT, 2 * WIDTH)
    assert factors.min() >= 0.85
    assert factors.max() <= 1.15 * 2.5
    assert np.array_equal(factors, thresholds(smoothness(atlas), seed))


def test_smooth_land_lasts_longer_than_rough():
    image = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    image[:, WIDTH // 2 :] += np.random.default_rng(0).integers(0, 60, (HEIGHT, WIDTH // 2, 1), np.uint8)
    factors = thresholds(smoothness(Atlas.of([replace(landlocked(PHOTO), image=image)], WIDTH)), 0)[:, :WIDTH]
    smooth, rough = factors[:, : WIDTH // 2 - 12], factors[:, WIDTH // 2 + 12 :]
    assert smooth.min() >= 0.85 * 2.5
    assert rough.max() <= 1.15


def test_level_bands_last_and_upright_ones_do_not():
    bands = np.random.default_rng(0).integers(60, 180, (HEIGHT, 1, 3), np.uint8)
    level = np.broadcast_to(bands, (HEIGHT, WIDTH, 3)).copy()
    upright = np.broadcast_to(np.random.default_rng(1).integers(60, 180, (1, WIDTH, 3), np.uint8), level.shape).copy()
    for image, lasting in ((level, True), (upright, False)):
        factors = thresholds(smoothness(Atlas.of([replace(landlocked(PHOTO), image=image)], WIDTH)), 0)[:, :WIDTH]
        assert (factors.min() >= 0.85 * 2.5) if lasting else (factors.max() <= 1.15)


def spoilt(**parts):
    """A completed view with a spot in its parts."""
    done = completed()
    for name, (spot, value) in parts.items():
        changed = getattr(done, name).copy()
        changed[spot] = value
        done = replace(done, **{name: changed})
    return done


def test_islands_in_the_sky_go():
    assert (tidied(spoilt(sky=(np.s_[4:6, 30:32], 0.0))).sky[:8] == 1.0).all()


def test_cracks_in_the_land_go_and_what_is_behind_is_unknown():
    spot = np.s_[30:33, 20:26]
    out = tidied(spoilt(sky=(spot, 1.0)))
    assert not out.sky[spot].any()
    assert not out.view.mask[spot].any()


def test_large_islands_and_cracks_stay():
    done = spoilt(sky=(np.s_[25:35, 10:40], 1.0))
    assert (tidied(done).sky[28:32, 15:35] == 1.0).all()


def test_worn_fragments_of_something_near_go():
    spot = np.s_[20:23, 30:34]
    done = spoilt(disparity=(spot, 0.9))
    for debt, goes in ((2.0, True), (0.0, False)):
        out = tidied(replace(done, view=replace(done.view, debt=np.full((HEIGHT, WIDTH), debt, np.float32))))
        assert out.view.mask[spot].any() != goes
        assert (out.disparity[spot].max() < 0.3) == goes


def test_a_soft_sky_away_from_land_is_the_dome_s():
    out = tidied(spoilt(sky=(np.s_[:6], 0.7)))
    assert (out.sky[:6] == 1.0).all()
    skyline = np.s_[12:18]
    assert np.array_equal(out.sky[skyline], completed().sky[skyline])


def test_land_before_land_lets_no_sky_through():
    """The rim of a ridge that stood before the sky would be a halo."""
    spot = np.s_[30:32, 10:40]
    out = tidied(spoilt(sky=(spot, 0.4)))
    assert not out.sky[spot].any()
    assert np.array_equal(out.view.mask, completed().view.mask)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99))
def test_stray_blocks_of_worn_depth_go_and_fresh_depth_and_planes_stay(seed):
    random = np.random.default_rng(seed)
    plane = np.float32(0.2) + np.float32(0.005) * here(WIDTH, HEIGHT)[..., 1]
    y, x = random.integers(4, HEIGHT - 4), random.integers(4, WIDTH - 4)
    stray = plane.copy()
    stray[y : y + 2, x : x + 3] += np.float32(0.4)
    for debt in (0.0, 0.5):
        done = completed()
        view = replace(done.view, debt=np.full((HEIGHT, WIDTH), debt, np.float32))
        even, out = (evened(replace(done, view=view, disparity=disparity)).disparity for disparity in (plane, stray))
        assert np.abs(even - plane).max() < 1e-6
        assert (np.array_equal(out, stray)) if debt == 0.0 else (np.abs(out - plane).max() < 0.02)


def test_a_hard_skyline_is_softened_where_it_runs_and_a_soft_one_is_as_it_was():
    rows = np.broadcast_to(np.arange(HEIGHT, dtype=np.float32)[:, None], (HEIGHT, WIDTH))
    skyline = 20.0 + np.arange(WIDTH) // 16  # a gentle slope, cut at whole pixels
    hard = (rows < skyline).astype(np.float32)
    out = softened(hard)
    assert np.array_equal(out >= 0.5, hard >= 0.5)
    assert (np.abs(rows + 0.5 - skyline)[out != hard] < 2.0).all()
    assert (((out > 0.1) & (out < 0.9)).sum(axis=0) >= 1).all()
    soft = np.clip((20.0 - rows) / 4.0 + 0.5, 0.0, 1.0).astype(np.float32)
    assert np.array_equal(softened(soft), soft)
    for _ in range(20):
        out = softened((out >= 0.5).astype(np.float32))  # as a warp does
    assert np.abs((out >= 0.5).sum(axis=0) - skyline).max() <= 1


def test_what_is_tidy_is_left_alone():
    done = completed()
    out = tidied(done)
    assert np.array_equal(out.view.mask, done.view.mask)
    assert np.array_equal(out.disparity, done.disparity)
    assert np.array_equal(out.sky[20:], done.sky[20:])
    again = tidied(out)
    assert np.array_equal(again.sky, out.sky)


def test_land_that_hangs_in_the_sky_is_sky():
    """Large pieces too; what stands at the lower edge stays, and so does the largest piece, wherever it is."""
    done = completed()
    sky = np.ones_like(done.sky)
    sky[30:, :20] = sky[28:, 40:] = 0.0  # stand
    sky[:10, :20] = 0.0  # hangs from a corner
    out = tidied(replace(done, sky=sky)).sky
    assert (out[:10, :20] == 1.0).all()
    assert (out[34:, 2:18] == 0.0).all()
    assert (out[32:, 44:] == 0.0).all()
    alone = np.ones_like(sky)
    alone[4:20, 10:50] = 0.0
    assert (tidied(replace(done, sky=alone)).sky[8:16, 14:46] == 0.0).all()
