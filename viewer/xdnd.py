"""Files dropped on a window of X11: XDND 5, https://www.freedesktop.org/wiki/Specifications/XDND/.

pyglet 2.1 has it in part. Its ``dispatch_events`` never fetches the answer to a drop, which comes without an event mask; a source
of three types or fewer, and names that are not UTF-8, raise within it; and it tells the root window that a drop is finished,
so that sources wait for it in vain.
"""

from __future__ import annotations

from ctypes import POINTER, byref, c_int, c_long, c_ubyte, c_ulong, sizeof, string_at
from dataclasses import dataclass

from pyglet.libs.x11 import xlib
from pyglet.window.xlib import XlibEventHandler, XlibWindow

from viewer.uri_list import dropped_files

FILES = "text/uri-list"
_LONGEST = 2**31 - 1  # as long as a property can be
_NAMES = ("Enter", "Position", "Status", "Leave", "Drop", "Finished", "TypeList", "Selection", "ActionCopy")


@dataclass
class _Drag:
    """What is being dragged over the window."""

    source: int  # its window
    files: bool  # whether there are files in it
    place: tuple[int, int] = (0, 0)  # in the window, pixels from its upper left corner


class XdndWindow(XlibWindow):
    """A window whose ``on_file_drop(x, y, paths)`` hears of every drop, with no paths where no local file was dropped."""

    _drag: _Drag | None = None

    def _create_xdnd_atoms(self, display: xlib.Display) -> None:
        super()._create_xdnd_atoms(display)
        names = {name: f"Xdnd{name}" for name in _NAMES} | {FILES: FILES}
        self._atoms = {name: xlib.XInternAtom(display, atom.encode(), False) for name, atom in names.items()}

    def dispatch_events(self) -> None:
        """Dispatch all that the display has sent, answers to drops among it."""
        self.dispatch_pending_events()
        self._allow_dispatch_event = True
        try:
            self.display.select()  # type: ignore[attr-defined]
        finally:
            self._allow_dispatch_event = False

    @XlibEventHandler(xlib.ClientMessage)
    def _event_clientmessage(self, event: xlib.XEvent) -> None:
        message, data = event.xclient.message_type, event.xclient.data.l
        if message not in self._atoms.values():
            super()._event_clientmessage(event)
        elif message == self._atoms["Enter"]:
            listed = data[1] & 1
            types = self._property(data[0], "TypeList") if listed else bytes((c_long * 3)(*data[2:5]))
            self._drag = _Drag(data[0], self._atoms[FILES] in memoryview(types).cast("L"))
        elif message == self._atoms["Leave"]:
            self._drag = None
        elif self._drag is not None and message == self._atoms["Position"]:
            self._drag.place = self._place(data[2] >> 16 & 0xFFFF, data[2] & 0xFFFF)
            self._answer(self._drag, "Status", int(self._drag.files), 0, 0, self._atoms["ActionCopy"] if self._drag.files else 0)
        elif self._drag is not None and message == self._atoms["Drop"]:
            self._drop(self._drag, data[2])

    def _drop(self, drag: _Drag, time: int) -> None:
        """Ask for the files that have been dropped; the answer is an event."""
        if not drag.files:
            self._finish(drag, [])
            return
        selection = self._atoms["Selection"]
        xlib.XConvertSelection(self._x_display, selection, self._atoms[FILES], selection, self._window, time)
        xlib.XFlush(self._x_display)

    @XlibEventHandler(xlib.SelectionNotify)
    def _event_selection_notification(self, event: xlib.XEvent) -> None:
        answer = event.xselection
        if self._drag is not None and answer.selection == self._atoms["Selection"]:
            self._finish(self._drag, dropped_files(self._property(answer.requestor, "Selection")) if answer.property else [])

    def _finish(self, drag: _Drag, paths: list[str]) -> None:
        """Let the source go, and tell what it has dropped."""
        self._drag = None
        self._answer(drag, "Finished", int(bool(paths)), self._atoms["ActionCopy"] if paths else 0)
        self.dispatch_event("on_file_drop", drag.place[0], self.height - drag.place[1], paths)

    def _answer(self, drag: _Drag, message: str, *values: int) -> None:
        """Send the source of what is dragged a message of this window."""
        event = xlib.XEvent()
        event.xclient.type, event.xclient.format = xlib.ClientMessage, 32
        event.xclient.window, event.xclient.message_type = drag.source, self._atoms[message]
        for index, value in enumerate((self._window, *values)):
            event.xclient.data.l[index] = value
        xlib.XSendEvent(self._x_display, drag.source, False, xlib.NoEventMask, byref(event))
        xlib.XFlush(self._x_display)

    def _property(self, window: int, name: str) -> bytes:
        """Return a property of ``window`` as Xlib has it in memory: items of 32 bits are C longs. Nothing where there is none."""
        kind, bits, count, rest, data = c_ulong(), c_int(), c_ulong(), c_ulong(), POINTER(c_ubyte)()
        results = (byref(each) for each in (kind, bits, count, rest, data))
        xlib.XGetWindowProperty(self._x_display, window, self._atoms[name], 0, _LONGEST, False, 0, *results)
        if not data:
            return b""
        content = string_at(data, count.value * (sizeof(c_long) if bits.value == 32 else bits.value // 8))
        xlib.XFree(data)
        return content

    def _place(self, x: int, y: int) -> tuple[int, int]:
        """Return where in the window a pixel of the screen is."""
        inside, child = (c_int(), c_int()), c_ulong()
        root = self._get_root()
        xlib.XTranslateCoordinates(self._x_display, root, self._window, x, y, byref(inside[0]), byref(inside[1]), byref(child))
        return inside[0].value, inside[1].value
