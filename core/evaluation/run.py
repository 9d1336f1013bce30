"""One evaluation from photos to report: every generator flies every photo; figures are kept, frames dropped."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from tqdm import tqdm

from core.errors import OutputError
from core.evaluation import plots, report, sheets
from core.evaluation.cycle import Cycle, cycle
from core.evaluation.flights import FlightRecord, Judge, Start
from core.evaluation.summary import Summary, summarise
from core.features import Vgg16Features, find_vgg
from core.virtual_flight import SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from core.evaluation.appearance import Appearance
    from core.generator import Generator
    from core.training.photos import PhotoSet

    Filming = Callable[[str, int], Iterable[Appearance]]  # of a generator, by name, and a photo, by number

OVERVIEW_STEPS = (0, 10, 50, 100)  # and the last
_OVERVIEW_PHOTOS = 60  # at most: more are seen by nobody, and cost memory


@dataclass(frozen=True)
class Settings:
    """What to fly."""

    steps: int = 100
    size: tuple[int, int] = SIZE  # (width, height)
    courses: tuple[str, ...] = ("autopilot", "turn")
    features: Path | None = None  # folder with the weights of VGG16; None: wherever ``core.features`` finds them
    seed: int = 0
    out: Path | None = None  # for report.json, curves.png and contact sheets; None: nothing is written


@dataclass(eq=False)
class _Flown:
    """What one generator has flown, each list in the order of the photos."""

    generator: Generator
    name: str
    records: dict[str, list[FlightRecord]]
    thumbnails: dict[str, list[sheets.Thumbnails]]
    cycles: list[Cycle] = field(default_factory=list)
    films: list[FlightRecord] = field(default_factory=list)

    @classmethod
    def of(cls, generator: Generator, name: str, courses: Sequence[str]) -> _Flown:
        return cls(generator, name, {course: [] for course in courses}, {course: [] for course in courses})

    def keep(self, record: FlightRecord, out: Path | None) -> None:
        """Keep the figures of a flight; of its pictures only what is on disk and small ones."""
        if out is not None:
            sheets.write(out / self.name / f"{record.course}-{record.photo}.png", sheets.sheet(record))
            thumbnails = self.thumbnails[record.course]
            if len(thumbnails) < _OVERVIEW_PHOTOS:
                last = max(record.snapshots)
                shown = [step for step in record.snapshots if step in OVERVIEW_STEPS or step == last]
                thumbnails.append(sheets.Thumbnails.of(record, shown))
        record.snapshots.clear()
        self.records[record.course].append(record)


def evaluate(
    photos: PhotoSet, generators: Mapping[str, Generator], settings: Settings, filming: Filming | None = None
) -> list[Summary]:
    """Fly ``photos`` with all ``generators``, by name, and write the report to ``settings.out``.

    Films are made by ``filming``, where it is given; it yields their looks at all ``core.evaluation.film.TIMES``.

    Raises:
        FeaturesError: the weights of VGG16 are nowhere to be found.
        EvaluationError: a generator returns what is not finite.
        OutputError: the report cannot be written.

    """
    if settings.out is not None:
        _made(settings.out)
    vgg = Vgg16Features(find_vgg(settings.features)).to("cuda" if torch.cuda.is_available() else "cpu")
    flown = [_Flown.of(generator, name, settings.courses) for name, generator in generators.items()]
    _fly(photos, flown, Judge(vgg, settings.size, settings.steps, settings.seed), settings, filming)
    summaries = [summarise(each.name, each.records, each.cycles, each.films) for each in flown]
    if settings.out is not None:
        _finish(settings, flown, summaries)
    return summaries


def _fly(photos: PhotoSet, flown: Sequence[_Flown], judge: Judge, settings: Settings, filming: Filming | None) -> None:
    """Fly photo by photo, so that all generators are equally far when it is stopped, and write each photo's sheet."""
    with tqdm(unit="step", disable=None, smoothing=0.05) as bar:
        judge = replace(judge, tick=bar.update)
        bar.reset(len(photos) * len(flown) * sum(judge.steps_of(course) for course in settings.courses))
        for number, name in enumerate(photos.names):
            start = Start.of(name, photos[number])
            plain = start if all(each.generator.sky for each in flown) else Start.of(name, start.photo.without_sky())
            for each in flown:
                begun = start if each.generator.sky else plain
                bar.set_description(f"{name} {each.name}")
                if filming is not None:  # first, as it tells at once where no film can be made
                    each.films.append(FlightRecord(name, "film", list(filming(each.name, number))))
                for course in settings.courses:
                    each.keep(judge.fly(begun, each.generator, course), settings.out)
                each.cycles.append(cycle(begun, each.generator, judge))


def _finish(settings: Settings, flown: Sequence[_Flown], summaries: Sequence[Summary]) -> None:
    """Write overviews, curves and JSON."""
    out = _made(settings.out or Path())
    for course in settings.courses:
        overview = sheets.overview([each.thumbnails[course] for each in flown], [each.name for each in flown])
        sheets.write(out / f"overview-{course}.png", overview)
    if any(summary.curves for summary in summaries):
        plots.draw(out / "curves.png", summaries)
    protocol = {
        "steps": settings.steps,
        "size": list(settings.size),
        "courses": list(settings.courses),
        "seed": settings.seed,
    }
    report.write_json(out / "report.json", protocol, summaries)


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}; name another folder") from error
    return folder
