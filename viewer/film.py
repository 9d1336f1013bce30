"""Film: a flight without a window, one picture after another, each as good as it can be and the same every time.

A flight that was flown in the window is flown again from its file: the same flight at any size and rate, and at the size it was
seen the same pictures, only finer.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.camera import OPENGL_AXES
from core.errors import PilotError, RecordingError
from viewer.provenance import origin_of, recording_metadata
from viewer.quality import Quality
from viewer.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from core.camera import Camera
    from core.flight import Flight, Other
    from core.flight_file import FlightRecord
    from core.generator import Generator
    from core.keyframe import Keyframe
    from core.photo import Photo
    from core.warp.lookup import Lookup
    from viewer.options import FilmOptions

SECONDS = 20.0  # of a film of which nothing else is known
_FINER = 1.5  # times the size of the film that pictures are found at: at the size of a window they are 1.5 times less sharp


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture of a film and the camera that took it."""

    picture: NDArray[np.uint8]  # (h, w, 3) sRGB, top row first; valid until the next shot
    camera: Camera
    generator: str  # that flies
    lookup: Lookup | None = None  # through which its newest keyframes are seen; the published loop has none
    others: tuple[Other, ...] = ()  # photos that lend the flight their look


def run(options: FilmOptions) -> None:
    """Make the film that ``options`` describe.

    Raises PhotoflightError: the photo, the pilot, the graphics device or the place to write to cannot be used.
    """
    from tqdm import tqdm

    from viewer.loader import keyframe_of

    unused = [f"--{name}" for name in ("pilot", "size", "also") if getattr(options, name) != getattr(type(options), name)]
    if options.classic and unused:
        raise PilotError(f"{' and '.join(unused)}: the published loop has one photo, and its own pilot and size; leave it out")
    photo, keyframe, notice = keyframe_of(options.photo, options)
    if notice:
        print(notice, file=sys.stderr)
    if options.classic:
        from viewer import classic_film

        options = replace(options, size=classic_film.SIZE)
        film = classic_film.shots(keyframe, options)
    else:
        film = shots(keyframe, options, photo)
    first = next(film)  # what can be wrong with pilot and device is known before any file is touched
    metadata = recording_metadata(photo, options.seed, first.generator, first.others)
    album = Album(options.frames, options, metadata) if options.frames else None
    with Recorder(options.output, options.size, options.fps, metadata, lockstep=True) as recorder:
        for shot in tqdm(chain([first], film), total=frame_count(options), unit="frame", disable=None):
            recorder.offer(shot.picture)
            if album is not None:
                album.add(shot)
            if recorder.error is not None:
                raise recorder.error
    if recorder.error is not None:
        raise recorder.error
    if album is not None:
        album.close()
    print(f"{options.output}: {recorder.frames} frames, {recorder.seconds:.1f} s, by {recorder.encoder}")


def seconds_of(options: FilmOptions) -> float:
    """Return the length of the film: as asked for, but no longer than a flight that is flown again."""
    from core.sight import TICK

    record = record_of(options)
    if record is None:
        return options.seconds or SECONDS
    flown = max(record.part[1] - record.part[0], 1) * TICK
    return min(options.seconds or flown, flown)


def frame_count(options: FilmOptions) -> int:
    """Return the number of pictures in the film."""
    return max(1, round(seconds_of(options) * options.fps))


def record_of(options: FilmOptions) -> FlightRecord | None:
    """Return the flight that is to be flown again; None where a pilot flies. Raises PilotError if its file is damaged."""
    from core.flight_file import read_record

    file = Path(options.pilot)
    return read_record(file) if file.suffix else None


def shots(keyframe: Keyframe, options: FilmOptions, photo: Photo | None = None) -> Iterator[Shot]:
    """Fly into the photo ``keyframe`` in lockstep and yield the pictures, the first of them at the photo's own pose.

    The same photo, pilot, seed, size and rate give the same pictures. A flight of ``photo`` that is flown again begins where the
    part of it that is meant does. Raises DeviceError and PilotError.
    """
    from core.steering import Steering
    from viewer.headless import headless_context
    from viewer.readback import ReadbackRing
    from viewer.renderer import Renderer

    width, height = options.size
    lookup = Quality(rung=0).lookup(width, height)
    with ExitStack() as stack:
        flight = flight_of(keyframe, options, photo)
        stack.callback(flight.close)
        context = headless_context()
        stack.callback(context.release)
        with context:  # current only while it draws: several films can be taken at once, and windows opened afterwards
            renderer = Renderer(context, flight.dome)
            canvas = context.framebuffer([context.texture(options.size, 4)])
            ring = ReadbackRing(context, options.size)
        for _ in range(frame_count(options)):
            frame = flight.frame(lookup, width / height)
            with context:
                renderer.draw(frame, canvas)
                ring.push(canvas)
                picture = ring.pull()
            yield Shot(picture, frame.camera, flight.refiner.generator_name, frame.newer.lookup, flight.others)
            flight.advance(1.0 / options.fps, Steering())
        if flight.refiner.last_error is not None:
            print(flight.refiner.last_error, file=sys.stderr)


