from __future__ import annotations

import numpy as np
import pytest
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


def test_what_is_in_front_grows_where_the_picture_is_finer_than_the_geometry():
    post = np.full((40, 60), 0.1)
    post[10:, 28:32] = 0.6
    near = []
    for detail in (1, 4):
        mesh = Mesh.of(keyframe(post, image=np.zeros((40 * detail, 60 * detail, 3), np.uint8)))
        corners = mesh.vertices[mesh.quads]
        assert corners[..., :2].min() == 0.0
        assert corners[..., :2].max() == 1.0
        u = corners[(corners[..., 2] > 0.5).all(axis=1)][..., 0]
        near.append((u.max() - u.min()) * 60)
    assert near[0] == pytest.approx(4.0, abs=0.01)
    assert near[1] == pytest.approx(8.0, abs=0.01)


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
