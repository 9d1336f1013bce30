"""How panels look: the HUD's colours, at the size that was chosen for its text."""

from __future__ import annotations

from pathlib import Path

import imgui_bundle
from imgui_bundle import imgui

FONT = Path(imgui_bundle.__file__).parent / "assets" / "fonts" / "Roboto" / "Roboto-Regular.ttf"
TEXT = 15.0  # pixels at scale 1, about as large as the HUD's
PAPER, INK, QUIET, ACCENT = (0.05, 0.065, 0.08), (0.96, 0.965, 0.97), (0.69, 0.73, 0.77), (0.33, 0.55, 0.74)
Colour = imgui.Col_


def load_font() -> None:
    """Give ImGui the typeface that comes with it, or its own where that file is missing."""
    fonts = imgui.get_io().fonts
    if FONT.is_file():
        fonts.add_font_from_file_ttf(str(FONT), TEXT)
    else:
        fonts.add_font_default_vector()


def apply(scale: float) -> None:
    """Set sizes and colours; ``scale`` is in framebuffer pixels per point of the HUD."""
    style = imgui.get_style()
    fresh = imgui.Style()
    for name in dir(fresh):  # sizes can only be scaled in place, so begin anew
        if isinstance(value := getattr(fresh, name), (float, imgui.ImVec2)):
            setattr(style, name, value)
    style.window_rounding = style.frame_rounding = style.grab_rounding = style.tab_rounding = style.popup_rounding = 4.0
    style.window_padding, style.frame_padding, style.item_spacing = imgui.ImVec2(14, 12), imgui.ImVec2(8, 4), imgui.ImVec2(8, 7)
    style.window_border_size, style.scrollbar_size = 0.0, 12.0
    style.scale_all_sizes(scale)
    style.font_size_base, style.font_scale_dpi = TEXT, scale
    tints = {
        Colour.text: (*INK, 1.0),
        Colour.text_disabled: (*QUIET, 1.0),
        Colour.window_bg: (*PAPER, 0.86),
        Colour.popup_bg: (*PAPER, 0.97),
        Colour.border: (1.0, 1.0, 1.0, 0.18),
        Colour.title_bg: (*PAPER, 0.9),
        Colour.title_bg_active: (*PAPER, 0.97),
        Colour.check_mark: (*INK, 1.0),
        Colour.slider_grab: (*ACCENT, 1.0),
        Colour.slider_grab_active: (*INK, 1.0),
        Colour.frame_bg: (1.0, 1.0, 1.0, 0.1),
        Colour.nav_cursor: (*INK, 0.9),
        Colour.table_row_bg_alt: (1.0, 1.0, 1.0, 0.04),
    }
    shades: dict[float, tuple[imgui.Col_, ...]] = {0.35: (Colour.button, Colour.header, Colour.frame_bg_hovered, Colour.tab)}
    shades |= {0.6: (Colour.button_hovered, Colour.header_hovered, Colour.tab_hovered)}
    shades |= {0.85: (Colour.button_active, Colour.header_active, Colour.frame_bg_active, Colour.tab_selected)}
    tints |= {which: (*ACCENT, alpha) for alpha, several in shades.items() for which in several}
    for which, tint in tints.items():
        style.set_color_(which, imgui.ImVec4(*tint))
