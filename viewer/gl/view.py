"""The uniform block ``View`` of ``shaders/view.glsl``: cameras as matrices on homogeneous uv, packed as std140."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from core.compose import at_home

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from core.camera import Intrinsics
    from core.frame import Frame, Layer
    from core.keyframe import Keyframe
    from core.sky import Dome

MOST_KEYFRAMES = 8
_SLOTS = 7  # keyframes of a layer, four bits each beside those for holes
_BLOCK = np.dtype(
    [
        ("world_from_target", "f4", (4, 4)),
        ("detail_from_world", "f4", (4, 4)),
        ("source_from_target", "f4", (MOST_KEYFRAMES, 4, 4)),
        ("world_from_source", "f4", (MOST_KEYFRAMES, 4, 4)),
        ("home", "f4", (MOST_KEYFRAMES, 4)),
        ("keyframe_of", "u4", (4,)),
        ("target", "f4", (4,)),
    ]
)
SIZE = _BLOCK.itemsize


def packed(frame: Frame, layers: Sequence[Layer], dome: Dome, rows: Mapping[Keyframe, int], size: tuple[int, int]) -> bytes:
    """Pack a frame's cameras; ``rows`` numbers the keyframes of ``layers``, ``size`` is the target's in pixels.

    A keyframe that is missing from ``rows`` is shown as a hole. Raises ValueError for layers of more keyframes than have room.
    """
    block, camera = np.zeros((), _BLOCK), frame.camera
    world_from_target = camera.rotation @ np.linalg.inv(_matrix(camera.intrinsics))
    detail = dome.detail_camera
    block["world_from_target"] = _columns(world_from_target)
    block["detail_from_world"] = _columns(_matrix(detail.intrinsics) @ detail.rotation.T)
    for keyframe, row in rows.items():
        source = keyframe.camera
        uv_from_world = _matrix(source.intrinsics) @ source.rotation.T
        parallax = uv_from_world @ (camera.position - source.position)
        block["source_from_target"][row] = _columns(uv_from_world @ world_from_target, parallax)
        block["world_from_source"][row] = _columns(np.linalg.inv(uv_from_world))
        block["home"][row, 0] = at_home(keyframe, camera, dome)  # std140 gives every float of an array 16 bytes
    block["keyframe_of"][: len(layers)] = [_numbers(layer, rows) for layer in layers]
    block["target"] = *size, frame.fade, dome.level(camera, size[0])
    return block.tobytes()


def _numbers(layer: Layer, rows: Mapping[Keyframe, int]) -> int:
    """Pack the number of the keyframe in each slot, as ``keyframe_at`` in view.glsl reads it; 0 for no keyframe."""
    if len(layer.keyframes) > _SLOTS:
        raise ValueError(f"a layer of {len(layer.keyframes)} keyframes cannot be drawn; {_SLOTS} are the most")
    return sum((rows.get(keyframe, -1) + 1) << 4 * (slot + 1) for slot, keyframe in enumerate(layer.keyframes))


def _matrix(lens: Intrinsics) -> NDArray[np.float64]:
    return np.array([[lens.fx, 0.0, lens.cx], [0.0, lens.fy, lens.cy], [0.0, 0.0, 1.0]])


def _columns(matrix: NDArray[Any], last: NDArray[Any] | None = None) -> NDArray[np.float64]:
    """Columns of a 3x3 matrix, and perhaps a fourth, as the rows of a 4x4: OpenGL's order."""
    out = np.zeros((4, 4))
    out[:3, :3] = matrix.T
    if last is not None:
        out[3, :3] = last
    return out
