from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warp_scenes import hills, keyframe, ridge, uv_grid

from core.warp.mesh import Mesh
from core.warp.recycler import Recycler


def test_a_connected_surface_has_one_quad_a_cell_and_no_tear():
    mesh = Mesh.of(keyframe(hills(64, 40)))
    assert mesh.quads.shape == (41 * 65, 4)
    assert mesh.vertices.shape == (42 * 66, 5)
    assert mesh.vertices[:, :2].min() == 0.0
    assert mesh.vertices[:, :2].max() == 1.0


@pytest.mark.parametrize("slope", [0.3, 1.0, 1.8])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_plane_is_never_torn_however_steep(slope, axis):
    """Ground up to the horizon, where disparity doubles from one pixel to the next."""
    ramp = np.clip(slope * (uv_grid(64, 40)[..., 1 - axis] - 0.5) + 0.01, 0.01, 1.0)
    assert len(Mesh.of(keyframe(ramp)).vertices) == 42 * 66


def test_a_jump_is_torn_all_along_and_nowhere_else():
    land = ridge(64, 40)
    mesh = Mesh.of(keyframe(land))
    crossing = (land[:-1, :-1] != land[1:, 1:]) | (land[:-1, 1:] != land[1:, :-1])
    torn = (len(mesh.vertices) - 42 * 66) // 16
    assert crossing.sum() <= torn <= crossing.sum() + 2  # the border ring continues the tear
    spread = np.ptp(mesh.vertices[mesh.quads][..., 2], axis=1)
    assert spread.max() == 0.0


def test_a_speck_of_noise_is_no_tear():
    land = np.full((40, 64), 0.3)
    land[10:12, 20:22] = 0.9  # 8 quads around it
    assert len(Mesh.of(keyframe(land)).vertices) > 42 * 66
    land[10:12, 20:22] = 0.3
    land[10, 20] = 0.9
    land[30, :2] = 0.9
    assert len(Mesh.of(keyframe(land)).vertices) == 42 * 66


def test_a_thin_thing_survives_sharpening():
    land = np.full((40, 64), 0.1)
    land[:, 30] = 0.8
    mesh = Mesh.of(keyframe(land))
    assert (mesh.vertices[:, 2] > 0.7).sum() >= 40


def test_quads_tile_the_image():
    """Signed areas in uv sum to 1 and none is negative, torn or not."""
    for land in (hills(32, 20), ridge(32, 20), np.random.default_rng(0).uniform(0.01, 1, (20, 32))):
        mesh = Mesh.of(keyframe(land))
        uv = mesh.vertices[mesh.quads][..., :2].astype(np.float64)
        across, down = uv[:, 3] - uv[:, 0], uv[:, 2] - uv[:, 1]
        area = 0.5 * (across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0])
        assert (area > 0).all()
        assert area.sum() == pytest.approx(1.0, abs=1e-5)


def test_a_corner_is_cut_off_by_a_straight_line():
    """What juts out by a pixel is seen as a slope, not as a stair: half of a quarter of a quad less for either."""
    land = np.full((20, 32), 0.1)
    land[10:, 16:] = 0.6
    mesh = Mesh.of(keyframe(land))
    corners = mesh.vertices[mesh.quads].astype(np.float64)
    near = corners[(corners[..., 2] > 0.5).all(axis=1)]
    across, down = near[:, 3, :2] - near[:, 0, :2], near[:, 2, :2] - near[:, 1, :2]
    area = 0.5 * (across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]).sum() * 20 * 32
    assert area == pytest.approx(10 * 16 - 0.125, abs=1e-3)


@given(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2))
@settings(max_examples=20, deadline=None)
def test_behind_a_corner_that_is_cut_off_a_plane_stays_one(across: float, down: float):
    v, u = (np.mgrid[:20, :32] + 0.5) / ((20, 32) * np.ones(2))[:, None, None]
    land = 0.2 + 0.1 * across * u + 0.1 * down * v
    land[10:, 16:] = 0.9
    vertices = Mesh.of(keyframe(land)).vertices
    behind = vertices[vertices[:, 2] < 0.6]
    inner = behind[(np.abs(behind[:, :2] - 0.5) < 0.45).all(axis=1)]  # the ring on the border repeats its neighbour's depth
    assert np.abs(inner[:, 2] - (0.2 + 0.1 * across * inner[:, 0] + 0.1 * down * inner[:, 1])).max() < 2e-3


def test_sky_has_no_quads_and_finer_land_is_kept():
    sky = np.ones((80, 128))
    sky[40:] = 0.0
    sky[:40, 51] = 0.0  # a mast one fine pixel wide
    mesh = Mesh.of(keyframe(hills(64, 40), sky))
    uv = mesh.vertices[mesh.quads][..., :2]
    assert uv[..., 1].max() == 1.0
    assert np.isclose(uv[:, 0, 0], 25.5 / 64).any()
    above = uv[:, 2, 1] < 0.45
    assert 0 < above.sum() < 8 * 20
    assert not mesh.veiled[uv[:, 0, 1] > 0.55].any()


def test_recycler_hands_out_memory_again_only_when_nobody_holds_it():
    recycler = Recycler()
    first = recycler.empty((512, 512), np.float32)
    address, view = first.ctypes.data, first[3:5]
    del first
    second = recycler.empty((512, 512), np.float32)
    assert second.ctypes.data != address
    del view
    third = recycler.empty((512, 1024), np.uint16)
    assert third.ctypes.data == address
    assert recycler.empty((2, 2), np.int8).shape == (2, 2)


def test_recycler_forgets_unused_blocks():
    recycler = Recycler()
    for size in range(512, 640):
        recycler.empty((size, 2048), np.float32)
    assert sum(block.size for block in recycler._blocks) < 300e6
