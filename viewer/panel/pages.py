"""Every page of the panel, in the order of its tabs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from viewer.panel.controls_page import ControlsPage
from viewer.panel.edits import Edits
from viewer.panel.export_page import ExportPage
from viewer.panel.keyframes_page import KeyframesPage
from viewer.panel.moves_page import MovesPage
from viewer.panel.panels import Panels
from viewer.panel.settings_page import SettingsPage

if TYPE_CHECKING:
    from viewer.app import App


def make_panels(app: App) -> Panels:
    """Return the panel of ``app``, closed."""
    edits = Edits(app)
    pages = [SettingsPage(edits), ControlsPage(edits, app.controls), MovesPage(app), KeyframesPage(app), ExportPage(app)]
    return Panels(app, edits, pages)
