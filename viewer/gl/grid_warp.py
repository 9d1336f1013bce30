"""GridWarp: how a picture with depth is usually warped in OpenGL, for the benchmark to compare with.

The picture's grid is drawn as textured triangles with a depth test. That gives one keyframe's colours: what else a frame needs
(keyframes weighed against each other, how much each pixel is magnified, soft skylines) would take further passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import moderngl
import numpy as np

from core.warp.visibility import MAGNIFICATION, projection
from viewer.gl.program import source

if TYPE_CHECKING:
    from core.camera import Camera
    from core.keyframe import Keyframe

_ANISOTROPY = 8.0  # as the display's own


class GridWarp:
    """Draws ``keyframe`` at ``size`` = (width, height) pixels into ``buffer``: RGBA8, upright, alpha 0 where no land is seen."""

    def __init__(self, context: moderngl.Context, keyframe: Keyframe, size: tuple[int, int]) -> None:
        self._context = context
        self._leave()
        self._keyframe = keyframe
        self._size = size
        mesh = keyframe.mesh
        self._program = context.program(source("grid.vert"), source("grid.frag"))
        self._program["size"] = size
        self._program["nearest"] = MAGNIFICATION  # disparity is 1 at most, and what comes closer than that is dropped
        self._vertices = context.buffer(np.ascontiguousarray(mesh.vertices[:, :3]))
        self._triangles = context.buffer(np.ascontiguousarray(mesh.quads[:, [0, 1, 2, 3, 2, 1]]))
        self._land = context.vertex_array(self._program, [(self._vertices, "3f", "vertex")], self._triangles)
        self._photo = context.texture(keyframe.image.shape[1::-1], 3, np.ascontiguousarray(keyframe.image), alignment=1)
        self._photo.build_mipmaps()
        self._photo.anisotropy = _ANISOTROPY
        self._photo.repeat_x = self._photo.repeat_y = False
        self._picture = context.texture(size, 4)
        self._depth = context.depth_renderbuffer(size)
        self.buffer = context.framebuffer([self._picture], self._depth)

    def draw(self, camera: Camera) -> None:
        """Draw what ``camera`` sees of the land."""
        matrix = projection(self._keyframe.camera, camera, self._size)
        self._program["pixels_from_source"] = tuple(matrix.T.ravel())  # by columns
        self.buffer.use()
        self.buffer.clear()
        self._context.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        self._context.depth_func = "<"
        self._context.front_face = "cw"  # the back is what would be seen through a ridge from behind
        self._photo.use(0)
        self._land.render(moderngl.TRIANGLES)
        self._context.front_face = "ccw"
        self._context.disable(moderngl.DEPTH_TEST | moderngl.CULL_FACE)

    def release(self) -> None:
        """Give every OpenGL object back."""
        self._leave()
        for item in (
            self.buffer,
            self._picture,
            self._depth,
            self._photo,
            self._land,
            self._vertices,
            self._triangles,
            self._program,
        ):
            item.release()

    def _leave(self) -> None:
        """Bind no framebuffer that may be released: moderngl binds the last one again after making one."""
        (self._context.screen or self._context.detect_framebuffer(0)).use()
