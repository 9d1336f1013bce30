"""All pilots by name: what ``--pilot`` and the keys choose from."""

from __future__ import annotations

import math
from pathlib import Path as File
from typing import TYPE_CHECKING

from core.errors import PilotError
from core.pilots.autopilot import Autopilot
from core.pilots.cinematic import CINEMATICS, UNKNOWN_REACH, CinematicPilot
from core.pilots.follower import Follower
from core.pilots.keyed_path import PREFIX, KeyedPath, KeyedPilot
from core.pilots.path_file import load_path
from core.pilots.pilot import ManualPilot

if TYPE_CHECKING:
    from core.pilots.pilot import Pilot

PILOTS = (ManualPilot.name, Autopilot.name, *CINEMATICS)


def make_pilot(what: str, seed: int = 0, reach: float = UNKNOWN_REACH, seconds: float | None = None) -> Pilot:
    """Return the pilot called ``what``: one of ``PILOTS``, a path file's name, or "keys:" with a keyed path's text.

    ``reach`` scales cinematic moves (``core.pilots.cinematic.scene_reach``) and ``seconds`` sets their duration.
    Raises PilotError if there is no such pilot or the file cannot be read.
    """
    if seconds is not None and not 0.0 < seconds < math.inf:
        raise PilotError(f"{seconds} seconds: give a positive duration")
    if what == ManualPilot.name:
        return ManualPilot()
    if what == Autopilot.name:
        return Autopilot(seed)
    if what in CINEMATICS:
        return CinematicPilot(what, reach, seconds)
    if what.startswith(PREFIX):
        return KeyedPilot(KeyedPath.of_text(what.removeprefix(PREFIX)))
    file = File(what)
    if not file.suffix and not file.exists():
        raise PilotError(f"{what}: no such pilot; there are {', '.join(PILOTS)}, or the name of a camera path file (.json)")
    if (keyed := KeyedPath.load(file)) is not None:
        return KeyedPilot(keyed)
    path = load_path(file)
    return Follower(file.stem, path.pose, path.seconds)
