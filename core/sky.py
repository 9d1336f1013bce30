"""The sky dome: what lies at infinity, in every direction, made once from the start photo.

Sky has no parallax, so a colour per direction is all there is to know of it. The dome is an equirectangular
picture: the photo's own sky where it has one, continued smoothly elsewhere, mist below the skyline. A second, finer
picture (``detail``) lies over it and carries the photo's sky at full resolution. The renderer's ``sky.glsl``
evaluates the very same sum as ``Dome.colour``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from core.camera import Camera, Intrinsics
from core.texels import halvings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.keyframe import Keyframe

    Array = NDArray[Any]  # float32 unless said: OpenCV's stubs know no dtypes

WIDTH, HEIGHT = 2048, 1024
_FOLD = 256  # columns in which loose directions are sampled
_COARSE = 4  # the smooth part is made at a quarter of the dome's resolution: 0.7 degrees a pixel
_DETAIL_SIDE = 2048  # longest side of the photo in the detail picture; few windows show more
_PAD = 0.3, 0.08  # the detail picture continues the photo by these shares of its width and height, and fades out there
_SMEARED = 0.02  # of the long side: what is larger goes on as it is at the edge
_SETTLED, _SLOPED = 0.025, 6.0  # of the width: within this a gradient at the edge has settled; and by how much at most, of 255
_RETURNS = math.radians(20.0)  # beyond the photo, over which the sky returns from its border's colours to the profile
_CREASE = math.radians(5.0)  # beside the photo the sky changes over no less
_MIRRORED = 0.1  # of the width: within this what is finer is mirrored
_FRAME = 0.02  # of the photo's long side: its outermost pixels are darker in many, and are not continued
_RIM = 0.004  # sky nearer to land than this share of the width carries the land's colour or a sharpening halo
_TEXTURE = 0.6  # share of the photo's own contrast that the continued clouds are given
_LEAST_SKY = 1e-4  # share of the sphere that must be clean sky to make a dome of it (the view of a photo is about 5 %)


@dataclass(frozen=True, eq=False)
class Dome:
    """Colour at infinity for every world direction.

    ``equirect`` (1024, 2048, 3) uint8: yaw -pi..pi from left to right with +Z in the middle, elevation pi/2..-pi/2 from top down.
    ``details`` (h, w, 4) uint8 and its halvings: the photo's sky as ``detail_camera`` sees it; alpha is its weight over the dome.
    """

    photo: Keyframe
    equirect: NDArray[np.uint8]
    details: tuple[NDArray[np.uint8], ...]
    detail_camera: Camera

    @classmethod
    def of(cls, photo: Keyframe) -> Dome:
        """Make the dome of a start photo; deterministic. Photos without sky get a haze of their brightest soft tones."""
        detail, lens = _detail(photo)
        camera = photo.camera.through(lens)
        details = tuple(halvings(detail, above=127))
        known = _on_sphere(detail, camera)
        if float(known[..., 3].mean()) < _LEAST_SKY:
            haze = np.broadcast_to(_soft_highlight(photo.image), known[..., :3].shape)
            return cls(photo, _dithered(haze), details, camera)
        weight = known[..., 3:]
        smooth, horizon = _continued(known, camera)
        unseen = smooth + _clouds(known) * _cloud_belt(horizon)
        return cls(photo, _dithered(unseen + weight * (known[..., :3] - unseen)), details, camera)

    def level(self, camera: Camera, width: int) -> int:
        """Level of ``details`` whose pixels come nearest in size to those of a view ``width`` pixels wide."""
        fine = self.details[0].shape[1] * self.detail_camera.intrinsics.fx
        return int(np.clip(round(math.log2(fine / (width * camera.intrinsics.fx))), 0, len(self.details) - 1))

    def colour(self, directions: NDArray[np.float64], level: int = 0) -> NDArray[np.float32]:
        """Colour (..., 3) float32 in [0, 1], sRGB, of world ``directions`` (..., 3) of any length but zero."""
        import cv2

        flat = np.asarray(directions, dtype=np.float32).reshape(-1, 3)
        padded = np.ones((-(-len(flat) // _FOLD) * _FOLD, 3), np.float32)  # cv2.remap takes no side of 32768 or more
        padded[: len(flat)] = flat
        rays = padded.reshape(-1, _FOLD, 3)
        x, y, z = cv2.split(rays)
        columns = np.arctan2(x, z) * np.float32(WIDTH / math.tau) + np.float32(0.5 * WIDTH - 0.5)
        rows = np.arctan2(y, np.hypot(x, z)) * np.float32(HEIGHT / math.pi) + np.float32(0.5 * HEIGHT - 0.5)
        out = cv2.remap(self._wrapped, columns + np.float32(1.0), rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        over = _seen_by(self.detail_camera, self.details[level], rays)
        weight = over[..., 3:] * np.float32(1.0 / 255.0)
        mixed: NDArray[np.float32] = (out + weight * (over[..., :3] - out.astype(np.float32))) * np.float32(1.0 / 255.0)
        return mixed.reshape(-1, 3)[: len(flat)].reshape(directions.shape)

    @cached_property
    def _wrapped(self) -> NDArray[np.uint8]:
        """One column more on either side, so that interpolation crosses the seam at yaw pi."""
        return _wrapped(self.equirect, 1)

    def view(self, camera: Camera, width: int, height: int, rows: slice = slice(None)) -> NDArray[np.float32]:
        """Return the sky alone as ``camera`` sees it, the ``rows`` of (height, width, 3) float32 in [0, 1]."""
        return self.colour(camera.rays(width, height)[rows] @ camera.rotation.T, self.level(camera, width))


def _seen_by(camera: Camera, picture: Array, rays: Array) -> Array:
    """Sample ``picture`` (h, w, c) of ``camera`` along world ``rays`` (n, m, 3); 0 outside of it and behind the camera."""
    import cv2

    height, width = picture.shape[:2]
    lens = camera.intrinsics
    x, y, z = cv2.split(rays @ camera.rotation.astype(np.float32))
    ahead = np.where(z > 1e-6, np.float32(1.0) / np.maximum(z, np.float32(1e-6)), np.float32(np.nan))
    columns = x * ahead * np.float32(lens.fx * width) + np.float32(lens.cx * width - 0.5)
    rows = y * ahead * np.float32(lens.fy * height) + np.float32(lens.cy * height - 0.5)
    outside = ~((columns > -1.0) & (rows > -1.0) & (columns < width) & (rows < height))
    columns[outside] = rows[outside] = -2.0
    return cv2.remap(picture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT).astype(np.float32)


def _detail(photo: Keyframe) -> tuple[NDArray[np.uint8], Intrinsics]:
    """Return the photo with a mirrored border, alpha = clean sky, and the lens that sees it.

    Alpha is 0 within ``_RIM`` of land, where the colour is not the sky's own, and fades from the photo's edge through the border.
    The photo's outermost pixels, ``_FRAME``, are the border's already.
    """
    import cv2

    height, width = photo.image.shape[:2]
    scale = min(1.0, _DETAIL_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = cv2.resize(photo.image, size, interpolation=cv2.INTER_AREA)
    sky = cv2.resize(photo.sky, size, interpolation=cv2.INTER_LINEAR)
    rim = max(1, round(_RIM * max(size)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (4 * rim + 1, 4 * rim + 1))
    clean = cv2.erode(np.clip((sky - 0.9) / 0.08, 0.0, 1.0), kernel)
    clean = cv2.blur(clean, (2 * rim + 1, 2 * rim + 1))
    frame = min(round(_FRAME * max(size)), (min(size) - 1) // 2)
    left, top = (frame + min(round(share * side), side - 2 * frame) for share, side in zip(_PAD, size, strict=True))
    border = (top, top, left, left)
    inner = np.s_[frame : size[1] - frame, frame : size[0] - frame]
    image, clean = image[inner], clean[inner]
    soft = _soft(image, clean, max(1, round(_SMEARED * max(size))))
    # the mirror image of a gradient or of vignetting would draw a frame: only what is fine is mirrored, and not far
    reach = _SETTLED * size[0]
    outward = _led_on(_led_on(soft, left, reach).swapaxes(0, 1), top, reach).swapaxes(0, 1)
    full_height, full_width = outward.shape[:2]
    across, down = _edge_fade(full_width, left), _edge_fade(full_height, top)
    near = min(round(_MIRRORED * size[0]), left)
    detailed = np.pad(_edge_fade(full_width - 2 * (left - near), near), left - near)
    fine = (image - soft) * clean[..., None]
    colour = outward + cv2.copyMakeBorder(fine, *border, cv2.BORDER_REFLECT) * detailed[None, :, None]
    # it is laid over a dome that has it already: so much that both together fade as a smooth step
    faded = 1.0 - np.sqrt(1.0 - np.minimum(across[None, :], down[:, None]))
    weight = cv2.copyMakeBorder(clean, *border, cv2.BORDER_REPLICATE) * faded
    rgba = np.rint(np.clip(np.dstack([colour, weight * 255.0]), 0.0, 255.0)).astype(np.uint8)
    lens = photo.camera.intrinsics
    padded = Intrinsics(
        lens.fx * size[0] / full_width,
        lens.fy * size[1] / full_height,
        (lens.cx * size[0] - frame + left) / full_width,
        (lens.cy * size[1] - frame + top) / full_height,
    )
    return rgba, padded


def _soft(image: Array, weight: Array, radius: int) -> Array:
    """Mean colour (h, w, 3) of the weighted pixels within about ``radius``, made at an eighth of the size."""
    import cv2

    from core.pushpull import push_pull

    coarse = (max(1, weight.shape[1] // 8), max(1, weight.shape[0] // 8))
    sums = cv2.resize(np.dstack([image * weight[..., None], weight]), coarse, interpolation=cv2.INTER_AREA)
    mean: Array = push_pull((sums[..., :3] / np.maximum(sums[..., 3:], 1e-3)).astype(np.float32), np.minimum(sums[..., 3], 1.0))
    sigma = max(0.5, radius / 8.0)
    pad = [(min(round(3.0 * sigma), side - 1),) * 2 for side in mean.shape[:2]]
    # a gradient goes on beyond the edge: to the mean of its near side alone the edge is dark, and so is what is mirrored of it
    goes_on = np.pad(mean, (*pad, (0, 0)), mode="reflect", reflect_type="odd")
    inner = tuple(slice(before, before + side) for (before, _), side in zip(pad, mean.shape[:2], strict=True))
    mean = cv2.GaussianBlur(goes_on, (0, 0), sigma)[inner]
    return cv2.resize(mean, (weight.shape[1], weight.shape[0]), interpolation=cv2.INTER_LINEAR)


def _led_on(soft: Array, pad: int, reach: float) -> Array:
    """Continue ``soft`` (h, w, 3) by ``pad`` columns on either side: its gradient goes on, and settles within ``reach``."""
    step = min(max(1, round(0.5 * reach)), soft.shape[1] - 1)
    away = (reach * (1.0 - np.exp(-np.arange(1, pad + 1, dtype=np.float32) / reach)))[None, :, None]
    left, right = ((soft[:, edge] - soft[:, inside]) / max(step, 1) for edge, inside in ((0, step), (-1, -1 - step)))
    before, after = (
        soft[:, edge, None] + np.clip(slope[:, None] * away, -_SLOPED, _SLOPED) for edge, slope in ((0, left), (-1, right))
    )
    return np.concatenate([before[:, ::-1], soft, after], axis=1)


def _edge_fade(length: int, pad: int) -> Array:
    """1 inside, a smooth step down to 0 over ``pad`` pixels at either end."""
    distance = np.minimum(np.arange(length), np.arange(length)[::-1]) + 0.5
    t = np.clip(distance / max(pad, 1), 0.0, 1.0)
    return (t * t * (3.0 - 2.0 * t)).astype(np.float32)


def _directions(width: int, height: int) -> Array:
    """World directions of the pixel centres of an equirectangular picture, (height, width, 3)."""
    yaw = ((np.arange(width, dtype=np.float32) + 0.5) / width - 0.5) * math.tau
    elevation = (0.5 - (np.arange(height, dtype=np.float32) + 0.5) / height) * math.pi
    out = np.empty((height, width, 3), np.float32)
    out[..., 0] = np.sin(yaw)[None] * np.cos(elevation)[:, None]
    out[..., 1] = -np.sin(elevation)[:, None]
    out[..., 2] = np.cos(yaw)[None] * np.cos(elevation)[:, None]
    return out


def _on_sphere(detail: NDArray[np.uint8], camera: Camera) -> Array:
    """Wrap the detail picture on the dome: (1024, 2048, 4) in [0, 1], averaged down to the dome's resolution first."""
    import cv2

    pixels_per_radian = detail.shape[1] * camera.intrinsics.fx
    scale = min(1.0, WIDTH / math.tau / pixels_per_radian)
    rgba = detail.astype(np.float32) / 255.0
    rgba[..., :3] *= rgba[..., 3:]
    small = cv2.resize(rgba, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    out = _seen_by(camera, small, _directions(WIDTH, HEIGHT))
    out[..., :3] /= np.maximum(out[..., 3:], 1e-6)
    return out


def _continued(known: Array, camera: Camera) -> tuple[Array, float]:
    """Continue the sky over the whole sphere: (1024, 2048, 3), and the elevation of the skyline in radians.

    The sum of a profile by elevation, extrapolated, and what the photo differs from it by, spread out smoothly and fading away
    from the photo and below the skyline.
    """
    import cv2

    width, height = WIDTH // _COARSE, HEIGHT // _COARSE
    premultiplied = np.dstack([known[..., :3] * known[..., 3:], known[..., 3]])
    premultiplied = cv2.resize(premultiplied, (width, height), interpolation=cv2.INTER_AREA)
    elevation = (0.5 - (np.arange(height) + 0.5) / height) * math.pi
    profile, horizon = _profile(premultiplied, elevation)
    difference = premultiplied[..., :3] - premultiplied[..., 3:] * profile[:, None]
    # only the outermost two degrees are spread: the sun in the middle of a photo says nothing about the sky beyond its frame
    inside = cv2.erode(premultiplied[..., 3], np.ones((7, 7), np.uint8), borderType=cv2.BORDER_REPLICATE)
    known_edge = np.dstack([difference, premultiplied[..., 3]]) * (1.0 - inside)[..., None]
    spread = _membrane(cv2.GaussianBlur(known_edge, (0, 0), 1.0))
    own = premultiplied[..., 3] > 0.9
    spread = _uncreased(spread, np.any(own, axis=0))
    directions = _directions(width, height)
    away = np.arccos(np.clip(directions @ camera.rotation[:, 2].astype(np.float32), -1.0, 1.0))
    sunk = np.minimum(elevation - horizon, 0.0)[:, None]
    beyond = np.maximum(away - away[own].max(initial=0.0), 0.0)
    fade = np.exp(-((beyond / _RETURNS) ** 2)) * np.exp(sunk / math.radians(12.0))
    field = profile[:, None] + spread * fade[..., None]
    # all yaws meet at the poles
    polar = np.clip((np.abs(elevation) - math.radians(50.0)) / math.radians(35.0), 0.0, 1.0)[:, None, None]
    field += polar * (field.mean(axis=1, keepdims=True) - field)
    large = cv2.resize(_wrapped(field, 4), None, fx=_COARSE, fy=_COARSE, interpolation=cv2.INTER_CUBIC)
    return large[:, 4 * _COARSE : -4 * _COARSE], horizon


def _profile(premultiplied: Array, elevation: NDArray[np.float64]) -> tuple[Array, float]:
    """Sky colour by elevation beside the photo, (height, 3), and the elevation of the skyline in radians.

    Upwards the gradient goes on and settles; downwards everything is the haze of the lowest sky. Pixels toward the left and right
    ends of the photo count most, because it is them that the profile has to meet.
    """
    import cv2

    step = float(elevation[0] - elevation[1])
    mass = premultiplied[..., 3]
    known = mass.max(axis=0) > 0.0
    aside = np.arange(mass.shape[1]) - np.flatnonzero(known).mean()
    outward = (0.002 + np.minimum(np.abs(aside / max(1.0, np.abs(aside[known]).max())), 1.0) ** 6).astype(np.float32)
    sums = np.dstack([premultiplied[..., :3] * outward[:, None], mass * outward]).sum(axis=1)
    rows = np.flatnonzero(mass.sum(axis=1) > 0.15 * mass.sum(axis=1).max())
    top, bottom = int(rows[0]), int(rows[-1])
    sums = cv2.GaussianBlur(sums, (1, 0), 0.0, None, math.radians(3.5) / step, cv2.BORDER_REPLICATE)
    mean = sums[top : bottom + 1, :3] / sums[top : bottom + 1, 3:]
    haze = 0.8 * mean[-1] + 0.2 * mean[-1].mean()
    few = min(len(mean), round(math.radians(10.0) / step))
    slope = (np.log(np.maximum(mean[0], 1e-3)) - np.log(np.maximum(mean[few - 1], 1e-3))) / (step * few)
    reach = min(math.radians(25.0), step * len(mean))
    above = np.maximum(elevation - elevation[top], 0.0)[:, None]
    rise = np.clip(np.exp(slope * reach * (1.0 - np.exp(-above / reach))), 0.5, 1.25)
    out = mean[np.clip(np.arange(len(elevation)) - top, 0, len(mean) - 1)] * rise
    below = np.clip((elevation[bottom] - elevation) / math.radians(8.0), 0.0, 1.0)[:, None]
    below = below * below * (3.0 - 2.0 * below)
    return (out + below * (haze - out)).astype(np.float32), float(elevation[bottom])


def _membrane(premultiplied: Array) -> Array:
    """Stretch a smooth membrane over everything (h, w, 3 + weight) that has no weight, round the sphere; returns (h, w, 3).

    Coarse to fine, relaxed at every scale: from cell averages alone the far side of a sun would shine over the near side's frame.
    """
    import cv2

    levels = halvings(premultiplied, above=2)
    total = levels[0].sum(axis=(0, 1))
    out: Array = np.broadcast_to(total[:3] / max(float(total[3]), 1e-6), (*levels[-1].shape[:2], 3)).astype(np.float32)
    prior = np.float32(0.02)
    for level in reversed(levels):
        if out.shape[:2] != level.shape[:2]:
            out = cv2.resize(_wrapped(out, 2), None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)[:, 4:-4]
        for _ in range(24):
            neighbours = cv2.blur(_wrapped(out, 1), (3, 3), borderType=cv2.BORDER_REPLICATE)[:, 1:-1]
            out = (level[..., :3] + prior * neighbours) / (level[..., 3:] + prior)
    return out


def _uncreased(spread: Array, own: NDArray[np.bool_]) -> Array:
    """Smooth ``spread`` (h, w, c) beside the photo's ``own`` columns (w,): a membrane has a crease where it is no longer held."""
    import cv2

    sigma = _CREASE * spread.shape[1] / math.tau
    around, held = round(3.0 * sigma), np.ones((1, 2 * round(sigma) + 1), np.uint8)
    near = cv2.dilate(_wrapped(own[None].astype(np.float32), 2 * around), held)
    kept = cv2.GaussianBlur(near, (0, 0), sigma)[:, 2 * around : -2 * around, None]
    smooth = cv2.GaussianBlur(_wrapped(spread, around), (0, 0), sigma)[:, around:-around]
    return np.asarray(smooth + kept * (spread - smooth))


def _wrapped(picture: Array, columns: int) -> Array:
    """Repeat ``columns`` of an equirectangular picture at either end."""
    import cv2

    return np.asarray(cv2.copyMakeBorder(picture, 0, 0, columns, columns, cv2.BORDER_WRAP))


def _clouds(known: Array) -> Array:
    """Clouds like the photo's, everywhere: their spectrum with random phases (Galerne et al. 2011), (1024, 2048, 3) about 0.

    Statistically alike but not a copy, so nothing is mirrored or repeated; periodic in yaw by construction. What is wider than
    about 5 degrees is left to the smooth part, what is finer than half the dome's resolution is not missed.
    """
    import cv2

    known = cv2.resize(known, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    sigma = math.radians(2.5) * (WIDTH // 2) / math.tau
    weight = known[..., 3]
    mass = cv2.GaussianBlur(weight, (0, 0), sigma)
    local = cv2.GaussianBlur(known[..., :3] * weight[..., None], (0, 0), sigma) / np.maximum(mass, 1e-3)[..., None]
    # away from the sky's edge, where the local mean is one-sided; the smooth window keeps its own shape out of the spectrum
    window = weight * np.clip(2.0 * mass - 1.0, 0.0, 1.0) ** 2
    residual = (known[..., :3] - local) * window[..., None]
    energy = max(float((window**2).sum()), 1e-6)
    limit = 3.0 * math.sqrt(float((residual**2).sum()) / (3.0 * energy))  # the sun is no cloud
    spectrum = np.fft.rfft2(np.clip(residual, -limit, limit) / math.sqrt(energy), axes=(0, 1))
    phase = np.fft.rfft2(np.random.default_rng(0).standard_normal(weight.shape, dtype=np.float32))
    clouds = np.fft.irfft2(spectrum * phase[..., None], s=weight.shape, axes=(0, 1)).astype(np.float32)
    return cv2.resize(_wrapped(clouds, 1), None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)[:, 2:-2]


def _cloud_belt(horizon: float) -> Array:
    """Weight of continued clouds, (1024, 2048, 1): in patches, none in the mist, none toward the poles."""
    import cv2

    elevation = (0.5 - (np.arange(HEIGHT, dtype=np.float32) + 0.5) / HEIGHT) * math.pi
    rise = np.clip((elevation - horizon) / math.radians(6.0), 0.0, 1.0)
    fall = np.clip((math.radians(80.0) - elevation) / math.radians(35.0), 0.0, 1.0)
    cells = _wrapped(np.random.default_rng(2).random((8, 16), dtype=np.float32), 2)
    cell = WIDTH // 16
    patches = cv2.resize(cells, None, fx=cell, fy=cell, interpolation=cv2.INTER_CUBIC)[:, 2 * cell : -2 * cell]
    return np.asarray(_TEXTURE * (rise * fall)[:, None, None] * np.clip(patches, 0.1, 1.0)[..., None], dtype=np.float32)


def _soft_highlight(image: NDArray[np.uint8]) -> Array:
    """Mean of the brightest few per cent of a blurred photo, half desaturated: (3,) in [0, 1]."""
    import cv2

    soft = cv2.GaussianBlur(cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA), (0, 0), 1.5).reshape(-1, 3) / 255.0
    brightness = soft.mean(axis=1)
    tone = soft[brightness >= np.quantile(brightness, 0.97)].mean(axis=0)
    return np.asarray(0.5 * tone + 0.5 * tone.mean(), dtype=np.float32)


def _dithered(picture: Array) -> NDArray[np.uint8]:
    """Quantise with half a level of noise, so that gradients magnified on a screen show no bands."""
    noise = np.random.default_rng(1).random(picture.shape, dtype=np.float32)
    return np.clip(np.floor(picture * 255.0 + noise), 0.0, 255.0).astype(np.uint8)
