"""HUD: what is written over the flight. Text is drawn with Pillow, so no font system is needed, and never recorded."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.names import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from core.flight import FlightStatus
    from viewer.controls import HelpLine

PAPER = (12, 16, 20, 150)  # behind the text, translucent
INK = (244, 246, 248, 255)
QUIET = (176, 186, 196, 255)
RED = (255, 84, 70, 255)
PADDING = 10
GAP = 18  # between the columns of the help, and around the recording light
MESSAGE_SECONDS = 6.0
COMPASS = ("N", "NE", "E", "SE", "S", "SW", "W", "NW")


@lru_cache(maxsize=8)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own typeface at ``size`` pixels."""
    return ImageFont.load_default(size)


@dataclass
class Meters:
    """What the window adds to the flight's own status."""

    fps: float = 0.0  # 0 while nothing changes and nothing is drawn
    recording: float | None = None  # seconds recorded so far
    dropped: int = 0
    loading: str = ""
    clock: str = ""  # how time goes, where it does not go as usual: "paused", "slow motion"
    holds: tuple[str, ...] = ()  # what is held: "speed", "height", "heading"
    pad: str = ""  # the gamepad or stick that is plugged in


@dataclass
class Hud:
    """Chooses the lines to show and turns them into pictures; a picture is redrawn only when its text changes."""

    scale: float = 1.0  # framebuffer pixels per point
    help_visible: bool = False
    graph_visible: bool = False
    map_visible: bool = False
    card_visible: bool = False
    _message: str = ""
    _until: float = 0.0
    _reported: dict[str, str | None] = field(default_factory=dict, repr=False)
    _pictures: dict[str, tuple[tuple[object, ...], NDArray[np.uint8]]] = field(default_factory=dict, repr=False)

    def say(self, message: str, seconds: float = MESSAGE_SECONDS) -> None:
        """Show one line over the flight for a while."""
        self._message, self._until = message, time.monotonic() + seconds

    def report(self, about: str, line: str | None) -> None:
        """Show what ``about`` has to tell, a line or nothing, once, when it is something new."""
        if line and line != self._reported.get(about):
            self.say(line)
        self._reported[about] = line

    @property
    def message(self) -> str:
        """The line being shown, or an empty string."""
        return self._message if time.monotonic() < self._until else ""

    def status_picture(self, status: FlightStatus, meters: Meters, width: float = math.inf) -> NDArray[np.uint8]:
        """Return the instruments, (h, w, 4) uint8 with straight alpha, on as many lines as ``width`` pixels need."""
        heading = math.degrees(status.heading) % 360.0
        room = width - 2 * PADDING * self.scale
        words = [
            f"{status.pilot}",
            f"speed {status.speed:4.1f}",
            f"height {status.height:+5.1f}",
            f"heading {heading:03.0f}° {COMPASS[round(heading / 45.0) % 8]}",
            f"{meters.fps:3.0f} fps" if meters.fps else "at rest",
            f"refine {status.refine_rate:3.1f} Hz {status.refine_size[0]}x{status.refine_size[1]} {status.generator}",
        ]
        words[1:1] = [meters.clock] if meters.clock else []
        words += [f"hold {' '.join(meters.holds)}"] if meters.holds else []
        words += [each for each in (meters.pad, meters.loading) if each]
        record = ""
        if meters.recording is not None:
            record = f"REC {int(meters.recording) // 60:02d}:{int(meters.recording) % 60:02d}"
            if meters.dropped:
                record += f"  {meters.dropped} dropped"
        if record:
            room -= font(round(14 * self.scale)).getlength(record) + 2 * GAP * self.scale
        return self._cached("status", wrapped(words, room, self.scale), record)

    def message_picture(self, width: float = math.inf) -> NDArray[np.uint8] | None:
        """Return the present message, if any, wrapped to ``width`` pixels."""
        if not self.message:
            return None
        return self._cached("message", wrapped(self.message.split(), width - 2 * PADDING * self.scale, self.scale, " "))

    def help_picture(self, lines: Sequence[HelpLine], *, pad: bool = False, stick: bool = False) -> NDArray[np.uint8]:
        """Return the table of controls: what is pressed on the keyboard, and, where there are, on ``pad`` and ``stick``."""
        shown = (True, pad, stick, True)
        return self._cached("help", ["\t".join(compress(line, shown)) for line in lines])

    def card_picture(self, lines: list[str]) -> NDArray[np.uint8]:
        """Return the card of a first run."""
        return self._cached("card", lines)

    def _cached(self, name: str, lines: list[str], alert: str = "") -> NDArray[np.uint8]:
        key = (self.scale, alert, *lines)
        known = self._pictures.get(name)
        if known is None or known[0] != key:
            known = (key, text_picture(lines, alert, self.scale))
            self._pictures[name] = known
        return known[1]


def wrapped(words: Sequence[str], width: float, scale: float = 1.0, space: str = "   ") -> list[str]:
    """Join ``words`` into lines of at most ``width`` pixels; a longer word has a line of its own."""
    face, lines = font(round(14 * scale)), list[str]()
    for word in map(printable, words):
        if lines and face.getlength(lines[-1] + space + word) <= width:
            lines[-1] += space + word
        else:
            lines.append(word)
    return lines


def text_picture(lines: Sequence[str], alert: str = "", scale: float = 1.0) -> NDArray[np.uint8]:
    """Draw ``lines`` on a translucent plate, (h, w, 4) uint8; tabs part it into columns, ``alert`` follows in red."""
    face = font(round(14 * scale))
    pad = round(PADDING * scale)
    rows = [line.split("\t") for line in lines]
    gap = round(GAP * scale)
    starts = [0]  # of the columns
    for column in range(max(map(len, rows)) - 1):
        starts.append(starts[-1] + gap + max(math.ceil(face.getlength(row[column])) for row in rows if len(row) > column + 1))
    widths = [starts[len(row) - 1] + math.ceil(face.getlength(row[-1])) for row in rows]
    extra = math.ceil(face.getlength(alert)) + 2 * gap if alert else 0
    line_height = round(20 * scale)
    picture = Image.new("RGBA", (max(widths) + extra + 2 * pad, line_height * len(rows) + 2 * pad - round(4 * scale)))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((0, 0, picture.width - 1, picture.height - 1), radius=pad * 0.6, fill=PAPER)
    for index, row in enumerate(rows):
        y = pad + index * line_height
        for column, text in enumerate(row):
            draw.text((pad + starts[column], y), text, fill=INK if column == len(row) - 1 else QUIET, font=face)
    if alert:
        x, radius = pad + widths[0] + gap, 5 * scale
        middle = pad + 8 * scale
        draw.ellipse((x, middle - radius, x + 2 * radius, middle + radius), fill=RED)
        draw.text((x + gap * 0.9, pad), alert, fill=RED, font=face)
    return np.asarray(picture)
