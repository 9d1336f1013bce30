"""CopiedLook: the picture of a keyframe as positions in the photo and a tone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.exemplar.sampling import mix, show_sky, trace
from core.keyframe import eight_bit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.camera import Camera
    from core.exemplar.atlas import Atlas
    from core.sky import Dome

    Floats = NDArray[np.float32]

TONE = 0.25  # most by which a tone shifts a colour, [0, 1]
SCALE = 4
_CLEAR = 0.99
_FOLD = 256


@dataclass(frozen=True, eq=False)
class CopiedLook:
    """A ``core.keyframe.Look``: colours are those of the photo at ``source``, plus ``tone``; the sky is the dome's."""

    atlas: Atlas
    dome: Dome
    source: NDArray[np.uint16]  # (h, w, 2), position in the unfolded photo, [0, 1]
    tone: NDArray[np.int8]  # (h, w, 3), in parts of ``TONE`` / 127
    scale: int = SCALE

    @classmethod
    def of(cls, atlas: Atlas, dome: Dome, source: Floats, tone: Floats) -> CopiedLook:
        """Store ``source`` (h, w, 2), pixels of ``atlas``, and ``tone`` (h, w, 3), [-TONE, TONE]."""
        unit = source / np.array([2.0 * atlas.size[0], atlas.size[1]], np.float32)
        rest = np.rint(np.clip(unit, 0.0, 1.0) * 65535.0).astype(np.uint16)
        return cls(atlas, dome, rest, np.rint(np.clip(tone / TONE, -1.0, 1.0) * 127.0).astype(np.int8))

    @property
    def nbytes(self) -> int:
        """Memory held, bytes; the photo is shared by all."""
        return self.source.nbytes + self.tone.nbytes

    @property
    def positions(self) -> Floats:
        """The source in pixels of the atlas, (h, w, 2)."""
        width, height = self.atlas.size
        return self.source.astype(np.float32) * np.array([2.0 * width / 65535.0, height / 65535.0], np.float32)

    @property
    def tones(self) -> Floats:
        """The tone, (h, w, 3) in [-TONE, TONE]."""
        return self.tone.astype(np.float32) * np.float32(TONE / 127.0)

    def picture(self, camera: Camera, sky: Floats) -> NDArray[np.uint8]:
        """Return colours and sky (scale h, scale w, 4) as ``camera`` sees them."""
        return rendered(self.atlas, self.dome, self.positions, self.tones, camera, sky, self.scale)


def rendered(
    atlas: Atlas, dome: Dome, source: Floats, tone: Floats, camera: Camera, sky: Floats, scale: int
) -> NDArray[np.uint8]:
    """Read the photo at ``source`` (h, w, 2), ``scale`` times as finely, before the sky of ``dome``."""
    height, width = sky.shape
    extra = np.dstack([255.0 * tone, np.zeros_like(sky)]).astype(np.float32)
    own = cv2.remap(
        atlas.sky,
        np.abs(atlas.size[0] - np.abs(atlas.size[0] - source[..., 0])) - 0.5,
        source[..., 1] - 0.5,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    extra[..., 3] = 255.0 * (sky - own)
    out = _traced(atlas, source, scale)
    large = cv2.resize(np.rint(extra).astype(np.int16), (scale * width, scale * height), interpolation=cv2.INTER_LINEAR)
    out = cv2.add(out, large, dtype=cv2.CV_8U)
    whole = cv2.resize(
        eight_bit(dome.view(camera, width, height)), (scale * width, scale * height), interpolation=cv2.INTER_LINEAR
    )
    flat, index = out.reshape(-1, 4), np.empty(out.shape[0] * out.shape[1], np.int32)
    index = index[: show_sky(flat, whole.reshape(-1, 3), index)]
    if len(index):
        y, x = np.divmod(index, scale * width)
        lens = camera.intrinsics
        rays = np.ones((len(y), 1, 3), np.float32)
        rays[:, 0, 0] = ((x + 0.5) / (scale * width) - lens.cx) / lens.fx
        rays[:, 0, 1] = ((y + 0.5) / (scale * height) - lens.cy) / lens.fy
        colour = dome.colour(rays @ camera.rotation.T.astype(np.float32), dome.level(camera, scale * width))[:, 0]
        land, share = flat[index, :3].astype(np.float32), flat[index, 3:] * np.float32(1.0 / 255.0)
        flat[index, :3] = np.rint(land + share * (255.0 * colour - land))
    return out


def _traced(atlas: Atlas, source: Floats, scale: int) -> NDArray[np.uint8]:
    """Colours and sky (scale h, scale w, 4) of the photo at ``source``, patches mixed across their seams."""
    height, width = source.shape[0] * scale, source.shape[1] * scale
    place = np.empty((height, width, 2), np.float32)
    index = np.empty(height * width, np.int32)
    other, share = np.empty((len(index), 2), np.float32), np.empty(len(index), np.float32)
    count = trace(source, scale, place, index, other, share)
    step = atlas.levels[0].shape[1] / (atlas.size[0] * scale)
    level = int(np.clip(np.floor(np.log2(step)), 0, len(atlas.levels) - 1))
    out = _read(atlas, place, level)
    if not count:
        return out
    folded = np.zeros((-(-count // _FOLD) * _FOLD, 2), np.float32)
    folded[:count] = other[:count]
    mix(out.reshape(-1, 4), index[:count], _read(atlas, folded.reshape(-1, _FOLD, 2), level).reshape(-1, 4), share[:count])
    return out


def _read(atlas: Atlas, place: Floats, level: int) -> NDArray[np.uint8]:
    picture = atlas.levels[level]
    (height, width), (columns, rows) = picture.shape[:2], atlas.size
    x = np.float32(columns) - np.abs(np.float32(columns) - place[..., 0])
    x = x * np.float32(width / columns) - np.float32(0.5)
    y = place[..., 1] * np.float32(height / rows) - np.float32(0.5)
    return cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
