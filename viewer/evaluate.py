"""Evaluate: generators' flights from any photos in figures, plots and contact sheets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.evaluation.appearance import Appearance
    from core.generator import Generator
    from core.keyframe import Keyframe
    from viewer.options import EvaluateOptions

_PHOTO = 4096  # pixels of a photo's longer side in films, as the program opens it


def run(options: EvaluateOptions) -> None:
    """Evaluate what ``options`` name, print the table, and write everything to ``options.out``.

    Raises PhotoflightError: photos, weights, VGG16, the graphics device or the place to write to cannot be used.
    """
    from core.evaluation.report import table
    from core.evaluation.run import Settings, evaluate
    from core.refiner import make_generator
    from core.training.photos import open_photos
    from core.virtual_flight import COURSES

    unknown = [course for course in options.courses if course not in COURSES]
    if unknown:
        raise EvaluationError(f"{unknown[0]}: no such course; there are {', '.join(COURSES)}")
    generators: dict[str, Generator] = {}
    refiners: dict[str, str] = {}
    for refiner in options.refiners:
        generator = make_generator(refiner)
        label = _label(refiner if refiner != "auto" else generator.name, generators)
        generators[label], refiners[label] = generator, refiner
    settings = Settings(
        steps=options.steps,
        size=options.size,
        courses=options.courses,
        features=options.features,
        seed=options.seed,
        out=options.out,
    )
    photos = open_photos(options.photos, limit=options.limit)
    whole = open_photos(options.photos, limit=options.limit, longest=_PHOTO) if options.films else photos

    def filming(label: str, number: int) -> Iterator[Appearance]:
        return looks(whole[number], refiners[label], options.seed)

    summaries = evaluate(photos, generators, settings, filming if options.films else None)
    print(table(summaries))
    print(f"{len(photos)} photos; details and pictures in {options.out}")


def looks(photo: Keyframe, refiner: str, seed: int) -> Iterator[Appearance]:
    """Look at the film of the autopilot's flight into ``photo`` at all ``core.evaluation.film.TIMES``.

    The flight is the film's at any rate (``core.flight``), so no picture between those is drawn. Raises DeviceError, and
    EvaluationError where another generator had to go on.
    """
    from core.evaluation.film import SIZE, TIMES, of_picture
    from viewer.film import shots
    from viewer.options import FilmOptions

    apart = TIMES[1] - TIMES[0]
    options = FilmOptions(seconds=len(TIMES) * apart, fps=1.0 / apart, size=SIZE, refiner=refiner, seed=seed)
    flown = set()
    for _, shot in zip(TIMES, shots(photo, options), strict=False):
        flown.add(shot.generator)
        if shot.lookup is None or len(flown) > 1:
            raise EvaluationError(f"{refiner} cannot be filmed, as it cannot fly to the end")
        yield of_picture(shot.picture, shot.lookup)


def _label(refiner: str, taken: dict[str, Generator]) -> str:
    """Name a generator in the report: a file by its stem, the second of the same name by a number."""
    stem = Path(refiner).stem
    number = sum(name == stem or name.startswith(f"{stem}-") for name in taken)
    return f"{stem}-{number + 1}" if number else stem
