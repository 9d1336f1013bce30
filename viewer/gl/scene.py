"""The scene: what OpenGL holds of one flight, and the passes that make a picture of it.

Most pixels lie within one surface of opaque land and are finished by a short shader, which leaves the class of the others
in the depth buffer; the long shaders then run only there. That is what makes software OpenGL fast enough: it executes
both sides of every branch, but it does skip pixels that the depth test turns away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import moderngl

from core.compose import at_home
from core.errors import DeviceError
from core.warp.device_lookup import DeviceLookup
from viewer.gl.fill import FillPyramid
from viewer.gl.program import VIEW_BINDING, Pass
from viewer.gl.textures import KeyframeTextures, LookupTexture, levelled
from viewer.gl.view import SIZE, packed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.frame import Frame, Layer
    from core.sky import Dome
    from viewer.interop import Transfer

    Texture = moderngl.Texture | moderngl.TextureArray

_SAMPLERS = ("newer", "older", "photo", "refined", "dome", "detail", "fill")
_SKY_DEPTH, _MIXED_DEPTH = 0.2, 0.6  # in front of the classes in view.glsl that these passes are for: 0.4 and 0.8
_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "software")


class Scene:
    """What belongs to one start photo: its dome, the textures of its keyframes, and the passes over them."""

    def __init__(self, context: moderngl.Context, transfer: Transfer, dome: Dome) -> None:
        self.dome = dome
        self._context = context
        # moderngl binds the last framebuffer again after making one, even when that has been released
        (context.screen or context.detect_framebuffer(0)).use()
        software = any(name in context.info["GL_RENDERER"].lower() for name in _SOFTWARE)
        anisotropic = {"ANISOTROPIC": int(not software)}
        self._keyframes = KeyframeTextures(context, transfer, dome.photo, fast=software)
        self._lookups = (LookupTexture(context, transfer), LookupTexture(context, transfer))
        self._dome = context.texture((dome.equirect.shape[1], dome.equirect.shape[0]), 3, dome.equirect.tobytes())
        self._dome.repeat_x, self._dome.repeat_y = True, False
        self._detail = levelled(context, dome.details)
        self._view = context.buffer(reserve=SIZE)
        self._fill = FillPyramid(context, (1, 1))
        self._nothing = context.texture((1, 1), 4, bytes(4))
        self._canvas = _Canvas(context, (1, 1))
        self._passes = {
            (name, layers): Pass(context, name, _SAMPLERS, {"LAYERS": layers, **anisotropic})
            for layers in (1, 2)
            for name in ("seed.frag", "plain.frag", "mixed.frag")
        }
        self._copy = Pass(context, "picture.frag", ("picture",))
        self._copy.set("part", (0.0, 1.0, 1.0, -1.0))  # the canvas is stored bottom row first
        self._open_sky = [Pass(context, "open_sky.frag", _SAMPLERS, {"AT_HOME": home, **anisotropic}) for home in (0, 1)]

    def draw(self, frame: Frame, target: moderngl.Framebuffer) -> None:
        """Draw ``frame`` over the whole of ``target``; if the GPU that warped it is lost, ``target`` stays as it is."""
        target.use()  # so that none of the framebuffers that a change of size releases is bound
        layers = [frame.newer] if frame.older is None or frame.fade >= 1.0 else [frame.newer, frame.older]
        try:
            rows = self._keyframes.rows(layers)
            for lookup, layer in zip(self._lookups, layers, strict=False):
                lookup.write(layer.lookup)
        except DeviceError:  # the next warp meets it, too, and leaves that GPU
            return
        size = (target.width, target.height)
        self._view.write(packed(frame, layers, self.dome, rows, size))
        self._view.bind_to_uniform_block(VIEW_BINDING)
        textures: list[Texture] = [lookup.texture for lookup in self._lookups]
        textures += [self._keyframes.photo_texture, self._keyframes.refined, self._dome, self._detail]
        textures.append(self._nothing if _whole(layers) else self._filled(frame.newer.lookup.size, len(layers), textures))
        if self._canvas.size != size:
            self._canvas.release()
            self._canvas = _Canvas(self._context, size)
        home = at_home(self.dome.photo, frame.camera, self.dome) > 1e-3
        self._classified(len(layers), self._open_sky[home], textures)
        if target.glo:
            self._context.copy_framebuffer(target, self._canvas.buffer)
            target.use()
        else:  # a window's own framebuffer has no attachments that moderngl could copy to
            self._copy.run(target, self._canvas.texture)

    def _filled(self, lookup_size: tuple[int, int], layers: int, textures: list[Texture]) -> moderngl.Texture:
        """Colours for the holes, from the known pixels of all layers."""
        if self._fill.lookup_size != lookup_size:
            self._fill.release()
            self._fill = FillPyramid(self._context, lookup_size)
        self._context.disable(moderngl.BLEND | moderngl.CULL_FACE | moderngl.DEPTH_TEST)
        self._fill.run(self._passes["seed.frag", layers], [*textures, self._nothing])
        return self._fill.texture

    def _classified(self, layers: int, open_sky: Pass, textures: list[Texture]) -> None:
        """Run the three passes over the canvas, each where its class of pixels is."""
        self._context.disable(moderngl.BLEND | moderngl.CULL_FACE)
        self._context.enable(moderngl.DEPTH_TEST)
        self._canvas.buffer.depth_mask = True
        self._context.depth_func = "1"  # always
        self._passes["plain.frag", layers].run(self._canvas.buffer, *textures)
        self._canvas.buffer.depth_mask = False
        self._context.depth_func = "<"
        open_sky.set("depth", _SKY_DEPTH)
        open_sky.run(self._canvas.buffer, *textures)
        mixed = self._passes["mixed.frag", layers]
        mixed.set("depth", _MIXED_DEPTH)
        mixed.run(self._canvas.buffer, *textures)
        self._context.disable(moderngl.DEPTH_TEST)

    def release(self) -> None:
        """Give every OpenGL object back."""
        for render_pass in (*self._passes.values(), *self._open_sky, self._copy):
            render_pass.release()
        for lookup in self._lookups:
            lookup.release()
        for texture in (self._dome, self._detail, self._nothing):
            texture.release()
        self._keyframes.release()
        self._fill.release()
        self._canvas.release()
        self._view.release()


def _whole(layers: Sequence[Layer]) -> bool:
    """Whether there is certainly no hole. A lookup on the GPU is not asked: that would wait for the warp."""
    return all(not isinstance(layer.lookup, DeviceLookup) and layer.lookup.covered.all() for layer in layers)


class _Canvas:
    """A picture with a depth buffer: a window's own need not have one."""

    def __init__(self, context: moderngl.Context, size: tuple[int, int]) -> None:
        self.size = size
        self.texture = context.texture(size, 4)
        self._depth = context.depth_renderbuffer(size)
        self.buffer = context.framebuffer([self.texture], self._depth)

    def release(self) -> None:
        for item in (self.buffer, self.texture, self._depth):
            item.release()
