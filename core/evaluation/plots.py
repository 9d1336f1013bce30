"""Plots: drift over the steps, median and quartiles over the photos, one colour a generator."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from core.errors import OutputError
from core.evaluation.summary import SHARP

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from core.evaluation.summary import Summary

_PANELS = (
    ("sharpness", "sharpness of land / photo's"),
    ("contrast", "contrast of land / photo's"),
    ("colour", "mean colour's difference from photo's"),
    ("coherence", "patches' distance to photo's / its halves'"),
    ("completeness", "photo's patches' distance / its halves'"),
    ("repetition", "share of patches used too often"),
    ("streaks", "streaks of land / photo's"),
    ("rays", "land drawn out along rays, above photo's"),
    ("boiling", "low-band change of known land"),
    ("renewed", "renewed share of known land"),
    ("correlation", "correlation of neighbouring pixels"),
    ("sky", "share of sky"),
    ("far", "disparity, 3rd percentile"),
    ("middle", "disparity, median"),
    ("near", "disparity, 97th percentile"),
    ("style", "style distance to photo, 1e-5"),
)

_log = logging.getLogger(__name__)


def draw(path: Path, summaries: Sequence[Summary]) -> None:
    """Draw all curves of ``summaries`` to a PNG at ``path``; without matplotlib only tell how to get it. Raises OutputError."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        _log.warning("%s is not drawn: pip install photoflight[evaluate] for plots; the report has the curves' numbers", path)
        return
    figure = Figure(figsize=(14, 12), layout="constrained")
    axes = figure.subplots(4, 4).ravel()
    for (name, title), panel in zip(_PANELS, axes, strict=True):
        for summary in summaries:
            _curve(panel, summary, name)
        panel.set_title(title, fontsize=9)
        panel.tick_params(labelsize=8)
        panel.grid(alpha=0.3)
    axes[0].axhspan(*SHARP, color="green", alpha=0.08)
    axes[0].legend(fontsize=8)
    for panel in axes[12:]:
        panel.set_xlabel("step", fontsize=8)
    try:
        figure.savefig(path, dpi=90)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; name another folder") from error


def _curve(panel: Axes, summary: Summary, name: str) -> None:
    curve = summary.curves.get(name)
    if curve is None:
        return
    steps = np.array(curve["steps"])
    (line,) = panel.plot(steps, curve["median"], label=summary.generator, marker="" if len(steps) > 1 else "o")
    panel.fill_between(steps, curve["low"], curve["high"], alpha=0.15, color=line.get_color())
