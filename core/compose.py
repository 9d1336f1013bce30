"""Compose: colours for a lookup, on the CPU, as the refine clock needs them. The plain twin of ``shaders/mixed.frag``.

A land pixel seen at ``uv`` of keyframe k, along target ray t and source ray s, shows ``image_k(uv) + a * (S(t) - S(s))``
where a is its sky alpha and S the dome: the old sky in a soft skyline is exchanged for the new one, so that no halo
travels with the land. What the land itself contributes to that, ``image_k - a * S(s)``, is limited to its share
``[0, 1 - a]``. Sky pixels show ``S(t)``. The shader filters a start photo that is shown smaller than it is a little less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core.generator import WarpedView
from core.texels import texels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.camera import Camera
    from core.frame import Layer
    from core.keyframe import Keyframe
    from core.sky import Dome
    from core.warp.lookup import Lookup

    Floats = NDArray[np.float32]

HOME = 0.1  # scene units within which the photo's own sky gives way to the dome
_FOLD = 256  # pixel lists are sampled as pictures of this width


def at_home(keyframe: Keyframe, camera: Camera, dome: Dome) -> float:
    """How much of the photo's own sky is shown instead of the dome's: 1 where it was taken, 0 further away, and 0 for keyframes.

    The dome leaves out the rim of the photo's sky, which carries traces of the land. That rim belongs to the land, and as long as
    the camera has only turned, the land is still in front of it.
    """
    if keyframe is not dome.photo:
        return 0.0
    distance = float(np.linalg.norm(camera.position - keyframe.camera.position))
    return math.exp(-((distance / HOME) ** 2))


def compose(layer: Layer, camera: Camera, dome: Dome, *, bilinear: bool = False) -> WarpedView:
    """Sample the keyframes of ``layer`` through its lookup, as ``camera`` sees them, at the lookup's size.

    Sampling is bicubic, because in flight every view is sampled from one that was sampled before: after ten steps land keeps
    0.78 of the photo's sharpness, and 0.57 if it is ``bilinear``, as the shader's is, which draws a view once and throws it away.
    """
    lookup = layer.lookup
    width, height = lookup.size
    backdrop = dome.view(camera, width, height)
    view = WarpedView(
        camera,
        image=np.zeros((height, width, 3), np.float32),
        disparity=lookup.disparity.copy(),
        sky=np.zeros((height, width), np.float32),
        stretch=np.zeros((height, width), np.float32),
        debt=np.zeros((height, width), np.float32),
        mask=lookup.covered,
        backdrop=backdrop,
        layer=layer,
        dome=dome,
    )
    level = dome.level(camera, width)
    for slot, keyframe in enumerate(layer.keyframes):
        pixels = np.flatnonzero(lookup.slot == slot)
        if len(pixels):
            home = np.float32(at_home(keyframe, camera, dome))
            _paint(view, lookup, pixels, _Source(keyframe, dome, level, home, bilinear))
    return view


def _paint(view: WarpedView, lookup: Lookup, pixels: NDArray[np.intp], source: _Source) -> None:
    """Put what ``source`` shows of ``pixels`` (flat indices) into the arrays of ``view``."""
    keyframe = source.keyframe
    uv = lookup.uv.reshape(-1, 2)[pixels]
    stretch = lookup.stretch.ravel()[pixels] * np.float32(keyframe.disparity.shape[1] / keyframe.image.shape[1])
    texel = _sampled(keyframe, uv, stretch, source.bilinear)
    image, alpha, backdrop = texel[:, :3], texel[:, 3], view.backdrop.reshape(-1, 3)[pixels]
    on_sky = lookup.disparity.ravel()[pixels] == 0.0
    debt = _remapped(keyframe.debt, uv) + np.log2(np.maximum(stretch, np.float32(1.0)))
    soft = np.flatnonzero(~on_sky & (alpha > 1.0 / 512.0))
    if len(soft):
        image[soft] = _with_sky_exchanged(image[soft], alpha[soft, None], source.sky_at(uv[soft]), backdrop[soft], source.home)
    sky = np.flatnonzero(on_sky)
    image[sky] = backdrop[sky] + source.home * (image[sky] - backdrop[sky])
    view.image.reshape(-1, 3)[pixels] = np.clip(image, 0.0, 1.0)
    view.sky.ravel()[pixels] = np.where(on_sky, np.float32(1.0), alpha)
    view.stretch.ravel()[pixels] = stretch
    view.debt.ravel()[pixels] = np.where(on_sky, np.float32(0.0), debt)


@dataclass(frozen=True)
class _Source:
    """One keyframe under one dome."""

    keyframe: Keyframe
    dome: Dome
    level: int  # of the dome's detail
    home: np.float32
    bilinear: bool

    def sky_at(self, uv: Floats) -> Floats:
        """S(s) for positions (n, 2) in the keyframe."""
        lens = self.keyframe.camera.intrinsics
        rays = np.ones((len(uv), 1, 3))
        rays[:, 0, 0] = (uv[:, 0] - lens.cx) / lens.fx
        rays[:, 0, 1] = (uv[:, 1] - lens.cy) / lens.fy
        return self.dome.colour(rays @ self.keyframe.camera.rotation.T, self.level)[:, 0]


def _with_sky_exchanged(image: Floats, alpha: Floats, old: Floats, new: Floats, home: np.float32) -> Floats:
    """``image`` (n, 3) with the share ``alpha`` (n, 1) of the sky ``old`` replaced by ``new``."""
    rest = image - alpha * old
    limited = np.clip(rest, 0.0, 1.0 - alpha)
    exchanged: Floats = limited + home * (rest - limited) + alpha * new
    return exchanged


def _sampled(keyframe: Keyframe, uv: Floats, stretch: Floats, bilinear: bool) -> Floats:
    """Image and sky (n, 4) in [0, 1] at ``uv`` (n, 2), linear across levels: minified pixels are averages, not picks."""
    levels = texels(keyframe)
    lod = np.clip(-np.log2(np.maximum(stretch, np.float32(1e-6))), 0.0, len(levels) - 1.0)
    lowest, highest = int(lod.min()), math.ceil(float(lod.max()))
    if lowest == highest:
        return _remapped(levels[lowest], uv, bilinear=bilinear) * np.float32(1.0 / 255.0)
    out = np.zeros((len(uv), 4), np.float32)
    for level in range(lowest, highest + 1):
        weight = np.maximum(1.0 - np.abs(lod - level), 0.0) * np.float32(1.0 / 255.0)
        near = np.flatnonzero(weight)
        if not len(near):  # pixels may need the finest and the third level and none between
            continue
        out[near] += weight[near, None] * _remapped(levels[level], uv[near], bilinear=bilinear)
    return out


def _remapped(picture: NDArray[Any], uv: Floats, *, bilinear: bool = True) -> Floats:
    """Sample ``picture`` (h, w[, c]) at ``uv`` (n, 2), held at its edges; float32, in the picture's own range."""
    import cv2

    height, width = picture.shape[:2]
    grid = np.zeros((-(-len(uv) // _FOLD) * _FOLD, 2), np.float32)  # OpenCV takes no side of 32768 or more
    grid[: len(uv)] = uv * np.array([width, height], np.float32) - np.float32(0.5)
    maps = grid.reshape(-1, _FOLD, 2)
    how = cv2.INTER_LINEAR if bilinear else cv2.INTER_CUBIC
    found = cv2.remap(picture, maps[..., 0], maps[..., 1], how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found.reshape(-1, *picture.shape[2:])[: len(uv)], dtype=np.float32)
