"""Frame graph: the latest frames as stacked bars, one column a frame, with what they amount to in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from viewer.frame_times import Part
from viewer.hud import INK, PADDING, PAPER, QUIET, RED, font, wrapped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from viewer.frame_times import FrameTimes, Summary

COLUMNS, ROWS = 400, 80  # frames, and points of height
MOST_CAUSES = 3  # of late frames that are told
LEAST_SHOWN = 5e-5  # seconds: less would read 0.0 ms
SCALES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)  # seconds that the height may stand for
HEADROOM = 2.0  # times the usual frame and the display's period fit into the height
COLOURS = {
    Part.EVENTS: (214, 214, 120, 255),
    Part.FLY: (120, 205, 120, 255),
    Part.WARP: (96, 165, 250, 255),
    Part.DRAW: (250, 166, 80, 255),
    Part.RECORD: (240, 120, 190, 255),
    Part.HUD: (180, 140, 245, 255),
    Part.FLIP: (150, 160, 170, 150),
}
_EMPTY, _LATE, _PERIOD = len(Part), len(Part) + 1, len(Part) + 2  # in the palette, after the parts
_PALETTE = np.array([*(COLOURS[part] for part in Part), (0, 0, 0, 60), (*RED[:3], 110), (*INK[:3], 200)], np.uint8)


def graph_picture(times: FrameTimes, scale: float = 1.0) -> NDArray[np.uint8]:
    """Draw the latest frames and the summary of ``times`` on a translucent plate, (h, w, 4) uint8 with straight alpha.

    Bars are stacked in the order of ``Part``, the first at the bottom; above the bar of a late frame it is red. The line is the
    display's period.
    """
    parts, late = times.latest(0.0, COLUMNS)
    usual = np.median(parts, axis=0) if len(parts) else np.zeros(len(Part), np.float32)
    wanted = HEADROOM * max(times.period, float(usual.sum()))
    height = next((each for each in SCALES if each >= wanted), SCALES[-1])
    size = max(1, round(scale))
    bars = _PALETTE[_bars(parts, late, height, times.period)].repeat(size, axis=0).repeat(size, axis=1)
    return _framed(bars, usual, f"{1e3 * height:.0f} ms", _phrases(times.summary()), scale)


def _bars(parts: NDArray[np.float32], late: NDArray[np.bool_], height: float, period: float) -> NDArray[np.intp]:
    """Return the palette's index of each cell, (ROWS, COLUMNS), top row first, the newest frame at the right."""
    tops = np.cumsum(parts, axis=1).T * (ROWS / height)  # (parts, frames): where each part of the bar ends
    levels = np.arange(ROWS)[::-1, None] + 0.5
    filled = (levels >= tops[:, None, :]).sum(axis=0)
    filled = np.where((filled == len(Part)) & late, _LATE, filled)
    cells = np.full((ROWS, COLUMNS), _EMPTY)
    if len(parts):
        cells[:, -len(parts) :] = filled
    cells[ROWS - 1 - min(ROWS - 1, int(period / height * ROWS))] = _PERIOD
    return cells


def _phrases(summary: Summary) -> list[str]:
    if not summary.late:
        return [summary.line, f"none of {summary.frames} late"]
    causes = [f"{count} {cause}" for cause, count in summary.late.most_common(MOST_CAUSES)]
    return [summary.line, f"{summary.late.total()} of {summary.frames} late:", *causes]


def _framed(
    bars: NDArray[np.uint8], usual: NDArray[np.float32], height: str, phrases: list[str], scale: float
) -> NDArray[np.uint8]:
    """Put a plate behind ``bars`` with the height that they stand for, a key to the colours (milliseconds) and ``phrases``."""
    face, pad, line = font(round(14 * scale)), round(PADDING * scale), round(20 * scale)
    rows, columns = bars.shape[:2]
    text = wrapped(phrases, columns, scale)
    picture = Image.new("RGBA", (columns + 2 * pad, rows + line * (1 + len(text)) + 2 * pad))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((0, 0, picture.width - 1, picture.height - 1), radius=pad * 0.6, fill=PAPER)
    picture.paste(Image.fromarray(bars), (pad, pad))
    draw.text((pad + 2 * scale, pad), height, fill=QUIET, font=face)
    x, y = float(pad), pad + rows + round(4 * scale)
    for part in Part:
        if usual[part] >= LEAST_SHOWN:
            word = f"{part.word} {1e3 * float(usual[part]):.1f}  "
            draw.text((x, y), word, fill=(*COLOURS[part][:3], 255), font=face)
            x += face.getlength(word)
    for number, each in enumerate(text, start=1):
        draw.text((pad, y + number * line), each, fill=INK, font=face)
    return np.asarray(picture)
