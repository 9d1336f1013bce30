"""Provenance: what a film says of itself, so that the same flight can be made again."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.flight import Flight
    from core.flight_file import Origin
    from core.photo import Photo


def program_version() -> str:
    """Return the installed version of photoflight."""
    try:
        return version("photoflight")
    except PackageNotFoundError:
        return "unknown"


def recording_metadata(photo: Photo, seed: int, generator: str) -> dict[str, str]:
    """Return title and comment of a recording: the program's version, seed, the generator's name, the photo and its SHA-256."""
    comment = f"photoflight {program_version()}; seed {seed}; generator {generator}; photo sha256 {photo.digest}"
    return {"title": f"photoflight: {photo.path.name}", "comment": comment}


def origin_of(flight: Flight, photo: Photo, refiner: str) -> Origin:
    """Return what ``flight`` into ``photo`` is made from; ``refiner`` is what the options name."""
    from core.flight_file import Origin
    from core.generator import WEIGHTS_SUFFIX

    generator = refiner if refiner.endswith(WEIGHTS_SUFFIX) else flight.generator
    return Origin(photo.path.name, photo.digest, flight.settings.seed, generator, flight.backend, program_version())
