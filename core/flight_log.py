"""Flight log: what happened to a flight from outside, by tick, so that it can be flown again exactly.

A flight is a function of its photos, its settings and this: what was steered, who was given the controls, through which lens it
looked, when each keyframe came in, and when other photos began to lend their look. A minute of steering takes a few hundred
bytes, an hour of keyframes some tens of kB.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import MISSING, fields
from enum import IntEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from core.camera import Intrinsics
from core.steering import Steering

if TYPE_CHECKING:
    from collections.abc import Iterable

Item = TypeVar("Item")

DRAG_STEPS = 2**17  # a radian: 8e-6 radians, far below a pixel
STICK_STEPS = 127  # from rest to full deflection
FACTOR_STEPS = {"boost": 4096, "speed": 4096}  # these are factors, not deflections
_MOST_BYTES = 64 * 2**20  # of an unpacked log: what is larger was not written by a flight


class Happening(IntEnum):
    """What can happen, and with which whole numbers beside the tick."""

    STEERED = 0  # index of the field of ``Steering``, its value in steps
    DRAGGED = 1  # steps right, steps up: within one tick
    ENGAGED = 2  # index of the pilot's name
    LENS = 3  # index of the lens
    ARRIVED = 4  # ``Arrival``, index of the size: the keyframe that was being made is there
    JOINED = 5  # nothing: the other photos lend their look from now on

    @property
    def arity(self) -> int:
        """How many numbers there are."""
        return {Happening.ENGAGED: 1, Happening.LENS: 1, Happening.JOINED: 0}.get(self, 2)


class Arrival(IntEnum):
    """How the making of a keyframe ended."""

    MADE = 0
    FAILED = 1
    FELL_BACK = 2  # failed, and the classical generator took over


class Event(NamedTuple):
    """Something that happened before the flight went on from ``tick``."""

    tick: int
    what: Happening
    numbers: tuple[int, ...]


def _is_switch(name: str) -> bool:
    return isinstance(getattr(_REST, name), bool)


_REST = Steering()
STEERED = tuple(each.name for each in fields(Steering) if each.name != "drag" and each.default is not MISSING)


def in_steps(steering: Steering) -> tuple[int, ...]:
    """Return the fields ``STEERED`` as whole numbers: switches as 0 and 1, sticks in 1/127, factors in 1/4096."""
    return tuple(round(getattr(steering, name) * _steps(name)) for name in STEERED)


def from_steps(numbers: Iterable[int], drag: tuple[int, int] = (0, 0)) -> Steering:
    """Return the steering of such numbers, and of a ``drag`` in 1 / ``DRAG_STEPS`` radians."""
    values: dict[str, Any] = {
        name: bool(number) if _is_switch(name) else number / _steps(name) for name, number in zip(STEERED, numbers, strict=True)
    }
    return Steering(drag=(drag[0] / DRAG_STEPS, drag[1] / DRAG_STEPS), **values)


def _steps(name: str) -> int:
    return 1 if _is_switch(name) else FACTOR_STEPS.get(name, STICK_STEPS)


class FlightLog:
    """Events in the order in which they happened, and ``ticks``, how long the flight is."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.ticks = 0
        self.pilots: list[str] = []
        self.lenses: list[Intrinsics] = []
        self.sizes: list[tuple[int, int]] = []
        self._steered = in_steps(_REST)

    def steer(self, tick: int, numbers: tuple[int, ...], drag: tuple[int, int]) -> None:
        """Log what is steered (see ``in_steps``), where it differs from before."""
        if numbers != self._steered:
            for index, (before, now) in enumerate(zip(self._steered, numbers, strict=True)):
                if before != now:
                    self._add(tick, Happening.STEERED, index, now)
            self._steered = numbers
        if any(drag):
            self._add(tick, Happening.DRAGGED, *drag)

    def engage(self, tick: int, how: str) -> None:
        """Log that the controls were given to pilot ``how``."""
        self._add(tick, Happening.ENGAGED, _index(self.pilots, how))

    def look_through(self, tick: int, lens: Intrinsics) -> None:
        """Log another lens."""
        self._add(tick, Happening.LENS, _index(self.lenses, lens))

    def arrive(self, tick: int, arrival: Arrival, size: tuple[int, int]) -> None:
        """Log that the keyframe of (width, height) ``size`` that was being made came in, or failed."""
        self._add(tick, Happening.ARRIVED, arrival, _index(self.sizes, size))

    def join(self, tick: int) -> None:
        """Log that the other photos lend their look from now on."""
        self._add(tick, Happening.JOINED)

    def _add(self, tick: int, what: Happening, *numbers: int) -> None:
        self.events.append(Event(tick, what, numbers))

    def copy(self) -> FlightLog:
        """Return the log as it is now; this one may go on."""
        other = FlightLog()
        other.events, other.ticks, other._steered = list(self.events), self.ticks, self._steered
        other.pilots, other.lenses, other.sizes = list(self.pilots), list(self.lenses), list(self.sizes)
        return other

    def document(self) -> dict[str, Any]:
        """Return the log as plain data for JSON."""
        numbers, before = [], 0
        for event in self.events:
            numbers += [event.tick - before, event.what, *event.numbers]
            before = event.tick
        return {
            "ticks": self.ticks,
            "steering": list(STEERED),
            "pilots": self.pilots,
            "lenses": [[lens.fx, lens.fy, lens.cx, lens.cy] for lens in self.lenses],
            "sizes": [list(size) for size in self.sizes],
            "events": packed(numbers),
        }

    @classmethod
    def of(cls, document: dict[str, Any]) -> FlightLog:
        """Read it back. Raises KeyError, TypeError or ValueError where ``document`` is damaged or of other controls."""
        log = cls()
        log.ticks = int(document["ticks"])
        log.pilots = [str(name) for name in document["pilots"]]
        log.lenses = [Intrinsics(*map(float, lens)) for lens in document["lenses"]]
        log.sizes = [(int(width), int(height)) for width, height in document["sizes"]]
        if tuple(document["steering"]) != STEERED:
            raise ValueError("controls that this version has not got")
        numbers, tick = iter(unpacked(document["events"])), 0
        for delta in numbers:
            tick += delta
            what = Happening(next(numbers, -1))
            event = Event(tick, what, tuple(islice(numbers, what.arity)))
            log._check(event, delta)
            log.events.append(event)
        return log

    def _check(self, event: Event, delta: int) -> None:
        tables = {
            Happening.STEERED: STEERED,
            Happening.ENGAGED: self.pilots,
            Happening.LENS: self.lenses,
            Happening.ARRIVED: self.sizes,
        }
        table = tables.get(event.what)
        index = event.numbers[0 if event.what is not Happening.ARRIVED else -1] if event.numbers else -1
        known = table is None or 0 <= index < len(table)
        if len(event.numbers) != event.what.arity or delta < 0 or not known or event.tick > self.ticks:
            raise ValueError("a damaged log")


