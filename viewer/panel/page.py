"""What a page of the panel is."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Page(ABC):
    """One tab of the panel."""

    name: str  # on the tab, and what the page is asked for by

    @abstractmethod
    def draw(self) -> None:
        """Make the widgets of this frame and act on what was done to them."""

    def key(self, symbol: int) -> bool:  # noqa: ARG002 - most pages leave every key to ImGui
        """Take a pressed key (pyglet's symbol) before anything else; return whether it is used up."""
        return False

    def leave(self) -> None:  # noqa: B027 - most pages have nothing under way
        """Finish what is under way: another page, or none, is shown from now on."""
