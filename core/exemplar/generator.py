"""ExemplarGenerator: every new pixel is a pixel of the photo, so that a flight never turns to mush or stripes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.classical import ClassicalGenerator
from core.classical.fill import SKY, nearest
from core.exemplar.atlas import Atlas
from core.exemplar.levels import guide
from core.exemplar.look import CopiedLook
from core.exemplar.renewal import Renewal, ground_of, grounded, thresholds, tidied
from core.exemplar.sampling import gathered
from core.exemplar.synthesis import Synthesis, Wanted
from core.exemplar.tone import LARGEST, toned
from core.generator import RefinedView
from core.keyframe import eight_bit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.classical.generator import Completion
    from core.generator import WarpedView
    from core.keyframe import Keyframe

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float32]
    Flags = NDArray[np.bool_]

_OUTSIDE = 0.5  # enclosure up to which a hole is suggested what the photo shows in its direction
_ALIKE = 0.5  # of log disparity by which that may differ from what is behind the hole
_VAGUE = 3.0  # pixels over which a skyline in a hole is unsure
_RIM = 2  # pixels by which patches at the skyline go on into the sky
_HOLD = 0.5, 0.2, 0.95, 0.6  # trust from which the tone holds old colours best; how well it does at least, at most, and in holes
_REACH = 4.0, 8.0, 16.0  # pixels over which the tone does: where old colours are trusted, more where they are not, in holes


class ExemplarGenerator:
    """A ``core.generator.Generator`` by exemplar synthesis. The same seed and view give the same picture."""

    name = "exemplar"
    sky = True

    def __init__(self) -> None:
        self._completion = ClassicalGenerator()
        self._photo: Keyframe | None = None
        self._prepared: _Prepared | None = None
        self._seed = 0
        self._ground = 0.0

    def begin(self, photo: Keyframe, seed: int) -> None:
        """Take up ``photo``; it is prepared when the first view comes in."""
        self._completion.begin(photo, seed)
        self._photo, self._prepared = photo, None
        self._seed = seed % 2**32
        self._ground = ground_of(photo)

    def __call__(self, view: WarpedView) -> RefinedView:
        """Complete ``view`` and renew what is worn; what is neither comes back as it was.

        Raises RuntimeError when called before ``begin``.
        """
        if self._photo is None:
            raise RuntimeError("ExemplarGenerator was called before begin(photo, seed)")
        if self._prepared is None or self._prepared.shape != view.mask.shape:
            self._prepared = _Prepared.of(self._photo, view, self._seed)
        atlas, synthesis = self._prepared.atlas, self._prepared.synthesis
        source, tone = carried(view, atlas)
        done = grounded(tidied(self._completion.fill(view, coarse=True)), self._ground)
        row = self._rows(view)
        renewal = Renewal.of(done, source, atlas, self._prepared.thresholds, row)
        land, new = renewal.land, renewal.new
        vague = np.where(renewal.open, cv2.GaussianBlur(done.sky, (0, 0), _VAGUE), done.sky)
        guides = guide(done.disparity, vague, row)
        known = np.where((land & ~new)[..., None], source, np.float32(np.nan))
        suggested = self._completion.positions(view) * np.array(atlas.size, np.float32)
        alike = np.abs(np.log(done.disparity / np.maximum(atlas.disparity_at(suggested), 0.01))) < _ALIKE
        holes = new & ~done.view.mask & (done.enclosed < _OUTSIDE) & alike
        known[holes] = suggested[holes]
        labels = synthesis(Wanted(eight_bit(done.land), guides, renewal.trust, new, known))
        source = np.where(new[..., None], labels.astype(np.float32) + np.float32(0.5), source)
        sky = np.where(renewal.open, atlas.sky_at(source), done.sky)
        done = tidied(replace(done, sky=sky))
        land = done.sky < SKY
        source = _over_skyline(source, land)
        bare = np.ascontiguousarray(atlas.read(source, atlas.level(1.0))[..., :3])
        tone = self._toned(done, renewal, tone, land, labels, bare)
        colours = bare * np.float32(1.0 / 255.0) + tone
        sky = done.sky[..., None]
        image = np.clip(colours + sky * (view.backdrop - colours), 0.0, 1.0).astype(np.float32)
        return RefinedView(image, done.disparity, done.sky, renewal.worn, CopiedLook.of(atlas, view.dome, source, tone))

    def _rows(self, view: WarpedView) -> Floats:
        """Row of the photo, [0, 1], that lies in the direction of each pixel of ``view``, (h, w)."""
        lens = self._photo.camera.intrinsics
        height, width = view.mask.shape
        x, y, z = np.moveaxis(
            view.camera.rays(width, height).astype(np.float32) @ view.camera.rotation.T.astype(np.float32), -1, 0
        )
        return np.clip(lens.cy + lens.fy * y / np.maximum(np.hypot(x, z), 1e-3), 0.0, 1.0).astype(np.float32)

    def _toned(
        self, done: Completion, renewal: Renewal, tone: Floats, land: Flags, labels: NDArray[np.int32], bare: Bytes
    ) -> Floats:
        known, trust = done.view.mask, renewal.trust
        hold = np.where(known, np.clip(trust / _HOLD[0], _HOLD[1], _HOLD[2]), _HOLD[3]).astype(np.float32)
        missing = np.clip(done.land - bare * np.float32(1.0 / 255.0), -LARGEST, LARGEST)
        reach = np.where(known, _REACH[0] + _REACH[1] * (1.0 - np.minimum(trust / 0.8, 1.0)), _REACH[2])
        exemplar = self._prepared.synthesis.levels[0].picture
        return toned(tone, hold[..., None] * missing, reach, land, renewal.new & land, labels, bare, exemplar)


class _Prepared:
    """A photo, ready for views of one shape."""

    def __init__(self, atlas: Atlas, shape: tuple[int, int], seed: int) -> None:
        self.atlas, self.shape = atlas, shape
        self.synthesis = Synthesis(atlas)
        self.thresholds = thresholds(atlas, seed)

    @classmethod
    def of(cls, photo: Keyframe, view: WarpedView, seed: int) -> _Prepared:
        """Prepare ``photo`` at the density of views of the shape of ``view`` that see as much of it as fits their shape."""
        height, width = view.mask.shape
        lens = photo.camera.intrinsics
        return cls(Atlas.of([photo], round(width * lens.covered_by(width / height).fx / lens.fx)), (height, width), seed)


def carried(view: WarpedView, atlas: Atlas) -> tuple[Floats, Floats]:
    """What ``view`` shows: positions in ``atlas`` (h, w, 2), and the tone (h, w, 3) of keyframes that have one."""
    source, tone = np.zeros((*view.mask.shape, 2), np.float32), np.zeros((*view.mask.shape, 3), np.float32)
    lookup = view.layer.lookup
    for slot, keyframe in enumerate(view.layer.keyframes):
        seen = lookup.slot == slot
        if isinstance(keyframe.look, CopiedLook):
            gathered(keyframe.look.positions, keyframe.look.tones, lookup.uv, seen, source, tone)
        else:
            source[seen] = lookup.uv[seen] * np.array(atlas.size, np.float32)
    return source, tone


def _over_skyline(source: Floats, land: Flags) -> Floats:
    """Let the patches at the skyline go on into the sky: its edge is the photo's own where it has one there."""
    size = 2 * _RIM + 1
    rim = ~land & (cv2.dilate(land.astype(np.uint8), np.ones((size, size), np.uint8)) > 0)
    y, x = np.nonzero(rim)
    if not len(y):
        return source
    rows, columns = (index[y, x] for index in nearest(land))
    out = source.copy()
    out[y, x] = source[rows, columns] + np.stack([x - columns, y - rows], axis=-1).astype(np.float32)
    return out
