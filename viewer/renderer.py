"""The renderer: turns a ``Frame`` into a picture with OpenGL 3.3, on any framebuffer, in a window or without one.

The passes over a frame are in ``viewer.gl.scene``; here is what the rest of the viewer draws with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import moderngl
import numpy as np

from viewer.gl.debug import DebugView, debug_picture
from viewer.gl.program import Pass
from viewer.gl.scene import Scene
from viewer.interop import make_transfer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.frame import Frame
    from core.sky import Dome
    from viewer.interop import Transfer

__all__ = ["DebugView", "Renderer"]


class Renderer:
    """Draws frames, the photo before there is a flight, debug views and overlays. One for the life of an OpenGL context.

    Framebuffers get their pictures upright as OpenGL shows them: reading pixels back yields the bottom row first.
    """

    def __init__(self, context: moderngl.Context, dome: Dome | None = None) -> None:
        self._context = context
        self._picture = Pass(context, "picture.frag", ("picture",))
        self._pictures: dict[str, moderngl.Texture] = {}
        self._overlays: dict[str, NDArray[np.uint8]] = {}  # what was uploaded last under each name
        self._scene: Scene | None = None
        self._transfer: Transfer | None = None
        if dome is not None:
            self.enter(dome)

    def enter(self, dome: Dome) -> None:
        """Take up the photo of ``dome``: from now on frames of its world can be drawn."""
        if self._scene is not None:
            self._scene.release()
        if self._transfer is None:  # not before: it looks for CUDA, which takes time, and the first photo is on the screen by now
            self._transfer = make_transfer(self._context)
        self._scene = Scene(self._context, self._transfer, dome)

    @property
    def fallback(self) -> str | None:
        """One line about why lookups make a detour into OpenGL although a GPU warps; None where they do not."""
        return self._transfer.reason if self._transfer is not None and self._transfer.fell_back else None

    def draw(self, frame: Frame, target: moderngl.Framebuffer) -> None:
        """Draw ``frame`` over the whole of ``target``, whose shape should be that of the frame's lens."""
        self._entered().draw(frame, target)

    def draw_debug(self, frame: Frame, target: moderngl.Framebuffer, view: DebugView) -> None:
        """Draw what the warp found instead of the picture."""
        picture = self._uploaded("debug", debug_picture(frame, self._entered().dome, view), smooth=False)
        self._show(picture, target, (0.0, 0.0, 1.0, 1.0))

    def draw_photo(self, image: NDArray[np.uint8], target: moderngl.Framebuffer) -> None:
        """Draw a picture (h, w, 3) uint8 as it is, cropped to cover ``target``; needs no dome."""
        height, width = image.shape[:2]
        wide = (width / height) / (target.width / target.height)
        size = (min(1.0, 1.0 / wide), min(1.0, wide))
        self._show(self._uploaded("photo", image), target, ((1.0 - size[0]) / 2.0, (1.0 - size[1]) / 2.0, *size))

    def present(self, picture: moderngl.Texture, target: moderngl.Framebuffer) -> None:
        """Stretch ``picture`` over the whole of ``target``: a canvas onto its window."""
        self._show(picture, target, (0.0, 1.0, 1.0, -1.0))  # a framebuffer's first row is the bottom one

    def draw_overlay(self, name: str, rgba: NDArray[np.uint8], target: moderngl.Framebuffer, position: tuple[int, int]) -> None:
        """Blend a picture (h, w, 4) uint8, alpha not premultiplied, over ``target``; ``position``: its top left, pixels.

        It is uploaded unless it is the very array that ``name`` had before, whose contents must then be the same.
        """
        height, width = rgba.shape[:2]
        if self._overlays.get(name) is not rgba:
            self._uploaded(name, rgba, smooth=False)
            self._overlays[name] = rgba
        texture = self._pictures[name]
        whole = target.viewport
        target.viewport = (position[0], whole[3] - position[1] - height, width, height)  # a window's height may have changed
        self._context.enable(moderngl.BLEND)
        self._context.blend_func = moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA
        self._show(texture, target, (0.0, 0.0, 1.0, 1.0))
        self._context.disable(moderngl.BLEND)
        target.viewport = whole

    def release(self) -> None:
        """Give every OpenGL object back."""
        if self._scene is not None:
            self._scene.release()
        for texture in self._pictures.values():
            texture.release()
        self._picture.release()
        if self._transfer is not None:
            self._transfer.release()

    def _entered(self) -> Scene:
        if self._scene is None:
            message = "Renderer.enter(dome) must come before a frame is drawn"
            raise RuntimeError(message)
        return self._scene

    def _show(self, picture: moderngl.Texture, target: moderngl.Framebuffer, part: tuple[float, ...]) -> None:
        self._context.disable(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        self._picture.set("part", part)
        self._picture.run(target, picture)

    def _uploaded(self, name: str, pixels: NDArray[np.uint8], *, smooth: bool = True) -> moderngl.Texture:
        """Texture of ``pixels``, reused as long as the size stays."""
        size, components = pixels.shape[1::-1], pixels.shape[2]
        texture = self._pictures.get(name)
        if texture is None or texture.size != size or texture.components != components:
            if texture is not None:
                texture.release()
            texture = self._context.texture(size, components, alignment=1)
            texture.repeat_x = texture.repeat_y = False
            self._pictures[name] = texture
        texture.write(np.ascontiguousarray(pixels), alignment=1)
        if smooth:
            texture.build_mipmaps()
            texture.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
        else:
            texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
        return texture
