"""A small world made by hand: ground and a ridge under a sky, and the fakes that stand in for a generator."""

from __future__ import annotations

import math
import threading
from dataclasses import replace

import numpy as np

from core.camera import Camera, Intrinsics
from core.generator import RefinedView, WarpedView
from core.keyframe import Keyframe

LENS = Intrinsics.from_fov(math.radians(60.0), 1.6)


def keyframe(camera: Camera | None = None, size: tuple[int, int] = (64, 40), seed: int = 0) -> Keyframe:
    """Sky above, a far ridge, ground from mid-height down; textured."""
    width, height = size
    random = np.random.default_rng(seed)
    rows = (np.arange(height)[:, None] + 0.5) / height * np.ones((1, width))
    skyline = 0.35 + 0.05 * np.sin(np.linspace(0.0, 7.0, width))[None, :]
    sky = np.clip((skyline - rows) * height * 0.5 + 0.5, 0.0, 1.0)
    disparity = np.clip(np.where(rows < 0.55, 0.1, 0.1 + 1.6 * (rows - 0.55)), 0.01, 1.0)
    texture = random.uniform(-0.12, 0.12, (height, width, 1))
    land = np.where(rows[..., None] < 0.55, (0.45, 0.5, 0.55), (0.3, 0.45, 0.2)) + texture
    image = land + sky[..., None] * (np.array((0.6, 0.75, 0.95)) - land)
    return Keyframe(
        camera or Camera(LENS),
        (np.clip(image, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8),
        disparity.astype(np.float32),
        sky.astype(np.float32),
        np.zeros((height, width), np.float32),
    )


def whole_view(key: Keyframe) -> WarpedView:
    """The keyframe as a generator sees it through its own camera: everything known, nothing worn."""
    sky = key.sky >= 0.98
    backdrop = np.broadcast_to(np.float32((0.6, 0.75, 0.95)), key.image.shape).copy()
    return WarpedView(
        camera=key.camera,
        image=key.image.astype(np.float32) / 255.0,
        disparity=np.where(sky, 0.0, key.disparity).astype(np.float32),
        sky=np.where(sky, 1.0, key.sky).astype(np.float32),
        stretch=np.ones_like(key.disparity),
        debt=key.debt.copy(),
        mask=np.ones(key.disparity.shape, bool),
        backdrop=backdrop,
    )


def punched(view: WarpedView, holes: np.ndarray) -> WarpedView:
    """Forget what is known where ``holes``."""
    return view.within(~holes)


class CopyGenerator:
    """Returns what it is given, holes grey."""

    name = "copy"
    sky = True

    def begin(self, photo: Keyframe, seed: int) -> None:
        pass

    def __call__(self, view: WarpedView) -> RefinedView:
        image = np.where(view.mask[..., None], view.image, np.float32(0.5))
        return RefinedView(image, np.clip(view.disparity, 0.01, 1.0), view.sky, view.debt)


class StripedLook:
    """Its picture has columns of its own, as fine as it is asked for; ``threads`` are those that asked."""

    nbytes = 8

    def __init__(self) -> None:
        self.threads: list[str] = []

    def picture(self, keyframe: Keyframe, scale: int) -> np.ndarray:
        self.threads.append(threading.current_thread().name)
        height, width = (scale * side for side in keyframe.sky.shape)
        columns = np.random.default_rng(width).integers(0, 256, (1, width, 3), np.uint8)
        return np.dstack([np.broadcast_to(columns, (height, width, 3)), np.zeros((height, width), np.uint8)])


class StripedGenerator(CopyGenerator):
    """Its pictures are found, not made."""

    name = "striped"

    def __call__(self, view: WarpedView) -> RefinedView:
        return replace(super().__call__(view), look=StripedLook())


class JoiningGenerator(CopyGenerator):
    """Its holes have the mean colour of the photos that lend their look."""

    name = "joining"
    waits = True

    def __init__(self) -> None:
        self.others: tuple[Keyframe, ...] = ()

    def prepare(self, others: tuple[Keyframe, ...]) -> None:
        pass

    def join(self, others: tuple[Keyframe, ...]) -> None:
        self.others = others

    def __call__(self, view: WarpedView) -> RefinedView:
        grey = np.mean([other.image.mean() / 255.0 for other in self.others]) if self.others else 0.5
        good = super().__call__(view)
        return replace(good, image=np.where(view.mask[..., None], good.image, np.float32(grey)))


class NanGenerator(CopyGenerator):
    """Something in it diverged."""

    name = "nan"

    def __call__(self, view: WarpedView) -> RefinedView:
        good = super().__call__(view)
        return RefinedView(good.image, np.full_like(good.disparity, np.nan), good.sky, good.debt)


class RaisingGenerator(CopyGenerator):
    """Out of memory, say."""

    name = "raising"

    def __call__(self, view: WarpedView) -> RefinedView:
        raise RuntimeError(f"out of memory\nwhile allocating {view.image.nbytes} bytes")
