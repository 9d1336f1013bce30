"""Report: summaries as a printed table and as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from core.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from core.evaluation.summary import Summary

# what parts of a figure's name mean; the first match is printed as its unit
_UNITS = (
    ("psnr", "dB"),
    ("ways", "dB"),
    ("style", "1e-5"),
    ("in_band", "of photos"),
    ("sharpness", "of photo's"),
    ("contrast", "of photo's"),
    ("streaks", "of photo's"),
    ("rays", "of land, more than in the photo"),
    ("coherence", "of photo's halves"),
    ("completeness", "of photo's halves"),
    ("repetition", "of patches"),
    ("renewed", "of land"),
    ("collapsed", "of photos"),
    ("seen", "of view"),
    ("sky.change", "of view"),
)


def table(summaries: Sequence[Summary]) -> str:
    """Lay the figures out in lines: one column a generator, and from the second on its ratio to the first."""
    first, *others = summaries
    names = list(dict.fromkeys(name for summary in summaries for name in summary.figures))
    header = ["", first.generator, *(text for other in others for text in (other.generator, "ratio")), ""]
    rows = [header]
    for name in names:
        base = first.figures.get(name, math.nan)
        row = [name, _number(base)]
        for other in others:
            value = other.figures.get(name, math.nan)
            row += [_number(value), _number(value / base) if base and math.isfinite(base) else "-"]
        rows.append([*row, next((unit for part, unit in _UNITS if part in name), "")])
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    lines = []
    for label, *cells, unit in rows:
        numbers = [cell.rjust(width) for cell, width in zip(cells, widths[1:-1], strict=True)]
        lines.append("  ".join([label.ljust(widths[0]), *numbers, unit]))
    return "\n".join(line.rstrip() for line in lines)


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "-"


def write_json(path: Path, protocol: Mapping[str, object], summaries: Sequence[Summary]) -> None:
    """Write everything to ``path``, what is not a number as null. Raises OutputError."""
    content = {"protocol": dict(protocol), "generators": [asdict(summary) for summary in summaries]}
    try:
        path.write_text(json.dumps(_finite(content), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; name another folder") from error


def _finite(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
