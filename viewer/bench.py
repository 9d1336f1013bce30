"""Benchmark: how fast this machine flies, part by part and as a whole, as a table and as JSON.

Every figure that does not say otherwise is the median of repeated measurements; on a machine that does other things meanwhile
even those only tell what is left of it.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from core.errors import PhotoflightError
from core.machine import cores, processor
from viewer.frame_times import FrameTimes, Part
from viewer.options import DEMO_PHOTO, FilmOptions
from viewer.provenance import program_version
from viewer.trace import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import moderngl

    from core.flight import Flight
    from core.generator import Generator
    from core.keyframe import Keyframe
    from viewer.frame_times import Summary
    from viewer.options import BenchOptions
    from viewer.recorder import Recorder
    from viewer.renderer import Renderer

SIZE, LOOKUP = (960, 540), (480, 270)  # of the window that the project's figures are for
REPEATS = 20
SEGMENT_SECONDS, SEGMENTS = 3.0, 3  # flown with and without recording in turns, so that both meet the same machine
START_SECONDS = 60.0  # given to the program to start before it is taken for stuck


@dataclass(frozen=True)
class Figure:
    """One measured number."""

    part: str
    what: str
    value: float
    unit: str = "ms"


def run(options: BenchOptions) -> None:
    """Measure, print a table and, where asked, write JSON; raises PhotoflightError when this machine cannot fly."""
    about = machine()
    print("  ".join(f"{name}: {value}" for name, value in about.items()))
    print(f"photo: {DEMO_PHOTO.name}, {SIZE[0]}x{SIZE[1]}, lookup {LOOKUP[0]}x{LOOKUP[1]}, refining at 256x160")
    figures: list[Figure] = []
    for figure in measured():
        figures.append(figure)
        print(f"{figure.part:<10} {figure.what:<50} {figure.value:10.2f} {figure.unit}", flush=True)
    if options.json is not None:
        document = {"machine": about, "figures": [asdict(figure) for figure in figures]}
        try:
            options.json.write_text(json.dumps(document, indent=1), encoding="utf-8")
        except OSError as error:
            raise PhotoflightError(f"cannot write {options.json}: {error.strerror}; name another file") from error


def measured() -> Iterable[Figure]:
    """Yield all figures, in the order of the table."""
    from core.warp import make_warper
    from core.warp.benchmark import benchmark
    from viewer.headless import headless_context
    from viewer.loader import keyframe_of

    yield from start_up()
    yield from (Figure("warp", what, value) for what, value in benchmark(make_warper(), REPEATS).items())
    began = time.perf_counter()
    _, keyframe, _ = keyframe_of(DEMO_PHOTO, FilmOptions())
    yield Figure("photo", "open and perceive, first time", 1e3 * (time.perf_counter() - began))
    generator = flown()
    context = headless_context()
    try:
        yield from refining(keyframe, generator)
        yield from flying(keyframe, generator, context)
    finally:
        context.release()
    yield from memory()


def machine() -> dict[str, str]:
    """Return what was measured on."""
    from viewer.headless import headless_context

    context = headless_context()
    renderer = context.info["GL_RENDERER"]
    context.release()
    system = f"{platform.system()} {platform.machine()}"
    return {
        "photoflight": program_version(),
        "processor": f"{processor()}, {cores()} cores",
        "OpenGL": renderer,
        "system": system,
        "Python": platform.python_version(),
    }


def timed(action: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the median time of ``action`` in milliseconds, after one run that is not counted."""
    action()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        action()
        times.append(1e3 * (time.perf_counter() - began))
    return median(times)


def flown() -> Generator:
    """Return the generator that flies here by default; says why where that is not the trained one."""
    from viewer.loader import generator_of

    generator, notice = generator_of(FilmOptions())
    if notice:
        print(notice, file=sys.stderr)
    return generator


def refining(keyframe: Keyframe, generator: Generator) -> Iterable[Figure]:
    """Measure a refinement after a second of flight, and its parts."""
    from core.compose import compose
    from core.flight import Flight, FlightSettings
    from core.frame import Layer
    from core.refiner import make_generator, refine
    from core.steering import Steering
    from core.warp import warp

    settings = FlightSettings(SIZE[0] / SIZE[1], lockstep=True)
    flight = Flight(keyframe, generator, settings)
    try:
        for _ in range(10):
            flight.frame(LOOKUP)
            flight.advance(0.1, Steering(advance=1.0))
        camera, size = flight.forecast(), settings.refine_size
        chosen = flight.world.choose(camera)
        layer = Layer(chosen, warp(chosen, camera, size, flight.warper))
        view = compose(layer, camera, flight.dome)
        yield Figure("refine", f"warp of {len(chosen)} keyframes", timed(lambda: warp(chosen, camera, size, flight.warper)))
        yield Figure("refine", "compose", timed(lambda: compose(layer, camera, flight.dome)))
        for painter in {each.name: each for each in (make_generator("classical"), generator)}.values():
            painter.begin(keyframe, 0)
            yield Figure("refine", f"generator, {painter.name}", timed(partial(painter, view)))
        whole = timed(lambda: refine(flight.world, generator, flight.dome, flight.warper, camera, size))
        yield Figure("refine", "whole", whole)
    finally:
        flight.close()


