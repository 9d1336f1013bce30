"""Controls: the one table of everything a person can do, and what each of it is bound to.

The dispatcher, the help overlay, the README, the settings file and the controls panel all read it, so they cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Literal, NamedTuple

from viewer.keyboard import KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

How = Literal["press", "hold", "toggle"]  # acts once a press; acts while down; a press begins it, the next one ends it
Kind = Literal["keys", "buttons", "axes"]
KINDS: tuple[Kind, ...] = ("keys", "buttons", "axes")

BUTTONS = (
    *("A", "B", "X", "Y", "Back", "Start", "Guide", "Left shoulder", "Right shoulder", "Left stick press", "Right stick press"),
    *("Pad up", "Pad down", "Pad left", "Pad right"),
    *(f"Stick button {i}" for i in range(1, 33)),
    *("Hat up", "Hat down", "Hat left", "Hat right"),
)
AXES = (  # each is half an axis, so that an action is bound to one direction; Throttle is a whole one
    *(f"{side} stick {way}" for side in ("Left", "Right") for way in ("up", "down", "left", "right")),
    *("Left trigger", "Right trigger"),
    *(f"Flight stick {way}" for way in ("forward", "back", "left", "right")),
    *("Twist left", "Twist right", "Throttle"),
)
INPUTS: dict[Kind, tuple[str, ...]] = {"keys": tuple(KEYS), "buttons": BUTTONS, "axes": AXES}


@dataclass(frozen=True)
class Action:
    """One thing that can be done. Actions that are held, or toggled, steer; each of the others has a function in ``actions``."""

    id: str
    what: str
    keys: tuple[str, ...] = ()
    buttons: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()
    how: How = "press"
    line: str = ""  # the help's words for this action and its neighbours of the same line; "": it has a line of its own
    mouse: str = ""  # what the mouse has to do with it; never bound otherwise


_FLY, _CLIMB, _ROLL = "fly forward, left, back, right", "fly down, up", "roll left, right"
_HOLD, _TIME = "hold speed, height, course: steer what is held and it changes", "pause, one step, slow motion"
_KEYS = "keyframes: drop one here, list, fly through them"
_LOOK, _DRAG, _SHOW = "look around", "mouse drag", "show disparity, sky, stretch, holes, keyframe, lookup"

TABLE: tuple[Action, ...] = (
    Action("forward", "fly forward", ("W",), ("Stick button 1",), ("Left stick up",), "hold", _FLY),
    Action("left", "fly left", ("A",), ("Hat left",), ("Left stick left",), "hold", _FLY),
    Action("back", "fly back", ("S",), ("Stick button 2",), ("Left stick down",), "hold", _FLY),
    Action("right", "fly right", ("D",), ("Hat right",), ("Left stick right",), "hold", _FLY),
    Action("down", "fly down", ("Q",), ("Hat down",), ("Left trigger",), "hold", _CLIMB),
    Action("up", "fly up", ("E",), ("Hat up",), ("Right trigger",), "hold", _CLIMB),
    Action("look_left", "look left", ("Left",), (), ("Right stick left", "Flight stick left"), "hold", _LOOK, _DRAG),
    Action("look_right", "look right", ("Right",), (), ("Right stick right", "Flight stick right"), "hold", _LOOK, _DRAG),
    Action("look_up", "look up", ("Up",), (), ("Right stick up", "Flight stick back"), "hold", _LOOK, _DRAG),
    Action("look_down", "look down", ("Down",), (), ("Right stick down", "Flight stick forward"), "hold", _LOOK, _DRAG),
    Action("roll_left", "roll left", ("Z",), ("Left shoulder",), ("Twist left",), "hold", _ROLL),
    Action("roll_right", "roll right", ("X",), ("Right shoulder",), ("Twist right",), "hold", _ROLL),
    Action("fast", "four times as fast", ("Left Shift", "Right Shift"), ("Left stick press",), how="hold"),
    Action("slow", "four times as slow", ("Left Ctrl", "Right Ctrl"), ("Right stick press",), how="hold"),
    Action("speed", "lasting speed", axes=("Throttle",), how="hold", mouse="mouse wheel"),
    Action("hold_speed", "hold the speed ahead", ("F5",), how="toggle", line=_HOLD),
    Action("hold_height", "hold the height", ("F6",), how="toggle", line=_HOLD),
    Action("hold_heading", "hold the course, and look around freely", ("F7",), how="toggle", line=_HOLD),
    Action("hover", "hover", ("Space",), ("B", "Stick button 3")),
    Action("autopilot", "autopilot on, off", ("P",), ("A", "Stick button 4")),
    Action("cinematic", "next cinematic move", ("C",), ("Y",)),
    Action("rewind", "rewind: fly back the way you came", ("R",), ("Pad left",)),
    Action("home", "return to the photo directly", ("Home",), ("Back",)),
    Action("keyframe", "drop a keyframe here", ("K",), ("Pad right",), line=_KEYS),
    Action("keyframes", "list of keyframes", ("L",), line=_KEYS),
    Action("fly_keyframes", "fly through the keyframes", ("J",), line=_KEYS),
    Action("pause", "pause, go on", ("T",), line=_TIME),
    Action("step", "one frame further, and pause", (".",), line=_TIME),
    Action("slow_motion", "slow motion on, off", (",",), line=_TIME),
    Action("map", "map of the path", ("M",), ("Pad up",)),
    Action("record", "record, stop recording", ("F9",), ("X", "Stick button 5")),
    Action("fullscreen", "full screen", ("F11",)),
    Action("screenshot", "screenshot", ("F12",), ("Pad down", "Stick button 6")),
    Action("save_flight", "save the flight so far, for a film of it", ("F3",)),
    Action("view_disparity", "show disparity", ("1",), line=_SHOW),
    Action("view_sky", "show the sky's share", ("2",), line=_SHOW),
    Action("view_stretch", "show stretch", ("3",), line=_SHOW),
    Action("view_holes", "show holes", ("4",), line=_SHOW),
    Action("view_keyframe", "show which keyframe", ("5",), line=_SHOW),
    Action("view_lookup", "show the lookup", ("6",), line=_SHOW),
    Action("view_flight", "show the flight", ("0",)),
    Action("settings", "settings and controls: a panel over the flight", ("Tab",), ("Start",)),
    Action("graph", "graph of frame times", ("G",)),
    Action("help", "all of the controls", ("H",), ("Guide",)),
    Action("quit", "quit", ("Esc",)),
)


@dataclass(frozen=True)
class Bindings:
    """What each action is bound to, after the user's changes: action id to names of ``INPUTS``, and how it acts."""

    keys: dict[str, tuple[str, ...]] = field(default_factory=lambda: {each.id: each.keys for each in TABLE})
    buttons: dict[str, tuple[str, ...]] = field(default_factory=lambda: {each.id: each.buttons for each in TABLE})
    axes: dict[str, tuple[str, ...]] = field(default_factory=lambda: {each.id: each.axes for each in TABLE})
    how: dict[str, How] = field(default_factory=lambda: {each.id: each.how for each in TABLE})

    def of(self, kind: Kind) -> dict[str, tuple[str, ...]]:
        """Return the bindings of one kind."""
        return {"keys": self.keys, "buttons": self.buttons, "axes": self.axes}[kind]


