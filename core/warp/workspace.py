"""Workspace: the stream of one thread's warps, and the device memory they work in."""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from core.warp.device_lookup import DeviceLookup
from core.warp.frame_table import FRAME, MOST_LAYERS, MOST_MEMBERS, SUMMARY_ITEMS, VIEW, see
from core.warp.lookup import THIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from core.camera import Camera
    from core.keyframe import Keyframe
    from core.warp.device import Device, Resident
    from core.warp.lookup import Lookup

_BLOCK = 256  # threads
_LARGE_BLOCKS = 1024  # for the list of large quads, whose length only the device knows: 8192 warps
_VIEWS = 8  # the display shows at most six keyframes, in a fade
_MOST_GRAPHS = 8  # sizes of lookup between which adaptive resolution goes to and fro


class Workspace:
    """Stream, buffers and graphs of one thread. Nothing is allocated unless a frame is larger than all before it.

    A frame is one graph: the table of its numbers goes to the device from pinned memory, then the four kernels run. What changes
    from frame to frame is in the table only, so a graph serves all frames of a size. The frame before must be done before the
    table is written anew; on a display it has long been.
    """

    def __init__(self, device: Device, priority: int) -> None:
        """Work on ``device``, on a stream of ``priority``."""
        cupy = device.cupy
        self._device, self._cupy = device, cupy
        self.stream = cupy.cuda.Stream(non_blocking=True, priority=priority)
        # or the memory would serve others while kernels still write to it
        weakref.finalize(self, _drain, self.stream, cupy.cuda.runtime.CUDARuntimeError).atexit = False
        self._done = cupy.cuda.Event(disable_timing=True)
        self._points, self._keys = _Buffer(cupy, np.float32, 4), _Buffer(cupy, np.uint64)
        self._growth, self._large = _Buffer(cupy, np.float32), _Buffer(cupy, np.int32, 2)
        self._large_count = cupy.empty(1, np.uint32)
        self._outputs: list[_Output] = []
        self._graphs: dict[tuple[int, ...], Any] = {}
        self._most_vertices, self._most_quads = 0, 0  # of a keyframe
        self._held: tuple[object, ...] = ()
        self._make_table(_VIEWS)

    def _make_table(self, views: int) -> None:
        """Make room for the numbers of as many views."""
        self._views = views
        self._table_size = FRAME.itemsize + views * VIEW.itemsize
        self._pinned = self._cupy.cuda.alloc_pinned_memory(self._table_size)
        self._table = self._cupy.empty(self._table_size, np.uint8)
        self._frame_row = np.frombuffer(self._pinned, FRAME, 1)
        self._view_rows = np.frombuffer(self._pinned, VIEW, views, FRAME.itemsize)
        self._graphs.clear()

    def warp(
        self, layers: Sequence[Sequence[Keyframe]], residents: dict[Keyframe, Resident], camera: Camera, size: tuple[int, int]
    ) -> list[Lookup]:
        """Put the warp of a frame on ``stream``; see ``Warper.warp``. ``residents`` holds all keyframes."""
        if len(layers) > MOST_LAYERS or any(len(layer) >= MOST_MEMBERS for layer in layers):
            raise ValueError(f"at most {MOST_LAYERS} layers of {MOST_MEMBERS - 1} keyframes")
        self._done.synchronize()
        pictures = {keyframe: self._device.picture(keyframe) for keyframe in residents}
        # until this frame is done, and what was put on the stream after it, which the next but one waits for
        self._held = (*self._held[-1:], [*residents.values(), *pictures.values()])
        self._fill_views(residents, camera, size)
        lookups, outputs = self._fill_layers(layers, pictures, size)
        self._run(size[0] * size[1])
        for output in outputs:
            output.summarise(self.stream)
        self.stream.record(self._done)
        return lookups

    def _fill_views(self, residents: dict[Keyframe, Resident], camera: Camera, size: tuple[int, int]) -> None:
        """Write the rows of all keyframes and give each its part of the buffers."""
        pixels = size[0] * size[1]
        vertices = [len(keyframe.mesh.vertices) for keyframe in residents]
        quads = [len(keyframe.mesh.quads) for keyframe in residents]
        if len(residents) > self._views:
            self._make_table(max(len(residents), 2 * self._views))
        self._most_vertices = max(self._most_vertices, *map(_rounded, vertices), 1)
        self._most_quads = max(self._most_quads, *map(_rounded, quads), 1)
        points, growth = self._points.at_least(sum(vertices)), self._growth.at_least(sum(vertices))
        keys, large = self._keys.at_least(len(residents) * pixels), self._large.at_least(sum(quads))
        frame = self._frame_row[0]
        frame["width"], frame["height"] = size
        frame["view_count"] = len(residents)
        frame["large"], frame["large_count"] = large, self._large_count.data.ptr
        first = 0
        for i, (keyframe, resident) in enumerate(residents.items()):
            row = self._view_rows[i]
            see(row, keyframe, camera, size)
            for name in ("vertices", "sky", "quads", "veiled"):
                row[name] = getattr(resident, name).data.ptr
            row["points"], row["growth"], row["keys"] = points + 16 * first, growth + 4 * first, keys + 8 * i * pixels
            first += vertices[i]

    def _fill_layers(
        self, layers: Sequence[Sequence[Keyframe]], pictures: dict[Keyframe, Any], size: tuple[int, int]
    ) -> tuple[list[Lookup], list[_Output]]:
        """Write the rows of all layers; return the lookups that they will fill, and where. ``pictures`` are in views' order."""
        view_of = {keyframe: i for i, keyframe in enumerate(pictures)}
        frame = self._frame_row[0]
        frame["layer_count"] = len(layers)
        lookups: list[Lookup] = []
        outputs: list[_Output] = []
        for row, layer in zip(frame["layers"], layers, strict=False):
            output = self._output(size[0] * size[1])
            row["texels"], row["stretch"], row["summary"] = (array.data.ptr for array in output.arrays)
            row["count"] = len(layer)
            row["members"][: len(layer)] = [view_of[keyframe] for keyframe in layer]
            lookups.append(output.lookup(size, self.stream, tuple(pictures[keyframe] for keyframe in layer)))
            outputs.append(output)
        return lookups, outputs

    def _output(self, pixels: int) -> _Output:
        """Find room for a lookup that no living lookup has."""
        free = [output for output in self._outputs if output.free]
        roomy = next((output for output in free if output.pixels >= pixels), None)
        if roomy is not None:
            return roomy
        if free:
            self.stream.synchronize()  # work on the stream may still read it
            self._outputs.remove(free[0])
        self._outputs.append(_Output(self._device, pixels))
        return self._outputs[-1]

    def _run(self, pixels: int) -> None:
        """Launch the graph for frames of this size, or make it."""
        grids = (
            (-(-self._most_vertices // _BLOCK), self._views),
            (-(-self._most_quads // _BLOCK), self._views),
            (_LARGE_BLOCKS,),
            (-(-(pixels + THIN[0] * THIN[1]) // _BLOCK), MOST_LAYERS),
        )
        capacity = (pixels, self._views, self._most_vertices, self._most_quads)
        graph = self._graphs.get(capacity)
        if graph is not None:
            graph.launch(self.stream)
            return
        if len(self._graphs) == _MOST_GRAPHS:
            del self._graphs[next(iter(self._graphs))]
        with self.stream:
            self._launch(grids)  # this frame; and what a kernel loads at its first launch cannot be captured
            self.stream.begin_capture()
            self._launch(grids)
            self._graphs[capacity] = self.stream.end_capture()

    def _launch(self, grids: Sequence[tuple[int, ...]]) -> None:
        runtime = self._cupy.cuda.runtime
        target, source = self._table.data.ptr, self._pinned.ptr
        runtime.memcpyAsync(target, source, self._table_size, runtime.memcpyHostToDevice, self.stream.ptr)
        for kernel, grid in zip(self._device.kernels.values(), grids, strict=True):
            kernel(grid, (_BLOCK,), (self._table,))


class _Buffer:
    """Device memory that grows when more is asked for than ever before."""

    def __init__(self, cupy: Any, dtype: type[np.generic], items: int = 1) -> None:  # noqa: ANN401
        """Of elements with so many ``items`` of ``dtype``."""
        self._cupy, self._dtype, self._items, self._count = cupy, dtype, items, 0
        self._array: Any = None

    def at_least(self, count: int) -> int:
        """Return the address of room for ``count`` elements; no kernel may be at work in what there was before."""
        if count > self._count or self._array is None:
            self._count, self._array = _rounded(count), None  # the old one is given back first
            self._array = self._cupy.empty(max(self._count, 1) * self._items, self._dtype)
        return int(self._array.data.ptr)


class _Output:
    """The memory of one lookup of at most ``pixels``; free when the lookup is gone."""

    def __init__(self, device: Device, pixels: int) -> None:
        cupy = device.cupy
        self.pixels, self._device = _rounded(pixels), device
        self._texels = cupy.empty(4 * self.pixels, np.float32)
        self._stretch = cupy.empty(self.pixels, np.float32)
        self._summary = cupy.empty(SUMMARY_ITEMS, np.float32)
        self._pinned = cupy.cuda.alloc_pinned_memory(self._summary.nbytes)
        self._done = cupy.cuda.Event(disable_timing=True)
        self._lookup: weakref.ref[DeviceLookup] | None = None

    @property
    def arrays(self) -> tuple[Any, Any, Any]:
        """Texels, stretch and summary."""
        return self._texels, self._stretch, self._summary

    @property
    def free(self) -> bool:
        """Whether no lookup needs it."""
        return self._lookup is None or self._lookup() is None

    def summarise(self, stream: Any) -> None:  # noqa: ANN401
        """Have the summary copied to the host when the kernels on ``stream`` have made it."""
        runtime, summary = self._device.cupy.cuda.runtime, self._summary
        runtime.memcpyAsync(self._pinned.ptr, summary.data.ptr, summary.nbytes, runtime.memcpyDeviceToHost, stream.ptr)
        stream.record(self._done)

    def _summarised(self) -> NDArray[np.float32]:
        """Wait for the summary and return a copy."""
        with self._device.errors():
            self._done.synchronize()
        return np.frombuffer(self._pinned, np.float32, SUMMARY_ITEMS).copy()

    def lookup(self, size: tuple[int, int], stream: Any, pictures: tuple[Any, ...]) -> DeviceLookup:  # noqa: ANN401
        """Make the lookup that has this memory from now on."""
        width, height = size
        texels = self._texels[: 4 * width * height].reshape(height, width, 4)
        stretch = self._stretch[: width * height].reshape(height, width)
        lookup = DeviceLookup(texels, stretch, stream, pictures, self._device.copied_here, self._summarised)
        self._lookup = weakref.ref(lookup)
        return lookup


def _drain(stream: Any, lost: type[Exception]) -> None:  # noqa: ANN401
    """Wait for the stream, unless its GPU is lost."""
    with suppress(lost):
        stream.synchronize()


def _rounded(count: int) -> int:
    """At most 1/8 more than ``count``, so that what grows little by little seldom grows."""
    grain = 1 << max(count.bit_length() - 4, 0)
    return -(-count // grain) * grain
