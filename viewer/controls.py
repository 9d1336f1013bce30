"""Controls: one table from keys to actions, and the dispatcher that turns what a person does into ``Steering``.

The table also writes the help overlay and the README, so they cannot disagree. Keys are told apart by pyglet's key symbols, which
are the same on every platform; pyglet 2.1 does not report physical key codes on all of them, so the letters move with the layout.
The symbols are listed here, because importing ``pyglet.window`` opens a connection to the display.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from core.steering import Steering

KEYS: dict[str, int] = {
    **{chr(code): code + 32 for code in range(ord("A"), ord("Z") + 1)},
    **{chr(code): code for code in range(ord("0"), ord("9") + 1)},
    "Space": 0x20,
    "Esc": 0xFF1B,
    "Home": 0xFF50,
    "Left": 0xFF51,
    "Up": 0xFF52,
    "Right": 0xFF53,
    "Down": 0xFF54,
    "Left Shift": 0xFFE1,
    "Right Shift": 0xFFE2,
    "Left Ctrl": 0xFFE3,
    "Right Ctrl": 0xFFE4,
    **{f"F{i}": 0xFFBD + i for i in range(1, 13)},
}

FAST, SLOW = 4.0, 0.25  # x10, usual in viewers of whole scenes, would leave the land that one refinement knows within a second
WHEEL_STEP = 2.0 ** (1.0 / 3.0)  # three notches double the speed
SPEEDS = (1.0 / 16.0, 16.0)
LOOK = 0.003  # radians a pixel of mouse motion: a drag across 960 pixels turns by 165 degrees


@dataclass(frozen=True)
class Row:
    """One line of the table: what a group of keys does. Held actions act while down, others once per press."""

    what: str
    actions: dict[str, str] = field(default_factory=dict)  # key name to action id
    held: bool = False
    shown: str = ""  # how the help names the keys, where that is not simply their list

    @property
    def keys(self) -> str:
        """The keys as a person reads them."""
        return self.shown or " ".join(self.actions)


TABLE: tuple[Row, ...] = (
    Row("fly forward, left, back, right", {"W": "forward", "A": "left", "S": "back", "D": "right"}, held=True),
    Row("fly down, up", {"Q": "down", "E": "up"}, held=True),
    Row(
        "look around",
        {"Left": "look_left", "Right": "look_right", "Up": "look_up", "Down": "look_down"},
        held=True,
        shown="Arrows, mouse drag",
    ),
    Row("roll left, right", {"Z": "roll_left", "X": "roll_right"}, held=True),
    Row("four times as fast", {"Left Shift": "fast", "Right Shift": "fast"}, held=True, shown="Shift"),
    Row("four times as slow", {"Left Ctrl": "slow", "Right Ctrl": "slow"}, held=True, shown="Ctrl"),
    Row("lasting speed", shown="Mouse wheel"),
    Row("hover", {"Space": "hover"}),
    Row("autopilot on, off", {"P": "autopilot"}),
    Row("next cinematic move", {"C": "cinematic"}),
    Row("rewind: fly back the way you came", {"R": "rewind"}),
    Row("return to the photo directly", {"Home": "home"}),
    Row("record, stop recording", {"F9": "record"}),
    Row("full screen", {"F11": "fullscreen"}),
    Row("screenshot", {"F12": "screenshot"}),
    Row(
        "show disparity, sky, stretch, holes, keyframe, lookup",
        {
            "1": "view_disparity",
            "2": "view_sky",
            "3": "view_stretch",
            "4": "view_holes",
            "5": "view_keyframe",
            "6": "view_lookup",
        },
    ),
    Row("show the flight", {"0": "view_flight"}),
    Row("graph of frame times", {"G": "graph"}),
    Row("this help", {"H": "help"}),
    Row("quit", {"Esc": "quit"}),
)


def conflicts(table: tuple[Row, ...] = TABLE) -> list[str]:
    """Return one line for each key that is unknown or used twice."""
    lines, used = [], dict[str, str]()
    for row in table:
        for key, action in row.actions.items():
            if key not in KEYS:
                lines.append(f"{key}: no such key, for {action}")
            elif key in used:
                lines.append(f"{key}: both {used[key]} and {action}")
            used[key] = action
    return lines


def help_lines(table: tuple[Row, ...] = TABLE) -> list[tuple[str, str]]:
    """Return (keys, what they do) for the overlay and the README."""
    return [(row.keys, row.what) for row in table]


class Controls:
    """Collects key and mouse events between two frames; ``poll`` returns what they amount to.

    Event methods take pyglet's arguments. Call ``release_all`` when the window loses focus, since releases are then not reported.
    """

    def __init__(self, table: tuple[Row, ...] = TABLE) -> None:
        if wrong := conflicts(table):
            raise ValueError("; ".join(wrong))
        self._actions = {KEYS[key]: (action, row.held) for row in table for key, action in row.actions.items()}
        self._down: set[int] = set()
        self._tapped: set[int] = set()  # pressed since the last poll: a tap shorter than a frame still counts for one
        self._pressed: list[str] = []
        self._drag = [0.0, 0.0]
        self._speed = 1.0

    def on_key_press(self, symbol: int) -> bool:
        """Take a key press; return whether the key means anything."""
        action, held = self._actions.get(symbol, (None, False))
        if action is None:
            return False
        if held:
            self._down.add(symbol)
            self._tapped.add(symbol)
        else:
            self._pressed.append(action)
        return True

    def on_key_release(self, symbol: int) -> None:
        """Take a key release."""
        self._down.discard(symbol)

    def on_mouse_drag(self, dx: float, dy: float) -> None:
        """Take mouse motion with a button down, in pixels right and up."""
        self._drag[0] += LOOK * dx
        self._drag[1] += LOOK * dy

    def on_mouse_scroll(self, notches: float) -> None:
        """Take wheel motion: forward is faster."""
        self._speed = min(max(self._speed * WHEEL_STEP**notches, SPEEDS[0]), SPEEDS[1])

    def release_all(self) -> None:
        """Let go of everything that is held."""
        self._down.clear()
        self._tapped.clear()
        self._drag = [0.0, 0.0]

    def poll(self) -> tuple[Steering, list[str]]:
        """Return the steering since the last poll and the ids of the actions pressed, in order."""
        held = {self._actions[symbol][0] for symbol in self._down | self._tapped}
        pressed, drag = self._pressed, (self._drag[0], self._drag[1])
        self._pressed, self._drag = [], [0.0, 0.0]
        self._tapped.clear()

        def axis(minus: str, plus: str) -> float:
            return float(plus in held) - float(minus in held)

        return Steering(
            strafe=axis("left", "right"),
            climb=axis("down", "up"),
            advance=axis("back", "forward"),
            yaw=axis("look_left", "look_right"),
            pitch=axis("look_down", "look_up"),
            roll=axis("roll_left", "roll_right"),
            drag=drag,
            boost=(FAST if "fast" in held else 1.0) * (SLOW if "slow" in held else 1.0),
            speed=self._speed,
        ), pressed
