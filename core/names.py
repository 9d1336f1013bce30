"""File names as they are shown. Those of Unix are bytes, and need not be UTF-8."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return ``text`` with a � for every byte of a file name that is not UTF-8, as screens, captions and metadata need it."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
