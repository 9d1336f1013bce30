"""Surface: the part of the world that one keyframe shows best, as triangles in space.

Keyframes of a flight show the same land again and again: a point that another keyframe shows more finely is a duplicate.
What the photo looks past, at land behind it or at the sky, is a mistake of the keyframe that shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.warp.visibility import AGREEMENT, SKY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from core.camera import Camera
    from core.keyframe import Keyframe
    from core.warp.mesh import Mesh


@dataclass(frozen=True, eq=False)
class Surface:
    """Land of one keyframe, torn at depth edges, without sky; in the world's own axes and scene units."""

    keyframe: Keyframe
    points: NDArray[np.float64]  # (n, 3)
    normals: NDArray[np.float64]  # (n, 3), unit, towards the keyframe's camera
    uv: NDArray[np.float32]  # (n, 2) in the keyframe's image
    middle: NDArray[np.float32]  # (n, 2): uv of the geometry pixel that a point belongs to; another one where a tear cuts a pixel
    own: NDArray[np.bool_]  # (n,): no other keyframe shows the point better; the rest closes the seams to the neighbours
    triangles: NDArray[np.int32]  # (m, 3), counter-clockwise as the camera sees them

    @property
    def shown_best(self) -> NDArray[np.bool_]:
        """Which points stand for a whole geometry pixel that no other keyframe shows better, (n,)."""
        return np.asarray(self.own & (self.uv == self.middle).all(axis=1), bool)


def surfaces(keyframes: Sequence[Keyframe], *, textured: bool) -> list[Surface]:
    """Share the land out among ``keyframes``, the first of them the photo; those that show nothing best are left out.

    What is finest is measured in the pixels of pictures if ``textured``, else in those of geometry.
    """
    fineness = [_pixels_per_radian(keyframe, textured) for keyframe in keyframes]
    depths = [_seen_disparity(keyframe) for keyframe in keyframes]
    places = np.array([keyframe.camera.position for keyframe in keyframes])
    found = []
    for number, keyframe in enumerate(keyframes):
        mesh = keyframe.mesh
        disparity = mesh.vertices[:, 2].astype(np.float64)
        land = np.isfinite(disparity) & (disparity > 0.0) & (_at(keyframe.geometry_sky, mesh.vertices[:, :2]) < SKY)
        quads = mesh.quads[land[mesh.quads].all(axis=1)]
        used, corners = np.unique(quads, return_inverse=True)
        points, normals = _placed(keyframe.camera, mesh, used)
        # neighbours in space first: they show most of the same land, and what is gone need not be asked about again
        nearest = np.argsort(np.linalg.norm(places - places[number], axis=1), kind="stable")
        own = np.ones(len(used), bool)
        for other in nearest[nearest != number]:
            asked = np.flatnonzero(own)
            place, seen_from_other = keyframes[other].camera.project(points[asked])
            finer = fineness[other] * seen_from_other - fineness[number] * disparity[used[asked]]
            better = (finer > 0.0) | ((finer == 0.0) & (other < number))
            shown, seen_past = _met(place, seen_from_other, depths[other])
            own[asked[(better & shown) | (seen_past if other == 0 else False)]] = False
        rows = corners.reshape(quads.shape)
        kept, corners = np.unique(rows[own[rows].any(axis=1)], return_inverse=True)
        if len(kept):
            triangles = corners.reshape(-1, 4)[:, [0, 2, 1, 3, 1, 2]].reshape(-1, 3).astype(np.int32)
            uv, middle = mesh.vertices[used[kept], :2], mesh.vertices[mesh.middles[used[kept]], :2]
            found.append(Surface(keyframe, points[kept], normals[kept], uv, middle, own[kept], triangles))
    return found


def _pixels_per_radian(keyframe: Keyframe, textured: bool) -> float:
    height, width = keyframe.image.shape[:2] if textured else keyframe.disparity.shape
    lens = keyframe.camera.intrinsics
    finer = keyframe.columns / keyframe.image.shape[1] if textured else 1.0
    return finer * float(np.sqrt(width * lens.fx * height * lens.fy))


def _seen_disparity(keyframe: Keyframe) -> NDArray[np.float32]:
    """Disparity of what a keyframe's mesh shows in each geometry pixel, (h, w); 0 for sky, inf where nothing is known."""
    height, width = keyframe.mesh.shape
    grid = keyframe.mesh.vertices[: (height + 2) * (width + 2), 2].reshape(height + 2, width + 2)[1:-1, 1:-1]
    known = np.where(np.isfinite(grid), grid, np.float32(np.inf))
    return np.where(keyframe.geometry_sky >= SKY, np.float32(0.0), known)


def _met(
    uv: NDArray[np.float64], disparity: NDArray[np.float64], seen: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether points at ``uv`` (n, 2) and ``disparity`` (n,) are what a view shows, and whether it shows what lies behind."""
    inside = (disparity > 0.0) & (uv >= 0.0).all(axis=1) & (uv <= 1.0).all(axis=1)
    found = np.full(len(uv), np.inf)
    found[inside] = _at(seen, uv[inside])
    with np.errstate(invalid="ignore"):
        past, hidden = found < AGREEMENT * disparity, AGREEMENT * found > disparity
    return ~past & ~hidden, past


def _at(picture: NDArray[np.float32], uv: NDArray[np.floating]) -> NDArray[np.float32]:
    """Read ``picture`` (h, w) at ``uv`` (n, 2) in [0, 1], unfiltered."""
    height, width = picture.shape
    column, row = np.minimum(uv * (width, height), (width - 1, height - 1)).astype(np.intp).T
    return np.asarray(picture[row, column], np.float32)


def _placed(camera: Camera, mesh: Mesh, used: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """World positions and normals, each (n, 3), of the vertices ``used``.

    A plane is ``a X + b Y + c Z = 1`` in the camera's frame, so its disparity is ``a x + b y + c`` along the ray (x, y, 1): the
    slopes of disparity, which the mesh knows, and the disparity itself give the normal (a, b, c).
    """
    u, v, disparity, along_u, along_v = mesh.vertices[used].astype(np.float64).T
    lens = camera.intrinsics
    x, y = (u - lens.cx) / lens.fx, (v - lens.cy) / lens.fy
    rays = np.column_stack([x, y, np.ones_like(x)])
    a, b = along_u * lens.fx, along_v * lens.fy
    plane = np.column_stack([a, b, disparity - a * x - b * y])
    normals = -plane / np.linalg.norm(plane, axis=1, keepdims=True)
    return camera.position + (rays / disparity[:, None]) @ camera.rotation.T, normals @ camera.rotation.T
