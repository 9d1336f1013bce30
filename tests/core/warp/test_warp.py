"""Laws of the warp, on the CPU."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warp_scenes import FOV, hills, keyframe, moved, ridge, uv_grid, valley

from core.camera import Camera, Intrinsics
from core.warp import make_warper, warp
from core.warp.cpu import CpuWarper
from core.warp.lookup import HOLE
from core.warp.visibility import SKY, STREAK

POSES = st.fixed_dictionaries(
    {
        "x": st.floats(-0.4, 0.4),
        "y": st.floats(-0.2, 0.2),
        "z": st.floats(-0.5, 0.8),
        "yaw": st.floats(-0.3, 0.3),
        "pitch": st.floats(-0.2, 0.2),
        "roll": st.floats(-0.3, 0.3),
    }
)


def same(a, b):
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("uv", "disparity", "stretch", "slot"))


@pytest.mark.parametrize("land", [hills, ridge, lambda w, h: np.random.default_rng(2).uniform(0.01, 1.0, (h, w))])
def test_identity_returns_every_pixel(warper, land):
    frame = keyframe(land(64, 40))
    lookup = warp([frame], frame.camera, (64, 40), warper)
    assert lookup.covered.all()
    np.testing.assert_allclose(lookup.uv, uv_grid(64, 40), atol=1e-5)
    np.testing.assert_allclose(lookup.stretch, 1.0, rtol=1e-3)


def test_identity_keeps_disparity_where_depth_edges_are_sharp(warper):
    for land in (hills(64, 40), ridge(64, 40)):
        frame = keyframe(land)
        lookup = warp([frame], frame.camera, (64, 40), warper)
        np.testing.assert_allclose(lookup.disparity, frame.disparity, rtol=1e-5)


@pytest.mark.parametrize("size", [(150, 94), (97, 61), (31, 19)])
def test_identity_covers_any_size_up_to_the_border(warper, size):
    frame = valley(64, 40)
    lookup = warp([frame], frame.camera, size, warper)
    assert lookup.covered.all()
    np.testing.assert_allclose(lookup.uv, uv_grid(*size), atol=1e-5)


def test_a_plane_is_warped_by_its_homography(warper):
    """Ground at grazing angle: uv, disparity and stretch against the exact ray-plane intersection."""
    width, height = 96, 60
    camera = Camera(Intrinsics.from_fov(FOV, width / height))
    lens, below = camera.intrinsics, 0.5
    ramp = (uv_grid(width, height)[..., 1] - 0.5) / lens.fy / below
    ramp[ramp < 0.02] = 0.0  # beyond 50 units: keep out of the comparison
    frame = keyframe(np.clip(ramp, 0.01, 1.0), camera=camera)
    target = moved(camera, x=0.2, y=0.1, z=0.4, yaw=0.1, pitch=-0.1)
    lookup = warp([frame], target, (width, height), warper)
    rays = target.rays(width, height) @ target.rotation.T
    with np.errstate(divide="ignore"):
        t = (below - target.position[1]) / rays[..., 1]
    points = target.position + t[..., None] * rays
    uv, source_disparity = camera.project(points)
    inside = (t > 0) & (source_disparity > 0.1) & (source_disparity < 0.95) & (uv > 0.03).all(-1) & (uv < 0.97).all(-1)
    assert inside.mean() > 0.2
    np.testing.assert_array_equal(lookup.slot[inside], 0)
    np.testing.assert_allclose(lookup.uv[inside], uv[inside], atol=2e-4)
    np.testing.assert_allclose(lookup.disparity[inside], 1.0 / t[inside], rtol=2e-3)
    step = 1e-4
    beside = _neighbour_rays(target, below, step, width, height)
    ahead = [camera.project(target.position + t[..., None] * rays)[0] for rays, t in beside]
    du, dv = (ahead[0] - uv) / step, (ahead[1] - uv) / step
    pixels = np.diag([width, height]) @ np.stack([du, dv], axis=-1)[inside] @ np.diag([1.0 / width, 1.0 / height])
    longer, shorter = 1.0 / np.linalg.svd(pixels, compute_uv=False)[:, ::-1].T
    magnification = np.maximum(np.sqrt(longer * shorter), STREAK * longer)
    np.testing.assert_allclose(lookup.stretch[inside], magnification, rtol=0.02)


def _neighbour_rays(camera, below, step, width, height):
    for axis in (0, 1):
        rays = camera.rays(width, height)
        rays[..., axis] += step / (camera.intrinsics.fx if axis == 0 else camera.intrinsics.fy)
        rays = rays @ camera.rotation.T
        with np.errstate(divide="ignore"):
            yield rays, (below - camera.position[1]) / rays[..., 1]


@settings(max_examples=15, deadline=None)
@given(pose=POSES, seed=st.integers(0, 9))
def test_forward_then_back_returns_where_it_began(warper, pose, seed):
    width, height = 96, 60
    frame = keyframe(hills(width, height, seed))
    target = moved(frame.camera, **pose)
    there = warp([frame], target, (width, height), warper)
    seen = there.covered
    points = target.position + (target.rays(width, height) / np.where(seen, there.disparity, 1.0)[..., None]) @ target.rotation.T
    uv, _ = frame.camera.project(points)
    off = np.abs(uv - there.uv)[seen] * (width, height)
    assert off.size == 0 or off.max() < 0.5


@settings(max_examples=15, deadline=None)
@given(pose=POSES, seed=st.integers(0, 9))
def test_no_cracks_in_a_connected_surface_magnified_four_times(warper, pose, seed):
    frame = keyframe(hills(64, 40, seed))
    pose["z"] = abs(pose["z"])
    target = moved(frame.camera, **pose)
    lookup = warp([frame], target, (256, 160), warper)
    holes = ~lookup.covered
    assert not (holes & ~_reaches_border(holes)).any()


def _reaches_border(mask):
    """The parts of ``mask`` that are connected to the image's border: what the keyframe does not see."""
    import cv2

    _, parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    border = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    return np.isin(parts, border[border > 0]) & mask


