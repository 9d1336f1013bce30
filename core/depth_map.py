"""The user's own depth map in place of the perceived one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from core.errors import DepthMapError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.perception import Scene

SUFFIXES = (".png", ".exr", ".npy")
_ASPECT_TOLERANCE = 0.05  # a map may be cropped to a multiple of 16 or 32 pixels, not more
_MOST_PIXELS = 200_000_000
_EXR_CHANNELS = ("Z", "Y", "V", "depth", "Depth", "disparity", "R")


def read_depth_map(path: str | Path, near: Literal["bright", "dark"]) -> NDArray[np.float32]:
    """Read a depth map as disparity, float32 (h, w), >= 0, up to scale; NaN where the file says nothing.

    PNG (grey, 16 bits for choice), EXR (channel Z, Y, V, depth, disparity or R) or .npy (numbers (h, w)). ``near`` "bright":
    values grow with nearness and are taken as disparity. "dark": values are depth along the view, disparity is their
    reciprocal; infinity is infinitely far, zero and less are unknown.

    Raises:
        DepthMapError: missing, unreadable, empty, colour, or without a single usable number.

    """
    path = Path(path)
    if not path.is_file():
        raise DepthMapError(f"depth map {path} does not exist: name a PNG, EXR or .npy file")
    reader = {".png": _read_png, ".exr": _read_exr, ".npy": _read_npy}.get(path.suffix.lower())
    if reader is None:
        raise DepthMapError(f"depth map {path.name} is not one of {', '.join(SUFFIXES)}: convert it")
    try:
        values = reader(path)
    except DepthMapError:
        raise
    except (OSError, ValueError, RuntimeError, EOFError, MemoryError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise DepthMapError(f"depth map {path.name} cannot be read ({reason}): save it again") from error
    return _as_disparity(values, near, path.name)


def with_depth_map(scene: Scene, disparity: NDArray[np.float32], image: NDArray[np.uint8]) -> Scene:
    """Return ``scene`` with the disparity (h, w) of a depth map: holes filled, fitted to the photo's edges, normalised.

    Raises:
        DepthMapError: the map's shape is more than 5 % off the photo's aspect ratio.

    """
    from core.edges import nearest_filled
    from core.perception import assembled

    (h, w), (height, width) = disparity.shape, image.shape[:2]
    # half a pixel of rounding is forgiven too, or no thumbnail would ever fit
    tolerance = _ASPECT_TOLERANCE + 0.5 / min(h, w) + 0.5 / min(height, width)
    if abs(np.log((w / h) / (width / height))) > tolerance:
        raise DepthMapError(f"depth map of {w} x {h} does not fit the photo of {width} x {height}: crop it to the photo's shape")
    return assembled(image, nearest_filled(disparity, np.isfinite(disparity)), scene.sky)


def _as_disparity(values: NDArray[np.float32], near: str, name: str) -> NDArray[np.float32]:
    if near not in {"bright", "dark"}:
        raise DepthMapError(f"near of depth map {name} is {near!r}: say bright (near is bright) or dark (near is dark)")
    with np.errstate(divide="ignore", invalid="ignore"):
        if near == "dark":
            disparity = np.where(values > 0.0, 1.0 / values.astype(np.float64), np.nan)
        else:
            disparity = np.where(np.isfinite(values) & (values >= 0.0), values, np.nan).astype(np.float64)
        disparity /= np.nanmax(disparity) if np.isfinite(disparity).any() else np.nan
    if not (disparity > 0.0).any():
        raise DepthMapError(f"depth map {name} holds no positive finite number: export it again, or try the other --near")
    return disparity.astype(np.float32)


def _read_png(path: Path) -> NDArray[np.float32]:
    import cv2

    data = np.fromfile(path, np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if pixels is None:
        raise DepthMapError(f"depth map {path.name} is empty or not a PNG: save it again")
    return _one_channel(np.asarray(pixels, np.float32), path.name)


def _read_exr(path: Path) -> NDArray[np.float32]:
    import OpenEXR

    with OpenEXR.File(str(path), separate_channels=True) as file:
        channels = file.channels()
        name = next((n for n in _EXR_CHANNELS if n in channels), None)
        if name is None and len(channels) == 1:
            name = next(iter(channels))
        if name is None:
            found = ", ".join(sorted(channels)) or "none"
            raise DepthMapError(f"depth map {path.name} has channels {found}: name the depth channel Z")
        return _one_channel(np.array(channels[name].pixels, np.float32), path.name)


def _read_npy(path: Path) -> NDArray[np.float32]:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iuf":
        raise DepthMapError(f"depth map {path.name} does not hold an array of numbers: save it with numpy.save")
    if array.size > _MOST_PIXELS:
        raise DepthMapError(f"depth map {path.name} has {array.size} numbers, more than {_MOST_PIXELS}: shrink it")
    return _one_channel(np.array(np.squeeze(array), np.float32), path.name)


def _one_channel(pixels: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """Take the grey of an image (alpha is dropped), refusing colours: they would be a picture of depth, not depth."""
    if pixels.ndim == 3 and 2 <= pixels.shape[2] <= 4:
        colour = pixels[..., : 1 if pixels.shape[2] == 2 else 3]
        if not np.array_equal(colour.min(axis=2), colour.max(axis=2), equal_nan=True):
            raise DepthMapError(f"depth map {name} is in colour: export it in grey")
        pixels = colour[..., 0]
    if pixels.ndim != 2 or min(pixels.shape) < 2:
        raise DepthMapError(f"depth map {name} has shape {pixels.shape}: it must be (height, width), at least 2 x 2")
    return pixels