@dataclass(frozen=True, eq=False)
class Rig:
    """A flight and what draws it, without a window."""

    flight: Flight
    renderer: Renderer
    context: moderngl.Context
    canvas: moderngl.Framebuffer

    def draw(self) -> None:
        """Warp and draw one frame and wait until it stands on the canvas."""
        self.renderer.draw(self.flight.frame(LOOKUP), self.canvas)
        self.context.finish()

    def fly(self, seconds: float, times: FrameTimes, recorder: Recorder | None = None) -> None:
        """Fly as fast as frames can be made, clocked by ``times``."""
        from core.steering import Steering
        from viewer.capture import Capture

        capture = Capture(self.context, recorder) if recorder is not None else None
        times.rested()
        now = start = time.perf_counter()
        while now - start < seconds:
            times.begin()
            before, now = now, time.perf_counter()
            self.flight.advance(now - before, Steering())
            times.mark(Part.FLY)
            frame = self.flight.frame(LOOKUP)
            times.note_keyframes(frame)
            times.mark(Part.WARP)
            self.renderer.draw(frame, self.canvas)
            self.context.finish()
            times.mark(Part.DRAW)
            if capture is not None:
                capture.shoot(self.canvas, now)
                times.mark(Part.RECORD)
            times.shown()
        if capture is not None:
            capture.finish()


def flying(keyframe: Keyframe, generator: Generator, context: moderngl.Context) -> Iterable[Figure]:
    """Fly with the autopilot while refining, with and without recording in turns."""
    from core.flight import Flight, FlightSettings
    from viewer.rehearsal import rehearsal
    from viewer.renderer import Renderer

    flight = Flight(keyframe, generator, FlightSettings(SIZE[0] / SIZE[1], canvas=SIZE))
    try:
        rig = Rig(flight, Renderer(context, flight.dome), context, context.framebuffer([context.texture(SIZE, 4)]))
        flight.engage("autopilot")
        flight.warm_up(LOOKUP)
        for frame in rehearsal(flight, LOOKUP):
            rig.renderer.draw(frame, rig.canvas)
        yield Figure("draw", "warp and draw before the first move", timed(rig.draw))
        with closing(FrameTimes()) as first:
            rig.fly(2.0, first)
        yield Figure("draw", "warp and draw in flight, while refining", timed(rig.draw))
        yield from _with_and_without_recording(rig)
        yield Figure("flight", "refinements", flight.refiner.rate, "1/s")
    finally:
        flight.close()


def _with_and_without_recording(rig: Rig) -> Iterable[Figure]:
    from viewer.recorder import Recorder

    dropped, encoder = 0, None
    with closing(FrameTimes()) as plain, closing(FrameTimes()) as recorded, tempfile.TemporaryDirectory() as folder:
        for number in range(SEGMENTS):
            rig.fly(SEGMENT_SECONDS, plain)
            with Recorder(Path(folder) / f"{number}.mp4", SIZE) as recorder:
                rig.fly(SEGMENT_SECONDS, recorded, recorder)
            dropped, encoder = dropped + recorder.dropped, recorder.encoder
        alone, both = plain.summary(), recorded.summary()
    yield from frame_figures("flying", alone)
    yield from frame_figures(f"flying and recording ({encoder})", both)
    yield Figure("recording", "longer frames by", 100.0 * (both.mean / alone.mean - 1.0), "%")
    yield Figure("recording", "frames dropped", dropped, "")


def frame_figures(name: str, summary: Summary) -> Iterable[Figure]:
    """Tell frame times and why frames were late: for longer than 1.5 times the display's period and the median second."""
    times = (("median", summary.median), ("p99", summary.p99), ("p99.9", summary.p999), ("longest", summary.longest))
    for what, seconds in times:
        yield Figure("frame", f"{name}, {what}", 1e3 * seconds)
    yield Figure("frame", f"{name}, rate", 1.0 / summary.mean, "1/s")
    for cause, count in summary.late.most_common():
        yield Figure("late", f"{name}: {cause}", count, f"of {summary.frames} frames")


def start_up() -> Iterable[Figure]:
    """Start the real program twice where there is a display: the first run may still compile and fill caches."""
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        print("start-up is not measured: there is no display (DISPLAY is not set)")
        return
    for name in ("first run", "second run"):
        events = started()
        for event, what in (("window", "visible window"), ("flight", "controllable flight")):
            if event in events:
                yield Figure("start", f"{what}, {name}", 1e3 * events[event])


def started() -> dict[str, float]:
    """Start the program, wait until it flies, end it; return when what happened first, seconds since its start."""
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace"
        command = [sys.executable, "-m", "viewer", "fly", "--size", f"{SIZE[0]}x{SIZE[1]}", str(DEMO_PHOTO)]
        process = subprocess.Popen(command, env={**os.environ, VARIABLE: str(trace)})  # noqa: S603 - our own program
        events: dict[str, float] = {}
        try:
            end = time.perf_counter() + START_SECONDS
            while "flight" not in events and process.poll() is None and time.perf_counter() < end:
                time.sleep(0.05)
                events = _events(trace)
        finally:
            process.terminate()
            process.wait()
        return events


def _events(trace: Path) -> dict[str, float]:
    text = trace.read_text(encoding="utf-8") if trace.exists() else ""
    events: dict[str, float] = {}
    for line in text.rpartition("\n")[0].splitlines():  # the last line may be half written
        record = json.loads(line)
        events.setdefault(record["event"], record["seconds"])
    return events


def memory() -> Iterable[Figure]:
    """Return the memory that this process has needed, where the system tells."""
    try:
        import resource
    except ImportError:  # Windows
        return
    unit = 1 if sys.platform == "darwin" else 1024
    yield Figure("memory", "most ever held", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20, "MiB")
