"""What the commands can be told, as plain data, so that each can be started from Python as well as from the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import weights
from core.generator import GENERATORS

if TYPE_CHECKING:
    from core.export import Kind

DEMO_PHOTO = Path(weights.__file__).with_name("demo") / "picos_de_europa.jpg"
PERCEPTIONS = ("shipped", "depth-anything")  # core.perception.perceive's backends

Near = Literal["bright", "dark"]


@dataclass(frozen=True)
class SceneOptions:
    """Which photo, and where its geometry comes from."""

    photo: Path = DEMO_PHOTO
    perception: str = PERCEPTIONS[0]
    depth: Path | None = None  # the user's own depth map, instead of a perceived one
    near: Near = "bright"  # what near looks like in it
    also: tuple[Path, ...] = ()  # other photos: the exemplar generator copies new land from them too


@dataclass(frozen=True)
class FlyOptions(SceneOptions):
    """A flight in a window."""

    pilot: str = "manual"  # manual, autopilot, a cinematic move, or a camera path file
    refiner: str = GENERATORS[0]
    seed: int = 0
    size: tuple[int, int] | None = None  # (width, height) of the window; None: as large as fits well
    fullscreen: bool = False
    hotkey: bool = False  # listen for the recording key while other windows have the focus


@dataclass(frozen=True)
class FilmOptions(SceneOptions):
    """A film of a flight, made without a window."""

    output: Path = Path("flight.mp4")
    seconds: float | None = None  # None: the length of the flight that is flown again, else 20
    fps: float = 30.0
    size: tuple[int, int] = (1280, 720)  # (width, height)
    pilot: str = "autopilot"
    refiner: str = GENERATORS[0]
    seed: int = 0
    frames: Path | None = None  # folder for every picture as PNG, with cameras.json
    classic: bool = False  # the published loop, one step a picture, instead of pilot, refiner and size


@dataclass(frozen=True)
class CompareOptions(FilmOptions):
    """A film of several generators side by side."""

    output: Path = Path("side_by_side.mp4")
    size: tuple[int, int] = (640, 360)  # (width, height) of each pane
    refiners: tuple[str, ...] = ("exemplar", "small")


@dataclass(frozen=True)
class ExportOptions(SceneOptions):
    """What a flight saw, for other programs."""

    to: Path = Path("scene.glb")  # .ply, .glb, or a folder
    kind: Kind | None = None  # None: what the name of ``to`` asks for
    seconds: float | None = None  # None: 10, or all of a flight file
    size: tuple[int, int] = (256, 160)  # (width, height) of keyframes
    pilot: str = "autopilot"
    refiner: str = GENERATORS[0]
    seed: int = 0


@dataclass(frozen=True)
class DepthOptions:
    """What the program sees in a photo, written to files."""

    photo: Path = DEMO_PHOTO
    perception: str = PERCEPTIONS[0]
    output: Path = Path("depth.png")


@dataclass(frozen=True)
class EvaluateOptions:
    """An evaluation of generators."""

    photos: tuple[Path, ...] = (DEMO_PHOTO.parent,)  # files, folders, .tar shards
    refiners: tuple[str, ...] = (GENERATORS[0],)  # the first is what others are compared with
    steps: int = 100
    size: tuple[int, int] = (256, 160)  # (width, height) of keyframes
    courses: tuple[str, ...] = ("autopilot", "turn")  # of core.virtual_flight.COURSES
    limit: int | None = None  # photos
    films: bool = False  # also measure a film of every photo as it is delivered
    features: Path | None = None  # folder with the weights of VGG16
    seed: int = 0
    out: Path = Path("evaluation")


@dataclass(frozen=True)
class BenchOptions:
    """The benchmark."""

    json: Path | None = None
    parts: str | None = None  # "gpu" or "cpu": what the parts of a frame take there, instead of the whole program
