"""Summary: the flights of one generator in figures, for tables and JSON.

Figures are named "course.figure[.steps]", those of films "film.figure[.time]".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from core.evaluation import film
from core.evaluation.appearance import Drift
from core.evaluation.flights import STRIDE
from core.evaluation.patches import Similarity
from core.evaluation.renewal import Change

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from core.evaluation.cycle import Cycle
    from core.evaluation.flights import FlightRecord
    from core.evaluation.likeness import Likeness

    Figures = dict[str, float]

WINDOWS = ((20, 100), (50, 100), (250, 300))  # steps, both included, over which figures are taken
SHARP = (0.7, 1.4)  # sharpness of land that is as good as the photo's, its multiples
# of all steps and photos of a window these are averaged, of the others the median is taken
_AVERAGED = ("rays", "boiling", "renewed", "colour")
_JUDGED = ("coherence", "completeness", "repetition", "streaks", "sharpness", "contrast", *_AVERAGED)


@dataclass(frozen=True, eq=False)
class Summary:
    """All that is reported of one generator."""

    generator: str
    figures: Figures
    curves: dict[str, dict[str, list[float]]]  # of the autopilot's flights, by step: "steps", "low", "median", "high"
    photos: list[dict[str, Any]]  # a few figures of each flight and film


class _Table(NamedTuple):
    """One figure of every photo at some steps."""

    steps: range
    values: NDArray[np.float64]  # (photos, steps)


def summarise(
    generator: str, records: Mapping[str, Sequence[FlightRecord]], cycles: Sequence[Cycle], films: Sequence[FlightRecord] = ()
) -> Summary:
    """Summarise flights by course and films, which have frames at all ``film.TIMES``, each list in the order of the photos."""
    figures = _near_home(records.get("autopilot", ()), cycles) | _films(films)
    photos: list[dict[str, Any]] = []
    for course, flights in records.items():
        figures |= {f"{course}.{name}": value for name, value in _course(flights).items()}
        photos += [_photo(record) for record in flights]
    photos += [{"photo": each.photo, "course": each.course, "sharpness": each.drift.laplacian.tolist()} for each in films]
    flown = records.get("autopilot")
    curves = {name: _spread(table) for name, table in _tables(flown).items()} if flown else {}
    return Summary(generator, figures, curves, photos)


def _near_home(flights: Sequence[FlightRecord], cycles: Sequence[Cycle]) -> Figures:
    """Return what is judged at the start camera."""
    out = _mean_likeness("short", (record.short for record in flights))
    out |= _mean_likeness("cycle.warped", (cycle.warped for cycle in cycles))
    out |= _mean_likeness("cycle.refined", (cycle.refined for cycle in cycles))
    returns = [record.way_back for record in flights if record.way_back is not None]
    if returns:
        out |= {
            "return.home": max(back.home for back in returns),
            "return.nearly_home": float(np.mean([back.nearly_home for back in returns])),
            "return.ways": float(np.mean([back.ways for back in returns])),
        }
    return out


def _mean_likeness(name: str, likenesses: Iterable[Likeness | None]) -> Figures:
    found = [one for one in likenesses if one is not None]
    if not found:
        return {}
    # equal pictures have no finite PSNR: beyond 60 dB nothing is seen
    return {
        f"{name}.psnr": float(np.mean([min(one.psnr, 60.0) for one in found])),
        f"{name}.ssim": float(np.mean([one.ssim for one in found])),
        f"{name}.lpips": float(np.mean([one.lpips for one in found])),
        f"{name}.seen": float(np.mean([one.seen for one in found])),
    }


def _course(flights: Sequence[FlightRecord]) -> Figures:
    """Return the figures of all ``flights`` on one course."""
    drifts = [record.drift for record in flights]
    at, where = _judged(flights[0])
    sharpness = np.array([drift.sharpness[at] for drift in drifts])
    colour = np.array([_mean(drift.colour[1:]) for drift in drifts])
    tables = _tables(flights)
    return _windowed(tables) | {
        "style": _mean(tables["style"].values),
        f"sharpness.{where}": _middle(sharpness),
        "sharpness.in_band": _share_within(sharpness, SHARP),
        f"contrast.{where}": _middle(np.array([drift.contrast[at] for drift in drifts])),
        "colour.mean": _mean(colour),
        "colour.p90": float(np.nanpercentile(colour, 90)),
        "sky.change": float(np.mean([abs(drift.sky[1:] - drift.sky[0]).mean() for drift in drifts])),
        "collapsed": float(np.mean([drift.collapsed() is not None for drift in drifts])),
    }


def _tables(flights: Sequence[FlightRecord]) -> dict[str, _Table]:
    """Return everything that is measured along ``flights`` of one length, by name."""
    steps = len(flights[0].frames)
    drifts = [record.drift for record in flights]
    looked = range(STRIDE, steps, STRIDE)
    tables = {
        each.name: _Table(range(steps), np.stack([getattr(drift, each.name) for drift in drifts])) for each in fields(Drift)
    }
    for kind, where, lists in (
        (Change, range(1, steps), [record.changes for record in flights]),
        (Similarity, looked, [record.similarities for record in flights]),
    ):
        for each in fields(kind):
            tables[each.name] = _Table(where, np.array([[getattr(one, each.name) for one in found] for found in lists]))
    return tables | {"style": _Table(looked, np.array([record.style for record in flights]))}


def _windowed(tables: Mapping[str, _Table]) -> Figures:
    """Return the figures of all windows that the flights reach the end of; the first is cut to what there is of it."""
    last = tables["colour"].steps[-1]
    (first, end), *later = WINDOWS
    windows = [(first if last >= first else 1, min(end, last)), *(window for window in later if window[1] <= last)]
    return {
        f"{name}.{begin}-{end}": (_mean if name in _AVERAGED else _middle)(
            tables[name].values[:, _within(tables[name], begin, end)]
        )
        for begin, end in windows
        for name in _JUDGED
    }


def _within(table: _Table, begin: int, end: int) -> list[bool]:
    return [begin <= step <= end for step in table.steps]


def _films(films: Sequence[FlightRecord]) -> Figures:
    """Return the figures of delivered films: at each time, and of all times after the first."""
    if not films:
        return {}
    drifts = [each.drift for each in films]
    names = "laplacian", "contrast", "streaks", "rays", "colour"
    sharpness, contrast, streaks, rays, colour = (np.stack([getattr(drift, name)[1:] for drift in drifts]) for name in names)
    out = {"film.in_band.all": float(np.mean([_share_within(row, film.SHARP) == 1.0 for row in sharpness]))}
    for time, column in zip(film.TIMES[1:], sharpness.T, strict=True):
        out |= {f"film.in_band.{time}s": _share_within(column, film.SHARP), f"film.sharpness.{time}s": _middle(column)}
    return out | {
        "film.contrast": _middle(contrast),
        "film.streaks": _middle(streaks),
        "film.rays": _mean(rays),
        "film.colour": _mean(colour),
    }


def _spread(table: _Table) -> dict[str, list[float]]:
    """Median and quartiles over the photos by step."""
    known = np.isfinite(table.values).any(axis=0)
    spread = np.full((3, len(table.steps)), math.nan)
    if known.any():
        spread[:, known] = np.nanpercentile(table.values[:, known], (25, 50, 75), axis=0)
    low, median, high = spread.tolist()
    return {"steps": [float(step) for step in table.steps], "low": low, "median": median, "high": high}


def _judged(record: FlightRecord) -> tuple[int, str]:
    """Return at which step single frames are judged: a full turn, which ends where it began, behind."""
    steps = len(record.frames) - 1
    return (steps // 2, "behind") if record.course == "turn" else (steps, "last")


def _photo(record: FlightRecord) -> dict[str, Any]:
    tables = _tables([record])
    out: dict[str, Any] = {"photo": record.photo, "course": record.course, "collapsed": record.drift.collapsed()}
    out |= _windowed(tables) | {"style": _mean(tables["style"].values)}
    if record.short is not None:
        out["short"] = vars(record.short)
    return out


def _share_within(values: NDArray[np.float64], band: tuple[float, float]) -> float:
    """Share of ``values`` within ``band``; what is not known is not."""
    return float(((values >= band[0]) & (values <= band[1])).mean())


def _middle(values: NDArray[np.float64]) -> float:
    return float(np.nanmedian(values)) if np.isfinite(values).any() else math.nan


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else math.nan