def test_a_depth_edge_tears_and_does_not_smear(warper):
    frame = keyframe(ridge(96, 60))
    lookup = warp([frame], moved(frame.camera, x=0.3), (96, 60), warper)
    near, far = (0.6, 0.1)
    between = lookup.covered & (lookup.disparity > 1.05 * far) & (lookup.disparity < 0.95 * near)
    assert not between.any()
    hole = ~lookup.covered[10:50, 5:70]
    assert 0.02 < hole.mean() < 0.4
    assert lookup.stretch.max() < 1.5


def test_a_blurred_depth_edge_tears_once(warper):
    import cv2

    frame = keyframe(cv2.blur(ridge(96, 60), (3, 3)))
    lookup = warp([frame], moved(frame.camera, x=-0.3), (96, 60), warper)
    floating = lookup.covered & (lookup.disparity > 0.14) & (lookup.disparity < 0.5)
    assert floating.mean() < 0.002


def test_sky_only_rotates(warper):
    frame = valley(64, 40)
    target = moved(frame.camera, x=0.5, y=-0.1, z=0.4, yaw=0.1)
    lookup = warp([frame], target, (128, 80), warper)
    sky = lookup.covered & (lookup.disparity == 0.0)
    assert sky.mean() > 0.1
    assert (lookup.stretch[sky] == 1.0).all()
    directions = target.rays(128, 80) @ target.rotation.T
    uv, _ = frame.camera.project(directions + frame.camera.position)
    np.testing.assert_allclose(lookup.uv[sky], uv[sky], atol=1e-6)
    column, row = (lookup.uv[sky] * (128, 80)).astype(int).T
    assert (frame.sky[np.minimum(row, 79), np.minimum(column, 127)] >= SKY).all()


def test_the_finer_of_two_that_agree_wins_and_the_other_fills_its_holes(warper):
    start = keyframe(ridge(64, 40))
    camera = moved(start.camera, x=-0.3)
    closer = keyframe(ridge(64, 40), camera=start.camera, image=np.zeros((160, 256, 3), np.uint8))
    alone = warp([start], camera, (64, 40), warper)
    lookup = warp([start, closer], camera, (64, 40), warper)
    assert (lookup.slot[alone.covered] == 1).mean() > 0.93  # all but the rim that the ridge of the finer picture has
    other = keyframe(np.full((40, 64), 0.1), camera=camera)
    lookup = warp([start, other], camera, (64, 40), warper)
    assert lookup.covered.all()
    assert (lookup.slot[~alone.covered] == 1).all()
    near = alone.covered & (alone.disparity > 0.5)
    assert (lookup.slot[near] == 0).all()


def test_equal_keyframes_leave_the_choice_to_the_earlier(warper):
    for detail in (40, 57, 71):
        frame = keyframe(hills(64, 40), image=np.zeros((detail, 64, 3), np.uint8))
        lookup = warp([frame, frame], moved(frame.camera, z=0.1, yaw=0.1), (64, 40), warper)
        assert (lookup.slot <= 0).all()


def test_a_veil_never_hides_land(warper):
    """A soft rim with a good deal of sky lies nearer than the land that another keyframe sees there."""
    rim = keyframe(np.full((40, 64), 0.6), np.full((40, 64), 0.4))
    land = keyframe(np.full((40, 64), 0.2))
    assert (warp([rim, land], rim.camera, (64, 40), warper).slot == 1).all()
    assert (warp([rim], rim.camera, (64, 40), warper).disparity > 0.5).all()


