"""Frames with depth in the manner of nerfstudio and instant-ngp: ``transforms.json``, ``images``, 16-bit ``depth``."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import numpy as np

from core.camera import OPENGL_AXES
from core.export import replace_file, unwritable
from core.export.glb import LARGEST
from core.warp.visibility import SKY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

    from core.keyframe import Keyframe

DEPTH_UNIT = 1e-3  # scene units a step of 16-bit depth: what nerfstudio takes a step for if it is not told


def write_frames(keyframes: Sequence[Keyframe], folder: Path) -> str:
    """Write each keyframe as a picture and its depth along the view direction, then ``transforms.json``; return one line.

    Depth is 0, unknown, in the sky and beyond 65 scene units, where a photo tells little of it. Raises OutputError.
    """
    try:
        for name in ("images", "depth"):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    frames = [_frame(keyframe, folder, f"{number:05d}.png") for number, keyframe in enumerate(keyframes)]
    document = {
        "camera_model": "OPENCV",
        "integer_depth_scale": DEPTH_UNIT,  # as instant-ngp calls it
        "depth_unit_scale_factor": DEPTH_UNIT,  # as nerfstudio does
        "enable_depth_loading": True,
        "aabb_scale": 128,
        "frames": frames,
    }
    replace_file(folder / "transforms.json", json.dumps(document, indent=1).encode())
    return f"{folder}: {len(frames)} frames with depth, and transforms.json"


def _frame(keyframe: Keyframe, folder: Path, name: str) -> dict[str, object]:
    """Write one keyframe's picture and depth, of the same size, and return its entry."""
    from PIL import Image

    picture = Image.fromarray(keyframe.finest)
    picture.thumbnail((LARGEST, LARGEST), Image.Resampling.BOX)
    width, height = picture.size
    replace_file(folder / "images" / name, _png(picture))
    replace_file(folder / "depth" / name, _png(Image.fromarray(_depth(keyframe, picture.size))))
    lens = keyframe.camera.intrinsics
    return {
        "file_path": f"images/{name}",
        "depth_file_path": f"depth/{name}",
        "depth_path": f"depth/{name}",
        "w": width,
        "h": height,
        "fl_x": lens.fx * width,
        "fl_y": lens.fy * height,
        "cx": lens.cx * width,
        "cy": lens.cy * height,
        "transform_matrix": (OPENGL_AXES @ keyframe.camera.world_from_camera @ OPENGL_AXES).tolist(),
    }


def _depth(keyframe: Keyframe, size: tuple[int, int]) -> NDArray[np.uint16]:
    """Depth (h, w) in steps of ``DEPTH_UNIT``. Enlarged without a filter, which would hang points in the air at depth edges."""
    import cv2

    disparity = np.where(keyframe.geometry_sky < SKY, keyframe.disparity, np.float32(0.0))
    fine = cv2.resize(disparity, size, interpolation=cv2.INTER_NEAREST)
    with np.errstate(divide="ignore"):
        steps = np.rint(1.0 / (fine * DEPTH_UNIT))
    return np.where(np.isfinite(steps) & (steps <= 65535), steps, 0).astype(np.uint16)


def _png(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG", compress_level=1)
    return stream.getvalue()
