"""Files dropped on a real window by another program of the same X server."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from drag_source import FILES, DragSource

from viewer.window import open_window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from viewer.xdnd import XdndWindow

NAMES = [b"plain.jpg", b"a b.jpg", b"100%.jpg", b"#1?.jpg", "☃.jpg".encode(), b"b\xe9ret.jpg"]


@pytest.fixture(scope="module")
def window(xvfb: str) -> Iterator[XdndWindow]:  # noqa: ARG001 - the display must be there
    window = open_window((320, 200), fullscreen=False)
    yield window
    window.close()


def dragged(source: DragSource, window: XdndWindow, *, drop: bool = True) -> list[tuple[int, int, list[str]]]:
    """Drag to (100, 50) of the window, drop, and return what was told of it."""
    told: list[tuple[int, int, list[str]]] = []
    listeners = {"on_file_drop": lambda *arguments: told.append(arguments)}
    window.push_handlers(**listeners)
    x, y = window.get_location()
    source.enter()
    source.move(x + 100, y + 50)
    source.drop() if drop else source.leave()
    end = time.monotonic() + 300.0
    while source.accepted is None or (drop and not (told and source.finished is not None)):
        assert time.monotonic() < end
        window.dispatch_events()
        source.serve()
        time.sleep(0.002)
    window.remove_handlers(**listeners)
    return told


@pytest.mark.parametrize("types", [(FILES,), ("STRING", "text/plain", FILES), ("STRING", "text/plain", "x-special/a", FILES)])
def test_files_are_taken_from_sources_of_few_and_of_many_types(window: XdndWindow, xvfb: str, types: tuple[str, ...]) -> None:
    content = b"# a comment\r\n" + b"".join(b"file:///photos/" + quote(name).encode() + b"\r\n" for name in NAMES)
    source = DragSource(xvfb, window._window, content, types)
    assert dragged(source, window) == [(100, 150, ["/photos/" + os.fsdecode(name) for name in NAMES])]
    assert source.accepted, "the source shows that it may be dropped here"
    assert source.finished, "and is let go"
    source.close()


def test_what_is_no_file_is_told_as_nothing(window: XdndWindow, xvfb: str) -> None:
    source = DragSource(xvfb, window._window, b"https://example.org/photo.jpg\r\n")
    assert dragged(source, window) == [(100, 150, [])]
    assert source.finished is False
    source.close()


@pytest.mark.parametrize("types", [(), ("text/plain",)])
def test_a_source_without_files_is_refused(window: XdndWindow, xvfb: str, types: tuple[str, ...]) -> None:
    source = DragSource(xvfb, window._window, b"a text", types)
    assert dragged(source, window) == [(100, 150, [])]
    assert source.accepted is False
    source.close()


def test_after_a_drag_has_left_another_can_be_dropped(window: XdndWindow, xvfb: str) -> None:
    source = DragSource(xvfb, window._window, b"file:///photo.jpg")
    assert dragged(source, window, drop=False) == []
    source.drop()  # of nothing: ignored
    assert dragged(source, window) == [(100, 150, ["/photo.jpg"])]
    source.close()