def test_a_veil_is_not_shown_before_the_same_surface_however_fine_it_is(warper):
    rim = keyframe(np.full((40, 64), 0.5), np.full((40, 64), 0.7), image=np.zeros((160, 256, 3), np.uint8))
    land = keyframe(np.full((40, 64), 0.52))
    assert (warp([land, rim], rim.camera, (64, 40), warper).slot == 0).all()


def with_crumb(size, near=0.5):
    """Far land with a near block in the middle of so many pixels, which no keyframe beside it need have."""
    disparity = np.full((40, 64), 0.1)
    disparity[20 - size // 2 : 20 + size // 2, 32 - size // 2 : 32 + size // 2] = near
    return keyframe(disparity)


@pytest.mark.parametrize("sky", [0.0, 1.0])
def test_what_the_first_keyframe_sees_through_is_not_there(warper, sky):
    """Before far land, and before the sky."""
    first, crumb = keyframe(np.full((40, 64), 0.1), np.full((40, 64), sky)), with_crumb(8)
    camera = moved(first.camera, x=0.05)
    lookup = warp([first, crumb], camera, (64, 40), warper)
    near = lookup.disparity > 0.3
    assert not near.any()
    assert (warp([crumb, first], camera, (64, 40), warper).disparity > 0.3).sum() > 50


def test_what_the_first_keyframe_cannot_see_may_be_there(warper):
    """Beside its picture, behind its camera, and behind what is nearer."""
    crumb = with_crumb(8)
    start = crumb.camera
    aside, ahead = moved(start, yaw=1.2), moved(start, z=4.0)
    for camera in (aside, ahead):
        lookup = warp([keyframe(np.full((40, 64), 0.1), camera=camera), crumb], start, (64, 40), warper)
        assert (lookup.disparity > 0.3).sum() > 50
    wall = np.full((40, 64), 0.1)
    wall[:, 20:44] = 0.9
    lookup = warp([keyframe(wall), crumb], moved(start, x=0.6), (64, 40), warper)
    assert ((lookup.slot == 1) & (lookup.disparity > 0.3)).any()


def test_no_older_surface_peeks_through_beside_a_rim(warper):
    """A wall that is copied anew faces the camera: the slanting one that it was lies between its rim and what is behind."""
    faced, slanting = np.full((40, 64), 0.1), np.full((40, 64), 0.1)
    faced[:, 40:] = 0.5
    slanting[:, 30:50] = np.linspace(0.1, 0.5, 20)
    slanting[:, 50:] = 0.5
    first, older = keyframe(faced), keyframe(slanting)
    for aside in (0.0, 0.02, 0.05):
        camera = moved(first.camera, x=aside)
        alone, both = (warp(keyframes, camera, (64, 40), warper) for keyframes in ([first], [first, older]))
        np.testing.assert_array_equal(both.slot[alone.covered], 0)


def test_no_land_of_an_older_keyframe_stands_before_a_soft_skyline(warper):
    """Its teeth would be stairs along the ridge; what is hidden from the first may be there."""
    soft = np.zeros((40, 64))
    soft[:20] = 1.0
    soft[19:21] = 0.7
    first = keyframe(np.full((40, 64), 0.3), soft)
    older = keyframe(np.full((40, 64), 0.3))
    lookup = warp([first, older], first.camera, (64, 40), warper)
    assert (lookup.slot[:22] == 0).all()


def test_no_dashes_lie_between_the_skylines_of_two_keyframes(warper):
    """The land of an older one reaches two rows higher; the newer one has sky there, hard or soft."""
    rows = np.arange(40)[:, None] * np.ones((1, 64))
    for soft in (1.0, 0.7):
        newer = keyframe(np.full((40, 64), 0.2), np.where(rows < 19, 1.0, np.where(rows < 20, soft, 0.0)))
        older = keyframe(np.full((40, 64), 0.2), np.where(rows < 18, 1.0, 0.0))
        lookup = warp([newer, older], newer.camera, (256, 160), warper)
        assert (lookup.slot == 0).all()


def test_what_opens_between_two_ridges_is_not_the_sky_of_an_older_keyframe(warper):
    older = keyframe(np.full((40, 64), 0.1), np.ones((40, 64)))
    ridges = keyframe(ridge(64, 40))
    camera = moved(ridges.camera, y=-0.3)
    alone = warp([ridges], camera, (64, 40), warper)
    opened = ~alone.covered
    assert opened[8:32, 8:56].sum() > 50
    both = warp([ridges, older], camera, (64, 40), warper)
    np.testing.assert_array_equal(both.slot[8:32, 8:56], alone.slot[8:32, 8:56])
    assert (warp([older, ridges], camera, (64, 40), warper).slot[opened] == 0).mean() > 0.9, "but of a newer one it is"


def test_nothing_older_shows_in_a_crack_but_in_a_wide_gap_it_does(warper):
    """The crack is filled from both sides; with what another keyframe has there, every edge of depth would be drawn."""
    ridges, behind = keyframe(ridge(64, 40)), keyframe(np.full((40, 64), 0.08))
    for down, shown in ((-0.03, False), (-0.6, True)):
        camera = moved(ridges.camera, y=down)
        gap = ~warp([ridges], camera, (64, 40), warper).covered[8:32, 8:56]
        assert gap.sum() > 20
        slot = warp([ridges, behind], camera, (64, 40), warper).slot[8:32, 8:56]
        assert ((slot[gap] == 1).mean() > 0.5) == shown


def test_a_veil_is_shown_through_the_finest(warper):
    """As the land below it is: no seam runs along a skyline."""
    soft = np.full((40, 64), 0.7)
    coarse, fine = keyframe(np.full((40, 64), 0.5), soft), keyframe(np.full((40, 64), 0.5), soft, image=np.zeros((80, 128, 3)))
    assert (warp([coarse, fine], coarse.camera, (64, 40), warper).slot == 1).all()


def test_a_veil_of_another_surface_is_not_shown_however_fine_it_is(warper):
    """Where far land has moved away since the photo, the photo's skyline would be dashes above it."""
    soft = np.full((40, 64), 0.7)
    for apart, slot in ((0.95, 1), (0.8, 0), (1.25, 0)):
        coarse, fine = (
            keyframe(np.full((40, 64), 0.5 * apart), soft),
            keyframe(np.full((40, 64), 0.5), soft, image=np.zeros((80, 128, 3))),
        )
        assert (warp([coarse, fine], coarse.camera, (64, 40), warper).slot == slot).all()


def test_no_keyframes_give_only_holes(warper):
    lookup = warp([], Camera(Intrinsics.from_fov(1.0, 1.6)), (64, 40), warper)
    assert (lookup.slot == HOLE).all()


@settings(max_examples=25, deadline=None)
@given(pose=POSES, seed=st.integers(0, 3))
def test_lookups_are_within_bounds_and_do_not_depend_on_threads(warper, pose, seed):
    frames = [valley(48, 30, seed), keyframe(hills(64, 40, seed))]
    target = moved(frames[0].camera, **pose)
    lookup = warp(frames, target, (80, 50), warper)
    assert same(lookup, warp(frames, target, (80, 50), CpuWarper(3)))
    assert (lookup.uv >= -1e-6).all()
    assert (lookup.uv <= 1 + 1e-6).all()
    holes = ~lookup.covered
    for array in (lookup.uv, lookup.disparity, lookup.stretch):
        assert np.isfinite(array).all()
        assert (array[holes] == 0).all()
    assert (lookup.stretch[lookup.covered] > 0).all()


def test_several_threads_may_warp_at_once(warper):
    frame = valley(64, 40)
    cameras = [moved(frame.camera, z=0.02 * i) for i in range(24)]
    expected = [warp([frame], camera, (96, 60), warper) for camera in cameras]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda camera: warp([frame], camera, (96, 60), warper), cameras))
    assert all(same(a, b) for a, b in zip(expected, found, strict=True))


