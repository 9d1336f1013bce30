"""Summary: the flights of one generator in figures, for tables and JSON.

Figures are named "course.figure[.features][.steps]". Kernel and Frechet distances are to the reference, on standardised
features, in blocks of 50 steps and in a window of 20 that slides over the flight (InfiniteNature-Zero, section 4, "FID_sw").
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from core.evaluation.appearance import Drift
from core.evaluation.distributions import frechet_distance, kernel_distance
from core.evaluation.embedding import LITE0, VGG
from core.evaluation.flights import VGG_STRIDE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from core.evaluation.cycle import Cycle
    from core.evaluation.flights import FlightRecord
    from core.evaluation.likeness import Likeness
    from core.evaluation.reference import Reference

    Vectors = NDArray[np.float32]
    Figures = dict[str, float]

BLOCK, WINDOW, WINDOW_STRIDE = 50, 20, 10  # steps
SHARP = (0.7, 1.4)  # sharpness of land that is as good as the photo's, its multiples


@dataclass(frozen=True, eq=False)
class Summary:
    """All that is reported of one generator."""

    generator: str
    figures: Figures
    curves: dict[str, dict[str, list[float]]]  # of the autopilot's flights, by step: "steps", "low", "median", "high"
    photos: list[dict[str, Any]]  # a few figures of each flight
    sets: dict[str, int]  # sizes of the sets compared


def summarise(
    generator: str, records: Mapping[str, Sequence[FlightRecord]], cycles: Sequence[Cycle], reference: Reference | None
) -> Summary:
    """Summarise flights by course, every list in the order of the photos; without a ``reference`` no distances to one."""
    flown = records.get("autopilot", ())
    figures = _near_home(flown, cycles)
    photos: list[dict[str, Any]] = []
    curves = _curves(flown) if flown else {}
    for course, flights in records.items():
        found = _course(flights)
        if reference is not None:
            windows = _sliding(flights, reference)
            found = _distances(flights, reference) | {f"kid.{LITE0}.window{WINDOW}": float(np.mean(windows["median"]))} | found
            if course == "autopilot":
                curves["kid"] = windows
        figures |= {f"{course}.{name}": value for name, value in found.items()}
        photos += [_photo(record) for record in flights]
    sets = {"photos": max(map(len, records.values()), default=0), "reference": len(reference) if reference else 0}
    return Summary(generator, figures, curves, photos, sets)


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
    """Return the figures of all ``flights`` on one course that need no reference."""
    out: Figures = {}
    drifts = [record.drift for record in flights]
    at, where = _judged(flights[0])
    style = np.array([record.style for record in flights])
    if style.size:
        out["style"] = float(style.mean())
    sharpness = np.array([drift.sharpness[at] for drift in drifts])
    colour = np.stack([drift.colour for drift in drifts])
    out |= {
        f"sharpness.{where}": _middle(sharpness),
        "sharpness.in_band": float(((sharpness >= SHARP[0]) & (sharpness <= SHARP[1])).mean()),
        f"contrast.{where}": _middle(np.array([drift.contrast[at] for drift in drifts])),
        "colour.mean": _mean(colour[:, 1:]),
        f"colour.{where}": _mean(colour[:, at]),
        "sky.change": float(np.mean([abs(drift.sky[1:] - drift.sky[0]).mean() for drift in drifts])),
        "collapsed": float(np.mean([drift.collapsed() is not None for drift in drifts])),
    }
    return out


def _distances(flights: Sequence[FlightRecord], reference: Reference) -> Figures:
    """Return the distances of frames to the ``reference`` by block of steps, and of the start photos: the least to hope for."""
    start = np.concatenate([record.start_lite0 for record in flights])
    out = {f"kid.{LITE0}.start": reference.distance(LITE0, start, _kid)}
    steps = len(flights[0].lite0)
    for first in range(1, steps + 1, BLOCK):
        out |= _block(flights, reference, first, min(first + BLOCK - 1, steps))
    return out


def _block(flights: Sequence[FlightRecord], reference: Reference, first: int, last: int) -> Figures:
    steps = f"{first}-{last}"
    lite0 = np.concatenate([record.lite0[first - 1 : last] for record in flights])
    vgg = np.concatenate([record.vgg[-(-first // VGG_STRIDE) - 1 : last // VGG_STRIDE] for record in flights])
    sets = {LITE0: lite0} | {name: vgg[:, i] for i, name in enumerate(VGG)}
    out: Figures = {}
    for name, vectors in sets.items():
        out[f"kid.{name}.{steps}"] = reference.distance(name, vectors, _kid)
        out[f"frechet.{name}.{steps}"] = reference.distance(name, vectors, frechet_distance)
    return out


def _kid(x: Vectors, y: Vectors) -> float:
    """Kernel distance, the number alone."""
    return kernel_distance(x, y).value


def _sliding(flights: Sequence[FlightRecord], reference: Reference) -> dict[str, list[float]]:
    """Kernel distances (Lite0) of windows of 20 steps, of all steps where there are less, by the windows' middles."""
    steps = len(flights[0].lite0)
    width = min(WINDOW, steps)
    starts = range(0, steps - width + 1, WINDOW_STRIDE)
    sets = [np.concatenate([record.lite0[start : start + width] for record in flights]) for start in starts]
    middles = [start + 0.5 * (width + 1) for start in starts]
    return {"steps": middles, "median": [reference.distance(LITE0, each, _kid) for each in sets]}


def _curves(flights: Sequence[FlightRecord]) -> dict[str, dict[str, list[float]]]:
    """Median and quartiles over the photos of every drift, by step."""
    drifts = [record.drift for record in flights]
    steps = len(drifts[0].sky) - 1
    names = [field.name for field in fields(Drift)]
    curves = {name: _spread(np.stack([getattr(drift, name) for drift in drifts]), range(steps + 1)) for name in names}
    style = np.array([record.style for record in flights])
    if style.size:
        curves["style"] = _spread(style, range(VGG_STRIDE, steps + 1, VGG_STRIDE))
    return curves


def _spread(table: NDArray[np.float64], steps: range) -> dict[str, list[float]]:
    known = np.isfinite(table).any(axis=0)
    low, median, high = (np.full(table.shape[1], math.nan) for _ in range(3))
    low[known], median[known], high[known] = np.nanpercentile(table[:, known], (25, 50, 75), axis=0)
    return {"steps": [float(s) for s in steps], "low": low.tolist(), "median": median.tolist(), "high": high.tolist()}


def _judged(record: FlightRecord) -> tuple[int, str]:
    """Return at which step single frames are judged: a full turn, which ends where it began, behind."""
    steps = len(record.frames) - 1
    return (steps // 2, "behind") if record.course == "turn" else (steps, "last")


def _photo(record: FlightRecord) -> dict[str, Any]:
    drift, at = record.drift, _judged(record)[0]
    out: dict[str, Any] = {
        "photo": record.photo,
        "course": record.course,
        "sharpness": float(drift.sharpness[at]),
        "contrast": float(drift.contrast[at]),
        "colour": _mean(drift.colour[1:]),
        "collapsed": drift.collapsed(),
    }
    if record.style:
        out["style"] = float(np.mean(record.style))
    if record.short is not None:
        out["short"] = vars(record.short)
    return out


def _middle(values: NDArray[np.float64]) -> float:
    return float(np.nanmedian(values)) if np.isfinite(values).any() else math.nan


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else math.nan
