"""PLY files: a cloud of coloured points, or triangles with coloured vertices. Binary, OpenGL axes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from core.camera import OPENGL_AXES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from core.export.surface import Surface

_VERTEX = [
    *((name, "<f4") for name in ("x", "y", "z", "nx", "ny", "nz")),
    *((name, "u1") for name in ("red", "green", "blue")),
]


def cloud_ply(surfaces: Sequence[Surface]) -> bytes:
    """Return the points that each surface shows best: position, normal, colour."""
    return _file(np.concatenate([_vertices(surface)[surface.shown_best] for surface in surfaces]))


def mesh_ply(surfaces: Sequence[Surface]) -> bytes:
    """Return all triangles with a colour at each vertex."""
    first = np.cumsum([0, *(len(surface.points) for surface in surfaces)])
    triangles = np.concatenate([surface.triangles + start for surface, start in zip(surfaces, first[:-1], strict=True)])
    faces = np.empty(len(triangles), [("vertex_indices", "<i4", (3,))])
    faces["vertex_indices"] = triangles
    return _file(np.concatenate([_vertices(surface) for surface in surfaces]), faces)


def _vertices(surface: Surface) -> NDArray[np.void]:
    """Return a surface's vertices as PLY has them; colours are averages over geometry pixels."""
    import cv2

    height, width = surface.keyframe.disparity.shape
    colours = cv2.resize(surface.keyframe.image, (width, height), interpolation=cv2.INTER_AREA)
    column, row = np.minimum(surface.middle * (width, height), (width - 1, height - 1)).astype(np.intp).T
    axes = OPENGL_AXES[:3, :3]
    vertices = np.empty(len(surface.points), _VERTEX)
    numbers = np.hstack([surface.points @ axes, surface.normals @ axes, colours[row, column]])
    for (name, _), channel in zip(_VERTEX, numbers.T, strict=True):
        vertices[name] = channel
    return vertices


def _file(vertices: NDArray[np.void], faces: NDArray[np.void] | None = None) -> bytes:
    from plyfile import PlyData, PlyElement

    elements = [PlyElement.describe(vertices, "vertex")]
    if faces is not None:
        elements.append(PlyElement.describe(faces, "face"))
    stream = io.BytesIO()
    PlyData(elements, byte_order="<", comments=["photoflight: +Y up, the photo looks along -Z"]).write(stream)
    return stream.getvalue()
