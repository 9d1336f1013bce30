"""Perception: a photograph to the disparity of its land and its soft sky.

Disparity is 1 / depth in scene units: the 97th percentile of land lies at 0.8 and values at [0.01, 1] (InfiniteNature-Zero,
section 4, input preparation). Under sky, disparity continues the land beside it, so that a ridge has no falling rim.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from core.errors import PerceptionError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.perception_network import PerceptionNetwork

BACKENDS = ("shipped", "depth-anything")
NEAR_LAND, NEAR_PERCENTILE = 0.8, 97.0
FAR_SHIFT, FAR_PERCENTILE = 0.85, 2.0  # puts far mountains at disparity 0.03-0.05, 20-30 scene units away
LEAST_DISPARITY, GREATEST_DISPARITY = 0.01, 1.0
GEOMETRY_SIDE = 512  # longer side of disparity, pixels
SKY_SIDE = 1024  # greatest longer side of sky, pixels
_LEAST_SIDE = 8  # of either map: a panorama keeps some height
_MOST_STRETCH = 2.5  # of the range of disparity, and so of its errors, by the shift
_CONTRAST = (0.2, 0.45)  # of land, 1 - far / near: below, the ground is guessed level; above, the network is believed
_NETWORK_AREA = 448 * 288  # pixels the network sees, as in its last stage of training
_STRIDE = 32


@dataclass(frozen=True, eq=False)
class Scene:
    """What perception says of a photo. Both maps cover the whole photo; their sizes differ.

    ``disparity`` float32 (h, w) in [0.01, 1], longer side 512; ``sky`` float32 (h, w) in [0, 1], longer side at most 1024.
    """

    disparity: NDArray[np.float32]
    sky: NDArray[np.float32]


def perceive(image: NDArray[np.uint8], backend: str = "shipped") -> Scene:
    """Perceive a photo: ``image`` uint8 (H, W, 3) sRGB of any size and shape.

    ``backend`` "shipped" takes disparity and sky from the shipped network, "depth-anything" disparity from Depth Anything V2
    Small through ``transformers`` and sky from the shipped network.

    Raises:
        WeightsError: the shipped weights are missing or damaged; ``plain_scene`` needs none.
        PerceptionError: the backend does not exist or is not installed.

    """
    if backend not in BACKENDS:
        raise PerceptionError(f"no perception backend {backend!r}: choose one of {', '.join(BACKENDS)}")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise ValueError(f"image must be uint8 (H, W, 3), not {image.dtype} {image.shape}")
    from core.edges import resized, without_floating_land, without_islands
    from core.water import levelled

    root, raw_sky, water = _network_maps(image)
    sky = without_floating_land(without_islands(raw_sky))
    disparity = np.square(root)
    if backend == "depth-anything":
        from core.depth_anything import estimate

        disparity = resized(estimate(image), (sky.shape[1], sky.shape[0]))
    return assembled(image, levelled(opened(disparity, sky), water, sky), sky)


def assembled(image: NDArray[np.uint8], disparity: NDArray[np.float32], sky: NDArray[np.float32]) -> Scene:
    """Make a scene of raw maps of any sizes: aligned with the photo's edges, continued under the sky, normalised."""
    from core.edges import before_behind, crisp_sky, land_extended, resized, snapped, with_twigs

    h, w = image.shape[:2]
    geometry = _size_within(w, h, GEOMETRY_SIDE, enlarge=True)
    low = resized(_as_float(image, geometry), geometry)
    size = _size_within(w, h, SKY_SIDE, enlarge=False)
    fine_sky = crisp_sky(sky, low, _as_float(image, size))
    sky_here = resized(fine_sky, geometry)
    land = land_extended(resized(disparity, geometry), sky_here, rim=3)
    near = with_twigs(before_behind(snapped(land, low)), low, sky_here)
    sharp = land_extended(near, sky_here, rim=1)
    return Scene(normalised(sharp, fine_sky), fine_sky)


