"""Pages: what README.md shows of the program, made by the program: ``python -m viewer.pages [NAME …]`` in the project's folder.

Without names everything is made: the table of controls, the curve of the sticks, and pictures of the window, for which a display
is needed.
"""

from __future__ import annotations

import math
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from viewer.controls import help_lines
from viewer.response import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from viewer.app import App
    from viewer.controls import Bindings

README = Path("README.md")
GALLERY = Path("weights/gallery")
BEGIN, END = "<!-- controls: written by viewer/pages.py -->", "<!-- end of controls -->"
WINDOW = (1280, 720)


def controls_table(bindings: Bindings | None = None) -> str:
    """Return the table of controls in Markdown."""
    lines = ["| keys | gamepad | flight stick | what they do |", "|---|---|---|---|"]
    for *pressed, what in help_lines(bindings):
        lines.append(f"| {' | '.join(f'`{names}`' if names else '' for names in pressed)} | {what} |")
    return "\n".join(lines)


def write_readme() -> None:
    """Put the present table of controls between its marks."""
    text = README.read_text(encoding="utf-8")
    marked = f"{BEGIN}\n\n{controls_table()}\n\n{END}"
    README.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: marked, text, flags=re.DOTALL), encoding="utf-8")


def draw_response() -> None:
    """Plot how strongly a stick acts, and what becomes of a circle of the stick."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    curve, circle = figure.subplots(1, 2)
    ways = np.linspace(0.0, 1.0, 401)
    for expo, style in ((0.0, ":"), (Response.expo, "-"), (1.0, "--")):
        response = Response(expo=expo)
        curve.plot(ways, [response.strength(way) for way in ways], style, label=f"expo {expo:g}")
    curve.axvspan(0.0, Response.dead_zone, color="gray", alpha=0.2, label=f"dead zone {Response.dead_zone:g}")
    curve.set(xlabel="how far the stick is pushed", ylabel="how strongly it acts", xlim=(0, 1), ylim=(0, 1.02))
    turns = np.linspace(0.0, math.tau, 181)
    for way in (0.1, 0.4, 0.7, 1.0):
        xs, ys = way * np.cos(turns), way * np.sin(turns)
        circle.plot(xs, ys, color="silver", lw=1)
        circle.plot(*zip(*map(Response().of_stick, xs, ys), strict=True), label=f"pushed {way:g}")
    circle.set(xlabel="right", ylabel="up", aspect="equal")
    circle.set_title("a circle of the stick (gray) steers a circle", fontsize=10)
    for panel in (curve, circle):
        panel.grid(alpha=0.3)
    curve.legend(fontsize=8)
    circle.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.02, 1.0))
    figure.savefig(GALLERY / "stick.png", dpi=90)


def photograph_window() -> None:
    """Fly into the demo photo in a real window, and take its picture with the instruments and with the panels."""
    from viewer.app import App
    from viewer.options import FlyOptions

    app = App(FlyOptions(size=WINDOW))
    tour, flip = _tour(app), app.window.flip

    def watched_flip() -> None:
        app.running = next(tour, None) is not None
        flip()

    app.window.flip = watched_flip  # type: ignore[method-assign]  # the moment at which a picture is complete
    app.run()


def _tour(app: App) -> Iterator[bool]:
    """Go on by one step a frame: what is yielded only says that the tour is not over."""
    yield from _until(lambda: app.flight is not None)
    app.hud.card_visible = False
    app.controls.press("keys", "W")
    yield from _seconds(3.0)
    app.controls.release("keys", "W")
    yield from _until(lambda: app.flight is not None and app.flight.still)
    app.hud.say("")
    for shown in ("help", "settings", "controls"):
        _toggle(app, shown)
        yield from _seconds(1.0)
        _save(app, "window" if shown == "help" else shown)
        _toggle(app, shown)


def _toggle(app: App, shown: str) -> None:
    if shown == "help":
        app.hud.help_visible = not app.hud.help_visible
    elif app.panels is not None:
        app.panels.toggle(shown)


def _until(condition: Callable[[], bool]) -> Iterator[bool]:
    while not condition():
        yield True


def _seconds(duration: float) -> Iterator[bool]:
    end = time.monotonic() + duration
    yield from _until(lambda: time.monotonic() >= end)


def _save(app: App, name: str) -> None:
    from pyglet import gl

    width, height = app.stage.size
    pixels = (gl.GLubyte * (4 * width * height))()
    app.stage.screen.use()
    gl.glReadPixels(0, 0, width, height, gl.GL_RGBA, gl.GL_UNSIGNED_BYTE, pixels)
    picture = np.frombuffer(bytes(pixels), np.uint8).reshape(height, width, 4)[::-1, :, :3]
    Image.fromarray(picture).save(GALLERY / f"{name}.jpg", quality=88)


PAGES: dict[str, Callable[[], None]] = {"readme": write_readme, "stick": draw_response, "window": photograph_window}


def main(names: list[str]) -> int:
    """Make the pages of these names, or all; return the exit code."""
    for name in names or PAGES:
        if name not in PAGES:
            sys.stderr.write(f"no page {name!r}: choose from {', '.join(PAGES)}\n")
            return 2
        PAGES[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
