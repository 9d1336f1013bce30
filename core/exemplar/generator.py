"""ExemplarGenerator: every new pixel is a pixel of the photo."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from core.classical import ClassicalGenerator
from core.classical.fill import SKY
from core.exemplar.atlas import Atlas
from core.exemplar.look import TONE, CopiedLook, rendered
from core.exemplar.sampling import gathered, stretches
from core.exemplar.synthesis import Wanted, prepared, scaled, synthesised
from core.generator import RefinedView, WarpedView

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.classical.generator import Completion
    from core.keyframe import Keyframe

    Floats = NDArray[np.float32]
    Flags = NDArray[np.bool_]

_WORN = 1.0
_STREAKED = 1.0
_VARIED = 0.25
_SOFT = 4.0


class ExemplarGenerator:
    """A ``core.generator.Generator`` that copies the photo."""

    name = "exemplar"
    sky = True

    def __init__(self) -> None:
        self._completion = ClassicalGenerator()
        self._photo: Keyframe | None = None
        self._atlas: Atlas | None = None

    def begin(self, photo: Keyframe, seed: int) -> None:
        """Take up ``photo``."""
        self._completion.begin(photo, seed)
        self._photo, self._atlas = photo, None
        self._seed = seed % 2**32

    def __call__(self, view: WarpedView) -> RefinedView:
        """Complete ``view``."""
        if self._photo is None:
            raise RuntimeError("ExemplarGenerator was called before begin(photo, seed)")
        height, width = view.mask.shape
        if self._atlas is None:
            lens = self._photo.camera.intrinsics
            across = lens.covered_by(width / height).fx / lens.fx
            self._atlas = Atlas.of(self._photo, 8 * round(width * across / 8))
            self._levels = prepared(self._atlas)
            self._noise = _noise(self._atlas, self._seed)
        atlas = self._atlas
        source, tone = self._carried(view, atlas)
        done = self._completion.fill(view)
        land = done.view.mask & (done.sky < SKY)
        worn = np.zeros((height, width, 2), np.float32)
        stretches(source, worn)
        worn[~land] = 0.0
        streak = worn[..., 0] - worn[..., 1]
        renewed = self._renewal(done, worn, source, atlas)
        trust = np.where(land, 0.8 * np.exp(-0.9 * np.maximum(streak - 0.4, 0.0)), 0.0)
        away = cv2.distanceTransform((~done.view.mask).astype(np.uint8), cv2.DIST_L2, 3)
        trust = np.where(done.view.mask, trust, np.maximum(0.35 * np.exp(-away / 16.0), 0.1)).astype(np.float32)
        wanted = Wanted(
            np.rint(255.0 * np.clip(done.land, 0.0, 1.0)).astype(np.uint8),
            scaled(done.disparity),
            done.sky,
            self._rows(view),
            trust,
        )
        known = np.where((land & ~renewed)[..., None], source, np.float32(np.nan))
        labels = synthesised(self._levels, wanted, renewed, known)
        source = np.where(renewed[..., None], labels + np.float32(0.5), source)
        source = np.where(np.isfinite(source), source, np.float32(0.5)).astype(np.float32)
        bare = rendered(atlas, view.dome, source, np.zeros_like(tone), view.camera, np.zeros_like(done.sky), 1)[
            ..., :3
        ] / np.float32(255.0)
        tone = self._toned(done, bare, tone, renewed, trust)
        disparity = self._relief(done, source, renewed, atlas)
        image = rendered(atlas, view.dome, source, tone, view.camera, done.sky, 1)[..., :3] / np.float32(255.0)
        self.last = {"renewed": renewed, "worn": worn, "source": source, "done": done, "bare": bare, "tone": tone}
        image = np.where((done.sky >= 0.99)[..., None], view.backdrop, image)
        debt = np.where(renewed | (done.sky >= SKY), 0.0, worn[..., 0]).astype(np.float32)
        return RefinedView(image, disparity, done.sky, debt, CopiedLook.of(atlas, view.dome, source, tone))

    def _carried(self, view: WarpedView, atlas: Atlas) -> tuple[Floats, Floats]:
        height, width = view.mask.shape
        source = np.zeros((height, width, 2), np.float32)
        tone = np.zeros((height, width, 3), np.float32)
        lookup = view.layer.lookup
        for slot, keyframe in enumerate(view.layer.keyframes):
            wanted = lookup.slot == slot
            if isinstance(keyframe.look, CopiedLook):
                gathered(keyframe.look.positions, keyframe.look.tones, lookup.uv, wanted, source, tone)
            else:
                source[wanted] = lookup.uv[wanted] * np.array(atlas.size, np.float32)
        return source, tone

    def _rows(self, view: WarpedView) -> Floats:
        """Row of the photo, [0, 1], that lies in the direction of each pixel."""
        lens = self._photo.camera.intrinsics
        height, width = view.mask.shape
        x, y, z = np.moveaxis(view.camera.rays(width, height) @ view.camera.rotation.T, -1, 0)
        return np.clip(lens.cy + lens.fy * y / np.maximum(np.hypot(x, z), 1e-3), 0.0, 1.0).astype(np.float32)

    def _renewal(self, done: Completion, worn: Floats, source: Floats, atlas: Atlas) -> Flags:
        known, on_sky = done.view.mask, done.sky >= SKY
        land = known & ~on_sky
        noise = _picked(self._noise, source, atlas)
        want = land & ((worn[..., 0] > _WORN * noise) | (worn[..., 0] - worn[..., 1] > _STREAKED * noise))
        holes = ~known & ~on_sky
        want = want | holes
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
        opened = cv2.morphologyEx(want.astype(np.uint8), cv2.MORPH_OPEN, kernel) > 0
        want = opened | holes
        large = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11))
        closed = cv2.morphologyEx(np.pad(want, 8).astype(np.uint8), cv2.MORPH_CLOSE, large)[8:-8, 8:-8] > 0
        grown = cv2.dilate(closed.astype(np.uint8), kernel) > 0
        return (grown & ~on_sky) | holes

    def _toned(self, done: Completion, bare: Floats, tone: Floats, renewed: Flags, trust: Floats) -> Floats:
        """Low frequencies of what is wanted and not there."""
        weight = (done.sky < SKY).astype(np.float32)
        difference = np.where(renewed[..., None], done.land - bare, tone) * weight[..., None]
        soft = cv2.GaussianBlur(difference, (0, 0), _SOFT) / np.maximum(cv2.GaussianBlur(weight, (0, 0), _SOFT), 0.05)[..., None]
        soft = np.clip(soft, -0.12, 0.12)
        share = np.clip(trust * 1.5, 0.3, 1.0)[..., None]
        return np.where(renewed[..., None], share * soft, tone).astype(np.float32)

    def _relief(self, done: Completion, source: Floats, renewed: Flags, atlas: Atlas) -> Floats:
        return done.disparity


def _noise(atlas: Atlas, seed: int) -> Floats:
    """Factors about 1 by position in the photo, so that whole patches are renewed at a time and never all at once."""
    width, height = atlas.size
    cells = np.random.default_rng((seed, 7)).random((height // 16 + 2, width // 16 + 2), np.float32)
    return np.float32(1.0 - _VARIED) + np.float32(2.0 * _VARIED) * cv2.resize(
        cells, (width, height), interpolation=cv2.INTER_LINEAR
    )


def _picked(picture: Floats, source: Floats, atlas: Atlas) -> Floats:
    width, height = atlas.size
    x = np.clip(source[..., 0], 0, 2 * width - 1e-3).astype(np.int32)
    x = np.where(x >= width, 2 * width - 1 - x, x)
    return picture[np.clip(source[..., 1], 0, height - 1).astype(np.int32), np.clip(x, 0, width - 1)]
