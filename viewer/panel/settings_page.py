"""The settings: a slider, box or list for every field of the schema, in its order and words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imgui_bundle import imgui
from pydantic import BaseModel

from viewer.panel.page import Page
from viewer.panel.widgets import shown, widget

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from viewer.panel.edits import Edits
    from viewer.panel.widgets import Value

ELSEWHERE = ("controls", "devices")  # sections with a page of their own, or whose names only a user knows
AT_RELEASE = ("hud_scale",)  # applied when the mouse lets go: the slider itself would move from under it


class SettingsPage(Page):
    """The page of all settings."""

    name = "settings"

    def __init__(self, edits: Edits) -> None:
        self._edits = edits
        self._pending: dict[str, Value] = {}  # set, and still held by the mouse

    def draw(self) -> None:
        """Show every section."""
        for section in type(self._edits.settings).model_fields:
            part = getattr(self._edits.settings, section)
            if isinstance(part, BaseModel) and section not in ELSEWHERE:
                imgui.separator_text(section)
                if imgui.begin_table(section, 3, imgui.TableFlags_.sizing_stretch_prop):
                    for column, weight in (("what", 0.36), ("value", 0.52), ("reset", 0.12)):
                        imgui.table_setup_column(column, imgui.TableColumnFlags_.width_stretch, weight)
                    for name, info in type(part).model_fields.items():
                        if shown(info):
                            self._row(section, part, name, info)
                    imgui.end_table()

    def _row(self, section: str, part: BaseModel, name: str, info: FieldInfo) -> None:
        """Show one field: its name, its value, and a way back to what it was made for."""
        value: Value = getattr(part, name)
        imgui.push_id(f"{section}.{name}")
        imgui.table_next_row()
        imgui.table_next_column()
        imgui.align_text_to_frame_padding()
        imgui.text(name.replace("_", " "))
        imgui.set_item_tooltip(info.description or "")
        imgui.table_next_column()
        new = widget("##value", info, self._pending.get(name, value))
        imgui.set_item_tooltip(info.description or "")
        if name in AT_RELEASE and imgui.is_item_active():
            self._pending[name] = new
            new = value
        else:
            self._pending.pop(name, None)
        imgui.table_next_column()
        if value != info.default and imgui.small_button("reset"):
            new = info.default
        imgui.pop_id()
        if new != value:
            changed = type(part).model_validate(part.model_dump() | {name: new})
            self._edits.change(self._edits.settings.model_copy(update={section: changed}))

    def leave(self) -> None:
        """Write what has changed."""
        self._edits.poll(now=True)
