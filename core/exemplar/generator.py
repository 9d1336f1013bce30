"""ExemplarGenerator: every new pixel is a pixel of the photo, so that a flight never turns to mush or stripes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.classical import ClassicalGenerator
from core.classical.fill import SKY, nearest
from core.exemplar.atlas import Atlas
from core.exemplar.ground import Ground, grounded
from core.exemplar.levels import guide
from core.exemplar.look import CopiedLook
from core.exemplar.loops import Loops, fastest
from core.exemplar.mirror import Mirror
from core.exemplar.receding import Recession, receding
from core.exemplar.reflection import WATER, Reflection
from core.exemplar.renewal import (
    BELIEVED,
    TINT,
    Renewal,
    drifted,
    evened,
    raised,
    smoothness,
    softened,
    thresholds,
    tidied,
)
from core.exemplar.sampling import Patches
from core.exemplar.synthesis import Synthesis, Wanted
from core.exemplar.tone import LARGEST, Copied, Linked, toned
from core.exemplar.walls import faced
from core.exemplar.water import Water, above
from core.generator import RefinedView
from core.keyframe import eight_bit

if TYPE_CHECKING:
    from concurrent.futures import Future

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
_SKYLINE = 5  # pixels: smaller teeth of a new skyline are left out
_RIM = 2  # pixels by which patches at the skyline go on into the sky
_HOLD = 0.8, 0.5, 0.6, 0.15  # trust in old colours from which the tone holds them, from which not at all; how well, and in holes
_FADE, _WIDE = 0.06, 8.0  # share of the tone, averaged over so many pixels, that goes from keyframe to keyframe
_PULL, _MOST = 0.2, 0.02  # share of the way back to the photo's mean colour of land that new land takes, and most of that
_REACH = 3.0, 6.0, 12.0  # pixels over which the tone does: where old colours are trusted, more where they are not, in holes
_behind = ThreadPoolExecutor(1, thread_name_prefix="sharpen")


class ExemplarGenerator:
    """A ``core.generator.Generator`` by exemplar synthesis. The same seed and view give the same picture."""

    name = "exemplar"
    sky = True
    grows = False  # the same views on a GPU and without
    waits = True

    def __init__(self) -> None:
        self._completion = ClassicalGenerator()
        self._photo: Keyframe | None = None
        self._others: tuple[Keyframe, ...] = ()
        self._prepared: _Prepared | None = None
        self._sharper: Future[None] | None = None
        self._ahead: tuple[tuple[Keyframe, ...], _Prepared | None] = (), None  # others that will join
        self._seed = 0
        self._loops = fastest()

    def begin(self, photo: Keyframe, seed: int) -> None:
        """Take up ``photo``; what is copied from is prepared when the first view comes in, behind the first moments of flight."""
        self._completion.begin(photo, seed)
        self._photo, self._others, self._prepared, self._ahead = photo, (), None, ((), None)
        self._seed = seed % 2**32  # any whole number will do

    def prepare(self, others: tuple[Keyframe, ...]) -> None:
        """Make ready what ``join`` needs, see ``core.generator.Copying``, for views of the size that they have now."""
        photo, now = self._photo, self._prepared
        if photo is not None and now is not None:
            ahead = _Prepared((photo, *others), now.shape, self._seed, self._loops)
            ahead.atlas.sharpen()
            self._ahead = others, ahead

    def join(self, others: tuple[Keyframe, ...]) -> None:
        """Copy from ``others`` as well from now on: positions in the start photo stay what they are."""
        if others != self._others:
            self._others, self._prepared = others, self._ahead[1] if self._ahead[0] == others else None

    def __call__(self, view: WarpedView) -> RefinedView:
        """Complete ``view`` and renew what is worn; what is neither comes back as it was.

        Raises RuntimeError when called before ``begin``, ValueError when ``view`` does not say what it was sampled from, and
        DeviceError when the GPU fails, if it is used.
        """
        if self._photo is None:
            raise RuntimeError("ExemplarGenerator was called before begin(photo, seed)")
        if view.dome is None:
            raise ValueError("this view does not say which sky it is before: let core.compose.compose make it")
        prepared = self._prepared_for(self._photo, view)
        source, tone = carried(view, prepared.atlas, self._loops)
        tone = tone - _FADE * cv2.GaussianBlur(tone, (0, 0), _WIDE)
        rays = view.camera.rays(*view.mask.shape[::-1]).astype(np.float32) @ view.camera.rotation.T.astype(np.float32)
        floor = prepared.ground.floor(rays)
        fled = receding(view, rays, floor, prepared.recession)
        done = grounded(tidied(self._completion.fill(fled, coarse=True)), floor)
        row = prepared.rows(rays)
        over_water = above(prepared.water, view.camera, rays, done.disparity)
        lake = prepared.reflection.is_there & (over_water < WATER) & (done.sky < SKY)
        done = replace(done, view=replace(done.view, mask=done.view.mask | lake))  # what it shows is known
        renewal = Renewal.of(done, source, prepared.atlas, prepared.thresholds, row, lake, self._loops)
        labels = prepared.synthesis(self._wanted(done, renewal, source, row, over_water))
        copied = labels.astype(np.float32) + np.float32(0.5)
        source = np.where(renewal.new[..., None], copied, source)
        sky = np.where(renewal.open, prepared.atlas.sky_at(source), done.sky)
        sky = np.where(renewal.open, cv2.medianBlur(sky.astype(np.float32), _SKYLINE), sky)
        relief = prepared.atlas.disparity_at(source)
        done = evened(raised(tidied(replace(done, sky=sky)), relief))
        done = faced(replace(done, sky=softened(done.sky)), labels, renewal.new, relief)
        done = grounded(done, floor)  # what is copied may lie in a pit
        land = done.sky < SKY
        source = _over_skyline(source, land)
        if prepared.mirror.is_there:
            over_water = np.where(lake, np.float32(0.0), above(prepared.water, view.camera, rays, done.disparity))
            over_water = np.where(land, over_water, np.float32(1.0))
            if prepared.reflection.is_there:
                source, over_water = prepared.reflection.shown(source, view.camera, done, over_water)
            source, reflected, mirrored = prepared.mirror.shown(source, self._direction(view, prepared.atlas), over_water)
        bare = prepared.atlas.colours_at(source)
        tone = prepared.toned(done, renewal, tone, labels, bare)
        if prepared.mirror.is_there:
            tone += mirrored * (reflected - tone)
        colours, sky = bare * np.float32(1.0 / 255.0) + tone, done.sky[..., None]
        image = np.clip(colours + sky * (view.backdrop - colours), 0.0, 1.0).astype(np.float32)
        look = CopiedLook.of(prepared.atlas, view.dome, source, tone)
        return RefinedView(image, done.disparity, done.sky, renewal.worn * land, look)

    def _prepared_for(self, photo: Keyframe, view: WarpedView) -> _Prepared:
        """Return what is copied from; unless this ``waits`` it is sharpened behind the first views."""
        prepared = self._prepared
        if prepared is None or prepared.shape != view.mask.shape:
            prepared = self._prepared = _Prepared((photo, *self._others), view.mask.shape, self._seed, self._loops)
            self._sharper = _behind.submit(prepared.atlas.sharpen)
        sharper = self._sharper
        if sharper is not None and (self.waits or sharper.done()):
            self._sharper = None
            sharper.result()
        return prepared

    @property
    def on_gpu(self) -> bool:
        """Whether a GPU computes some of it. Calling it may then raise DeviceError."""
        return self._loops.on_gpu

    def leave_gpu(self) -> None:
        """Compute on the processor from now on; what is copied from is prepared anew."""
        self._loops, self._prepared, self._ahead = Loops(), None, ((), None)

    def _direction(self, view: WarpedView, atlas: Atlas) -> Floats:
        """Where the start photo shows what lies in the direction of each pixel of ``view``, (h, w, 2)."""
        return self._completion.positions(view) * np.array(atlas.size, np.float32)

    def _wanted(self, done: Completion, renewal: Renewal, source: Floats, row: Floats, over_water: Floats) -> Wanted:
        """Say what the view should show; large holes are suggested what the photo shows in their direction, at their distance."""
        assert self._prepared is not None  # noqa: S101 - there is no view without
        atlas, new = self._prepared.atlas, renewal.new
        sky = np.where(renewal.open, cv2.GaussianBlur(done.sky, (0, 0), _VAGUE), done.sky).astype(np.float32)
        known = np.where((renewal.land & ~new)[..., None], source, np.float32(np.nan))
        holes = new & ~done.view.mask & (done.enclosed < _OUTSIDE)
        if holes.any():
            suggested = self._direction(done.view, atlas)
            apart = np.abs(np.log(done.disparity / np.maximum(atlas.disparity_at(suggested), 0.01)))
            holes &= apart < _ALIKE
            known[holes] = suggested[holes]
        return Wanted(eight_bit(done.land), guide(done.disparity, sky, row, over_water), renewal.believed, new, known)


class _Prepared:
    """Photos, ready for views of one shape (height, width) that see as much of the first as fits their shape."""

    def __init__(self, photos: tuple[Keyframe, ...], shape: tuple[int, ...], seed: int, loops: Loops) -> None:
        self.shape, self._lens, self._loops = shape, photos[0].camera.intrinsics, loops
        across = self._lens.covered_by(shape[1] / shape[0]).fx / self._lens.fx
        self.atlas = Atlas.of(photos, round(shape[1] * across))
        smooth = smoothness(self.atlas)
        self.thresholds = thresholds(smooth, seed)
        self.ground = Ground.of(photos[0])
        self.recession = Recession.of(photos[0])
        self.water = Water.of(photos[0])
        self.reflection = Reflection(photos[0], self.atlas, self.water)
        self.mirror = Mirror(self.atlas, smooth, self.reflection.sky if self.reflection.is_there else None)
        if self.reflection.is_there and not self.mirror.is_there:  # nothing could be shown between what it mirrors
            self.reflection, self.mirror = Reflection(photos[0], self.atlas, None), Mirror(self.atlas, smooth)
        self.synthesis = Synthesis(self.atlas, loops, self.reflection.water)
        few, seen = np.zeros((2, 2, 3), np.float32), np.zeros((2, 2), np.bool_)
        places, flat = np.zeros((2, 2, 2), np.float32), np.ones((2, 2), np.float32)
        # compiled now and not in flight, when the first keyframe is carried
        loops.gathered(Patches(places, flat), few, places, seen, places, few)

    def rows(self, rays: Floats) -> Floats:
        """Row of the photo, [0, 1], that lies in the direction of each of the ``rays`` (h, w, 3) in the world, (h, w)."""
        x, y, z = np.moveaxis(rays, -1, 0)
        row = self._lens.cy + self._lens.fy * y / np.maximum(np.hypot(x, z), 1e-3)
        return np.asarray(np.clip(row, 0.0, 1.0), np.float32)

    def toned(self, done: Completion, renewal: Renewal, tone: Floats, labels: NDArray[np.int32], bare: Bytes) -> Floats:
        """Return the tone with that of new land: what ``bare`` copies (h, w, 3) lack of old colours that are trusted."""
        known, trust, land = done.view.mask, renewal.believed.trust, done.sky < SKY
        tint = np.maximum(trust, BELIEVED / TINT * renewal.believed.colour)
        held = _HOLD[2] * np.clip((tint - _HOLD[1]) / (_HOLD[0] - _HOLD[1]), 0.0, 1.0)
        hold = np.where(known, held, _HOLD[3]).astype(np.float32)
        missing = np.clip(done.land - bare * np.float32(1.0 / 255.0), -LARGEST, LARGEST)
        pull = np.clip(-_PULL * drifted(done, self.atlas.mean), -_MOST, _MOST)
        doubted = 1.0 - np.minimum(trust / BELIEVED, 1.0)
        reach = np.where(known, _REACH[0] + _REACH[1] * doubted, _REACH[2]).astype(np.float32)
        copied, linked = Copied(labels, bare, self.synthesis.levels[0].picture), Linked.of(land, done.disparity)
        return toned(tone, hold[..., None] * missing + pull, reach, linked, renewal.new & land, copied, self._loops)


def carried(view: WarpedView, atlas: Atlas, loops: Loops) -> tuple[Floats, Floats]:
    """Return what ``view`` shows: positions in ``atlas`` (h, w, 2), and the tone (h, w, 3) of keyframes that have one.

    Raises ValueError when ``view`` does not say what it was sampled from.
    """
    if view.layer is None:
        raise ValueError("this view does not say what it was sampled from: let core.compose.compose make it")
    source, tone = np.zeros((*view.mask.shape, 2), np.float32), np.zeros((*view.mask.shape, 3), np.float32)
    lookup = view.layer.lookup
    for slot, keyframe in enumerate(view.layer.keyframes):
        seen = lookup.slot == slot
        if isinstance(keyframe.look, CopiedLook):
            patches = Patches(keyframe.look.positions, keyframe.disparity)
            loops.gathered(patches, keyframe.look.tones, lookup.uv, seen, source, tone)
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
