"""Device: an NVIDIA GPU as the warp sees it, its compiled kernels and the keyframes that live there."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from core.gpu import Gpu
from core.texels import shown

if TYPE_CHECKING:
    from core.keyframe import Keyframe

_KERNELS = ("project", "rasterise", "rasterise_large", "resolve")


@dataclass(frozen=True, eq=False)
class Resident:
    """What the kernels read of a keyframe, on the device."""

    vertices: Any
    quads: Any
    veiled: Any
    sky: Any


class Device(Gpu):
    """What the warpers of one GPU share: the compiled kernels and the keyframes that live there. Raises DeviceError."""

    def __init__(self) -> None:
        super().__init__({Path(__file__).with_name("kernels.cu"): _KERNELS}, "warp")
        self._residents: WeakKeyDictionary[Keyframe, Resident] = WeakKeyDictionary()
        self._pictures: WeakKeyDictionary[Keyframe, Any] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def resident(self, keyframe: Keyframe, stream: Any) -> Resident:  # noqa: ANN401
        """Return the keyframe's arrays on the device; they stay there as long as it lives. Waits where they have to be copied."""
        with self._lock:
            found = self._residents.get(keyframe)
        if found is None:
            mesh = keyframe.mesh
            arrays = (mesh.vertices, mesh.quads, mesh.veiled.view(np.uint8), keyframe.sky)
            found = Resident(*(self.copied_there(array, stream) for array in arrays))
            stream.synchronize()  # other threads' streams know nothing of this one
            with self._lock:
                self._residents[keyframe] = found
        return found

    def picture(self, keyframe: Keyframe) -> Any | None:  # noqa: ANN401
        """Return what is shown of a keyframe at its finest, (h, w, 4) uint8, if ``keep_picture`` has brought them there."""
        with self._lock:
            return self._pictures.get(keyframe)

    def keep_picture(self, keyframe: Keyframe, stream: Any) -> None:  # noqa: ANN401
        """Copy the picture of ``keyframe`` to the device, where it stays as long as the keyframe lives; wait for that."""
        if self.picture(keyframe) is None:
            found = self.copied_there(shown(keyframe)[0], stream)
            stream.synchronize()
            with self._lock:
                self._pictures[keyframe] = found
