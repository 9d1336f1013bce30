"""Another program on the same X server that drags something over a window and drops it there, by XDND 5."""

from __future__ import annotations

from typing import TYPE_CHECKING

from Xlib import X, Xatom
from Xlib.display import Display
from Xlib.protocol import event

if TYPE_CHECKING:
    from collections.abc import Sequence

FILES = "text/uri-list"


class DragSource:
    """``types`` is what it offers, ``content`` what it hands over when asked for any of them."""

    def __init__(self, display: str, target: int, content: bytes, types: Sequence[str] = (FILES,)) -> None:
        self._display = Display(display)
        self._target = self._display.create_resource_object("window", target)
        self._window = self._display.screen().root.create_window(0, 0, 10, 10, 0, X.CopyFromParent)
        self._window.set_selection_owner(self._atom("XdndSelection"), X.CurrentTime)
        self._content, self._types = content, [self._atom(each) for each in types]
        self.accepted: bool | None = None  # whether the window would take it
        self.finished: bool | None = None  # whether it has

    def _atom(self, name: str) -> int:
        return self._display.intern_atom(name)

    def _send(self, message: str, *data: int) -> None:
        values = [self._window.id, *data, *[0] * (4 - len(data))]
        self._target.send_event(event.ClientMessage(window=self._target, client_type=self._atom(message), data=(32, values)))
        self._display.flush()

    def enter(self) -> None:
        self._window.change_property(self._atom("XdndTypeList"), Xatom.ATOM, 32, self._types)
        self._send("XdndEnter", 5 << 24 | (len(self._types) > 3), *self._types[:3])

    def move(self, x: int, y: int) -> None:
        self._send("XdndPosition", 0, x << 16 | y, X.CurrentTime, self._atom("XdndActionCopy"))

    def leave(self) -> None:
        self._send("XdndLeave")

    def drop(self) -> None:
        self._send("XdndDrop", 0, X.CurrentTime)

    def serve(self) -> None:
        """Answer what the window has asked for, and read what it says."""
        while self._display.pending_events():
            told = self._display.next_event()
            if told.type == X.SelectionRequest:
                told.requestor.change_property(told.property, told.target, 8, self._content)
                answer = {name: getattr(told, name) for name in ("time", "requestor", "selection", "target", "property")}
                told.requestor.send_event(event.SelectionNotify(**answer))
            elif told.type == X.ClientMessage and told.client_type == self._atom("XdndStatus"):
                self.accepted = bool(told.data[1][1] & 1)
            elif told.type == X.ClientMessage and told.client_type == self._atom("XdndFinished"):
                self.finished = bool(told.data[1][1] & 1)
        self._display.flush()

    def close(self) -> None:
        self._display.close()
