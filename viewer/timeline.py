"""Timeline: where on the flown path the rewind is, as a strip, and a small map of the path from above."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from viewer.hud import INK, PADDING, PAPER, QUIET, RED, font

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from core.camera import Camera

STRIP, MAP = 320, 190  # points: the strip's length, the map's side
SMALLEST = 2.0  # scene units that the map spans at least
MOST_POINTS = 1000  # of the path that are drawn
GAP = 8  # pixels between pictures that lie above one another
VIEW = (96, 165, 250, 255)
KEY = (250, 190, 80, 255)


def strip_picture(place: float, whole: float, scale: float = 1.0) -> NDArray[np.uint8]:
    """Draw how far along a path of ``whole`` seconds ``place`` is, (h, w, 4) uint8 with straight alpha."""
    pad, face = round(PADDING * scale), font(round(14 * scale))
    length, line = round(STRIP * scale), round(20 * scale)
    picture = Image.new("RGBA", (length + 2 * pad, 2 * line + 2 * pad))
    draw = _plate(picture, pad)
    draw.text((pad, pad), f"rewind  {_clock(place)} of {_clock(whole)}", fill=INK, font=face)
    y, thick = pad + round(1.5 * line), max(1, round(3 * scale))
    x = pad + length * min(max(place / whole if whole > 0.0 else 0.0, 0.0), 1.0)
    draw.line((pad, y, pad + length, y), fill=QUIET, width=thick)
    draw.line((pad, y, x, y), fill=INK, width=2 * thick)
    draw.ellipse((x - 2 * thick, y - 2 * thick, x + 2 * thick, y + 2 * thick), fill=INK)
    return np.asarray(picture)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{seconds % 60.0:04.1f}"


def map_picture(
    trail: NDArray[np.float64], camera: Camera, keys: Sequence[NDArray[np.float64]] = (), scale: float = 1.0
) -> NDArray[np.uint8]:
    """Draw the path from above, (h, w, 4) uint8 with straight alpha; north, the photo's view, is up.

    ``trail`` (n, 3) is where the craft has been, world frame; ``keys`` (3,) are places to be numbered; the photo's own place is
    a square, the camera a wedge as wide as its view.
    """
    pad, side, face = round(PADDING * scale), round(MAP * scale), font(round(12 * scale))
    picture = Image.new("RGBA", (side + 2 * pad, side + 2 * pad + round(20 * scale)))
    draw = _plate(picture, pad)
    here = camera.position
    seen = np.array([np.zeros(3), here, *keys, *trail])[:, (0, 2)]
    middle = 0.5 * (seen.min(axis=0) + seen.max(axis=0))
    span = max(1.25 * float(np.ptp(seen, axis=0).max()), SMALLEST)

    def at(place: NDArray[np.float64]) -> tuple[float, float]:
        x, z = (place[[0, 2]] - middle) / span
        return pad + side * (0.5 + float(x)), pad + side * (0.5 - float(z))

    thin = max(1, math.ceil(len(trail) / MOST_POINTS))
    points = [at(place) for place in (*trail[::thin], here)]
    draw.line(points, fill=INK, width=max(1, round(2 * scale)), joint="curve")
    _marked(draw, at(np.zeros(3)), 4.0 * scale, QUIET)
    for number, key in enumerate(keys, start=1):
        x, y = at(key)
        draw.polygon([(x, y - 5 * scale), (x + 5 * scale, y), (x, y + 5 * scale), (x - 5 * scale, y)], fill=KEY)
        draw.text((x + 6 * scale, y - 7 * scale), str(number), fill=KEY, font=face)
    draw.polygon([at(corner) for corner in _wedge(camera, 0.16 * span)], fill=(*VIEW[:3], 110), outline=VIEW)
    x, y = at(here)
    draw.ellipse((x - 3 * scale, y - 3 * scale, x + 3 * scale, y + 3 * scale), fill=VIEW)
    draw.text((pad + side - 10 * scale, pad + 10 * scale), "N", fill=RED, font=face)
    draw.line((pad + side - 6 * scale, pad + 10 * scale, pad + side - 6 * scale, pad), fill=RED, width=max(1, round(2 * scale)))
    _ruler(draw, (pad, pad + side + 6 * scale), side / span, scale)
    return np.asarray(picture)


def stacked(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Put pictures above one another, flush left, with nothing in the gaps."""
    if len(pictures) == 1:
        return pictures[0]
    heights = [picture.shape[0] + GAP for picture in pictures]
    out = np.zeros((sum(heights) - GAP, max(picture.shape[1] for picture in pictures), 4), np.uint8)
    for picture, below in zip(pictures, np.cumsum(heights), strict=True):
        top = int(below) - picture.shape[0] - GAP
        out[top : top + picture.shape[0], : picture.shape[1]] = picture
    return out


def _plate(picture: Image.Image, pad: int) -> ImageDraw.ImageDraw:
    draw = ImageDraw.Draw(picture, "RGBA")
    draw.rounded_rectangle((0, 0, picture.width - 1, picture.height - 1), radius=pad * 0.6, fill=PAPER)
    return draw


def _marked(draw: ImageDraw.ImageDraw, place: tuple[float, float], size: float, colour: tuple[int, ...]) -> None:
    x, y = place
    draw.rectangle((x - size, y - size, x + size, y + size), outline=colour)


def _wedge(camera: Camera, reach: float) -> list[NDArray[np.float64]]:
    """Return the corners of what the camera sees up to ``reach``, from above."""
    half = 0.5 / camera.intrinsics.fx
    rays = [np.array([side, 0.0, 1.0]) for side in (-half, half)]
    return [camera.position, *(camera.position + reach * (camera.rotation @ ray) for ray in rays)]


def _ruler(draw: ImageDraw.ImageDraw, place: tuple[float, float], per_unit: float, scale: float) -> None:
    """Draw a round length in scene units, about a third of the map."""
    wanted = MAP * scale / 3.0 / per_unit
    power = 10.0 ** math.floor(math.log10(wanted))
    units = max(step * power for step in (1.0, 2.0, 5.0) if step * power <= wanted)
    x, y = place
    thick, end = max(1, round(2 * scale)), x + units * per_unit
    draw.line((x, y + 8 * scale, end, y + 8 * scale), fill=INK, width=thick)
    for tick in (x, end):
        draw.line((tick, y + 4 * scale, tick, y + 12 * scale), fill=INK, width=thick)
    draw.text((end + 6 * scale, y), f"{units:g} units", fill=INK, font=font(round(12 * scale)))
