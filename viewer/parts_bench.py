"""Benchmark of the parts of a frame, on a GPU or on the processor: what they take, and what their bytes alone would take.

The least that can be done for a frame is to move its bytes. How fast they are moved is measured in the same run, by copies
within the memory, and times are told as multiples of what their bytes would take. The same work is measured as others do it: as
softmax splatting in torch, the renderer of InfiniteNature-Zero, and as a textured grid in OpenGL. Figures are medians unless they
say so.
"""

from __future__ import annotations

import gc
import json
import platform
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median, quantiles
from typing import TYPE_CHECKING

import numpy as np

from core.camera import turn
from core.errors import OutputError
from core.machine import cores, processor
from viewer.options import DEMO_PHOTO, FilmOptions
from viewer.parts_rig import Rig
from viewer.provenance import program_version
from viewer.quality import Quality

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import moderngl

    from core.camera import Camera
    from core.keyframe import Keyframe
    from viewer.options import BenchOptions

SOURCES = ((512, 320), (1024, 640), (1920, 1080))  # geometry of a keyframe, width and height
TARGETS = {"720p": (1280, 720), "1080p": (1920, 1080), "1440p": (2560, 1440), "4K": (3840, 2160)}
VIEWS = ((256, 160), (512, 320), (768, 480), (1024, 640))  # of the generator
FLOWN, REFINED, FLOWN_SECONDS = "1080p", (512, 320), 60.0  # the flight that is measured as a whole


@dataclass(frozen=True)
class Figure:
    """One measured time; ``moved`` are the bytes that are at least read and written for it, None where they do not bound it."""

    part: str
    what: str
    milliseconds: float
    moved: int | None = None

    def floor(self, bandwidth: float) -> float | None:
        """Milliseconds that its bytes take at ``bandwidth``, bytes a millisecond."""
        return None if self.moved is None else self.moved / bandwidth

    def row(self, bandwidth: float) -> str:
        """Its line of the table."""
        floor = self.floor(bandwidth)
        least = "" if floor is None else f"   floor {floor:8.3f} ms   {self.milliseconds / floor:7.1f} x"
        return f"{self.part:<10} {self.what:<46} {self.milliseconds:9.3f} ms{least}"


def run(options: BenchOptions) -> None:
    """Measure, print a table and, where asked, write JSON.

    Raises DeviceError where a GPU is asked for and there is no CUDA or it fails, OutputError when the figures cannot be written.
    """
    rig = Rig.of_gpu() if options.parts == "gpu" else Rig.of_processor()
    try:
        about = machine(rig)
        print("  ".join(f"{name}: {value}" for name, value in about.items()))
        bandwidth = rig.timer.bandwidth()
        print(f"copies within the memory: {bandwidth * 1e-6:.0f} GB/s; a floor is what bytes take at that rate")
        figures: list[Figure] = []
        for figure in measured(rig):
            figures.append(figure)
            print(figure.row(bandwidth), flush=True)
        compared = comparisons(figures)
        for target, ratios in compared.items():
            told = ", ".join(f"{peer} takes {ratio:.1f} x" for peer, ratio in ratios.items())
            print(f"to {target}, {told} the time of the warp")
    finally:
        rig.context.release()
    if options.json is not None:
        listed = [asdict(figure) | {"floor": figure.floor(bandwidth)} for figure in figures]
        document = {"machine": about, "bytes_per_second": 1e3 * bandwidth, "figures": listed, "peers": compared}
        try:
            options.json.write_text(json.dumps(document, indent=1), encoding="utf-8")
        except OSError as error:
            raise OutputError(f"cannot write {options.json}: {error.strerror}; name another file") from error


def machine(rig: Rig) -> dict[str, str]:
    """Return what is measured on."""
    import torch

    about = {
        "photoflight": program_version(),
        "OpenGL": rig.context.info["GL_RENDERER"],
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
    }
    if rig.stream is None:
        return {"processor": f"{processor()}, {cores()} cores", **about}
    import cupy

    return {"GPU": torch.cuda.get_device_name(), "CUDA": str(torch.version.cuda), "CuPy": cupy.__version__, **about}


def comparisons(figures: Iterable[Figure]) -> dict[str, dict[str, float]]:
    """Return, by target, how many times as long as the warp of the largest source its peers take.

    The grid is that of the same source, what is splatted a source as large as the target.
    """
    times = {(figure.part, figure.what): figure.milliseconds for figure in figures}
    out: dict[str, dict[str, float]] = {}
    for name, size in TARGETS.items():
        own, same = (f"{width}x{height} to {name}" for width, height in (SOURCES[-1], size))
        if ("warp", own) in times:
            warp = times["warp", own]
            out[name] = {"softmax splatting": times["splat", same] / warp, "a textured grid": times["grid", own] / warp}
    return out


