"""``photoflight settings``: print, find, edit, set and reset them."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

from annotated_types import Ge, Le
from pydantic import BaseModel

from core.errors import SettingsError
from viewer.settings import Settings
from viewer.settings_file import HEAD, leaves, load, placed, save, settings_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic.fields import FieldInfo

USAGE = "photoflight settings [print | path | edit | set NAME VALUE | reset [NAME]]"


def run(words: Sequence[str]) -> int:
    """Do what ``words`` say and return the exit code; raises SettingsError."""
    match list(words):
        case [] | ["print"]:
            print("\n".join(lines()))
        case ["path"]:
            print(settings_path())
        case ["edit"]:
            _edit()
        case ["set", name, text]:
            _, wanted = placed(name, text)
            _change(name, wanted)
        case ["reset"]:
            before = load(environment={}).settings
            print(f"{save(before, Settings())}: all settings are as the program was made")
        case ["reset", name]:
            _change(name, Settings())
        case _:
            raise SettingsError(f"{' '.join(words)!r} is not understood; {USAGE}")
    return 0


def lines() -> list[str]:
    """Tell every setting: its value, where that comes from, its range and what it is for."""
    loaded = load()
    told = []
    for place, value in leaves(loaded.settings):
        name, info = ".".join(place), field_of(place)
        origin = loaded.origins.get(name, "default")
        limits = f" {_limits(info)}" if info is not None and _limits(info) else ""
        what = f" {info.description}" if info is not None and info.description else ""
        told.append(f"{name} = {_shown(value)}  [{origin}]{limits}{what}")
    return [*told, "devices.NAME, controls.keys, .buttons, .axes, .hold: see the README; the controls panel sets them"]


def field_of(place: tuple[str, ...]) -> FieldInfo | None:
    """Return what the schema says of a place; None below names that a user chooses."""
    model: type[BaseModel] = Settings
    for name in place[:-1]:
        inner = model.model_fields[name].annotation if name in model.model_fields else None
        if not isinstance(inner, type) or not issubclass(inner, BaseModel):
            return None
        model = inner
    return model.model_fields.get(place[-1])


def _limits(info: FieldInfo) -> str:
    low = next((each.ge for each in info.metadata if isinstance(each, Ge)), None)
    high = next((each.le for each in info.metadata if isinstance(each, Le)), None)
    if low is not None and high is not None:
        return f"{low} to {high}:"
    choices = getattr(info.annotation, "__args__", ())
    return f"{', '.join(map(str, choices))}:" if choices and all(isinstance(each, str) for each in choices) else ""


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)


def _change(name: str, wanted: Settings) -> None:
    """Set one value as ``wanted`` has it."""
    place = tuple(name.split("."))
    if field_of(place) is None and place[0] not in {"devices", "controls"}:
        raise SettingsError(f"there is no setting {name}; `photoflight settings` shows all of them")
    before = load(environment={}).settings
    after = Settings.model_validate(_with(before.model_dump(), wanted.model_dump(), place))
    print(f"{save(before, after)}: {name} = {_shown(dict(leaves(after)).get(place, 'default'))}")


def _with(values: dict[str, object], wanted: dict[str, object], place: tuple[str, ...]) -> dict[str, object]:
    name, inner = place[0], wanted.get(place[0])
    own = values.get(name)
    if len(place) > 1 and isinstance(own, dict) and isinstance(inner, dict):
        return {**values, name: _with(own, inner, place[1:])}
    if name not in wanted:
        return {each: value for each, value in values.items() if each != name}
    return {**values, name: inner}


def _edit() -> None:
    """Open the file in the user's editor."""
    path = settings_path()
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(HEAD, encoding="utf-8")
        except OSError as error:
            raise SettingsError(f"{path}: cannot be written ({error.strerror}); make its folder writable") from error
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "nano")
    try:
        subprocess.run([*editor, str(path)], check=True)  # noqa: S603 - the user's own editor
    except (OSError, subprocess.CalledProcessError) as error:
        raise SettingsError(f"{editor[0]}: no editor; set EDITOR, or edit {path} yourself") from error
    load(environment={})  # tells what is wrong with it now
