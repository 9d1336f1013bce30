"""Textures of keyframes and lookups, reused from frame to frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import moderngl
import numpy as np

from core.texels import texels
from core.warp.device_lookup import DeviceLookup
from viewer.gl.view import MOST_KEYFRAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from core.frame import Layer
    from core.keyframe import Keyframe
    from core.warp.lookup import Lookup
    from viewer.interop import Transfer

_ANISOTROPY = 8.0  # ground seen at a grazing angle is eight times as dense one way as the other
_FILTER = (moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR)
_LAYERS = MOST_KEYFRAMES - 1


class KeyframeTextures:
    """The photo as one texture and the refined keyframes as layers of another, RGBA8 with the sky in alpha.

    A layer is kept until its place is needed, so a keyframe is uploaded once while it is in use.
    """

    def __init__(self, context: moderngl.Context, transfer: Transfer, photo: Keyframe, *, fast: bool) -> None:
        self._context = context
        self._transfer = transfer
        self._fast = fast
        self.photo = photo
        self.photo_texture = levelled(context, texels(photo))
        self._filter(self.photo_texture)
        self.refined = self._array((1, 1))
        self._layer_of: dict[int, int] = {}  # serial: layer, least recently used first

    def rows(self, layers: Sequence[Layer]) -> dict[Keyframe, int]:
        """Give every keyframe of ``layers`` its number in the shaders: 0 the photo, 1 + the layer in ``refined`` others."""
        seen = {keyframe.serial: keyframe for layer in layers for keyframe in layer.keyframes if keyframe is not self.photo}
        wanted = list(seen.values())[:_LAYERS]
        self._make_room(wanted)
        for keyframe in wanted:  # first all of them are marked as in use, so that none evicts another
            if keyframe.serial in self._layer_of:
                self._layer_of[keyframe.serial] = self._layer_of.pop(keyframe.serial)
        return {self.photo: 0} | {keyframe: 1 + self._placed(keyframe, layers) for keyframe in wanted}

    def _make_room(self, keyframes: Sequence[Keyframe]) -> None:
        """Start anew with larger layers if the largest of ``keyframes`` does not fit: the refiner's resolution may change."""
        width, height, _ = self.refined.size
        for keyframe in keyframes:
            size = _size(texels(keyframe)[0])
            width, height = max(width, size[0]), max(height, size[1])
        if (width, height) != self.refined.size[:2]:
            self._transfer.forget(self.refined)
            self.refined.release()
            self.refined = self._array((width, height))
            self._layer_of.clear()

    def _placed(self, keyframe: Keyframe, layers: Sequence[Layer]) -> int:
        if keyframe.serial in self._layer_of:
            return self._layer_of[keyframe.serial]
        layer = len(self._layer_of)
        if layer == _LAYERS:
            layer = self._layer_of.pop(next(iter(self._layer_of)))
        size, there = self.refined.size[:2], _on_device(keyframe, layers)
        # where nothing is shared the GPU's copy would come by way of the host, which has one
        if there is not None and _size(there[0]) == size and not self._transfer.fell_back:
            picture, stream = there
            self._transfer.write(self.refined, picture, layer, stream)
        else:
            self._transfer.write(self.refined, _fitted(texels(keyframe)[0], size), layer)
        self.refined.build_mipmaps()
        self._filter(self.refined)
        self._layer_of[keyframe.serial] = layer
        return layer

    def _filter(self, texture: moderngl.Texture | moderngl.TextureArray) -> None:
        """Filter well where hardware does it; in software trilinear costs twice as much as the nearest level."""
        if self._fast:
            texture.filter = _FILTER
        else:
            texture.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
            texture.anisotropy = _ANISOTROPY

    def _array(self, size: tuple[int, int]) -> moderngl.TextureArray:
        array = self._context.texture_array((*size, _LAYERS), 4)
        array.build_mipmaps()  # all of its memory: what is registered with CUDA must not change
        self._filter(array)
        array.repeat_x = array.repeat_y = False
        return array

    def release(self) -> None:
        """Give the textures back."""
        self.photo_texture.release()
        self._transfer.forget(self.refined)
        self.refined.release()


class LookupTexture:
    """A lookup as (u, v, disparity, slot) per texel, RGBA32F; slot -1 is a hole."""

    def __init__(self, context: moderngl.Context, transfer: Transfer) -> None:
        self._context = context
        self._transfer = transfer
        self.texture = self._made((1, 1))
        self._texels: NDArray[np.float32] = np.empty((0, 0, 4), np.float32)

    def write(self, lookup: Lookup) -> None:
        """Show ``lookup`` from now on."""
        if self.texture.size != lookup.size:
            self.release()
            self.texture = self._made(lookup.size)
        if isinstance(lookup, DeviceLookup):
            self._transfer.write(self.texture, lookup.texels, stream=lookup.stream)
        else:
            self._transfer.write(self.texture, self._interleaved(lookup))

    def _interleaved(self, lookup: Lookup) -> NDArray[np.float32]:
        if self._texels.shape[:2] != lookup.slot.shape:
            self._texels = np.empty((*lookup.slot.shape, 4), np.float32)
        # as complex numbers u and v are copied at once: 0.11 ms for 480x270 texels instead of 0.5 ms
        self._texels.view(np.complex64)[..., 0] = np.ascontiguousarray(lookup.uv).view(np.complex64)[..., 0]
        self._texels[..., 2] = lookup.disparity
        self._texels[..., 3] = lookup.slot
        return self._texels

    def _made(self, size: tuple[int, int]) -> moderngl.Texture:
        texture = self._context.texture(size, 4, dtype="f4")
        texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
        return texture

    def release(self) -> None:
        """Give the texture back."""
        self._transfer.forget(self.texture)
        self.texture.release()


def levelled(context: moderngl.Context, levels: Sequence[NDArray[np.uint8]]) -> moderngl.Texture:
    """Texture of a picture (h, w, 4) with its halvings as mipmap levels, held at its edges."""
    texture = context.texture(_size(levels[0]), 4)
    texture.build_mipmaps(max_level=len(levels) - 1)
    for level, picture in enumerate(levels):
        texture.write(np.ascontiguousarray(picture), level=level)
    texture.filter = _FILTER
    texture.repeat_x = texture.repeat_y = False
    return texture


def _on_device(keyframe: Keyframe, layers: Sequence[Layer]) -> tuple[Any, Any] | None:
    """Return the picture of ``keyframe`` on the GPU, and a stream whose work may read it, where it came with a lookup."""
    for layer in layers:
        if isinstance(layer.lookup, DeviceLookup) and keyframe in layer.keyframes:
            picture = layer.lookup.pictures[layer.keyframes.index(keyframe)]
            if picture is not None:
                return picture, layer.lookup.stream
    return None


def _fitted(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    import cv2

    if _size(picture) == size:
        return np.ascontiguousarray(picture)
    return np.ascontiguousarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _size(picture: Any) -> tuple[int, int]:  # noqa: ANN401 - NumPy's or CuPy's
    return picture.shape[1], picture.shape[0]
