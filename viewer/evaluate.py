"""Evaluate: generators' flights from any photos in figures, plots and contact sheets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import EvaluationError

if TYPE_CHECKING:
    from core.generator import Generator
    from viewer.options import EvaluateOptions


def run(options: EvaluateOptions) -> None:
    """Evaluate what ``options`` name, print the table, and write everything to ``options.out``.

    Raises PhotoflightError: photos, weights, feature networks or the place to write to cannot be used.
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
    for refiner in options.refiners:
        generator = make_generator(refiner)
        generators[_label(refiner if refiner != "auto" else generator.name, generators)] = generator
    settings = Settings(
        against=options.against,
        steps=options.steps,
        size=options.size,
        courses=options.courses,
        features=options.features,
        seed=options.seed,
        out=options.out,
    )
    summaries = evaluate(open_photos(options.photos, limit=options.limit), generators, settings)
    print(table(summaries))
    sets = summaries[0].sets
    print(f"{sets['photos']} photos, {sets['reference']} in the reference; details and pictures in {options.out}")


def _label(refiner: str, taken: dict[str, Generator]) -> str:
    """Name a generator in the report: a file by its stem, the second of the same name by a number."""
    stem = Path(refiner).stem
    number = sum(name == stem or name.startswith(f"{stem}-") for name in taken)
    return f"{stem}-{number + 1}" if number else stem
