"""Renewal: what of a completed view is made anew, and what has to go first."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from core.classical.detail import blurred
from core.classical.fill import SKY
from core.exemplar.atlas import unfolded
from core.exemplar.search import Believed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.classical.generator import Completion
    from core.exemplar.atlas import Atlas
    from core.exemplar.loops import Loops

    Floats = NDArray[np.float32]
    Flags = NDArray[np.bool_]

_ISLAND, _CRACK = 0.002, 0.01  # of the view: land in the sky, and sky in the land, smaller than this are no such things
_FRAGMENT, _BEFORE = 15, 1.3  # pixels, and ratio of disparities: what is left of something near that has worn to pieces
_WORN = 1.6  # octaves of magnification from which land is renewed
_STREAKED = 1.15  # octaves between both axes from which it is
_LARGE = 2.0  # octaves from which what is shown is too large for how far away it is: the tip of a spruce on a mountain
# heights of the photo below its row there, beyond _MOVED, and octaves nearer, from which far land is: dark hills become no
# ground. Ground that sank as far is none of it: five steps on were 25.8 dB, not 27.4, on twelve photos
_SUNK = 0.2, 1.2
_VARIED, _CELL = 0.15, 16  # share by which these vary, by place in the photo, pixels: no front is seen
_BROKEN, _WINDOW = 0.4, 9  # share of pixels at a border of patches, in a square window, from which it is
_FINE, _SMOOTH = 1.5, (0.004, 0.012)  # pixels up to which detail is fine, and its deviation in smooth land and in rough
_ROW = 9, 1  # pixels, width and height of that average: all of it within a row
_LASTS = 1.5  # times as long again that smooth land lasts
_DUE, _AROUND = 0.7, 41  # share of that from which land is renewed with what is renewed within so many pixels, square
# of the view, most that is renewed at once but for what is spent so many times over; at 0.06 a gorge's trees were drawn out
_MOST, _OVERDUE = 0.1, 1.5
_CORNER = 0.5  # how old land in the corners of the view counts, which wears soonest and leaves it: none was left for the middle
_OPENED, _CLOSED = 5, 11  # pixels: smaller spots are left alone, gaps between others renewed with them
BELIEVED, _DOUBT, _EVEN = 0.8, 0.9, 0.4  # trust in worn land, and its decay by octaves of streaking beyond this many
TINT = 2.0  # weight of the mean colour of what is magnified evenly, wherever it is: sunlit dunes stay that when approached
_DRIFT = 0.03, 0.07  # of the view's mean colour, from which less is kept of what makes it, and from which none
_APPROACH = 1.0, 0.5  # decay by octaves that land has come nearer than where it was copied from, beyond so many
_RELIEF = 12.0, 0.8, 8.0, 0.5  # pixels and share of the band that is copied, pixels from the known at which it is all, and most
_SKYLINE = 13  # pixels, square around the edge of sky and land in which copied land decides where it runs
_UNEVEN = 0.1, 5  # octaves of magnification from which depth is evened, and pixels over which, square
_HARD, _SOFT, _STEEPER = 0.9, 1.0, 1.5  # step between neighbours of a hard skyline; blur of a soft one, pixels, and contrast
_MOVED = 10.0, 0.06  # decay by how far it is from its row of the photo, in heights of it, beyond so much
_HOLE = 0.35, 0.1, 16.0  # trust in the completion beside what is known, far from it, and the pixels over which it falls


@dataclass(frozen=True, eq=False)
class Renewal:
    """What a view needs, all (h, w)."""

    land: Flags
    new: Flags  # to be copied anew
    open: Flags  # new, and what is copied decides whether it is land
    believed: Believed  # of what a pixel shows now
    worn: Floats  # log2 of the larger magnification of what is known

    @classmethod
    def of(
        cls, done: Completion, source: Floats, atlas: Atlas, varied: Floats, row: Floats, kept: Flags, loops: Loops
    ) -> Renewal:
        """Decide for the completed view ``done``, which shows the positions ``source`` (h, w, 2) of ``atlas``.

        What is ``kept`` (h, w) never wears.
        """
        land, known = done.sky < SKY, done.view.mask
        stretch = np.zeros((*land.shape, 2), np.float32)
        loops.stretches(source, stretch)
        worn, streak = stretch[..., 0], stretch[..., 0] - stretch[..., 1]
        limit = varied[
            np.clip(source[..., 1], 0, len(varied) - 1).astype(np.int32),
            np.clip(source[..., 0], 0, varied.shape[1] - 1).astype(np.int32),
        ]
        wearing = known & land & ~kept
        nearer = np.log2(done.disparity / np.maximum(atlas.disparity_at(source), 0.01))
        large = worn - nearer - _zoom(done)
        moved = row - source[..., 1] / atlas.size[1]
        sunk = np.maximum(moved - _MOVED[1], 0.0)
        ages = worn / _WORN, streak / _STREAKED, large / _LARGE, np.minimum(sunk / _SUNK[0], nearer / _SUNK[1])
        age = np.where(wearing, np.maximum.reduce(ages) / limit, np.float32(0.0))
        spent = _grown(np.maximum(age, _scattered(source, wearing, loops) / _BROKEN))
        holes = ~known & land
        new = (_whole(spent | holes) & land) | holes
        beside_land, beside_sky = (
            cv2.dilate((part & ~known).astype(np.uint8), np.ones((_SKYLINE,) * 2, np.uint8)) > 0 for part in (land, ~land)
        )
        undecided = ~known & beside_land & beside_sky & (done.free < 0.1)
        new |= undecided
        doubt = _DOUBT * np.maximum(streak - _EVEN, 0.0) + _APPROACH[0] * np.maximum(nearer - _APPROACH[1], 0.0)
        doubt += _APPROACH[0] * np.maximum(large - 0.5 * _LARGE, 0.0)
        doubt += _MOVED[0] * np.maximum(np.abs(moved) - _MOVED[1], 0.0)
        away = cv2.distanceTransform((~known).astype(np.uint8), cv2.DIST_L2, 3)
        guessed = np.maximum(_HOLE[0] * np.exp(-away / _HOLE[2]), _HOLE[1])
        trust = np.where(known, BELIEVED * np.exp(-doubt), guessed).astype(np.float32)
        even = TINT * np.exp(-_DOUBT * np.maximum(streak - _EVEN, 0.0) - _MOVED[0] * sunk) * (1.0 - _leaning(done, atlas.mean))
        held = known & land & ~kept.any()  # a lake that mirrors land looks like it: it would be taken for land
        colour = np.where(held, np.maximum(trust, even), trust).astype(np.float32)
        area = np.where(known, np.minimum(np.exp2(-stretch.sum(axis=2)), 1.0), 1.0).astype(np.float32)
        worn = np.where(known & land & ~new, worn, np.float32(0.0))
        return cls(land, new, undecided, Believed(trust, colour, area), worn)


def _zoom(done: Completion) -> float:
    """Octaves by which a view's lens is longer than the photo's."""
    height, width = done.sky.shape
    return math.log2(done.view.camera.intrinsics.fx / done.photo.camera.intrinsics.covered_by(width / height).fx)


def drifted(done: Completion, mean: Floats) -> Floats:
    """How far the mean colour of land is from the photo's ``mean`` (3,), which it should keep."""
    land = done.sky < SKY
    return np.asarray(cv2.mean(done.land, land.astype(np.uint8))[:3] - mean if land.any() else np.zeros(3), np.float32)


