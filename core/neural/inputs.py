"""What the generator network sees, and how its outputs become a picture: the gate that leaves good pixels alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from core.neural.skyline import Skyline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from core.classical.generator import Completion
    from core.keyframe import Keyframe

    Floats = NDArray[np.float32]

CHANNELS = 16  # warped colour, disparity, mask, sky, stretch, debt; need, opened; the completion's colour, disparity, sky; noise
STRIDE = 16  # sides of what the network sees are multiples of it
_SOME_SKY, _MARGIN = 0.1, 8.0 / 160.0  # alpha of sky, and the share of the view's height around it, in which holes are open
_RISE = 2.0 / 160.0  # share of the view's height by which land in a hole may rise into its sky
_CONTINUED = 16.0 / 160.0  # share of the view's height from what is known over which the network comes into its own in holes
_CERTAIN = 3.0  # logit of sky that is known: certain to the eye, and a gradient of 0.05 is left to change it
_FAINT = 0.04  # sky alpha that is none, and 1 - alpha that is all, as ``core.compose`` has it
_REACH = 0.7  # most by which log disparity changes in a step, a factor of 2
_COLOUR = 0.5  # most by which colours do
_TURN = 4.0  # most by which the logit of sky does: certain sky becomes three quarters land
_GATE = 1.0  # logit with which the gate starts: mostly open where there is need


class Inputs(NamedTuple):
    """A batch of completions as tensors (N, C, H, W) float32."""

    channels: Tensor  # (N, CHANNELS, H, W), about [-1, 1]
    land: Tensor  # colour of land, in known pixels what is seen, [0, 1]
    backdrop: Tensor  # the sky dome
    depth: Tensor  # log disparity scaled to [0, 1]
    sky: Tensor
    need: Tensor  # [0, 1]
    opened: Tensor  # 0 or 1: where sky may become land and land sky


class Outputs(NamedTuple):
    """Refined views, (N, C, H, W) float32."""

    image: Tensor  # [0, 1]
    depth: Tensor  # log disparity scaled to [0, 1]
    sky: Tensor  # [0, 1]
    gate: Tensor  # [0, 1]


def prepared(done: Completion, noise_seed: tuple[int, ...]) -> Inputs:
    """Turn a completion into network inputs of batch size 1. ``noise_seed`` decides the noise."""
    view = done.view
    height, width = view.mask.shape
    line = Skyline.of(done)
    opened = (~view.mask & _near_skyline(done.sky) & (done.free < _SOME_SKY)) | line.band
    # holes whose sky is certain are as good as known: soft sky is in their colour
    closed = (~view.mask & ~opened)[..., None]
    land = done.land + closed * done.sky[..., None] * (view.backdrop - done.land)
    land = np.where(line.band[..., None], line.land, land)
    disparity = np.where(line.band, line.disparity, done.disparity)
    need = np.maximum(done.need * _freedom(view.mask), line.band.astype(np.float32))
    noise = np.random.default_rng(noise_seed).standard_normal((height, width), np.float32)
    mask = view.mask.astype(np.float32)
    depth = scaled(disparity)
    stack = np.dstack(
        [
            (2.0 * view.image - 1.0) * mask[..., None],
            scaled(view.disparity) * mask,
            mask,
            view.sky,
            np.log2(np.maximum(view.stretch, 0.25)) * mask,
            np.minimum(view.debt, 3.0),
            need,
            opened,
            2.0 * land - 1.0,
            depth,
            done.sky,
            noise,
        ]
    )
    parts = (stack, land, view.backdrop, depth, done.sky, need, opened)
    return Inputs(*(_tensor(part) for part in parts))


def batched(inputs: Sequence[Inputs]) -> Inputs:
    """Put single inputs into one batch."""
    stacked = (torch.cat(parts).contiguous(memory_format=torch.channels_last) for parts in zip(*inputs, strict=True))
    return Inputs(*stacked)


def photo_tensor(photo: Keyframe, size: tuple[int, int]) -> Tensor:
    """Return the start photo as the photo encoder sees it, (1, 5, height, width): colour in [-1, 1], log disparity, sky.

    ``size`` (width, height), multiples of ``STRIDE``; what does not fit its shape is cropped, as views of it are.
    """
    lens = photo.camera.intrinsics
    crop = lens.covered_by(size[0] / size[1])
    across, down = lens.fx / crop.fx, lens.fy / crop.fy
    parts = (photo.image.astype(np.float32) / 127.5 - 1.0, scaled(photo.disparity), photo.sky)
    return _tensor(np.dstack([_cropped(np.asarray(part, np.float32), across, down, size) for part in parts]))


def _cropped(picture: Floats, across: float, down: float, size: tuple[int, int]) -> Floats:
    height, width = picture.shape[:2]
    w, h = max(1, round(width * across)), max(1, round(height * down))
    top, left = (height - h) // 2, (width - w) // 2
    return np.asarray(cv2.resize(picture[top : top + h, left : left + w], size, interpolation=cv2.INTER_AREA), np.float32)


def assembled(inputs: Inputs, raw: Tensor) -> Outputs:
    """Apply raw network outputs (N, OUTPUTS, H, W) to the completion they belong to.

    A known pixel without need comes back exactly, whatever the network says.
    """
    raw = raw.float()
    gate = inputs.need * torch.sigmoid(raw[:, :1] + _GATE)
    change = gate * _COLOUR * torch.tanh(raw[:, 1:4])
    depth = (inputs.depth + gate * (_REACH / math.log(100.0)) * torch.tanh(raw[:, 4:5])).clamp(0.0, 1.0)
    certain = torch.logit(inputs.sky, eps=1e-4).clamp(-_CERTAIN, _CERTAIN)
    decided = ((torch.sigmoid(certain + _TURN * torch.tanh(raw[:, 5:6])) - _FAINT) / (1.0 - 2.0 * _FAINT)).clamp(0.0, 1.0)
    decided = (inputs.opened * decided).flip(2).cummax(2).values.flip(2)  # no land over sky: islands would float there for ever
    sky = inputs.sky + inputs.opened * (decided - inputs.sky)
    open_land = inputs.land + change
    open_image = open_land + sky * (inputs.backdrop - open_land)
    known_image = inputs.land + (1.0 - inputs.sky) * change
    image = known_image + inputs.opened * (open_image - known_image)
    return Outputs(image.clamp(0.0, 1.0), depth, sky, gate)


def completed(inputs: Inputs) -> Tensor:
    """Return the pictures (N, 3, H, W) of the classical completion."""
    return inputs.land + inputs.opened * inputs.sky * (inputs.backdrop - inputs.land)


def scaled(disparity: Floats) -> Floats:
    """Disparity [0.01, 1] to [0, 1] by its logarithm; 0 stays 0."""
    return np.asarray(1.0 + np.log(np.clip(disparity, 0.01, 1.0)) / np.log(100.0), np.float32)


def unscaled(depth: Floats) -> Floats:
    """Return the disparity of ``scaled`` values."""
    return np.asarray(np.exp((depth - 1.0) * np.log(100.0)), np.float32)


def padded(inputs: Inputs) -> tuple[Inputs, tuple[int, int]]:
    """Repeat the border until the sides are multiples of ``STRIDE``; also return the (height, width) there was."""
    height, width = inputs.sky.shape[2:]
    pad = (0, -width % STRIDE, 0, -height % STRIDE)
    if pad == (0, 0, 0, 0):
        return inputs, (height, width)
    return Inputs(*(functional.pad(part, pad, mode="replicate") for part in inputs)), (height, width)


def _near_skyline(sky: Floats) -> NDArray[np.bool_]:
    """Where a hole may show sky or land: near both.

    In the middle of land there would be specks of sky for ever, as they grow with the land; in the middle of sky every view
    of a turn got a spire.
    """
    beside_sky, beside_land = _grown(sky > _SOME_SKY, _MARGIN), _grown(sky < 1.0 - _SOME_SKY, _RISE)
    return beside_sky & beside_land


def _freedom(known: NDArray[np.bool_]) -> Floats:
    """How freely pixels may be drawn, [0, 1]: holes beside what is ``known`` are continued from it, as the completion does.

    A sliver that opens beside a ridge has little room for anything of its own: without this, LPIPS near home was 7 % worse.
    """
    distance = cv2.distanceTransform((~known).astype(np.uint8), cv2.DIST_L2, 5)
    return np.where(known, np.float32(1.0), np.minimum(distance / (_CONTINUED * len(known)), 1.0)).astype(np.float32)


def _grown(where: NDArray[np.bool_], margin: float) -> NDArray[np.bool_]:
    size = 2 * round(margin * len(where)) + 1
    return np.asarray(cv2.dilate(where.astype(np.uint8), np.ones((size, size), np.uint8))) > 0


def _tensor(picture: NDArray[np.float32] | NDArray[np.bool_]) -> Tensor:
    planes = picture[None] if picture.ndim == 2 else np.moveaxis(picture, -1, 0)
    return torch.from_numpy(np.ascontiguousarray(planes, np.float32))[None]
