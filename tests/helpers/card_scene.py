"""A known scene for the tests of exports: a bright card at a known place before a far wall, under a sky."""

from __future__ import annotations

import math

import numpy as np

from core.camera import Camera, Intrinsics
from core.keyframe import Keyframe

LENS = Intrinsics.from_fov(math.radians(60.0), 1.5)
RED, GREEN, BLUE, SKY = (230, 40, 30), (30, 200, 60), (40, 60, 220), (150, 190, 240)
CARD, WALL = 2.0, 8.0  # distances along +Z
LEFT, RIGHT, TOP, BOTTOM = 0.2, 0.6, -0.1, 0.3  # of the card, in the world: to the right, and from above to below the middle
SKYLINE = -2.5  # height of the wall's upper edge: +Y is down


def card_keyframe(camera: Camera | None = None, size: tuple[int, int] = (120, 80)) -> Keyframe:
    """See the scene from ``camera``: the card red above its middle and blue below, the wall green."""
    camera = camera or Camera(LENS)
    width, height = size
    rays = camera.rays(width, height) @ camera.rotation.T
    image = np.empty((height, width, 3), np.uint8)
    on_wall = camera.position + rays * ((WALL - camera.position[2]) / rays[..., 2])[..., None]
    on_card = camera.position + rays * ((CARD - camera.position[2]) / rays[..., 2])[..., None]
    x, y, _ = np.moveaxis(on_card, -1, 0)
    card = (x >= LEFT) & (x <= RIGHT) & (y >= TOP) & (y <= BOTTOM)
    sky = ~card & (on_wall[..., 1] < SKYLINE)
    image[:] = GREEN
    image[sky] = SKY
    image[card & (y < (TOP + BOTTOM) / 2)] = RED
    image[card & (y >= (TOP + BOTTOM) / 2)] = BLUE
    points = np.where(card[..., None], on_card, on_wall)
    depth = (points - camera.position) @ camera.rotation[:, 2]
    disparity = np.clip(1.0 / depth, 0.01, 1.0).astype(np.float32)
    return Keyframe(camera, image, disparity, sky.astype(np.float32), np.zeros((height, width), np.float32))
