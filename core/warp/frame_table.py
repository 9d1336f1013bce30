"""The table of numbers that the kernels read in a frame: the structs of ``kernels.cu``, and how they are filled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from core.warp.lookup import THIN
from core.warp.visibility import back, coarseness, largest_quad, projection

if TYPE_CHECKING:
    from core.camera import Camera
    from core.keyframe import Keyframe

MOST_LAYERS = 2
MOST_MEMBERS = 128  # keyframes of a layer: as many as an int8 slot can tell apart

# struct Summary as float32: what is thinned out, and the count of holes
SUMMARY_ITEMS = 2 * THIN[0] * THIN[1] + 1

VIEW = np.dtype(
    [
        *((name, np.uint64) for name in ("vertices", "sky", "quads", "veiled", "points", "growth", "keys")),
        *((name, np.float64, count) for name, count in (("matrix", 12), ("cell", 2), ("limit", 2), ("back", 12))),
        ("coarseness", np.float64),
        *((name, np.int32) for name in ("vertex_count", "quad_count", "columns", "rows", "sky_width", "sky_height")),
    ],
    align=True,
)
LAYER = np.dtype(
    [
        *((name, np.uint64) for name in ("texels", "stretch", "summary")),
        ("count", np.int32),
        ("members", np.uint8, MOST_MEMBERS),
    ],
    align=True,
)
FRAME = np.dtype(
    [
        ("layers", LAYER, MOST_LAYERS),
        *((name, np.uint64) for name in ("large", "large_count")),
        *((name, np.int32) for name in ("width", "height", "view_count", "layer_count")),
    ],
    align=True,
)


def see(row: Any, keyframe: Keyframe, camera: Camera, size: tuple[int, int]) -> None:  # noqa: ANN401 - a row of VIEW
    """Fill all but the pointers of ``row`` for ``keyframe`` seen by ``camera`` at ``size`` = (width, height)."""
    mesh = keyframe.mesh
    row["matrix"] = projection(keyframe.camera, camera, size).ravel()
    row["cell"] = 1.0 / mesh.shape[1], 1.0 / mesh.shape[0]
    row["limit"] = largest_quad(keyframe, camera, size)
    row["back"] = back(camera, keyframe).ravel()
    row["coarseness"] = coarseness(keyframe)
    row["vertex_count"], row["quad_count"] = len(mesh.vertices), len(mesh.quads)
    row["rows"], row["columns"] = mesh.shape
    row["sky_height"], row["sky_width"] = keyframe.sky.shape