class HelpLine(NamedTuple):
    """A line of the help and of the README: what is pressed on the keyboard or mouse, gamepad and flight stick, for what."""

    keys: str
    pad: str
    stick: str
    what: str


def conflicts(bindings: Bindings | None = None) -> list[str]:
    """Return one line for each key, button or axis that does not exist or that two actions use."""
    return [line for kind in KINDS for line in _conflicts(kind, (bindings or Bindings()).of(kind))]


def _conflicts(kind: Kind, bound: dict[str, tuple[str, ...]]) -> Iterator[str]:
    used = dict[str, str]()
    for action, names in bound.items():
        for name in names:
            if name not in INPUTS[kind]:
                yield f"{name}: not one of the {kind}, for {action}"
            elif name in used:
                yield f"{name}: both {used[name]} and {action}"
            used[name] = action


def help_lines(bindings: Bindings | None = None, legend: Callable[[str], str] = str) -> list[HelpLine]:
    """Return the lines of the overlay and of the README; ``legend`` tells what is printed on a key."""
    bound = bindings or Bindings()
    lines = []
    for what, group in groupby(TABLE, lambda each: each.line or each.what):
        actions = list(group)
        keys = _spoken([legend(name) for each in actions for name in bound.keys[each.id]])
        moved = [name for each in actions for name in (*bound.axes[each.id], *bound.buttons[each.id])]
        pad = _spoken([name for name in moved if not on_stick(name)])
        stick = _spoken([name for name in moved if on_stick(name)])
        mouse = actions[0].mouse
        lines.append(HelpLine(f"{keys}, {mouse}" if keys and mouse else keys or mouse, pad, stick, what))
    return lines


def on_stick(name: str) -> bool:
    """Whether a button or axis is one of a flight stick."""
    return name.startswith(("Stick button", "Flight stick", "Hat", "Twist", "Throttle"))


_TOGETHER = {  # names that are said as one
    "Arrows": ("Left", "Right", "Up", "Down"),
    "Shift": ("Left Shift", "Right Shift"),
    "Ctrl": ("Left Ctrl", "Right Ctrl"),
    "Left stick": ("Left stick up", "Left stick left", "Left stick down", "Left stick right"),
    "Right stick": ("Right stick left", "Right stick right", "Right stick up", "Right stick down"),
    "Triggers": ("Left trigger", "Right trigger"),
    "Shoulders": ("Left shoulder", "Right shoulder"),
    "Stick": ("Flight stick left", "Flight stick right", "Flight stick back", "Flight stick forward"),
    "Twist": ("Twist left", "Twist right"),
}


def _spoken(names: list[str]) -> str:
    """Join names as a person says them: W A S D, Arrows."""
    left, said = names, []
    for short, together in _TOGETHER.items():
        if set(together) <= set(left):
            said.append(short)
            left = [name for name in left if name not in together]
    said += [name.removeprefix("Stick ").capitalize() if name.startswith("Stick button") else name for name in left]
    return (" " if all(len(name) == 1 for name in said) else ", ").join(said)
