"""Rebind: the user's own bindings, which are the table of ``viewer.controls`` and what the settings change in it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from core.errors import ControlsError
from viewer.controls import INPUTS, KINDS, TABLE, Bindings, How, conflicts, on_stick

if TYPE_CHECKING:
    from viewer.controls import Kind
    from viewer.settings import Settings

_ACTIONS = {action.id: action for action in TABLE}


def bindings(settings: Settings) -> Bindings:
    """Return what each action is bound to.

    Raises ControlsError where the settings name an action, key, button or axis that does not exist, or give one to two actions.
    """
    changed = settings.controls
    table = Bindings()
    for section in (*KINDS, "hold"):
        for action in getattr(changed, section):
            if action not in _ACTIONS:
                near = get_close_matches(action, _ACTIONS, 1) or [", ".join(_ACTIONS)]
                raise ControlsError(f"no action {action!r}; is it {near[0]}?", ("controls", section, action))
    how: dict[str, How] = dict(table.how)
    for action, wanted in changed.hold.items():
        if how[action] == "press":
            place = ("controls", "hold", action)
            raise ControlsError(f"{action} acts once a press; only what steers can be held or toggled", place)
        how[action] = wanted
    bound = Bindings(
        keys=table.keys | {action: tuple(names) for action, names in changed.keys.items()},
        buttons=table.buttons | {action: tuple(names) for action, names in changed.buttons.items()},
        axes=table.axes | {action: tuple(names) for action, names in changed.axes.items()},
        how=how,
    )
    if wrong := conflicts(bound):
        name = wrong[0].split(": ")[0]
        places = [
            ("controls", kind, action) for kind in KINDS for action, names in getattr(changed, kind).items() if name in names
        ]
        raise ControlsError(f"{wrong[0]}; bind one of them to something else, or to []", places[0])
    return bound


def rebind(settings: Settings, action: str, kind: Kind, names: tuple[str, ...]) -> Settings:
    """Return settings that bind ``action`` to ``names`` alone, () for to nothing.

    Raises ControlsError where one of them does not exist, or belongs to another action, which it names.
    """
    for name in names:
        if name not in INPUTS[kind]:
            raise ControlsError(f"{name!r} is not one of the {kind}: {', '.join(INPUTS[kind])}")
        for other, taken in bindings(settings).of(kind).items():
            if other != action and name in taken:
                raise ControlsError(f"{name} is taken by {_ACTIONS[other].what!r}: choose another, or free it first")
    changes = {each: list(bound) for each, bound in getattr(settings.controls, kind).items() if each != action}
    if names != Bindings().of(kind)[action]:
        changes[action] = list(names)
    return _with(settings, kind, changes)


def give(settings: Settings, action: str, kind: Kind, name: str) -> Settings:
    """Return settings in which ``name`` does ``action``, in the place of what did on its device; other devices keep theirs.

    Raises ControlsError as ``rebind`` does.
    """
    theirs = [each for each in bindings(settings).of(kind)[action] if on_stick(each) != on_stick(name)]
    return rebind(settings, action, kind, (*theirs, name))


def rehold(settings: Settings, action: str, how: How) -> Settings:
    """Return settings in which ``action`` is held or toggled. Raises ControlsError for an action that acts once a press."""
    changes: dict[str, How] = {each: chosen for each, chosen in settings.controls.hold.items() if each != action}
    if how != Bindings().how[action]:
        changes[action] = how
    changed = _with(settings, "hold", changes)
    bindings(changed)
    return changed


def _with(settings: Settings, section: str, changes: dict[str, list[str]] | dict[str, How]) -> Settings:
    """Return the settings with one part of their controls changed, checked as if read from a file."""
    controls = settings.controls.model_dump() | {section: changes}
    return type(settings).model_validate(settings.model_dump() | {"controls": controls})
