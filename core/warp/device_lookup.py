"""DeviceLookup: a lookup that lives on the GPU. The display reads it there; whoever asks for arrays gets copies on the host."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from core.warp.lookup import THIN, Lookup

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class DeviceLookup(Lookup):
    """A ``Lookup`` whose arrays are copied to the host when they are first asked for, which waits for the GPU.

    ``texels`` is its CuPy array (height, width, 4) float32: u, v, disparity, slot (-1 in holes). It is filled by work on
    ``stream``, a ``cupy.cuda.Stream``, and belongs to this lookup as long as that lives: what is put on ``stream`` before then
    reads it safely. So it is with ``pictures``: for every slot the finest of the keyframe's ``core.texels.shown``, a CuPy array
    (h, w, 4) uint8, or None where they are not on the GPU. Copies raise DeviceError when the GPU is lost.
    """

    texels: Any
    stream: Any
    pictures: tuple[Any, ...]

    def __init__(
        self,
        texels: Any,  # noqa: ANN401
        magnification: Any,  # noqa: ANN401
        stream: Any,  # noqa: ANN401
        pictures: tuple[Any, ...],
        copied: Callable[[Any, Any], NDArray[np.float32]],
        summarised: Callable[[], NDArray[np.float32]],
    ) -> None:
        """Hold what ``kernels.cu`` writes: ``texels``, and stretch (height, width) float32 in ``magnification``.

        ``copied(array, stream)`` returns a NumPy copy once the work on ``stream`` is done; ``summarised()`` returns
        ``struct Summary`` as float32 once this lookup is.
        """
        self.texels, self.stream, self.pictures = texels, stream, pictures
        self._magnification, self._copied, self._summarised = magnification, copied, summarised

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        height, width, _ = self.texels.shape
        return width, height

    @cached_property
    def _host_texels(self) -> NDArray[np.float32]:
        return self._copied(self.texels, self.stream)

    @cached_property
    def _summary(self) -> NDArray[np.float32]:
        return self._summarised()

    @cached_property
    def uv(self) -> NDArray[np.float32]:
        """See ``Lookup``."""
        return np.ascontiguousarray(self._host_texels[..., :2])

    @cached_property
    def disparity(self) -> NDArray[np.float32]:
        """See ``Lookup``."""
        return np.ascontiguousarray(self._host_texels[..., 2])

    @cached_property
    def stretch(self) -> NDArray[np.float32]:
        """See ``Lookup``."""
        return self._copied(self._magnification, self.stream)

    @cached_property
    def slot(self) -> NDArray[np.int8]:
        """See ``Lookup``."""
        return self._host_texels[..., 3].astype(np.int8)

    @property
    def covered_share(self) -> float:
        """See ``Lookup``; this waits for the lookup, not for what was put on ``stream`` after it."""
        pixels = self.size[0] * self.size[1]
        return (pixels - int(self._summary[-1:].view(np.uint32)[0])) / pixels

    def thin(self, columns: int, rows: int) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """See ``Lookup``; ``THIN`` comes with the lookup as ``covered_share`` does, for others all is copied."""
        if (columns, rows) != THIN:
            return super().thin(columns, rows)
        disparity, slot = self._summary[:-1].reshape(rows, columns, 2).transpose(2, 0, 1)
        return disparity, slot.astype(np.int8)
