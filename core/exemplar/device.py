"""DeviceLoops: the loops of exemplar synthesis on an NVIDIA GPU, ``kernels.cu`` and ``sampling.cu`` launched through CuPy."""

from __future__ import annotations

import weakref
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.exemplar.levels import COLOUR
from core.exemplar.loops import Loops
from core.exemplar.sampling import octaves
from core.gpu import Gpu

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from core.exemplar.coherence import Exemplar
    from core.exemplar.sampling import Patches
    from core.exemplar.search import Piece, Positions
    from core.exemplar.tone import Copied, Linked

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float32]
    Doubles = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Numbers = NDArray[np.int32]
    Indices = NDArray[np.int64]

_KERNELS = {
    "kernels.cu": ("settle", "add_up", "jumps", "relax", "project"),
    "sampling.cu": ("gathered", "stretches", "borders"),
}
_BLOCK = 256  # threads
_PRIORITY = 0  # the lowest: the display's kernels go first


class DeviceLoops(Loops):
    """The twin of ``Loops``. All methods raise DeviceError when the GPU fails, the constructor also when nothing compiles.

    For one thread at a time. What a photo is known by stays on the device as long as it lives; the rest comes and goes.
    """

    on_gpu = True

    def __init__(self) -> None:
        self._gpu = Gpu({Path(__file__).with_name(file): names for file, names in _KERNELS.items()}, "copy from the photo")
        self._constants: dict[int, Any] = {}
        self._held: list[Any] = []
        with self._gpu.errors():
            self._stream = self._gpu.cupy.cuda.Stream(non_blocking=True, priority=_PRIORITY)

    def gathered(self, patches: Patches, extra: Floats, uv: Floats, wanted: Flags, out: Floats, more: Floats) -> None:
        """See ``core.exemplar.sampling.gathered``."""
        with self._working():
            there, beside = self._there(out), self._there(more)
            carried = *map(self._there, patches), *patches.disparity.shape, self._there(extra), extra.shape[2]
            self._launch("gathered", wanted.size, *carried, self._there(uv), self._there(wanted), wanted.size, there, beside)
            self._fill(out, there)
            self._fill(more, beside)

    def stretches(self, source: Floats, out: Floats) -> None:
        """See ``core.exemplar.sampling.stretches``."""
        self._around("stretches", source, out)
        octaves(out)  # whose log2 is not the same everywhere

    def borders(self, source: Floats, out: Floats) -> None:
        """See ``core.exemplar.sampling.borders``."""
        self._around("borders", source, out)

    def _around(self, name: str, source: Floats, out: Floats) -> None:
        h, w = out.shape[:2]
        with self._working():
            there = self._empty(out)
            self._launch(name, h * w, self._there(source), h, w, there)
            self._fill(out, there)

    def project(self, picture: Bytes, new: Flags, mean: Floats, axes: Floats, out: Numbers) -> None:
        """See ``core.exemplar.levels.project``."""
        with self._working():
            there = self._there(out)
            given = self._there(picture), self._there(new), self._constant(mean), self._constant(axes)
            self._launch("project", new.size, *given, *new.shape, out.shape[2], there)
            self._fill(out, there)

    def add_up(self, piece: Piece, positions: Positions, price: Floats, at: Indices, total: Doubles) -> None:
        """See ``core.exemplar.search.add_up``."""
        with self._working():
            there = self._there(total)
            pixels = tuple(map(self._there, (piece.wanted, piece.detail, piece.colour, piece.places, at.astype(np.int32))))
            features = self._constant(positions.features), len(positions.features), positions.looks - COLOUR, positions.looks
            squares = *map(self._constant, (*positions.squares, positions.closed)), self._there(price)
            size = positions.features.shape[1] // positions.width, positions.width
            self._launch("add_up", total.size, *pixels, len(at), *features, *squares, *size, there, *total.shape)
            self._fill(total, there)

    def settle(
        self, labels: Numbers, renewed: Flags, picture: Bytes, query: Numbers, exemplar: Exemplar, seam: int, passes: int
    ) -> None:
        """See ``core.exemplar.coherence.settle``."""
        (h, w), (eh, ew, count) = renewed.shape, exemplar.features.shape
        with self._working():
            shown, painted = self._there(labels), self._there(picture)
            view = shown, self._there(renewed), painted, self._there(query), h, w
            given = *view, self._constant(exemplar.picture), self._constant(exemplar.features), eh, ew, count, seam
            for sub in range(4 * passes):
                self._launch("settle", _half(h) * _half(w), *given, sub)
            self._fill(labels, shown)
            self._fill(picture, painted)

    def close_seams(
        self, tone: Floats, wanted: Floats, screen: Floats, linked: Linked, new: Flags, copied: Copied, sweeps: int
    ) -> None:
        """See ``core.exemplar.tone.close_seams``."""
        h, w = new.shape
        with self._working():
            there, across, down = self._there(tone), self._empty(tone), self._empty(tone)
            links = self._there(linked.right), self._there(linked.below), self._there(new)
            exemplar = self._constant(copied.exemplar), *copied.exemplar.shape[:2]
            pictures = self._there(copied.labels), *links, self._there(copied.bare), h, w
            self._launch("jumps", h * w, *pictures, *exemplar, across, down)
            given = there, self._there(wanted), self._there(screen), *links, across, down, h, w
            for sweep in range(2 * sweeps):
                self._launch("relax", h * _half(w), *given, sweep)
            self._fill(tone, there)

    @contextmanager
    def _working(self) -> Iterator[None]:
        """Launch kernels on the stream; what they read lives as long."""
        with self._gpu.errors(), self._stream:
            yield
        self._held.clear()

    def _there(self, array: NDArray[Any]) -> Any:  # noqa: ANN401
        self._held.append(self._gpu.copied_there(array, self._stream))
        return self._held[-1]

    def _empty(self, like: NDArray[Any]) -> Any:  # noqa: ANN401
        return self._gpu.cupy.empty(like.shape, like.dtype)

    def _constant(self, array: NDArray[Any]) -> Any:  # noqa: ANN401
        """Return a copy on the device of what never changes; it stays there as long as ``array`` lives."""
        key = id(array)
        if key not in self._constants:
            self._constants[key] = self._gpu.copied_there(array, self._stream)
            weakref.finalize(array, self._constants.pop, key).atexit = False
        return self._constants[key]

    def _launch(self, name: str, threads: int, *arguments: Any) -> None:  # noqa: ANN401
        numbers = tuple(np.int32(argument) if isinstance(argument, int) else argument for argument in arguments)
        self._gpu.kernels[name]((-(-threads // _BLOCK),), (_BLOCK,), numbers)

    def _fill(self, array: NDArray[Any], there: Any) -> None:  # noqa: ANN401
        np.copyto(array, self._gpu.copied_here(there, self._stream))


def _half(side: int) -> int:
    return (side + 1) // 2
