"""ClassicGenerator: the released network behind this program's display, warp and sky."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from core.classic.checkpoint import load_network
from core.classic.network import LATENT, SIDE, ClassicNetwork, StyledNetwork, truncated
from core.classical import ClassicalGenerator
from core.generator import RefinedView
from core.neural.accelerator import fast_bfloat16

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from core.generator import WarpedView
    from core.keyframe import Keyframe

_STRIDE = 32  # pixels: what the network halves five times
_FARTHEST = 0.01


class ClassicGenerator:
    """A ``core.generator.Generator``: holes and worn land are the released network's, sky and sharp pixels stay as they are.

    The network sees views at the height it was trained on, 128 pixels, and as wide as they are. The same seed and view
    give the same picture.
    """

    name = "classic"
    sky = True

    def __init__(self, network: ClassicNetwork, mean: Tensor) -> None:
        """``mean``: the network's mean latent (1, 512)."""
        self._network, self._mean = network, mean
        self._classical = ClassicalGenerator()
        self._styled: StyledNetwork | None = None
        self._seed = 0

    @classmethod
    def load(cls) -> ClassicGenerator:
        """Read the imported weights. Raises WeightsError."""
        return cls(*load_network())

    def begin(self, photo: Keyframe, seed: int) -> None:
        """Take up the style of the middle of ``photo``; ``seed`` decides z, dropout and noise."""
        self._classical.begin(photo, seed)
        self._seed = seed % 2**32
        precision = torch.bfloat16 if fast_bfloat16() else torch.float32
        self._styled = styled_network(self._network, self._mean, _square(photo), self._seed, precision)

    def __call__(self, view: WarpedView) -> RefinedView:
        """Complete ``view``. Raises RuntimeError when called before ``begin``."""
        if self._styled is None:
            raise RuntimeError("ClassicGenerator was called before begin(photo, seed)")
        done = self._classical.complete(view)
        known = done.view.mask.astype(np.float32)
        height, width = known.shape
        columns = max(1, round(SIDE * width / height / _STRIDE)) * _STRIDE
        rgbd = np.dstack([done.land, np.maximum(done.disparity, _FARTHEST)]) * known[..., None]
        share = np.asarray(cv2.resize(known, (columns, SIDE), interpolation=cv2.INTER_AREA))
        mask = (share > 0.9).astype(np.float32)[..., None]
        small = np.dstack([np.asarray(cv2.resize(rgbd, (columns, SIDE), interpolation=cv2.INTER_AREA), np.float32) * mask, mask])
        inputs = torch.from_numpy(small.transpose(2, 0, 1))[None] * 2.0 - 1.0
        pose = zlib.crc32(view.camera.world_from_camera.tobytes())
        random = torch.Generator().manual_seed(self._seed << 32 | pose)
        drawn = self._styled(inputs, random)[0].permute(1, 2, 0).numpy()
        drawn = np.asarray(cv2.resize(drawn, (width, height), interpolation=cv2.INTER_CUBIC), np.float32).clip(0.0, 1.0)
        land = done.land + done.need[..., None] * (drawn[..., :3] - done.land)
        sky = done.sky[..., None] * (1.0 - known[..., None])  # known land has its soft sky in it
        image = land + sky * (done.view.backdrop - land)
        disparity = np.where(done.view.mask, done.disparity, np.maximum(drawn[..., 3], np.float32(_FARTHEST)))
        return RefinedView(np.clip(image, 0.0, 1.0).astype(np.float32), disparity, done.sky, done.debt)


def styled_network(
    network: ClassicNetwork, mean: Tensor, view: Tensor, seed: int, precision: torch.dtype = torch.float32
) -> StyledNetwork:
    """Return ``network`` in the style of the start ``view`` (1, 4, 128, 128) in [0, 1]; ``seed`` decides z and dropout."""
    random = torch.Generator().manual_seed(seed)
    with torch.inference_mode():
        w = truncated(network.mapped(torch.randn(1, LATENT, generator=random)), mean)
        return network.styled(w, network.global_code(2.0 * view - 1.0, random), precision)


def _square(photo: Keyframe) -> Tensor:
    """Return RGB and disparity (1, 4, 128, 128) of the middle of ``photo``."""
    disparity = np.where(photo.geometry_sky >= 0.5, np.float32(_FARTHEST), photo.disparity)
    picture = _middle(photo.image.astype(np.float32)) / np.float32(255.0)
    rgbd = np.dstack([picture, _middle(disparity)])
    return torch.from_numpy(np.ascontiguousarray(rgbd.transpose(2, 0, 1)))[None]


def _middle(array: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = array.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(array[top : top + side, left : left + side])
    return np.asarray(cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)
