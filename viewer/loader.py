"""Loader: everything between a file name and a flight, done behind whatever is on the screen."""

from __future__ import annotations

import importlib
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.errors import PhotoflightError, WeightsError
from viewer.trace import trace

if TYPE_CHECKING:
    from pathlib import Path

    from core.flight import Flight, Other
    from core.generator import Generator
    from core.keyframe import Keyframe
    from core.perception import Scene
    from core.photo import Photo
    from viewer.options import ExportOptions, FilmOptions, FlyOptions, SceneOptions


@dataclass(frozen=True, eq=False)
class Loaded:
    """A photo that is ready to fly into."""

    photo: Photo
    flight: Flight
    notice: str = ""  # what the user should know: a fallback that was taken
    also: tuple[Path, ...] = ()  # photos that are to lend their look


def understand(photo: Photo, options: SceneOptions) -> tuple[Scene, str]:
    """Perceive a photo as the options say; without usable weights return a plain scene and the reason.

    Raises:
        PhotoflightError: a depth map or a perception backend that was asked for cannot be used.

    """
    from core import perception
    from core.depth_map import read_depth_map, with_depth_map

    try:
        scene, notice = perception.perceive(photo.image, options.perception), ""
    except WeightsError as error:
        height, width = photo.image.shape[:2]
        scene, notice = perception.plain_scene(width, height, photo.image), str(error)
    if options.depth is not None:
        scene = with_depth_map(scene, read_depth_map(options.depth, options.near), photo.image)
    return scene, notice


def share_cores() -> None:
    """Let torch have half of the cores, as the display needs the others.

    Where threads wait for a core, each layer waits for the last of them: on two busy cores perception takes 2 s with two
    threads and 0.2 s with one, a view of the generator 190-850 ms and 60 ms. Pictures do not depend on it.
    """
    import torch

    from core.machine import cores

    torch.set_num_threads(max(1, cores() // 2))


def keyframe_of(path: Path, options: SceneOptions) -> tuple[Photo, Keyframe, str]:
    """Open and perceive a photo: the photo, keyframe 0, and a notice (empty when all is well)."""
    from core.flight import photo_keyframe
    from core.photo import open_photo

    photo = open_photo(path)
    trace("decoded")
    share_cores()
    scene, notice = understand(photo, options)
    trace("perceived")
    return photo, photo_keyframe(photo, scene), notice


def generator_of(options: ExportOptions | FilmOptions | FlyOptions) -> tuple[Generator, str]:
    """Return the generator that the options name; where it is unusable the default one, and the reason."""
    from core.refiner import make_generator

    try:
        generator, notice = make_generator(options.refiner), ""
    except WeightsError as error:
        generator, notice = make_generator("auto"), f"{error}; the exemplar generator flies instead"
    trace("generator")
    return generator, notice


def lenders(also: tuple[Path, ...], generator: Generator) -> tuple[tuple[Path, ...], str]:
    """Return which of the photos ``also`` lend their look where ``generator`` flies, and why others do not."""
    from core.generator import MOST_OTHERS, Copying

    if also and not isinstance(generator, Copying):
        return (), f"the {generator.name} generator copies from no photo, so others are left out; exemplar does"
    if len(also) > MOST_OTHERS:
        return also[:MOST_OTHERS], f"{len(also)} other photos are too many: the first {MOST_OTHERS} lend their look"
    return also, ""


def other_of(path: Path, options: SceneOptions) -> Other:
    """Open and perceive a photo that lends its look; depth maps of the user's own are of the photo that is flown into.

    Raises PhotoflightError.
    """
    from core.flight import Other

    return Other(*keyframe_of(path, replace(options, depth=None))[:2])


def prepare(path: Path, options: FlyOptions, canvas: tuple[int, int], lookup: tuple[int, int]) -> Loaded:
    """Make a flight that will not stutter: every kernel it needs has run once at the size it will have, (width, height)."""
    from core.flight import Flight, FlightSettings
    from core.generator import grows
    from core.world import BUDGET_BYTES, LARGE_BUDGET_BYTES

    photo, keyframe, notice = keyframe_of(path, options)
    generator, doubt = generator_of(options)
    also, too_many = lenders(options.also, generator)
    world_bytes = LARGE_BUDGET_BYTES if grows(generator) else BUDGET_BYTES
    settings = FlightSettings(canvas[0] / canvas[1], seed=options.seed, canvas=canvas, world_bytes=world_bytes)
    flight = Flight(keyframe, generator, settings)
    flight.warm_up(lookup)
    for name in ("viewer.capture", "av", "viewer.panel.pages"):  # for which the first recording, and panel, would wait 0.2 s
        importlib.import_module(name)
    trace("ready")
    return Loaded(photo, flight, "; ".join(filter(None, (notice, doubt, too_many))), also)


def _closed(unwanted: Future[Loaded]) -> None:
    if unwanted.exception() is None:
        unwanted.result().flight.close()


class Loader:
    """Prepares one photo at a time in a thread, and then those that lend it their look; the newest request wins."""

    def __init__(self, options: FlyOptions) -> None:
        self._options = options
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="loader")
        self._pending: Future[Loaded] | None = None
        self._others: Future[tuple[list[Other], str]] | None = None
        self.path: Path | None = None

    def load(self, path: Path, canvas: tuple[int, int], lookup: tuple[int, int], also: tuple[Path, ...] = ()) -> None:
        """Begin to prepare ``path``, to which the photos ``also`` will lend their look."""
        self._others = None
        if self._pending is not None and not self._pending.cancel():
            self._pending.add_done_callback(_closed)  # nobody will fly it, and its refiner has a thread
        self.path = path
        self._pending = self._pool.submit(prepare, path, replace(self._options, also=also), canvas, lookup)

    @property
    def busy(self) -> bool:
        """Whether a photo is being prepared."""
        return self._pending is not None or self._others is not None

    def poll(self) -> Loaded | PhotoflightError | None:
        """Return what has become ready since the last call: a flight, or the error that prevented it."""
        if self._pending is None or not self._pending.done():
            return None
        pending, self._pending = self._pending, None
        error = pending.exception()
        if isinstance(error, PhotoflightError):
            return error
        loaded = pending.result()
        if loaded.also:
            self._others = self._pool.submit(self._others_of, loaded)  # behind the flight
        return loaded

    def poll_others(self) -> tuple[list[Other], str]:
        """Return, once all are ready, the photos that lend the flight polled last their look, and what is wrong with the rest."""
        if self._others is None or not self._others.done():
            return [], ""
        ready, self._others = self._others, None
        return ready.result()

    def _others_of(self, loaded: Loaded) -> tuple[list[Other], str]:
        """Do all that lets photos join the flight of ``loaded`` at once, unless another photo is wanted meanwhile."""
        from core.flight import keyframes_of

        others, wrong = [], []
        for path in loaded.also:
            if self._pending is not None:
                return [], ""
            try:
                others.append(other_of(path, self._options))
            except PhotoflightError as error:
                wrong.append(str(error))
        loaded.flight.refiner.prepare(keyframes_of(others))
        return others, "; ".join(wrong)

    def close(self) -> None:
        """Wait for what is running and drop what is not."""
        self._pool.shutdown(wait=True, cancel_futures=True)