def measured(rig: Rig) -> Iterable[Figure]:
    """Yield all figures, in the order of the table."""
    from viewer.loader import keyframe_of

    _, photo, _ = keyframe_of(DEMO_PHOTO, FilmOptions())
    yield from warping(rig)
    yield from splatting(rig)
    yield from gridding(rig)
    yield from drawing(rig, photo)
    yield from generating(rig, photo)
    if rig.stream is not None:  # a processor adapts its resolution in flight: ``viewer.bench`` flies so
        yield from flying(rig, photo)


def step_of(keyframe: Keyframe, size: tuple[int, int]) -> Camera:
    """Return the camera of a step forward with a turn, for views of ``size``."""
    lens = keyframe.camera.intrinsics.covered_by(size[0] / size[1])
    return keyframe.camera.through(lens).moved(np.array([0.05, -0.02, 0.3]), turn(0.03))


def warping(rig: Rig) -> Iterable[Figure]:
    """Measure the warp of one keyframe: by itself, and from asking for it until it is done."""
    from core.warp.benchmark import landscape

    for source in SOURCES:
        keyframe = landscape(*source)
        rig.warper.prepare(keyframe)
        for name, size in TARGETS.items():
            warp = partial(rig.warper.warp, [[keyframe]], step_of(keyframe, size), size)
            stream = getattr(warp()[0], "stream", rig.stream)
            # as kernels.cu counts them
            moved = 52 * size[0] * size[1] + 84 * len(keyframe.mesh.vertices) + 33 * len(keyframe.mesh.quads)
            what = f"{source[0]}x{source[1]} to {name}"
            yield Figure("warp", what, rig.timer.milliseconds(warp, stream), moved)
            if rig.stream is not None:
                yield Figure("warp", f"{what}, with asking for it", rig.waited(warp), moved)


def splatting(rig: Rig) -> Iterable[Figure]:
    """Measure what the paper does: a view splatted from one of its own size."""
    import torch

    from core.warp.benchmark import landscape
    from core.warp.visibility import projection
    from viewer.softmax_splat import softmax_splat

    for name, size in TARGETS.items():
        keyframe = landscape(*size)
        matrix = projection(keyframe.camera, step_of(keyframe, size), size).astype(np.float32)
        image = keyframe.image.transpose(2, 0, 1).astype(np.float32) / 255.0
        values, disparity, moves = (torch.from_numpy(array).to(rig.device) for array in (image, keyframe.disparity, matrix))
        splat = partial(softmax_splat, values, disparity, moves, size)
        moved = 4 * (4 + 5) * size[0] * size[1]  # colours and disparity are read, these and a mask are written
        yield Figure("splat", f"{size[0]}x{size[1]} to {name}", rig.timer.milliseconds(splat, rig.stream), moved)


def gridding(rig: Rig) -> Iterable[Figure]:
    """Measure what OpenGL does for the same: the mesh of a keyframe as textured triangles."""
    from core.warp.benchmark import landscape
    from viewer.gl.grid_warp import GridWarp

    for source in SOURCES:
        keyframe = landscape(*source)
        for name, size in TARGETS.items():
            grid = GridWarp(rig.context, keyframe, size)
            # positions and indices; the photo is read once, colour and depth are written once
            moved = 12 * len(keyframe.mesh.vertices) + 24 * len(keyframe.mesh.quads) + (3 + 8) * size[0] * size[1]
            milliseconds = rig.drawn(partial(grid.draw, step_of(keyframe, size)))
            yield Figure("grid", f"{source[0]}x{source[1]} to {name}", milliseconds, moved)
            grid.release()


def drawing(rig: Rig, photo: Keyframe) -> Iterable[Figure]:
    """Measure how a lookup gets into OpenGL and becomes a picture there, at the sizes that a window of that size has."""
    from core.frame import Frame, Layer
    from core.sky import Dome
    from viewer.gl.textures import LookupTexture
    from viewer.interop import make_transfer
    from viewer.renderer import Renderer

    renderer, transfer = Renderer(rig.context, Dome.of(photo)), make_transfer(rig.context)
    for name, size in TARGETS.items():
        columns, rows = Quality(rung=0).lookup(*size)
        camera = step_of(photo, size)
        (lookup,) = rig.warper.warp([[photo]], camera, (columns, rows))
        texture = LookupTexture(rig.context, transfer)
        what = f"lookup of {columns}x{rows}: {transfer.reason}"
        yield Figure("interop", what, rig.waited(partial(texture.write, lookup)), 2 * 16 * columns * rows)
        texture.release()
        moved = 16 * columns * rows + (4 + 4) * size[0] * size[1]  # the lookup and the photo are read, the picture is written
        with canvas(rig.context, size) as target:
            draw = partial(renderer.draw, Frame(camera, Layer((photo,), lookup)), target)
            yield Figure("draw", f"{columns}x{rows} to {name}", rig.drawn(draw), moved)
    transfer.release()
    renderer.release()


