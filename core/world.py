"""World: all keyframes of a flight. It keeps them, chooses the best for a camera and forgets the least useful.

Keyframes are immutable and the list of them is replaced as a whole, so that readers in other threads never wait.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from core.keyframe import picked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from core.camera import Camera
    from core.keyframe import Keyframe

BUDGET_BYTES = 160 * 2**20  # 273 keyframes of 256x160: most of a minute of flight, before the way back is thinned out
LARGE_BUDGET_BYTES = 512 * 2**20  # where keyframes are larger: 218 of 512x320, 54 of 1024x640
PAPER_STEP = 0.1875  # scene units between two views of the paper
SAME_PLACE = 0.25 * PAPER_STEP  # two cameras closer than this
SAME_VIEW = math.radians(1.5)  # and turned less than this see the same picture

_PROBES = (24, 15)  # columns, rows of points of a keyframe that stand for its land
_CELLS = (12, 8)  # columns, rows of the view in which they are counted
_CANDIDATES = 10  # keyframes nearest to the camera that are looked at closely
_REFERENCE_WIDTH = 256  # pixels; the photo is past its best when, magnified, it shows fewer than this across the view
_AT_HOME = 2.0  # times that a view may crop a photo, however small, before what was made of it is finer where it was taken
_PHOTO_SHARE = 0.5, 0.12  # of what it shows at home: the photo is chosen while it shows as much well, and if it has no sky
_LEAST_GAIN = 0.02  # of the view: a keyframe that adds less is not worth its warp
_CLOSE = 0.1  # scene scales or fields of view: what is no farther than this from the nearest keyframe is near, too
_HELD = 0.03  # of the view: advantage of what is shown already, against flip-flop
_PROXIMITY = 0.1  # of the view: advantage of a keyframe at the camera itself over one a scene scale away
_AWAKE = 12  # keyframes added or chosen lately, which may keep what was computed from them (mesh, textures: 5 times their size)


@dataclass(frozen=True, eq=False)
class _Entry:
    keyframe: Keyframe
    points: NDArray[np.float64]  # (n, 4) world positions of land probes, homogeneous, w = disparity there
    magnifiable: float  # focal length, in widths, of a view in which it is at its best where it was made


class World:
    """The keyframes of one flight; keyframe 0 is the photo, which is never forgotten. Safe to use from several threads."""

    def __init__(self, photo: Keyframe, budget_bytes: int = BUDGET_BYTES) -> None:
        """``budget_bytes`` bounds the memory of all keyframes but the photo."""
        self.photo = photo
        self._budget = budget_bytes
        self._lock = threading.Lock()
        land = photo.disparity[photo.geometry_sky < 0.5]
        self.scale = 1.0 / float(np.clip(np.median(land) if land.size else 0.5, 0.1, 1.0))  # scene units
        self._photo = _entry(photo, max(photo.columns / _REFERENCE_WIDTH, _AT_HOME))
        # Where there is a sky the rims of the photo's ridges would fill gaps with specks. Without one the photo is a wall.
        share = _PHOTO_SHARE[int(photo.closed)]
        self._fair_share = share * _seen(self._photo, photo.camera).mean()
        self._entries: tuple[_Entry, ...] = ()
        self._lately: deque[int] = deque(maxlen=_AWAKE)  # serials

    @property
    def keyframes(self) -> tuple[Keyframe, ...]:
        """The photo and all others, oldest first."""
        return (self.photo, *(entry.keyframe for entry in self._entries))

    @property
    def nbytes(self) -> int:
        """Memory of all keyframes but the photo, without what is computed from them."""
        return _bytes(self._entries)

    def __len__(self) -> int:
        """Count the keyframes, with the photo."""
        return 1 + len(self._entries)

    def add(self, keyframe: Keyframe) -> bool:
        """Take up ``keyframe``, forgetting others beyond the budget.

        Returns False, and leaves the world as it was, when a keyframe of the same place and view is there already (what was
        seen once stays) or when it holds NaN or infinity.
        """
        arrays = (keyframe.disparity, keyframe.sky, keyframe.debt, keyframe.camera.world_from_camera)
        if not all(np.isfinite(array).all() for array in arrays) or self.sees(keyframe.camera):
            return False
        entry = _entry(keyframe)
        self._wake(keyframe)  # it was prepared to be shown next
        with self._lock:
            rested = tuple(self._rested(old) for old in self._entries)
            self._entries = self._within_budget((*rested, entry), keyframe.camera)
        return True

    def _wake(self, *keyframes: Keyframe) -> None:
        """Let ``keyframes`` be the last to rest; those that have been awake for longest do so in their place."""
        with self._lock:
            before = set(self._lately)
            for keyframe in keyframes:
                if keyframe.serial in self._lately:
                    self._lately.remove(keyframe.serial)
                self._lately.append(keyframe.serial)
            if not before <= set(self._lately):
                self._entries = tuple(self._rested(entry) for entry in self._entries)

    def _rested(self, entry: _Entry) -> _Entry:
        """Swap a keyframe not added or chosen lately for a copy without mesh and textures, which then go with the original."""
        keyframe = entry.keyframe
        if keyframe.serial in self._lately or "mesh" not in vars(keyframe):
            return entry
        return replace(entry, keyframe=replace(keyframe))

    def sees(self, camera: Camera) -> bool:
        """Whether a keyframe other than the photo was made at practically this place, view and lens."""
        lens = camera.intrinsics
        entries = self._entries
        if not entries:
            return False
        places, turns = _distances(entries, camera)
        for i in np.nonzero((places < SAME_PLACE) & (turns < SAME_VIEW))[0]:
            other = entries[i].keyframe.camera.intrinsics
            if other.fx <= 1.01 * lens.fx and other.fy <= 1.01 * lens.fy:
                return True
        return False

    def choose(
        self, camera: Camera, count: int = 3, held: Iterable[Keyframe] = (), *, newest: bool = False
    ) -> tuple[Keyframe, ...]:
        """Return at most ``count`` (>= 1) keyframes that together show ``camera`` best, the best first, never none.

        The photo is among them while it shows a fair part of the view well. Keyframes in ``held``, what is shown already, keep
        a small advantage, so that the choice does not flip to and fro. The ``newest`` one near the camera shows what has come
        out from behind rims, in bands too narrow for probes: a tenth of a view was empty for half a second without it.
        """
        entries = self._entries
        if len(entries) > _CANDIDATES:
            nearest = np.argsort(self._cost(entries, camera), kind="stable")[:_CANDIDATES]
            entries = tuple(entries[i] for i in sorted(nearest))
        entries = (self._photo, *entries)
        cost = self._cost(entries, camera)
        shown = {keyframe.serial for keyframe in held}
        bonus = _PROXIMITY * np.exp(-cost) + _HELD * np.array([e.keyframe.serial in shown for e in entries])
        views = np.stack([_seen(entry, camera) for entry in entries])
        chosen = [0] if views[0].mean() >= self._fair_share else []
        if newest and len(chosen) < count and len(entries) > 1:
            chosen.append(1 + int(np.flatnonzero(cost[1:] <= cost[1:].min() + _CLOSE)[-1]))
        covered = views[chosen].max(axis=0) if chosen else np.zeros_like(views[0])
        while len(chosen) < min(count, len(entries)):
            gain = np.maximum(views - covered, 0.0).mean(axis=1)
            score = np.where(gain + _HELD * (bonus >= _HELD) >= _LEAST_GAIN, gain + bonus, -1.0)
            score[[0, *chosen]] = -1.0
            best = int(np.argmax(score))
            if score[best] < 0.0:
                break
            chosen.append(best)
            covered = np.maximum(covered, views[best])
        if not chosen:
            chosen = [int(np.argmin(cost))]
        chosen.sort(key=lambda i: -float(views[i].mean() + bonus[i]))
        keyframes = tuple(entries[i].keyframe for i in chosen)
        self._wake(*keyframes)
        return keyframes

    def _cost(self, entries: tuple[_Entry, ...], camera: Camera) -> NDArray[np.float64]:
        """How far each keyframe's pose is: distance in scene scales and angle in fields of view, as one length."""
        places, turns = _distances(entries, camera)
        return np.hypot(places / self.scale, turns / max(camera.intrinsics.fov))

    def _within_budget(self, entries: tuple[_Entry, ...], camera: Camera) -> tuple[_Entry, ...]:
        """Forget, one by one, the keyframe nearest to its two neighbours for its distance to ``camera``; never the newest.

        So the way back is thinned out with distance, and stays open to its end.
        """
        kept = list(entries)
        while len(kept) > 1 and _bytes(kept) > self._budget:
            old = tuple(kept[:-1])
            positions = np.array([entry.keyframe.camera.position for entry in (*kept, self._photo)])
            apart = np.linalg.norm(positions[: len(old), None] - positions, axis=-1)
            apart[np.arange(len(old)), np.arange(len(old))] = np.inf
            gap = np.sort(apart, axis=1)[:, :2].sum(axis=1) + SAME_PLACE
            del kept[int(np.argmin(gap / (1.0 + self._cost(old, camera))))]
        return tuple(kept)


