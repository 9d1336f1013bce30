"""The published loop of InfiniteNature-Zero as a film: every picture is one step, 128x128 pixels, as its authors save them."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import numpy as np

from viewer.film import Shot, frame_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from core.keyframe import Keyframe
    from viewer.options import FilmOptions

SIZE = 128, 128  # (width, height)
NAME = "classic"


def shots(keyframe: Keyframe, options: FilmOptions) -> Iterator[Shot]:
    """Fly into the photo ``keyframe`` as the release does, and yield what its network draws, in 32 bits.

    Where the release would give the flight up, this flies on and says so. Raises WeightsError.
    """
    import torch

    from core.camera import Camera, Intrinsics, inverse
    from core.classic.checkpoint import load_network
    from core.classic.generator import styled_network
    from core.classic.outpaint import prepared_photo
    from core.classic.rollout import rollout
    from core.classic.sky import LIMITS

    network, mean = load_network()
    start = prepared_photo(keyframe)
    styled = styled_network(network, mean, start.view, options.seed % 2**32)
    lens = Intrinsics.from_fov(math.radians(55.0), 1.0)
    warned = False
    steps = rollout(start, styled, torch.Generator().manual_seed(options.seed % 2**32))
    for number, step in zip(range(1, frame_count(options) + 1), steps, strict=False):
        share = step.corrected.share
        if not warned and not LIMITS[0] <= share <= LIMITS[1]:
            warned = True
            print(f"classic: sky is {share:.0%} of step {number}; the release would end here", file=sys.stderr)
        pose = inverse(step.pilot.camera_from_world.astype(np.float64))
        yield Shot(_picture(step.refined), Camera(lens, pose), NAME)


def _picture(rgbd: Tensor) -> NDArray[np.uint8]:
    from core.keyframe import eight_bit

    return eight_bit(rgbd[0, :3].permute(1, 2, 0).numpy())
