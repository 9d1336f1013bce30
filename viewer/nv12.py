"""NV12: pictures as the encoders of a GPU take them, luma and half as fine chroma; BT.709, limited range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

_RED, _BLUE = 0.2126, 0.0722  # their shares of luma


class DevicePicture(NamedTuple):
    """A picture that lies on a GPU: ``planes`` is called on the thread that encodes, and returns luma and chroma of ``nv12``."""

    planes: Callable[[], tuple[Any, Any]]


def nv12(picture: Any, xp: ModuleType) -> tuple[Any, Any]:  # noqa: ANN401
    """Convert ``picture`` (height, width, 3) uint8 sRGB, both sides even, by ``xp``: NumPy or CuPy.

    Returns luma (height, width) and chroma (height / 2, width / 2, 2), both uint8.
    """
    red, green, blue = (picture[..., channel].astype(np.float32) for channel in range(3))
    grey = _RED * red + (1.0 - _RED - _BLUE) * green + _BLUE * blue
    luma = (16.5 + (219.0 / 255.0) * grey).astype(np.uint8)
    differences = ((blue - grey) / (2.0 - 2.0 * _BLUE), (red - grey) / (2.0 - 2.0 * _RED))
    halved = [part.reshape(len(part) // 2, 2, -1, 2).mean((1, 3)) for part in differences]
    chroma = (128.5 + (224.0 / 255.0) * xp.stack(halved, -1)).astype(np.uint8)
    return luma, chroma


def scaled(picture: Any, size: tuple[int, int]) -> Any:  # noqa: ANN401
    """Return ``picture`` at ``size`` = (width, height), by its nearest pixels; as it is where it has that size."""
    height, width = picture.shape[:2]
    if (width, height) == size:
        return picture
    rows = [row * height // size[1] for row in range(size[1])]
    columns = [column * width // size[0] for column in range(size[0])]
    return picture[rows][:, columns]