def flight_of(
    keyframe: Keyframe, options: FilmOptions, photo: Photo | None = None, refine_size: tuple[int, int] = (256, 160)
) -> Flight:
    """Make the flight that a film shows, at its beginning; what differs from what was asked for is told on standard error.

    A flight file is flown again by its log where everything it was made from is there, ``photo`` above all; otherwise the poses
    in it are followed. Raises PilotError.
    """
    from core.flight import Flight, FlightSettings
    from core.pilots import make_pilot
    from core.pilots.cinematic import scene_reach
    from viewer.loader import generator_of

    record = record_of(options)
    reach = scene_reach(keyframe.disparity, keyframe.geometry_sky)
    pilot = make_pilot(options.pilot, options.seed, reach, seconds_of(options))
    if record is not None and options.refiner == type(options).refiner:
        options = replace(options, refiner=record.origin.generator)
    generator, notice = generator_of(options)
    others, left_out = _others(options, record, generator)
    for line in filter(None, (notice, left_out)):
        print(line, file=sys.stderr)
    if record is not None:
        again = _flown_again(keyframe, generator, record, photo, options, others)
        if again is not None:
            return again
    aspect = options.size[0] / options.size[1]
    settings = FlightSettings(aspect, refine_size, lockstep=True, seed=options.seed, canvas=_magnified(options.size))
    flight = Flight(keyframe, generator, settings, others)
    flight.pilot = pilot
    return flight


def _magnified(size: tuple[int, int]) -> tuple[int, int]:
    """Return the size that pictures are found at: in films there is time for more than the window needs."""
    return round(_FINER * size[0]), round(_FINER * size[1])


def _others(options: FilmOptions, record: FlightRecord | None, generator: Generator) -> tuple[list[Other], str]:
    """Open the photos that lend their look, and say which do not: those named, else those of ``record``, beside its photo.

    Raises PhotoflightError where one cannot be opened, PilotError where one of ``record`` is missing or has changed.
    """
    from viewer.loader import lenders, other_of

    recorded = () if record is None or options.also else record.origin.others
    also = options.also or tuple(options.photo.with_name(Path(name).name) for name, _ in recorded)
    also, left_out = lenders(also, generator)
    for path in also:
        if recorded and not path.is_file():
            raise PilotError(f"{options.pilot}: its other photo {path.name} is not beside {options.photo}; name it with --also")
    others = [other_of(path, options) for path in also]
    for other, (_, digest) in zip(others, recorded, strict=False):
        if other.photo.digest != digest:
            raise PilotError(f"{options.pilot}: {other.photo.path} has changed since; name the photo as it was with --also")
    return others, left_out


def _flown_again(
    keyframe: Keyframe,
    generator: Generator,
    record: FlightRecord,
    photo: Photo | None,
    options: FilmOptions,
    others: Sequence[Other],
) -> Flight | None:
    """Return the flight of ``record`` at the beginning of its part; None, and a line on standard error, where that cannot be."""
    from core.flight import Flight, FlightSettings
    from core.sight import TICK
    from core.steering import Steering

    settings = FlightSettings(
        options.size[0] / options.size[1],
        record.refine_size,
        lockstep=True,
        seed=record.origin.seed,
        canvas=_magnified(options.size),
        world_bytes=record.world_bytes,
        replay=record.log,
    )
    flight = Flight(keyframe, generator, settings, others)
    differences = ["photo"] if photo is None else record.origin.differences(origin_of(flight, photo, options.refiner))
    if differences:
        print(f"{options.pilot}: another {', '.join(differences)}; its path is followed instead", file=sys.stderr)
        flight.close()
        return None
    flight.advance(record.part[0] * TICK + record.rest, Steering())
    return flight


@dataclass(eq=False)
class Album:
    """A folder of numbered PNG files and ``cameras.json``, in the manner of NeRF's ``transforms.json``."""

    folder: Path
    options: FilmOptions
    metadata: Mapping[str, str]
    _frames: list[dict[str, object]] = field(default_factory=list)
    _camera: Camera | None = None

    def __post_init__(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._failed(error) from error

    def add(self, shot: Shot) -> None:
        """Write a picture; raises RecordingError."""
        from PIL import Image

        name = f"{len(self._frames):05d}.png"
        pose = OPENGL_AXES @ shot.camera.world_from_camera @ OPENGL_AXES
        time = len(self._frames) / self.options.fps
        self._frames.append({"file_path": name, "time": round(time, 6), "transform_matrix": pose.tolist()})
        self._camera = shot.camera
        try:
            Image.fromarray(np.ascontiguousarray(shot.picture)).save(self.folder / name, compress_level=1)
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Write ``cameras.json``; raises RecordingError."""
        try:
            (self.folder / "cameras.json").write_text(json.dumps(self.cameras(), indent=1), encoding="utf-8")
        except OSError as error:
            raise self._failed(error) from error

    def cameras(self) -> dict[str, object]:
        """Intrinsics in pixels and every camera_to_world, 4x4, in OpenGL axes (+Y up, looking along -Z), scene units."""
        if self._camera is None:
            return {"frames": []}
        (width, height), lens = self.options.size, self._camera.intrinsics
        return {
            "camera_model": "PINHOLE",
            "fl_x": lens.fx * width,
            "fl_y": lens.fy * height,
            "cx": lens.cx * width,
            "cy": lens.cy * height,
            "w": width,
            "h": height,
            "fps": self.options.fps,
            **self.metadata,
            "pilot": self.options.pilot,
            "frames": self._frames,
        }

    def _failed(self, error: OSError) -> RecordingError:
        return RecordingError(f"cannot write frames to {self.folder}: {error.strerror}; name another folder")
