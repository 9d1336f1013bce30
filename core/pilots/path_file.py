"""Path files: JSON that nerfstudio's camera-path importers read, with our own exact keys beside it.

They use OpenGL axes (+Y up, looking along -Z) for camera and world, converted as paths come in and go out. Their ``fov`` is
vertical, in degrees.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from core.camera import OPENGL_AXES, angles, inverse, orthonormalised
from core.errors import PilotError
from core.pilots.path import Path

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from core.camera import Intrinsics

OWN = "photoflight"  # name of our own block
_DIGITS = 9
_RIGID_TOLERANCE = 1e-3


def save_path(path: Path, file: pathlib.Path, lens: Intrinsics, size: tuple[int, int], fps: float = 30.0) -> None:
    """Write ``path``, seen through ``lens`` at ``size`` (width, height) pixels, with a pose for every frame at ``fps``.

    Raises PilotError if the file cannot be written.
    """
    times, rows = path.keys
    frames = max(math.ceil(path.seconds * fps - 1e-6), 0) + 1
    document = camera_path([path.pose(i / fps) for i in range(frames)], lens, size, fps)
    view = {name: document["camera_path"][0][name] for name in ("fov", "aspect")}
    document["keyframes"] = [{"matrix": _flat(path.pose(t)), **view} for t in times]
    document[OWN] = {
        "start": path.start.ravel().tolist(),
        "times": np.round(times, _DIGITS).tolist(),
        "rows": np.round(rows, _DIGITS).tolist(),
    }
    try:
        file.write_text(json.dumps(document), encoding="utf-8")
    except OSError as error:
        raise PilotError(f"{file}: the path cannot be saved ({error.strerror}); choose another place") from error


def camera_path(
    poses: Sequence[NDArray[np.float64]], lens: Intrinsics, size: tuple[int, int], fps: float, digits: int = _DIGITS
) -> dict[str, Any]:
    """Return ``poses`` (world_from_camera), a frame each at ``fps``, as nerfstudio's importers want them, for JSON."""
    view = {"fov": math.degrees(lens.fov[1]), "aspect": size[0] / size[1]}
    frames = [{"camera_to_world": _flat(pose, digits), **view} for pose in poses]
    return {
        "camera_type": "perspective",
        "render_width": size[0],
        "render_height": size[1],
        "fps": fps,
        "seconds": len(poses) / fps,
        "is_cycle": False,
        "smoothness_value": 0.0,
        "keyframes": [{"matrix": frame["camera_to_world"], **view} for frame in (frames[0], frames[-1])],
        "camera_path": frames,
    }


def load_path(file: pathlib.Path) -> Path:
    """Read a path: exactly as it was flown if this program saved it, else from the file's frames, laid on the start camera.

    Raises PilotError, one line, if the file is missing, not such a path, or holds poses that are none.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise PilotError(f"{file}: cannot be read ({error.strerror}); check the path file's name") from error
    except ValueError as error:
        raise PilotError(f"{file}: not a JSON file; a camera path saved by this program or nerfstudio is needed") from error
    try:
        ours = OWN in document
        return _own(document[OWN]) if ours and "rows" in document[OWN] else _foreign(document, relative=not ours)
    except KeyError as error:
        raise PilotError(f"{file}: no {error} in it; a nerfstudio camera path with frames is needed") from error
    except (TypeError, ValueError) as error:
        raise PilotError(f"{file}: not a camera path ({error})") from error


def _own(block: dict[str, Any]) -> Path:
    times, rows = np.array(block["times"], dtype=np.float64), np.array(block["rows"], dtype=np.float64)
    if rows.ndim != 2 or rows.shape != (len(times), 12) or not np.isfinite(rows).all():
        raise ValueError(f"keys of shape {rows.shape} where ({len(times)}, 12) finite numbers are needed")
    if times[0] != 0.0 or not (np.diff(times) > 0.0).all():
        raise ValueError("times must rise from 0")
    return Path.of_keys(_rigid(block["start"]), times, rows)


def _foreign(document: dict[str, Any], *, relative: bool) -> Path:
    poses = [OPENGL_AXES @ _rigid(frame["camera_to_world"]) @ OPENGL_AXES for frame in document["camera_path"]]
    if not poses:
        raise ValueError("camera_path is empty")
    fps = float(document.get("fps") or 24.0)
    if not 0.0 < fps < 1e4:
        raise ValueError(f"fps {fps} where a positive number is needed")
    if relative:
        poses = [inverse(poses[0]) @ pose for pose in poses]
    states = np.array([[*pose[:3, 3], *angles(pose[:3, :3])] for pose in poses])
    states[:, 3:] = np.unwrap(states[:, 3:], axis=0)
    rates = np.gradient(states, 1.0 / fps, axis=0) if len(states) > 1 else np.zeros_like(states)
    return Path.of_keys(np.eye(4) if relative else poses[0], np.arange(len(states)) / fps, np.hstack([states, rates]))


def _rigid(numbers: object) -> NDArray[np.float64]:
    matrix = np.array(numbers, dtype=np.float64)
    if matrix.size != 16 or not np.isfinite(matrix).all():
        raise ValueError(f"a pose of {matrix.size} numbers where 16 finite ones are needed")
    matrix = matrix.reshape(4, 4)
    pose = orthonormalised(matrix)
    pose[3] = 0.0, 0.0, 0.0, 1.0
    if np.abs(pose - matrix).max() > _RIGID_TOLERANCE:
        raise ValueError("a matrix that is no rigid pose")
    return matrix if np.abs(pose - matrix).max() < 1e-12 else pose


def _flat(pose: NDArray[np.float64], digits: int = _DIGITS) -> list[float]:
    flat: list[float] = np.round(OPENGL_AXES @ pose @ OPENGL_AXES, digits).ravel().tolist()
    return flat
