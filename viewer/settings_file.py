"""The settings file, and the environment over it: TOML in the user's configuration folder, edited without losing a comment.

Whatever is wrong with it is one line that names file, line and remedy; the program then flies with what it was made for, and
nothing is overwritten.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import platformdirs
import tomlkit
from pydantic import BaseModel, ValidationError

from core.errors import ControlsError, SettingsError
from viewer.rebind import bindings
from viewer.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

PREFIX, BETWEEN = "PHOTOFLIGHT_", "__"  # PHOTOFLIGHT_FLIGHT__SPEED=2
HEAD = "# photoflight; `photoflight settings` tells what can be set here\n"


@dataclass(frozen=True)
class Loaded:
    """Settings, and where each value that was set came from, by its dotted name: a file or a variable."""

    settings: Settings = field(default_factory=Settings)
    origins: dict[str, str] = field(default_factory=dict)
    notice: str = ""  # why these are not what the file says


def settings_path() -> Path:
    """Where the settings are."""
    return platformdirs.user_config_path("photoflight") / "settings.toml"


def load(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Loaded:
    """Read the file, if there is one, and the environment over it.

    Raises SettingsError: the file cannot be read, is no TOML, or one of the two sets something that does not exist, is of the
    wrong type or out of its range.
    """
    path = path or settings_path()
    text = _text(path)
    values = _parsed(text, path)
    origins = {name: str(path) for name, _ in flat(values)}
    settings = _valid(values, lambda place: f"{path}:{_line_of(text, place)}")
    for variable, place, value in _variables(os.environ if environment is None else environment):
        _put(values, place, value)
        origins[".".join(place)] = variable
        settings = _valid(values, lambda _: variable)  # noqa: B023 - called at once
    return Loaded(settings, origins)


def load_or_default(path: Path | None = None) -> Loaded:
    """Read the settings; what cannot be used is told by ``notice``, and the defaults fly."""
    try:
        return load(path)
    except SettingsError as error:
        return Loaded(notice=f"{error}; flying with the defaults")


def save(before: Settings, after: Settings, path: Path | None = None) -> Path:
    """Write what differs between two settings into the file and leave the rest of it as it is, comments and layout too.

    A value that went back to its default is taken out. Raises SettingsError where the file cannot be used or written; it is
    then as it was.
    """
    path = path or settings_path()
    text = _text(path)
    _valid(_parsed(text, path), lambda place: f"{path}:{_line_of(text, place)}")
    document = tomlkit.parse(text) if text else tomlkit.parse(HEAD)
    old, new, default = (dict(leaves(settings)) for settings in (before, after, Settings()))
    for place in {**old, **new}:
        if old.get(place) != new.get(place):
            _edit(document, place, None if place not in new or new[place] == default.get(place) else new[place])
    result = tomlkit.dumps(document)
    _valid(_parsed(result, path), lambda _: str(path))
    _write(path, result)
    return path


def leaves(settings: BaseModel, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every single value with its place, as ("flight", "speed"); of the parts whose names a user chooses, each by its name."""
    for name in type(settings).model_fields:
        value, place = getattr(settings, name), (*above, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, place)
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield from leaves(inner, (*place, key)) if isinstance(inner, BaseModel) else iter([((*place, key), inner)])
        else:
            yield place, value


def flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of nested tables by its dotted name."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def placed(name: str, text: str) -> tuple[dict[str, Any], Settings]:
    """Return the one value that ``name`` = ``text`` sets, as nested tables, and the settings with it. Raises SettingsError."""
    values: dict[str, Any] = {}
    _put(values, tuple(name.split(".")), _value(text))
    return values, _valid(values, lambda _: name)


class Watch:
    """Tells when the file has changed on disk, by its time of change: a look takes 4 microseconds."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or settings_path()
        self._seen = self._stamp()

    def changed(self) -> bool:
        """Whether the file is another than at the last call."""
        before, self._seen = self._seen, self._stamp()
        return before != self._seen

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 text; save it as such, or delete it") from error
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); make it readable") from error


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        line = found[1] if found else str(text.count("\n") + 1)
        what = str(error).split(" (at ")[0]
        raise SettingsError(f"{path}:{line}: not TOML ({what}); mend that line or delete it") from error


def _valid(values: dict[str, Any], where: Callable[[tuple[str, ...]], str]) -> Settings:
    """Check values; ``where`` says where a place among them was set."""
    try:
        settings = Settings.model_validate(values, strict=True)
        bindings(settings)
    except ControlsError as error:
        raise SettingsError(f"{where(error.place)}: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = tuple(str(part) for part in first["loc"])
        raise SettingsError(f"{where(place)}: {_told(first, place)}") from error
    return settings


def _told(error: ErrorDetails, place: tuple[str, ...]) -> str:
    """Say what is wrong and what would be right."""
    name = ".".join(place)
    if error["type"] == "extra_forbidden":
        known = [".".join(path) for path, _ in leaves(Settings())] + [f"{each}." for each in Settings.model_fields]
        near = difflib.get_close_matches(name, known, 1) or difflib.get_close_matches(place[-1], known, 1)
        return f"there is no setting {name}; " + (f"is it {near[0]}?" if near else "`photoflight settings` shows all of them")
    wrong = (error["msg"][:1].lower() + error["msg"][1:]).removeprefix("input ").removeprefix("value error, ")
    return f"{name} = {error['input']!r}: {wrong}; `photoflight settings` shows what it can be"


def _line_of(text: str, place: tuple[str, ...]) -> int:
    """Return the number of the line that sets ``place``, or the nearest to it that can be found."""
    table, found = "", 1
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if header := re.match(r"\[+\s*([^\]]+?)\s*\]+", stripped):
            table = header[1].replace('"', "").replace(" ", "")
            if ".".join(place).startswith(table):
                found = number
        elif "=" in stripped:
            name = stripped.split("=")[0].strip().replace('"', "").replace(" ", "")
            full = f"{table}.{name}" if table else name
            if full == ".".join(place) or ".".join(place).startswith(full + "."):
                return number
    return found


def _variables(environment: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    for variable in sorted(environment):
        if variable.startswith(PREFIX) and BETWEEN in variable:
            place = tuple(variable.removeprefix(PREFIX).lower().split(BETWEEN))
            yield variable, place, _value(environment[variable])


def _value(text: str) -> Any:  # noqa: ANN401 - of whatever type TOML gives it
    """Read a value as TOML has it; what is none is a word."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _put(values: dict[str, Any], place: tuple[str, ...], value: object) -> None:
    for name in place[:-1]:
        inner = values.setdefault(name, {})
        if not isinstance(inner, dict):
            raise SettingsError(f"{'.'.join(place)}: there is no such setting; `photoflight settings` shows all of them")
        values = inner
    values[place[-1]] = value


def _edit(document: tomlkit.TOMLDocument, place: tuple[str, ...], value: object) -> None:
    """Set one value, None for to take it out."""
    table: Any = document
    for name in place[:-1]:
        if name not in table:
            if value is None:
                return
            table[name] = tomlkit.table()
        table = table[name]
    if value is not None:
        table[place[-1]] = value
    elif place[-1] in table:
        del table[place[-1]]


def _write(path: Path, text: str) -> None:
    """Replace the file as a whole, so that nobody ever reads half of it; a link to it stays one."""
    path = path.resolve()
    new = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written ({error.strerror}); make its folder writable") from error
