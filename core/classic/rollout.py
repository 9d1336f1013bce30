"""The released loop: pilot, splat, refine, correct the sky, again (paper section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from core.classic.pilot import PilotState
from core.classic.sky import Corrected, sky_corrected, turned_canvas
from core.classic.splat import Splatted, foreground_alpha, splat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from core.classic.canvas import Prepared
    from core.classic.network import StyledNetwork


@dataclass(frozen=True, eq=False)
class Step:
    """One step of a flight."""

    pilot: PilotState
    camera_from_previous: Tensor  # (4, 4)
    seen: Splatted
    refined: Tensor  # (1, 4, 128, 128) RGB and disparity in (0, 1), as the release saves them: before sky correction
    corrected: Corrected


def rollout(start: Prepared, network: StyledNetwork, random: torch.Generator | None = None) -> Iterator[Step]:
    """Fly for ever from ``start``; ``random`` draws the noise of the network's layers, none without.

    The release ends where ``corrected.share`` leaves ``core.classic.sky.LIMITS``; here that is up to the caller.
    """
    pilot = PilotState()
    image, disparity = start.view[:, :3], start.view[:, 3:]
    alpha = foreground_alpha(disparity)
    while True:
        before = torch.from_numpy(pilot.camera_from_world)
        pilot = pilot.step(disparity[0, 0].clamp(0.0, 1.0).numpy(), start.lens.numpy())
        pose = torch.from_numpy(pilot.camera_from_world)
        motion = pose @ torch.linalg.inv(before)
        rgba = torch.cat([image, alpha], 1).clamp(0.0, 1.0)
        seen = splat(rgba, disparity.clamp(0.01, 1.0), motion, start.lens)
        refined = network(seen.network_input(), random)
        corrected = sky_corrected(refined, turned_canvas(start, pose), start.sky_threshold)
        yield Step(pilot, motion, seen, refined, corrected)
        image, disparity = corrected.rgbd[:, :3], corrected.rgbd[:, 3:]
        alpha = foreground_alpha(refined[:, 3:])