def _leaning(done: Completion, mean: Floats) -> Floats:
    """[0, 1], how much the colour of each pixel (h, w) has its share in a drift away from the photo's ``mean``.

    Else nothing but snow is left where one flies towards a snowy mountain: colours of 40 photos drifted by 0.071, not 0.050.
    """
    drift = drifted(done, mean)
    square = max(float(drift @ drift), 1e-6)
    much = min(max((math.sqrt(square) - _DRIFT[0]) / (_DRIFT[1] - _DRIFT[0]), 0.0), 1.0)
    return np.asarray(much * np.clip((done.land - mean) @ drift / square, 0.0, 1.0), np.float32)


def thresholds(smoothness: Floats, seed: int) -> Floats:
    """Factors by place in the unfolded photo, (h, w): about 1, more for what is smooth, as ``smoothness`` has it."""
    height, width = smoothness.shape
    cells = np.random.default_rng((seed, 2)).random((-(-height // _CELL) + 1, -(-width // _CELL) + 1), np.float32)
    smooth = cv2.resize(cells, (width, height), interpolation=cv2.INTER_LINEAR)
    varied = 1.0 - _VARIED + 2.0 * _VARIED * smooth
    return np.asarray(varied * (1.0 + _LASTS * smoothness), np.float32)


def smoothness(atlas: Atlas) -> Floats:
    """How smooth land is along rows, [0, 1], (h, w) of the photos unfolded.

    Calm water, fog and snow look the same however far they are magnified. So do level bands: a far shore across a lake, renewed
    as it comes near, would become a stack of far shores.
    """
    land = (atlas.sky < SKY).astype(np.float32)
    colours = atlas.colours * np.float32(1.0 / 255.0)
    low, weight = (cv2.GaussianBlur(part, _ROW, _FINE) for part in (colours * land[..., None], land))
    low = low / np.maximum(weight, 1e-3)[..., None]
    power = np.square(colours - low).mean(axis=2)
    deviation = np.sqrt(blurred(power * land, 2.0 * _FINE) / np.maximum(blurred(land, 2.0 * _FINE), 1e-3))
    smooth = land * np.clip((_SMOOTH[1] - deviation) / (_SMOOTH[1] - _SMOOTH[0]), 0.0, 1.0)
    return unfolded(np.asarray(smooth, np.float32), atlas.size[0])


def tidied(done: Completion) -> Completion:
    """Return ``done`` without crumbs: land that hangs in the sky, cracks of sky, fragments of near things before far ones.

    Renewed as they are they would multiply. What was behind fragments and cracks is unknown.
    """
    on_sky = done.sky >= SKY
    island, crack = _small(~on_sky, _ISLAND) | _hanging(~on_sky), _small(on_sky, _CRACK)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_FRAGMENT, _FRAGMENT))
    behind = np.asarray(cv2.morphologyEx(done.disparity, cv2.MORPH_OPEN, kernel), np.float32)
    fragment = (done.disparity > _BEFORE * behind) & (done.view.debt > _WORN) & done.view.mask
    fragment = cv2.dilate(fragment.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    sky = np.where(island, np.float32(1.0), np.where(crack, np.float32(0.0), done.sky))
    land = sky < SKY
    beside_land, beside_sky = (cv2.dilate(part.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0 for part in (land, ~land))
    sky = np.where(beside_land, sky, np.float32(1.0))  # a soft sky is the dome's
    sky = np.where(beside_sky, sky, np.float32(0.0))  # and what stood before it lets none through before land
    view = replace(done.view, mask=done.view.mask & ~(crack | fragment))
    return replace(done, view=view, disparity=np.where(fragment, behind, done.disparity), sky=sky)


def raised(done: Completion, copied: Floats) -> Completion:
    """Give land in holes the relief that ``copied`` (h, w) has, the disparity it was copied with; their low band stays."""
    land = done.sky < SKY
    holes = land & ~done.view.mask
    if not holes.any():
        return done
    bands = np.log(np.stack([done.disparity, np.maximum(copied, 0.01)], axis=-1)).astype(np.float32)
    weight = land.astype(np.float32)
    low = blurred(bands * weight[..., None], _RELIEF[0]) / np.maximum(blurred(weight, _RELIEF[0]), 0.05)[..., None]
    own, other = np.moveaxis(bands - low, -1, 0)
    away = cv2.distanceTransform((~done.view.mask).astype(np.uint8), cv2.DIST_L2, 3)
    share = _RELIEF[1] * np.minimum(away / _RELIEF[2], 1.0)
    disparity = np.clip(np.exp(bands[..., 0] + share * (np.clip(other, -_RELIEF[3], _RELIEF[3]) - own)), 0.01, 1.0)
    return replace(done, disparity=np.where(holes, disparity, done.disparity).astype(np.float32))


def evened(done: Completion) -> Completion:
    """Let depth that is new or worn be that of most around: torn edges straighten, and stray blocks do not tear off and multiply.

    So 0.6 % of neighbours on land are torn apart after 30 keyframes before a mountain range, not 1.3 %.
    """
    uneven = ~done.view.mask | (done.view.debt > _UNEVEN[0])
    median = cv2.medianBlur(done.disparity, _UNEVEN[1])
    return replace(done, disparity=np.asarray(np.where(uneven, median, done.disparity), np.float32))


def softened(sky: Floats) -> Floats:
    """Let the ``sky`` (h, w) begin softly where it was cut at whole pixels, as warps do: flat skylines would be stairs."""
    beside = np.ones((3, 3), np.uint8)
    hard = cv2.dilate(sky, beside) - cv2.erode(sky, beside) > _HARD
    soft = np.clip(_STEEPER * (cv2.GaussianBlur(sky, (0, 0), _SOFT) - SKY) + SKY, 0.0, 1.0)
    return np.asarray(np.where(hard, soft, sky), np.float32)


def _parts(where: Flags) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the number of the connected part of ``where`` (h, w) at each pixel, from 1 on, 0 elsewhere; and pixels by number."""
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(where.astype(np.uint8), connectivity=4)
    return np.asarray(labels), np.asarray(statistics)[:, cv2.CC_STAT_AREA]


def _small(where: Flags, share: float) -> Flags:
    """Return the connected parts of ``where`` (h, w) that are smaller than ``share`` of it all."""
    parts, area = _parts(where)
    return np.asarray(where & (area[parts] < share * where.size))


def _hanging(land: Flags) -> Flags:
    """Return the connected parts of ``land`` (h, w) that stand on nothing: not the largest, and not at the lower edge."""
    parts, area = _parts(land)
    stands = np.zeros(len(area), np.bool_)
    stands[parts[-1]] = True
    if len(area) > 1:
        stands[1 + np.argmax(area[1:])] = True
    return np.asarray(land & ~stands[parts])


def _scattered(source: Floats, land: Flags, loops: Loops) -> Floats:
    """Share (h, w) of the ``land`` around each pixel of it where patches meet: what is left of many is rubble."""
    meeting, weight = np.zeros(land.shape, np.float32), land.astype(np.float32)
    loops.borders(source, meeting)
    sums = [cv2.boxFilter(part, -1, (_WINDOW, _WINDOW)) for part in (meeting * weight, weight)]
    return np.asarray(weight * sums[0] / np.maximum(sums[1], _WINDOW**-2), np.float32)


def _grown(age: Floats) -> Flags:
    """Return what is spent, ``age`` (h, w) beyond 1, and no speck, with what is due around it: whole patches are renewed, seldom.

    Where that is much of the view, only what is nearest to the oldest, or overdue: no scene is swapped at once. Corners
    count less: what lies in the middle is not left in streaks (coherence .88 -> .86 on ten photos, 60 steps, no more is renewed).
    """
    small = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_OPENED, _OPENED))
    seed = cv2.morphologyEx((age > 1.0).astype(np.uint8), cv2.MORPH_OPEN, small)
    grown = np.asarray((cv2.dilate(seed, np.ones((_AROUND, _AROUND), np.uint8)) > 0) & (age > _DUE))
    most = round(_MOST * grown.size)
    if grown.sum() <= most:
        return grown
    y, x = np.ogrid[-1 : 1 : 1j * age.shape[0], -1 : 1 : 1j * age.shape[1]]
    counts = 1.0 - (1.0 - _CORNER) * (x * x + y * y) / 2.0
    row, column = np.unravel_index(int(np.argmax(blurred(age * seed, _OPENED) * counts)), age.shape)
    away = np.hypot(*np.ogrid[-row : len(age) - row, -column : age.shape[1] - column])
    return np.asarray(grown & ((away < np.partition(away[grown], most)[most]) | (age > _OVERDUE)))


def _whole(spots: Flags) -> Flags:
    """Whole patches instead of spots (h, w): specks left out, gaps closed, a rim around them."""
    small, large = (cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)) for size in (_OPENED, _CLOSED))
    padded = np.pad(spots, _CLOSED).astype(np.uint8)
    opened = cv2.morphologyEx(padded, cv2.MORPH_OPEN, small)
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, large)
    return np.asarray(cv2.dilate(closed, small))[_CLOSED:-_CLOSED, _CLOSED:-_CLOSED] > 0
