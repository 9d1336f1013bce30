"""GLB file: a mesh for each keyframe with its picture as texture, under a sphere of sky. OpenGL axes, as glTF wants them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from core.camera import OPENGL_AXES, Camera, Intrinsics
from core.keyframe import eight_bit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from trimesh import Trimesh

    from core.export.surface import Surface
    from core.sky import Dome

LARGEST = 4096  # pixels: every WebGL viewer takes a texture of this side
_SKY = 2048, 1024  # texture; width, height
_SPHERE = 64, 32  # its quads around and from pole to pole
_BEYOND = 1.5  # radius of the sky, in distances to the farthest land
_UNLIT = "KHR_materials_unlit"  # a photo has its light already


def mesh_glb(surfaces: Sequence[Surface], dome: Dome) -> bytes:
    """Return all surfaces and the sky as one binary glTF 2.0 file."""
    from trimesh import Scene
    from trimesh.exchange.gltf import export_glb

    axes = OPENGL_AXES[:3, :3]
    scene = Scene()
    for number, surface in enumerate(surfaces):
        mesh = _textured(surface.points @ axes, surface.triangles, surface.uv, surface.keyframe.finest)
        scene.add_geometry(mesh, geom_name=f"keyframe {number}")
    farthest = max(float(np.linalg.norm(surface.points, axis=1).max()) for surface in surfaces)
    directions, uv, triangles = _sphere()
    scene.add_geometry(_textured(_BEYOND * farthest * directions @ axes, triangles, uv, _sky(dome)), geom_name="sky")
    content: bytes = export_glb(scene, include_normals=False, tree_postprocessor=_finished)  # type: ignore[no-untyped-call]
    return content


def _finished(tree: dict[str, Any]) -> None:
    tree["asset"]["generator"] = "photoflight"
    for material in tree["materials"]:
        material["extensions"] = {_UNLIT: {}}
    tree["extensionsUsed"] = sorted({*tree.get("extensionsUsed", ()), _UNLIT})


def _textured(
    points: NDArray[np.float64], triangles: NDArray[np.int32], uv: NDArray[np.float32], image: NDArray[np.uint8]
) -> Trimesh:
    from PIL import Image
    from trimesh import Trimesh
    from trimesh.visual import TextureVisuals
    from trimesh.visual.material import PBRMaterial

    picture = Image.fromarray(image)
    if max(picture.size) >= 1024:
        picture.thumbnail((LARGEST, LARGEST), Image.Resampling.BOX)
        picture.format = "JPEG"  # a photo as PNG is ten times as large; small keyframes stay exact
    material = PBRMaterial(baseColorTexture=picture, metallicFactor=0.0, doubleSided=True)  # type: ignore[no-untyped-call]
    upward = np.column_stack([uv[:, 0], 1.0 - uv[:, 1]])  # trimesh counts v from below, and glTF from above again
    visual = TextureVisuals(upward, material=material)  # type: ignore[no-untyped-call]
    return Trimesh(points, triangles, visual=visual, process=False)


def _sphere() -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.int32]]:
    """Return unit directions (n, 3) in the world, uv (n, 2) in the sky's picture, triangles (m, 3) seen from within."""
    across, down = _SPHERE
    u, v = np.meshgrid(np.linspace(0.0, 1.0, across + 1), np.linspace(0.0, 1.0, down + 1))
    index = np.arange(u.size, dtype=np.int32).reshape(u.shape)
    a, b, c, d = (corner.ravel() for corner in (index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]))
    triangles = np.concatenate([np.column_stack([a, c, b]), np.column_stack([d, b, c])])
    uv = np.column_stack([u.ravel(), v.ravel()])
    return _directions(uv), uv.astype(np.float32), triangles


def _directions(uv: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return world directions (..., 3) of positions (..., 2) in the sky's picture: +Z in the middle, the zenith at the top."""
    yaw, elevation = (uv[..., 0] - 0.5) * math.tau, (0.5 - uv[..., 1]) * math.pi
    level = np.cos(elevation)
    return np.stack([np.sin(yaw) * level, -np.sin(elevation), np.cos(yaw) * level], axis=-1)


def _sky(dome: Dome) -> NDArray[np.uint8]:
    """Return the dome with the photo's own sky on it, equirectangular, (h, w, 3)."""
    width, height = _SKY
    level = dome.level(Camera(Intrinsics(1.0 / math.tau, 1.0)), width)
    u, v = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    colour = dome.colour(_directions(np.stack([u, v], axis=-1)), level)
    return eight_bit(colour)