def normalised(disparity: NDArray[np.float32], sky: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale disparity (h, w) so that the 97th percentile of land (sky < 0.5; all, if there is none) is 0.8; clip to [0.01, 1].

    ``sky`` may have another size.
    """
    from core.edges import resized

    if sky.shape != disparity.shape:
        sky = resized(sky, (disparity.shape[1], disparity.shape[0]))
    land = disparity[sky < 0.5]
    near = float(np.percentile(land if land.size else disparity, NEAR_PERCENTILE))
    if not np.isfinite(near) or near <= 1e-9:  # no depth at all: a wall at middle distance
        return np.full(disparity.shape, 0.5 * NEAR_LAND, np.float32)
    scaled = np.clip(disparity * (NEAR_LAND / near), LEAST_DISPARITY, GREATEST_DISPARITY)
    return np.asarray(scaled, np.float32)


def opened(disparity: NDArray[np.float32], sky: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give disparity (h, w) that a network guessed from one photo its depth; ``sky`` (h, w).

    Such guesses are compressed: far mountains at a fifth of the nearest ground's disparity, six strides away. Disparity is
    known up to scale and shift, and a shift keeps planes planes, so its zero is moved to the far land, as
    InfiniteNature-Zero does. Where there is hardly any depth to stretch, as over a calm lake, a level ground from the
    horizon to the viewer takes its place.
    """
    land = disparity[sky < 0.5]
    if land.size < _LEAST_SIDE:
        return disparity
    far, near = (float(value) for value in np.percentile(land, (FAR_PERCENTILE, NEAR_PERCENTILE)))
    openness = float(np.clip((1.0 - land.size / disparity.size - 0.01) / 0.04, 0.0, 1.0))
    # without sky the farthest land may be a wall of trees: half way then
    shift = min((0.5 + 0.5 * openness) * FAR_SHIFT * far, near * (1.0 - 1.0 / _MOST_STRETCH))
    out = (disparity - shift) * (NEAR_LAND / max(near - shift, 1e-6))
    contrast = 1.0 - far / max(near, 1e-6)
    doubt = openness * float(np.clip((_CONTRAST[1] - contrast) / (_CONTRAST[1] - _CONTRAST[0]), 0.0, 1.0))
    return np.asarray(out + doubt * (_level_ground(sky) - out), np.float32)


def _level_ground(sky: NDArray[np.float32]) -> NDArray[np.float32]:
    """Disparity (h, w) of a plane that meets the lowest part of the skyline at infinity and the bottom edge at 1."""
    h, w = sky.shape
    rows = np.arange(h, dtype=np.float32)[:, None]
    lowest_sky = np.where(sky > 0.5, rows, -1.0).max(axis=0)
    horizon = min(float(np.percentile(lowest_sky, 95.0)), 0.9 * h)
    ramp = np.maximum(rows - horizon, 0.0) / (h - horizon)
    return np.broadcast_to(ramp, (h, w)).astype(np.float32)


def plain_scene(width: int, height: int, image: NDArray[np.uint8] | None = None) -> Scene:
    """Guess a scene without a network, good enough to fly on when the weights are unusable.

    The land is a plane below a horizon at 45 % of the height, nearer towards the bottom and a far wall above; with an
    ``image`` (H, W, 3) the sky is what is bright or blue in the columns from the top edge down to the first dark pixel.
    """
    w, h = _size_within(width, height, GEOMETRY_SIDE, enlarge=True)
    rows = (np.arange(h, dtype=np.float32) + 0.5) / h
    ramp = np.clip((rows - 0.45) / 0.55, 0.03, 1.0) * GREATEST_DISPARITY
    disparity = np.repeat(ramp[:, None], w, axis=1).astype(np.float32)
    sky = np.zeros((h, w), np.float32)
    if image is not None:
        sky = _bright_from_above(_as_float(image, (w, h)))
    return Scene(normalised(disparity, sky), sky)


def depth_report(image: NDArray[np.uint8], scene: Scene) -> NDArray[np.uint8]:
    """Draw what was perceived, uint8 (h, w, 3): photo and disparity above, sky and both laid over the photo below."""
    import cv2

    w, h = _size_within(image.shape[1], image.shape[0], 640, enlarge=True)
    photo = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA)
    root = cv2.resize(np.sqrt(scene.disparity), (w, h), interpolation=cv2.INTER_LINEAR)
    sky = cv2.resize(scene.sky, (w, h), interpolation=cv2.INTER_LINEAR)[..., None]
    colours = cv2.cvtColor(cv2.applyColorMap((255.0 * root).astype(np.uint8), cv2.COLORMAP_MAGMA), cv2.COLOR_BGR2RGB)
    depth = colours * (1.0 - sky) + np.array([40.0, 90.0, 160.0]) * sky
    veil = np.repeat(255.0 * sky, 3, axis=2)
    top = np.concatenate([photo, depth], axis=1)
    bottom = np.concatenate([veil, 0.5 * photo + 0.5 * depth], axis=1)
    return np.asarray(np.clip(np.concatenate([top, bottom]), 0.0, 255.0), np.uint8)


@cache
def _network() -> PerceptionNetwork:
    from core.perception_network import PerceptionNetwork, channels_last
    from core.weights import load_weights

    network = PerceptionNetwork()
    network.load_state_dict(load_weights("perception", network.state_dict()))
    return channels_last(network).eval()


def _network_maps(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Run the network on the photo and its mirror image: root disparity, sky and water, (3, h, w) float32 in [0, 1]."""
    import torch

    h, w = image.shape[:2]
    scale = (_NETWORK_AREA / (w * h)) ** 0.5
    size = [max(2 * _STRIDE, min(1024, round(side * scale / _STRIDE) * _STRIDE)) for side in (w, h)]
    x = torch.from_numpy(_as_float(image, (size[0], size[1]))).permute(2, 0, 1)[None]
    with torch.inference_mode():
        both = torch.cat([x, x.flip(3)]).contiguous(memory_format=torch.channels_last)
        logits = _network()(both)
        maps = ((logits[:1] + logits[1:].flip(3)) * 0.5).sigmoid()
    return np.asarray(maps[0].numpy(), np.float32)


def _as_float(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    import cv2

    shrink = size[0] * size[1] < image.shape[0] * image.shape[1]
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR)
    return np.asarray(small, np.float32) / np.float32(255.0)


def _size_within(width: int, height: int, side: int, *, enlarge: bool) -> tuple[int, int]:
    """(width, height) scaled so that the longer side is ``side``, or at most that unless ``enlarge``."""
    scale = side / max(width, height)
    scale = scale if enlarge else min(1.0, scale)
    return max(_LEAST_SIDE, round(width * scale)), max(_LEAST_SIDE, round(height * scale))


def _bright_from_above(image: NDArray[np.float32]) -> NDArray[np.float32]:
    import cv2

    h = image.shape[0]
    score = image.mean(axis=2) + np.maximum(0.0, image[..., 2] - image[..., 0])
    threshold = float(np.median(score[: max(1, h // 8)])) * 0.7
    open_sky = np.logical_and.accumulate(score > max(threshold, 0.25), axis=0)
    open_sky[int(0.7 * h) :] = False
    return np.asarray(cv2.GaussianBlur(cv2.medianBlur(open_sky.astype(np.float32), 5), (0, 0), 1.0), np.float32)
