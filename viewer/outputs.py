"""Outputs: what a command may write. Never over what it reads, and over what others made only when told to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import OutputError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

MARK = b"photoflight"  # in the head or tail of every file that the program makes
_ENDS = 65_536  # bytes of either
_INDICES = ("cameras.json", "transforms.json", "report.json")  # one lies in every folder that the program makes
_FOLDERS = ("frames", "out")
_READS = ("photo", "photos", "also", "depth", "pilot", "refiner", "refiners", "features")


def check(arguments: Namespace) -> None:
    """Look at what the command of ``arguments`` would write and read, whatever its name, before anything is made.

    Raises OutputError where that is the same file, however it is spelt or linked, or where it would replace what the program
    did not make, and ``arguments.force`` does not say so, or a file lies where a folder is to be.
    """
    for name in _FOLDERS:
        folder = getattr(arguments, name, None)
        if folder is not None and folder.is_file():
            raise OutputError(f"'{folder}' is a file; name another folder")
    read = [path for path in _read(arguments) if path.exists()]
    for path in _written(arguments):
        if not path.exists():
            continue
        for other in read:
            if path.samefile(other):
                raise OutputError(f"'{path}' is read as well, it would be lost; choose another name to write to")
        if not (getattr(arguments, "force", False) or _own(path)):
            what = "files" if path.is_dir() else "a file"
            raise OutputError(f"'{path}': {what} of another program would be replaced; choose another place, or --force")


def _read(arguments: Namespace) -> Iterator[Path]:
    for name in _READS:
        value = getattr(arguments, name, None)
        for one in value if isinstance(value, list | tuple) else [value]:
            if one is not None:
                yield Path(one)  # a pilot or refiner may be a file


def _written(arguments: Namespace) -> Iterator[Path]:
    output = getattr(arguments, "output", None)
    if output is not None and arguments.command == "depth":
        picture = output.with_suffix(".png")
        yield from (picture, picture.with_stem(f"{picture.stem}_sky"), picture.with_stem(f"{picture.stem}_view"))
    elif output is not None:
        yield output
    for name in ("frames", "to", "json", "out"):
        value = getattr(arguments, name, None)
        if value is not None:
            yield value


def _own(path: Path) -> bool:
    """Whether ``path`` is empty, made by this program, or no file at all, as /dev/null is."""
    try:
        if path.is_dir():
            return not any(path.iterdir()) or any((path / name).exists() for name in _INDICES)
        if not path.is_file():
            return True
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_ENDS)
            file.seek(max(size - _ENDS, 0))
            return size == 0 or MARK in head or MARK in file.read(_ENDS)
    except OSError as error:
        raise OutputError(f"'{path}' cannot be read ({error.strerror}); choose another place to write to") from error
