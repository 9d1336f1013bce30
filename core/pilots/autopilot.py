"""Autopilot: flies on for hours by what it sees, after the controller in InfiniteNature-Zero's published code (``fly_camera``).

Kept from it: look towards the sky's larger half and to a fixed height of the horizon, move so that a fixed share of the
picture is near ground, take up new directions gradually. Mended: directions are relative to the present heading, so it may turn
anywhere; rates are per second instead of per step; height is controlled in the world, apart from where it looks; pitch is bounded
and roll levelled; what stands in the way is climbed over or turned away from; a slow meander, since straight is dull. Where the
flight begins with nothing open in sight, in a forest or a gorge, there is no way over or around: it goes on through the deepest
gap, and through what fills the view, as there the world begins anew behind it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.camera import angles
from core.pilots.pilot import BASE_SPEED, CALM, Response, glide
from core.steering import Craft, Motion, Surroundings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.camera import Intrinsics
    from core.steering import Steering

_STEPS = 5.0  # a second, of the paper's 0.1875 units each
_LOOK_RATE = -_STEPS * math.log(1.0 - 0.05)  # 1 / s: the gaze moves 0.05 of the way each step, a time constant of 3.9 s
_MOVE_TIME = -1.0 / (_STEPS * math.log(1.0 - 0.2))  # s: the course moves 0.2 of the way each step, 0.90 s
_RESPONSE = Response(translation=_MOVE_TIME, rotation=0.6, friction=0.01, spin_friction=0.001)

_OPEN = 0.1  # disparity below which a pixel counts as open, the paper's theta
_EDGE = 0.02  # share of open pixels that is too little to steer by
_GROUND = 0.4  # disparity from which ground counts as near, fully so 0.1 further on
_SHUT = 0.005  # share of open pixels up to which nothing is open
_MOST_SKY = 0.6  # the share of sky to keep is the first one seen, at most this; the paper wants 0.4 of open pixels
_NEAR_SHARES = (0.08, 0.22)  # likewise the share of near pixels; the paper wants 0.3 at mid-frame, 0.2 in all
_SINK, _LIFT = 0.15, 0.3  # steepest vertical speed by the share of near ground, of the forward speed
_LEAN = 0.4  # how far it looks from level towards the wanted height of the horizon; all the way would lose the ground
_NEAR, _MARGIN = 0.33, 0.3  # it rises when less than 0.3 units above anything that is within 3 units ahead
_CLEAR, _CLOSE = 0.4, 0.8  # disparity ahead where care begins, and where it is full: 2.5 and 1.25 units away
_ROOFED = 0.22  # both are higher by this under a roof: a forest begins closer than that, and is flown through, not fled
_SEEK = 0.4  # 1 / s: how fast it turns to the deepest gap under a roof
_PRESS = 0.7  # share of its care that it loses where nothing is open: with all of it, walls are crept up to at 0.06 units / s
_UNDERFOOT = math.radians(8.0), math.radians(20.0)  # below the horizon is ground, under a roof and where nothing is open
_CLIMB = 0.6  # units / s at full care, times the speed factor
_AVOID = 0.5  # radians / s at full care
_DRIFT = 0.2  # radians / s away from the nearer side, long before it is in the way
_MEANDER = ((0.030, 29.0), (0.022, 47.0))  # radians / s and seconds; together about 15 degrees either side


@dataclass(frozen=True)
class _Sight:
    """What matters in the surroundings."""

    open_share: float  # of what is seen
    sky_share: float  # likewise
    open_side: float  # -1 all open on the left .. 1 on the right
    near_share: float  # as it would be when looking level
    clearance: float  # units above what is near ahead, infinite if nothing is
    roof: float  # 0 if one can rise in front of what is ahead, 1 if that fills the view to its top: a forest, a cliff
    ahead: float  # disparity of what is nearest in the way
    nearer_left: float  # -1 .. 1: how much nearer the left side of the way is than the right
    gap: float  # radians to the right: where the middle of the view is deepest


class Autopilot:
    """Deterministic by ``seed``: the same sights give the same flight. Stateful; make a new one for a new flight."""

    name = "autopilot"
    done = False

    def __init__(self, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self._phases = random.uniform(0.0, 2.0 * math.pi, len(_MEANDER))
        self._favourite = float(random.choice([-1.0, 1.0]))  # where to turn when both sides are alike
        self._side = 0.0  # where it is turning to avoid something, kept until that is passed; 0 if nothing is in the way
        self._time = 0.0
        self._shares: tuple[float, float] | None = None  # sky and near, to be kept
        self._closed = False  # whether nothing was open when the flight began

    def advance(self, craft: Craft, steering: Steering, surroundings: Surroundings | None, dt: float) -> Craft:
        """See ``core.pilots.pilot.Pilot``. Of the controls only the speed factors are heeded, and calm: half as fast."""
        if dt <= 0.0:
            return craft
        self._time += dt
        pace = steering.speed * steering.boost * (CALM if steering.calm else 1.0)
        return glide(craft, self._wanted(craft, surroundings, pace), dt, _RESPONSE)

    def _wanted(self, craft: Craft, surroundings: Surroundings | None, pace: float) -> Motion:
        attitude = angles(craft.camera.rotation)
        lens, underfoot = craft.camera.intrinsics, _UNDERFOOT[self._closed]
        sight = None if surroundings is None else _looked(surroundings, lens, attitude[1], underfoot)
        meander = sum(
            rate * math.sin(2.0 * math.pi * self._time / period + phase)
            for (rate, period), phase in zip(_MEANDER, self._phases, strict=True)
        )
        if sight is None:
            return self._motion(craft, attitude, (BASE_SPEED * pace, 0.0), (meander * pace, -_LOOK_RATE * attitude[1]))
        if self._shares is None:
            self._shares = min(sight.sky_share, _MOST_SKY), _clip(sight.near_share, *_NEAR_SHARES)
            self._closed = sight.open_share <= _SHUT
        through = sight.roof if self._closed else 0.0  # how much there is no other way
        care = _clip((sight.ahead - _CLEAR - _ROOFED * sight.roof) / (_CLOSE - _CLEAR), 0.0, 1.0)
        yaw = meander * (1.0 - care) + _LOOK_RATE * math.atan(0.5 * sight.open_side / lens.fx)
        yaw += _DRIFT * (1.0 - sight.roof) * sight.nearer_left + _SEEK * sight.roof * (1.0 - care * (1.0 - through)) * sight.gap
        yaw += _AVOID * care * (1.0 - through) * self._turning(care, sight.nearer_left)
        gaze = 0.0
        if self._shares[0] > _EDGE:
            gaze = _LEAN * math.atan((self._shares[0] - sight.sky_share) / lens.fy)
        pitch = _LOOK_RATE * (gaze - attitude[1])
        most = _LIFT * (1.0 - through)  # near land all around is no ground to rise from
        rise = _clip((sight.near_share - self._shares[1]) / lens.fy, -_SINK, most) * BASE_SPEED
        forward = BASE_SPEED * (1.0 - 0.85 * care * (1.0 - _PRESS * through)) * (1.0 - 0.4 * sight.roof)
        lift = max(_clip((_MARGIN - sight.clearance) / _MARGIN, 0.0, 1.5), care * (1.0 - sight.roof)) * _CLIMB
        climb = max(rise, lift) if lift > 0.0 else rise
        return self._motion(craft, attitude, (forward * pace, climb * pace), (yaw * pace, pitch))

    def _turning(self, care: float, nearer_left: float) -> float:
        """Return the side to turn to, -1 or 1; once chosen it is kept, or a wall ahead would be met dithering."""
        if care == 0.0:
            self._side = 0.0
        elif self._side == 0.0:
            self._side = math.copysign(1.0, nearer_left) if abs(nearer_left) > 0.05 else self._favourite
        return self._side

    @staticmethod
    def _motion(
        craft: Craft, attitude: tuple[float, float, float], course: tuple[float, float], look: tuple[float, float]
    ) -> Motion:
        """Turn ``course`` (forward along the ground, up; units / s) and ``look`` (yaw, pitch; radians / s) into level motion."""
        yaw, _, roll = attitude
        world = np.array([course[0] * math.sin(yaw), -course[1], course[0] * math.cos(yaw)])
        velocity: NDArray[np.float64] = craft.camera.rotation.T @ world
        return Motion(velocity, np.array([*look, -_LOOK_RATE * roll]))


def _clip(x: float, low: float, high: float) -> float:
    return min(max(x, low), high)


def _looked(surroundings: Surroundings, lens: Intrinsics, pitch: float, underfoot: float) -> _Sight | None:
    """Reduce the surroundings to a ``_Sight``; None if nothing is known."""
    seen = surroundings.covered
    if not seen.any():
        return None
    disparity = np.where(seen, surroundings.disparity, 0.0)
    h, w = disparity.shape
    share = 1.0 / float(seen.mean())
    clear = np.clip(20.0 * (_OPEN - disparity), 0.0, 1.0) * seen
    left, right = _halves(clear)
    near = float(np.clip(10.0 * (disparity - _GROUND), 0.0, 1.0).mean()) * share
    middle = slice(round(0.3 * w), max(round(0.7 * w), round(0.3 * w) + 1))
    horizon = lens.cy + lens.fy * math.tan(pitch)
    top = int(_clip(round((horizon - 0.1) * h), 0, h - 1))
    way = slice(top, max(int(_clip(round((horizon + 0.2) * h), 0, h)), top + 1))
    roof = _clip(float(np.median(disparity[: max(h // 8, 1), middle])) / _OPEN - 1.0, 0.0, 1.0)
    ahead = disparity[way, middle][seen[way, middle]]
    sides = _halves(np.clip((disparity[way] - 0.25) / 0.5, 0.0, 1.0))
    return _Sight(
        open_share=float(clear.mean()) * share,
        sky_share=float(surroundings.sky[seen].mean()),
        open_side=(right - left) / (left + right + 2.0 * _EDGE),
        near_share=near + lens.fy * math.tan(pitch),
        clearance=_clearance(disparity[:, middle], lens, pitch, underfoot if roof > 0.5 else None),
        roof=roof,
        ahead=float(np.percentile(ahead, 90)) if ahead.size else 0.0,
        nearer_left=sides[0] - sides[1],
        gap=_deepest(disparity[way, middle], lens),
    )


def _deepest(way: NDArray[np.floating], lens: Intrinsics) -> float:
    """Angle to the right, radians, of the columns of ``way``, the middle 40 % of the view, where it is deepest."""
    depth = 1.0 / np.maximum(way.mean(axis=0), 0.05)
    side = (np.arange(len(depth)) + 0.5) / len(depth) - 0.5
    weight = (depth / depth.max()) ** 4  # the deepest columns count, without jumping from gap to gap
    return math.atan(0.4 * float((weight * side).sum() / weight.sum()) / lens.fx)


def _halves(x: NDArray[np.floating]) -> tuple[float, float]:
    """Means of the left and the right half."""
    half = x.shape[1] // 2
    return float(x[:, :half].mean()), float(x[:, -half:].mean())


def _clearance(disparity: NDArray[np.floating], lens: Intrinsics, pitch: float, underfoot: float | None) -> float:
    """How far what is near lies below the camera, in world units: low percentile, so that specks do not count.

    Only what lies more than ``underfoot`` below the horizon counts: trunks and cliffs cannot be flown over.
    """
    rows, _ = near = np.nonzero(disparity > _NEAR)
    y = ((rows + 0.5) / len(disparity) - lens.cy) / lens.fy
    down = y * math.cos(pitch) - math.sin(pitch)
    drop = down / disparity[near]
    if underfoot is not None:
        drop = drop[down > math.tan(underfoot)]
    return float(np.percentile(drop, 10)) if drop.size >= 0.005 * disparity.size else math.inf
