"""The ``export`` command: what a flight saw, for other programs."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import PilotError
from core.export import check_target, export_world, kind_of
from viewer.options import FilmOptions

if TYPE_CHECKING:
    from core.flight import Flight
    from core.keyframe import Keyframe
    from core.photo import Photo
    from viewer.options import ExportOptions

SECONDS = 10.0  # of a flight of which nothing else is known
_STEPS = 30  # of flight a second; keyframes are due at most every sixth


def run(options: ExportOptions) -> None:
    """Fly as ``options`` describe, without a window or pictures, and write what was seen.

    Raises PhotoflightError: the photo or the pilot cannot be used, or OutputError: the place to write to.
    """
    from viewer.loader import keyframe_of

    options = with_photo(options)
    kind = options.kind or kind_of(options.to)
    check_target(options.to, kind)
    photo, keyframe, notice = keyframe_of(options.photo, options)
    if notice:
        print(notice, file=sys.stderr)
    flight = flown(keyframe, options, photo)
    try:
        print(export_world(flight.world, flight.dome, options.to, kind))
    finally:
        flight.close()


def with_photo(options: ExportOptions) -> ExportOptions:
    """Where a flight file stands in the photo's place, name both: the file as pilot, and its photo, which lies beside it.

    Raises PilotError if the file cannot be read or its photo is not there.
    """
    file = options.photo
    if file.suffix.lower() != ".json":
        return options
    try:
        name = str(json.loads(file.read_text(encoding="utf-8"))["photoflight"]["photo"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PilotError(f"{file}: names no photo; give the photo first, and the file with --pilot") from error
    photo = file.with_name(Path(name).name)
    if not photo.is_file():
        raise PilotError(f"{file}: its photo {photo.name} is not beside it; give the photo first, and the file with --pilot")
    return replace(options, photo=photo, pilot=str(file))


def flown(keyframe: Keyframe, options: ExportOptions, photo: Photo | None = None) -> Flight:
    """Fly into the photo ``keyframe`` in lockstep, to the end; the same photo, pilot and seed make the same world.

    A flight file of ``photo`` is flown again, as a film would be. Raises PilotError.
    """
    from tqdm import tqdm

    from core.steering import Steering
    from viewer.film import flight_of, record_of, seconds_of

    film = FilmOptions(
        options.photo,
        options.perception,
        also=options.also,
        size=options.size,
        pilot=options.pilot,
        refiner=options.refiner,
        seed=options.seed,
        seconds=options.seconds,
    )
    if options.seconds is None and record_of(film) is None:
        film = replace(film, seconds=SECONDS)
    seconds = 0.0 if options.seconds == 0.0 else seconds_of(film)
    flight = flight_of(keyframe, film, photo, options.size)
    for _ in tqdm(range(round(seconds * _STEPS)), unit="step", disable=None):
        flight.advance(1.0 / _STEPS, Steering())
    if flight.refiner.last_error is not None:
        print(flight.refiner.last_error, file=sys.stderr)
    return flight