def _index(table: list[Item], item: Item) -> int:
    """Return the place of ``item`` in ``table``, which takes it up if it is new."""
    if item not in table:
        table.append(item)
    return table.index(item)


def packed(numbers: Iterable[int]) -> str:
    """Whole numbers as text: zigzag, seven bits a byte, zlib, base64."""
    data = bytearray()
    for number in numbers:
        rest = 2 * number if number >= 0 else -2 * number - 1
        while rest > 0x7F:
            data.append(rest & 0x7F | 0x80)
            rest >>= 7
        data.append(rest)
    return base64.b64encode(zlib.compress(bytes(data), 9)).decode("ascii")


def unpacked(text: str) -> list[int]:
    """Read what ``packed`` wrote. Raises ValueError where it is damaged."""
    unzip = zlib.decompressobj()
    try:
        data = unzip.decompress(base64.b64decode(text, validate=True), _MOST_BYTES)
    except zlib.error as error:
        raise ValueError(f"a damaged log ({error})") from error
    if not unzip.eof or (data and data[-1] > 0x7F):
        raise ValueError("a log that is cut off")
    numbers, rest, shift = [], 0, 0
    for byte in data:
        rest |= (byte & 0x7F) << shift
        shift += 7
        if byte <= 0x7F:
            numbers.append(rest >> 1 if rest % 2 == 0 else -(rest + 1 >> 1))
            rest, shift = 0, 0
    return numbers
