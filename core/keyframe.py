"""Keyframe: a picture with geometry, seen by a camera. The world is made of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.camera import Camera
    from core.warp.mesh import Mesh

_Scalar = TypeVar("_Scalar", bound=np.generic)
_serial = count()
_FARTHEST = np.float32(0.01)  # disparity
_NO_SKY = 0.02  # of a view: sky smaller than this is none
FINER = 4  # times finer than ``image`` a look counts as, however finely it is shown: choices must not depend on that


def eight_bit(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Round a picture in [0, 1] to the 8 bits it has at rest; what lies outside is clipped."""
    return (np.clip(image, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def picked(array: NDArray[_Scalar], shape: tuple[int, int]) -> NDArray[_Scalar]:
    """Return the pixels (rows, columns[, c]) in the middle of ``shape`` equal parts of an array over the same uv square."""
    rows, columns = (((np.arange(n) + 0.5) * m / n).astype(int) for n, m in zip(shape, array.shape, strict=False))
    return np.ascontiguousarray(array[np.ix_(rows, columns)])


class Look(Protocol):
    """A picture that is not stored but found in the start photo, as finely as is wanted."""

    @property
    def nbytes(self) -> int:
        """Memory held, bytes."""
        ...

    def picture(self, keyframe: Keyframe, scale: int) -> NDArray[np.uint8]:
        """Return colours and sky (scale h, scale w, 4) of ``keyframe``, (h, w), whose look this is."""
        ...


@dataclass(frozen=True, eq=False)
class Keyframe:
    """One RGBD view with a soft sky, immutable once made.

    Picture and geometry cover the same view but may differ in resolution, as uv coordinates do not depend on it:
    the photo keeps its full resolution over a coarser depth.
    """

    camera: Camera
    image: NDArray[np.uint8]  # (H, W, 3) sRGB
    disparity: NDArray[np.float32]  # (h, w), [0.01, 1]; under sky it continues the land beside it
    sky: NDArray[np.float32]  # (h, w), [0, 1] soft alpha
    debt: NDArray[np.float32]  # (h, w), detail debt: log2 of the magnification since a pixel was last synthesised
    look: Look | None = None  # where the picture is found at full resolution; None: ``image`` is all there is
    magnification: int = 1  # times finer than ``image`` at which it is shown, if it has a look; nothing else depends on it
    serial: int = field(default_factory=lambda: next(_serial))  # identity for caches, grows with age

    @property
    def columns(self) -> int:
        """Width that the picture counts as, pixels, where it is asked which keyframe is finer."""
        width: int = self.image.shape[1]
        return width if self.look is None else FINER * width

    @property
    def finest(self) -> NDArray[np.uint8]:
        """The picture as finely as it counts, (h, ``columns``, 3); made anew each time where it is found in the photo."""
        return self.image if self.look is None else self.look.picture(self, FINER)[..., :3]

    @property
    def shown_size(self) -> tuple[int, int]:
        """(width, height) of the picture as it is shown, pixels."""
        height, width = self.image.shape[:2]
        return width * self.magnification, height * self.magnification

    @property
    def nbytes(self) -> int:
        """Memory held by the arrays, bytes."""
        own = self.image.nbytes + self.disparity.nbytes + self.sky.nbytes + self.debt.nbytes
        return own + (self.look.nbytes if self.look is not None else 0)

    @cached_property
    def geometry_sky(self) -> NDArray[np.float32]:
        """The sky at the resolution of ``disparity``, (h, w) float32 in [0, 1]."""
        import cv2

        height, width = self.disparity.shape
        if self.sky.shape == (height, width):
            return self.sky
        return np.asarray(cv2.resize(self.sky, (width, height), interpolation=cv2.INTER_AREA), np.float32)

    @property
    def closed(self) -> bool:
        """Whether there is no sky to speak of: the photo is a wall."""
        return float(self.geometry_sky.mean()) < _NO_SKY

    def without_sky(self) -> Keyframe:
        """Return it with the sky made land, as far away as land can be: the ablation without sky (paper section 3.3)."""
        disparity = np.where(self.geometry_sky >= 0.5, _FARTHEST, self.disparity)
        return replace(self, disparity=disparity, sky=np.zeros_like(self.sky), serial=next(_serial))

    @cached_property
    def mesh(self) -> Mesh:
        """The torn surface that the warp rasterises, built on first use."""
        from core.warp.mesh import Mesh

        return Mesh.of(self)