def _bytes(entries: Iterable[_Entry]) -> int:
    return sum(entry.keyframe.nbytes for entry in entries)


def _distances(entries: tuple[_Entry, ...], camera: Camera) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance (scene units) and angle (radians) of each keyframe's pose to ``camera``, each (n,)."""
    poses = np.array([entry.keyframe.camera.world_from_camera for entry in entries])
    places = np.linalg.norm(poses[:, :3, 3] - camera.position, axis=1)
    traces = np.einsum("nij,ij->n", poses[:, :3, :3], camera.rotation)
    return places, np.arccos(np.clip(0.5 * (traces - 1.0), -1.0, 1.0))


def _entry(keyframe: Keyframe, magnifiable: float = 1.0) -> _Entry:
    """Prepare ``keyframe``; one that was made is right for its own place alone, however fine its picture.

    Magnified, land is drawn out. So what is shown is at most 2 keyframes old and not 7, and woods that were streaks are woods.
    """
    columns, rows = _PROBES
    disparity = np.maximum(picked(keyframe.disparity, (rows, columns)).astype(np.float64), 1e-3)
    land = picked(keyframe.sky, (rows, columns)) < 0.5
    local = keyframe.camera.rays(columns, rows)[land] / disparity[land][:, None]
    pose = keyframe.camera.world_from_camera
    world = local @ pose[:3, :3].T + pose[:3, 3]
    points = np.column_stack([world, disparity[land]])
    return _Entry(keyframe, points, magnifiable * keyframe.camera.intrinsics.fx)


def _seen(entry: _Entry, camera: Camera) -> NDArray[np.float64]:
    """How well the keyframe shows each cell of the view, flat, [0, 1]: 1 where sampled finely, 0 where not at all."""
    columns, rows = _CELLS
    out = np.zeros(columns * rows)
    uv, disparity = camera.project(entry.points[:, :3])
    inside = (disparity > 0.0) & (uv >= 0.0).all(axis=1) & (uv < 1.0).all(axis=1)
    cell = (uv[inside] * (columns, rows)).astype(int)
    nearer = disparity[inside] / entry.points[inside, 3]
    fine = entry.magnifiable / np.maximum(nearer * camera.intrinsics.fx, 1e-9)
    np.maximum.at(out, cell[:, 1] * columns + cell[:, 0], np.clip(fine, 0.0, 1.0))
    return out
