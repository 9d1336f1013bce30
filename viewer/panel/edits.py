"""Settings changed in a panel: they act at once, and are written to the file when the hand rests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from core.errors import PhotoflightError

if TYPE_CHECKING:
    from viewer.app import App
    from viewer.settings import Settings

REST_SECONDS = 0.5  # without a change before the file is written: not once a frame while a slider is dragged


class Edits:
    """Changes the settings of ``app`` and remembers what the file has not got yet."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._written = app.settings  # what the file has, as far as is known here
        self._latest = app.settings  # what was changed here last
        self._due = 0.0

    @property
    def settings(self) -> Settings:
        """The settings of the moment."""
        return self._app.settings

    def change(self, settings: Settings) -> None:
        """Use ``settings`` from now on. What cannot be used is told on the screen, and all stays as it was."""
        if self._latest is not self._app.settings:  # the file was edited meanwhile, and read again
            self._written = self._app.settings
        before = self._app.settings
        try:
            self._app.apply(settings)
        except PhotoflightError as error:
            self._app.apply(before)
            self._app.hud.say(str(error))
            return
        self._latest = settings
        self._due = time.monotonic() + REST_SECONDS

    def poll(self, *, now: bool = False) -> None:
        """Write what has changed, if the hand rests, or ``now``; a file that cannot be written is told on the screen."""
        if self._due == 0.0 or not (now or time.monotonic() >= self._due):
            return
        self._due = 0.0
        try:
            self._app.keep(self._written, self._latest)
        except PhotoflightError as error:
            self._app.hud.say(str(error))
        self._written = self._latest
