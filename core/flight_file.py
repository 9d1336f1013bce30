"""Flight files: a flight as JSON that can be flown again, and that nerfstudio's camera-path importers read.

Beside the poses stands our own block: what a flight is made from (photo, generator, seed, settings, version of the program), its
log, and which part of it is meant: a recording, one picture, or all of it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import PilotError
from core.flight_log import FlightLog
from core.pilots.path_file import OWN, camera_path
from core.sight import TICK, TRACK_TICKS

if TYPE_CHECKING:
    import pathlib

    from numpy.typing import NDArray

    from core.camera import Intrinsics
    from core.flight import Flight

VERSION = 1  # of the format
_MOST_FRAMES, _DIGITS = 240, 6  # of the camera path: 40 kB


@dataclass(frozen=True)
class Origin:
    """What a flight is made from: the same origin and log give the same flight."""

    photo: str  # name of the file
    digest: str  # SHA-256 of the file
    seed: int
    generator: str  # name, or weights file
    backend: str  # what computes it: other ones round differently
    program: str  # version
    others: tuple[tuple[str, str], ...] = ()  # names and SHA-256 of the photos that lend their look

    def differences(self, other: Origin) -> list[str]:
        """Return in words what is not the same for the flight."""
        same = {"photo": self.digest == other.digest, "generator": self.generator == other.generator}
        same |= {"seed": self.seed == other.seed, "device": self.backend == other.backend}
        same |= {"set of other photos": [digest for _, digest in self.others] == [digest for _, digest in other.others]}
        same |= {"version of the program": self.program == other.program}
        return [name for name, is_same in same.items() if not is_same]


@dataclass(frozen=True, eq=False)
class FlightRecord:
    """A flight on file."""

    origin: Origin
    refine_size: tuple[int, int]
    world_bytes: int
    lens: Intrinsics  # at the end
    size: tuple[int, int]  # (width, height) of its pictures
    log: FlightLog
    poses: tuple[NDArray[np.float64], ...]  # world_from_camera every ``TRACK_TICKS``, and at the end
    part: tuple[int, int]  # first and last tick of what is meant
    rest: float = 0.0  # seconds after the last tick at which a single picture was taken

    @classmethod
    def of(cls, flight: Flight, origin: Origin, size: tuple[int, int], first: int = 0) -> FlightRecord:
        """Record ``flight`` until now, meaning it from tick ``first`` on; it may go on."""
        settings = flight.settings
        poses = (*flight.track, flight.camera.world_from_camera)
        part, rest = (first, flight.tick), flight.rest if first == flight.tick else 0.0
        lens = flight.lens
        return cls(origin, settings.refine_size, settings.world_bytes, lens, size, flight.log.copy(), poses, part, rest)

    def document(self) -> dict[str, Any]:
        """Return it as plain data for JSON."""
        first, last = self.part
        seconds = (last - first) * TICK
        count = 1 + min(_MOST_FRAMES - 1, math.ceil((last - first) / TRACK_TICKS))
        poses = [self.poses[min(round(tick / TRACK_TICKS), len(self.poses) - 2)] for tick in np.linspace(first, last, count)]
        poses[-1] = self.poses[-1]
        fps = (count - 1) / seconds if seconds > 0.0 else 1.0
        own = {
            "version": VERSION,
            **vars(self.origin),
            "refine_size": list(self.refine_size),
            "world_bytes": self.world_bytes,
            "lens": [self.lens.fx, self.lens.fy, self.lens.cx, self.lens.cy],
            "part": list(self.part),
            "rest": self.rest,
            "log": self.log.document(),
        }
        return {**camera_path(poses, self.lens, self.size, fps, _DIGITS), OWN: own}

    def save(self, file: pathlib.Path) -> None:
        """Write it. Raises PilotError if that cannot be."""
        try:
            file.write_text(json.dumps(self.document(), separators=(",", ":")), encoding="utf-8")
        except OSError as error:
            raise PilotError(f"{file}: the flight cannot be saved ({error.strerror}); choose another place") from error


def read_record(file: pathlib.Path) -> FlightRecord | None:
    """Read a flight file; None where ``file`` is something else, a path without a log or no file at all.

    Raises PilotError, one line: it is a flight file, but damaged or of a later version.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        own = document[OWN]
        log = own["log"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    try:
        if own["version"] != VERSION:
            raise PilotError(f"{file}: a flight file of format {own['version']}, where this program knows {VERSION}; update it")
        return _record(document, own, FlightLog.of(log))
    except (KeyError, TypeError, ValueError) as error:
        raise PilotError(f"{file}: a damaged flight file ({error}); another copy of it is needed") from error


def _record(document: dict[str, Any], own: dict[str, Any], log: FlightLog) -> FlightRecord:
    from core.camera import Intrinsics

    width, height = own["refine_size"]
    first, last = own["part"]
    rest = float(own["rest"])
    if not (0 <= first <= last <= log.ticks and 0.0 <= rest < TICK and math.isfinite(own["world_bytes"])):
        raise ValueError(f"part {first} to {last} of {log.ticks} ticks")
    return FlightRecord(
        Origin(
            own["photo"],
            own["digest"],
            own["seed"],
            own["generator"],
            own["backend"],
            own["program"],
            tuple((str(name), str(digest)) for name, digest in own.get("others", ())),
        ),
        (int(width), int(height)),
        int(own["world_bytes"]),
        Intrinsics(*map(float, own["lens"])),
        (int(document["render_width"]), int(document["render_height"])),
        log,
        (),
        (int(first), int(last)),
        rest,
    )