@contextmanager
def canvas(context: moderngl.Context, size: tuple[int, int]) -> Iterator[moderngl.Framebuffer]:
    """Yield a framebuffer of ``size``, and give it back."""
    texture = context.texture(size, 4)
    framebuffer = context.framebuffer([texture])
    yield framebuffer
    (context.screen or context.detect_framebuffer(0)).use()  # or moderngl would bind what was released when it makes the next
    framebuffer.release()
    texture.release()


def generating(rig: Rig, photo: Keyframe) -> Iterable[Figure]:
    """Measure the network, host to host, and a whole refinement."""
    import torch

    from core.neural.generator import STYLE_SIZE
    from core.neural.governor import look_of
    from core.neural.inputs import CHANNELS, Inputs, photo_tensor
    from core.neural.network import LATENT, GeneratorNetwork
    from core.refiner import make_generator, refine
    from core.sky import Dome
    from core.world import World

    network = GeneratorNetwork("base" if rig.device == "cuda" else "small")  # how it was trained makes no difference to its time
    executor, generator = rig.executor(network), make_generator("auto")
    generator.begin(photo, 0)
    world, dome = World(photo), Dome.of(photo)
    weights = sum(weight.numel() for weight in network.parameters())
    with torch.inference_mode():
        style = network.style(photo_tensor(photo, STYLE_SIZE), torch.zeros(1, LATENT))
        look = look_of(photo_tensor(photo, STYLE_SIZE))
    for size in VIEWS:
        inputs = Inputs(*(torch.rand(1, channels, size[1], size[0]) for channels in (CHANNELS, 3, 3, 1, 1, 1, 1)))
        paint = partial(executor, inputs, style, look)
        moved = 2 * weights + 4 * (CHANNELS + 10 + 6) * size[0] * size[1]
        yield Figure("generator", f"{network.size} network at {size[0]}x{size[1]}", rig.waited(paint), moved)
        whole = partial(refine, world, generator, dome, rig.warper, step_of(photo, size), size)
        yield Figure("generator", f"whole refinement at {size[0]}x{size[1]}", rig.waited(whole))


@contextmanager
def without_collections() -> Iterator[None]:
    """Leave what there is out of garbage collections, as the window does in flight."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def flying(rig: Rig, photo: Keyframe) -> Iterable[Figure]:
    """Fly with the autopilot while the generator refines, as fast as frames can be made."""
    from core.flight import Flight, FlightSettings
    from core.refiner import make_generator
    from core.steering import Steering
    from viewer.renderer import Renderer

    size = TARGETS[FLOWN]
    lookup = Quality(rung=0).lookup(*size)
    flight = Flight(photo, make_generator("auto"), FlightSettings(size[0] / size[1], REFINED, refine_larger=False, canvas=size))
    renderer = Renderer(rig.context, flight.dome)
    times = [0.0]
    try:
        flight.engage("autopilot")
        flight.warm_up(lookup)
        with canvas(rig.context, size) as target, without_collections():

            def frame() -> None:
                flight.advance(times[-1], Steering())
                renderer.draw(flight.frame(lookup), target)

            rig.span(frame)
            end = rig.clock() + FLOWN_SECONDS
            while rig.clock() < end:
                times.append(rig.span(frame))
        refined, rate = flight.refiner.size, flight.refiner.rate
        for notice in filter(None, (flight.warper.fallback, flight.refiner.last_error)):
            print(f"this is not what was to be measured: {notice}")
    finally:
        flight.close()
        renderer.release()
    del times[0]
    what = f"{FLOWN} while refining at {refined[0]}x{refined[1]}, {rate:.1f}/s"
    yield Figure("frame", what, 1e3 * median(times))
    thousandths = quantiles(times, n=1000)
    for name, seconds in (("99 %", thousandths[989]), ("99.9 %", thousandths[998]), ("slowest", max(times))):
        yield Figure("frame", f"of {len(times)}, {name}", 1e3 * seconds)