def test_flying_through_a_surface_never_fills_the_screen(warper):
    frame = keyframe(np.full((40, 64), 0.5))
    for z in np.linspace(1.9, 2.1, 9):
        lookup = warp([frame], moved(frame.camera, z=z), (128, 80), warper)
        assert lookup.stretch.max() <= 2.0 * 64.0 * 1.001


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # the pose's own inverse
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0, -1.0])
def test_unusable_numbers_do_no_harm(warper, bad):
    frame = valley(32, 20)
    pose = np.eye(4)
    pose[0, 3] = bad
    warp([frame], Camera(frame.camera.intrinsics, pose), (40, 25), warper)
    disparity = hills(32, 20)
    disparity[5:9, 5:9] = bad
    frame = keyframe(disparity)
    lookup = warp([frame], moved(frame.camera, z=0.1), (64, 40), warper)
    assert np.isfinite(lookup.uv).all()
    assert lookup.covered.mean() > 0.5


def test_tiny_geometry(warper):
    for shape in ((1, 1), (1, 7), (5, 1)):
        frame = keyframe(np.full(shape, 0.5))
        assert warp([frame], frame.camera, (16, 10), warper).covered.all()


def test_a_warper_for_this_machine_works():
    warper = make_warper()
    frame = keyframe(hills(32, 20))
    assert warp([frame], frame.camera, (32, 20), warper).covered.all()
