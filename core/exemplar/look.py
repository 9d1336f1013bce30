"""CopiedLook: the picture of a keyframe as positions in the photo and a tone, shown as finely as is wanted.

Synthesis magnification (Lefebvre and Hoppe 2005): what was found at 256x160 is read from the photo at its full resolution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.exemplar.rim import evened_rim
from core.exemplar.sampling import Patches, mix, show_sky, trace
from core.exemplar.tone import LARGEST
from core.keyframe import eight_bit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.camera import Camera
    from core.exemplar.atlas import Atlas
    from core.keyframe import Keyframe
    from core.sky import Dome

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float32]
    Flags = NDArray[np.bool_]

_FOLD = 256  # pixel lists are sampled as pictures of this width
_BESIDE = np.ones((3, 3), np.uint8)
_AROUND = 12  # rows with which others may be averaged


@dataclass(frozen=True, eq=False)
class CopiedLook:
    """A ``core.keyframe.Look``: colours are those of the photo at ``source``, plus ``tone``; the sky is the dome's."""

    atlas: Atlas
    dome: Dome
    source: NDArray[np.uint16]  # (h, w, 2), position in the unfolded photo, all of it being 65535
    tone: NDArray[np.int8]  # (h, w, 3), ``LARGEST`` being 127

    @classmethod
    def of(cls, atlas: Atlas, dome: Dome, source: Floats, tone: Floats) -> CopiedLook:
        """Store ``source`` (h, w, 2), pixels of ``atlas``, and ``tone`` (h, w, 3), [-LARGEST, LARGEST]."""
        unit = np.clip(source / np.array([atlas.width, atlas.size[1]], np.float32), 0.0, 1.0)
        return cls(atlas, dome, np.rint(unit * 65535.0).astype(np.uint16), np.rint(tone * (127.0 / LARGEST)).astype(np.int8))

    @property
    def nbytes(self) -> int:
        """Memory held, bytes; the photo is shared by all."""
        return self.source.nbytes + self.tone.nbytes

    @property
    def positions(self) -> Floats:
        """The source in pixels of the atlas, (h, w, 2)."""
        whole = np.array([self.atlas.width / 65535.0, self.atlas.size[1] / 65535.0], np.float32)
        return np.asarray(self.source * whole, np.float32)

    @property
    def tones(self) -> Floats:
        """The tone, (h, w, 3) in [-LARGEST, LARGEST]."""
        return np.asarray(self.tone * np.float32(LARGEST / 127.0), np.float32)

    def picture(self, keyframe: Keyframe, scale: int) -> Bytes:
        """Return colours and sky (scale h, scale w, 4) of ``keyframe``, whose look this is."""
        height, width = keyframe.sky.shape
        first, last = _without(keyframe.sky < 1.0), height - _without(keyframe.sky[::-1] > 0.0)
        out = np.full((scale * height, scale * width, 4), 255, np.uint8)
        self._show_land(out[scale * first :], keyframe, first)
        self._before_sky(out, keyframe.camera, (width, height), last)
        return out

    def _show_land(self, picture: Bytes, keyframe: Keyframe, first: int) -> None:
        """Fill ``picture`` (scale h, scale w, 4) with the rows of ``keyframe`` from the ``first`` one, before no sky."""
        sky, tones = keyframe.sky[first:], self.tones[first:]
        patches = Patches(self.positions[first:], keyframe.disparity[first:])
        shape = picture.shape[1::-1]
        bare, there = magnified(self.atlas, patches, len(picture) // len(sky)), self.atlas.sky_at(patches.source)
        extra = np.rint(255.0 * np.concatenate([tones, (sky - there)[..., None]], axis=2)).astype(np.int16)
        cv2.add(bare, cv2.resize(extra, shape, interpolation=cv2.INTER_LINEAR), dst=picture, dtype=cv2.CV_8U)
        # no specks in the sky and no cracks in the land: alpha stays within that of the pixels around
        least, most = (
            cv2.resize(eight_bit(np.asarray(part, np.float32)), shape, interpolation=cv2.INTER_LINEAR)
            for part in (cv2.erode(sky, _BESIDE), cv2.dilate(sky, _BESIDE))
        )
        picture[..., 3] = np.clip(picture[..., 3], least, most)
        land = self.atlas.colours_at(patches.source) + np.float32(255.0) * tones
        evened_rim(picture, patches.source, land, there, self.atlas.beside_sky_at(patches.source), sky)

    def _before_sky(self, picture: Bytes, camera: Camera, coarse: tuple[int, int], last: int) -> None:
        """Put the sky behind ``picture`` (h, w, 4): exactly where both are seen, smoothly where it alone is.

        It has none from the ``last`` row on, of ``coarse`` (width, height).
        """
        height, width = picture.shape[:2]
        part = picture[: height // coarse[1] * last]
        view = eight_bit(self.dome.view(camera, *coarse, slice(last)))
        smooth = np.asarray(cv2.resize(view, part.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.uint8).reshape(-1, 3)
        flat, index = part.reshape(-1, 4), np.empty(len(smooth), np.int32)
        index = index[: show_sky(flat, smooth, index)]
        if not len(index):
            return
        y, x = np.divmod(index, width)
        lens = camera.intrinsics
        rays = np.ones((len(index), 3))
        rays[:, 0] = ((x + 0.5) / width - lens.cx) / lens.fx
        rays[:, 1] = ((y + 0.5) / height - lens.cy) / lens.fy
        sky = 255.0 * self.dome.colour(rays @ camera.rotation.T, self.dome.level(camera, width))
        land, share = flat[index, :3], flat[index, 3:] * np.float32(1.0 / 255.0)
        flat[index, :3] = np.rint(land + share * (sky - land))


def _without(wanted: Flags) -> int:
    """Return how many of the first rows can be left out, as none of what is ``wanted`` (h, w) is in them or near."""
    rows = np.append(wanted.any(axis=1), True)
    return max(int(rows.argmax()) - _AROUND, 0)


def magnified(atlas: Atlas, patches: Patches, scale: int) -> Bytes:
    """Colours and sky (scale h, scale w, 4) of the photo at ``patches`` (h, w), mixed across their seams."""
    height, width = (scale * side for side in patches.disparity.shape)
    place = np.empty((height, width, 2), np.float32)
    index = np.empty(height * width, np.int32)
    other, share = np.empty((len(index), 2), np.float32), np.empty(len(index), np.float32)
    count = trace(patches, scale, place, index, other, share)
    level = atlas.level(scale)
    out = atlas.read(place, level)
    if count:
        folded = np.zeros((-(-count // _FOLD) * _FOLD, 2), np.float32)
        folded[:count] = other[:count]
        beside = atlas.read(folded.reshape(-1, _FOLD, 2), level).reshape(-1, 4)
        mix(out.reshape(-1, 4), index[:count], beside, share[:count])
    return out
