"""Provenance: what a film says of itself, so that the same flight can be made again."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from core.names import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.flight import Flight, Other
    from core.flight_file import Origin
    from core.photo import Photo


def program_version() -> str:
    """Return the installed version of photoflight."""
    try:
        return version("photoflight")
    except PackageNotFoundError:
        return "unknown"


def recording_metadata(photo: Photo, seed: int, generator: str, others: Sequence[Other] = ()) -> dict[str, str]:
    """Return title and comment of a recording: version, seed, the generator's name, the photos and their SHA-256."""
    comment = f"photoflight {program_version()}; seed {seed}; generator {generator}; photo sha256 {photo.digest}"
    comment += "".join(f"; also {printable(other.photo.path.name)} sha256 {other.photo.digest}" for other in others)
    return {"title": f"photoflight: {printable(photo.path.name)}", "comment": comment}


def origin_of(flight: Flight, photo: Photo, refiner: str) -> Origin:
    """Return what ``flight`` into ``photo`` is made from; ``refiner`` is what the options name."""
    from core.flight_file import Origin
    from core.generator import WEIGHTS_SUFFIX

    generator = refiner if refiner.endswith(WEIGHTS_SUFFIX) else flight.generator
    others = tuple((other.photo.path.name, other.photo.digest) for other in flight.others)
    return Origin(photo.path.name, photo.digest, flight.settings.seed, generator, flight.backend, program_version(), others)
