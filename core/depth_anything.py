"""Depth Anything V2 Small through ``transformers``, for those who have it: a stronger eye than the shipped network's."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import PerceptionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MODEL = "depth-anything/Depth-Anything-V2-Small-hf"
MODEL_VARIABLE = "PHOTOFLIGHT_DEPTH_ANYTHING"  # names another model of the family, or a folder that holds one
_PATCH = 14
_SHORT_SIDE = 37 * _PATCH  # the 518 pixels it was trained at
_LONG_SIDE = 4 * _SHORT_SIDE
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


def estimate(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the disparity of ``image`` uint8 (H, W, 3), float32 (h, w), >= 0, up to scale.

    The model's answer is affine: its least value is taken for the farthest land, a hundredth of the nearest.

    Raises:
        PerceptionError: ``transformers`` is not installed, or the model is neither cached nor to be downloaded.

    """
    import cv2
    import torch

    model = _model(os.environ.get(MODEL_VARIABLE, MODEL))
    h, w = image.shape[:2]
    scale = _SHORT_SIDE / min(h, w)
    size = [max(_PATCH, min(_LONG_SIDE, round(side * scale / _PATCH) * _PATCH)) for side in (w, h)]
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1.0 else cv2.INTER_CUBIC)
    x = (np.asarray(small, np.float32) / 255.0 - _MEAN) / _DEVIATION
    with torch.inference_mode():
        answer = model(pixel_values=torch.from_numpy(x).permute(2, 0, 1)[None]).predicted_depth[0]
    raw = np.asarray(answer.float().numpy(), np.float32)
    if not np.isfinite(raw).all():
        raise PerceptionError("Depth Anything answered with numbers that are not finite: use --perception shipped")
    least, greatest = float(raw.min()), float(raw.max())
    return ((raw - least) / max(greatest - least, 1e-6) * 0.99 + 0.01).astype(np.float32)


@cache
def _model(name: str) -> Any:  # noqa: ANN401 - transformers is optional, so its types are not there to name
    try:
        from transformers import AutoModelForDepthEstimation
    except ImportError as error:
        remedy = "pip install 'photoflight[depth-anything]', or use --perception shipped"
        raise PerceptionError(f"Depth Anything needs transformers: {remedy}") from error
    try:
        try:
            model = AutoModelForDepthEstimation.from_pretrained(name, local_files_only=True)
        except OSError:
            model = AutoModelForDepthEstimation.from_pretrained(name)
    except (OSError, ValueError) as error:
        remedy = "connect to the network once, or use --perception shipped"
        raise PerceptionError(f"Depth Anything model {name} is neither cached nor to be downloaded: {remedy}") from error
    return model.eval()
