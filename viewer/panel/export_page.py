"""Exports: what has been flown through so far, for other programs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from imgui_bundle import imgui

from core.errors import PhotoflightError
from core.export import export_world
from viewer.actions import keepsake
from viewer.panel.page import Page

if TYPE_CHECKING:
    from pathlib import Path

    from core.export import Kind
    from core.flight import Flight
    from viewer.app import App

WRITTEN: dict[str, tuple[Kind, str]] = {  # what the button says, to what is written and the end of its name
    "point cloud (.ply)": ("cloud", "-cloud.ply"),
    "mesh (.ply)": ("mesh", "-mesh.ply"),
    "mesh with the pictures on it (.glb)": ("mesh", ".glb"),
    "frames, depth, transforms.json (folder)": ("frames", "-frames"),
}


class ExportPage(Page):
    """The page of files for other programs."""

    name = "export"

    def __init__(self, app: App) -> None:
        self._app = app
        self._lines = list[str]()  # what has become of each export, the newest last
        self._busy = 0

    def draw(self) -> None:
        """Show a button for each format, and where the last files are."""
        flight = self._app.flight
        if flight is None:
            imgui.text_wrapped("There is no flight yet.")
            return
        imgui.text_wrapped(f"Write the {len(flight.world.keyframes)} pictures that the land is known from, with their depth, as:")
        imgui.begin_disabled(self._busy > 0)
        for words, (kind, suffix) in WRITTEN.items():
            if imgui.button(words, imgui.ImVec2(-1.0, 0.0)):
                self._export(flight, kind, suffix)
        imgui.end_disabled()
        if self._busy:
            imgui.text("writing ...")
        for line in reversed(self._lines):
            imgui.bullet()
            imgui.text_wrapped(line)

    def _export(self, flight: Flight, kind: Kind, suffix: str) -> None:
        """Write behind the flight."""
        photo = self._app.photo
        if photo is not None:
            self._busy += 1
            self._app.saver.save(partial(self._written, flight, kind, photo.path, suffix))

    def _written(self, flight: Flight, kind: Kind, photo: Path, suffix: str) -> str:
        """Write, and return the line that tells of it; in the saver's thread."""
        try:
            line = export_world(flight.world, flight.dome, keepsake(photo, "pictures", suffix), kind)
        except (PhotoflightError, OSError) as error:
            line = f"not exported: {error}"
        self._lines.append(line)
        self._busy -= 1
        return line
