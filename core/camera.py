"""Camera: a pose and intrinsics, and the projection between world, camera and image.

Conventions, everywhere in this program:

* camera axes +X right, +Y down, +Z forward (OpenCV); the world frame is the start camera's frame;
* a pose is ``world_from_camera``, 4x4 float64; transforms are named ``target_from_source``;
* image coordinates ``uv`` lie in [0, 1]^2 with the origin top-left, pixel centres at ``(i + 0.5) / size``;
* intrinsics are in uv units, so they do not depend on resolution;
* angles in radians, disparity = 1 / depth with depth along +Z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

OPENGL_AXES = np.diag([1.0, -1.0, -1.0, 1.0])  # to +Y up, looking along -Z, as other programs want it, and back


@dataclass(frozen=True)
class Intrinsics:
    """Pinhole intrinsics in uv units: ``u = fx * X / Z + cx``, ``v = fy * Y / Z + cy``."""

    fx: float
    fy: float
    cx: float = 0.5
    cy: float = 0.5

    @classmethod
    def from_fov(cls, fov: float, aspect: float) -> Intrinsics:
        """Square-pixel intrinsics; ``fov`` (radians) spans the longer side, ``aspect`` is width / height."""
        long_side = 0.5 / math.tan(0.5 * fov)
        if aspect >= 1.0:
            return cls(long_side, long_side * aspect)
        return cls(long_side / aspect, long_side)

    @property
    def aspect(self) -> float:
        """Width / height of the image these intrinsics see with square pixels."""
        return self.fy / self.fx

    @property
    def fov(self) -> tuple[float, float]:
        """Horizontal and vertical field of view, radians."""
        return 2.0 * math.atan(0.5 / self.fx), 2.0 * math.atan(0.5 / self.fy)

    def covered_by(self, aspect: float) -> Intrinsics:
        """Return the widest view of shape ``aspect`` that lies wholly inside this one (a centred crop)."""
        if aspect >= self.aspect:
            return Intrinsics(self.fx, self.fx * aspect)
        return Intrinsics(self.fy / aspect, self.fy)

    def spanning(self, vertical: float) -> Intrinsics:
        """Return a centred view of the same shape that spans ``vertical`` radians from top to bottom."""
        fy = 0.5 / math.tan(0.5 * vertical)
        return Intrinsics(fy / self.aspect, fy)

    def containing(self, aspect: float, margin: float = 1.0) -> Intrinsics:
        """Return the narrowest view of shape ``aspect`` that contains this one enlarged by ``margin``."""
        fx, fy = self.fx / margin, self.fy / margin
        if aspect >= self.aspect:
            return Intrinsics(fy / aspect, fy)
        return Intrinsics(fx, fx * aspect)


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera in the world.

    ``world_from_camera`` is a rigid 4x4 float64 transform. Scene units: disparity 0.8 is near land (see ``core.perception``).
    """

    intrinsics: Intrinsics
    world_from_camera: NDArray[np.float64] = field(default_factory=lambda: np.eye(4))

    @property
    def camera_from_world(self) -> NDArray[np.float64]:
        """The inverse pose, 4x4 float64."""
        return inverse(self.world_from_camera)

    @property
    def position(self) -> NDArray[np.float64]:
        """Where the camera is, (3,) float64, world frame, scene units."""
        return self.world_from_camera[:3, 3]

    @property
    def rotation(self) -> NDArray[np.float64]:
        """Rotation part of ``world_from_camera``: columns are right, down and forward in the world."""
        return self.world_from_camera[:3, :3]

    def at(self, world_from_camera: NDArray[np.float64]) -> Camera:
        """Return the same lens at another pose, re-orthonormalised."""
        return Camera(self.intrinsics, orthonormalised(world_from_camera))

    def through(self, intrinsics: Intrinsics) -> Camera:
        """Return the same pose through another lens."""
        return Camera(intrinsics, self.world_from_camera)

    def moved(self, translation: NDArray[np.float64], rotation: NDArray[np.float64]) -> Camera:
        """Move by a (3,) translation and turn by a 3x3 rotation, both in this camera's own frame."""
        return self.at(self.world_from_camera @ rigid(rotation, translation))

    def project(self, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Project world ``points`` (..., 3) to uv (..., 2) and disparity (...); disparity <= 0 lies behind the camera."""
        matrix = self.camera_from_world
        local = points @ matrix[:3, :3].T + matrix[:3, 3]
        with np.errstate(divide="ignore", invalid="ignore"):
            disparity = 1.0 / local[..., 2]
            u = self.intrinsics.fx * local[..., 0] * disparity + self.intrinsics.cx
            v = self.intrinsics.fy * local[..., 1] * disparity + self.intrinsics.cy
        return np.stack([u, v], axis=-1), disparity

    def rays(self, width: int, height: int) -> NDArray[np.float64]:
        """Directions through the pixel centres, (height, width, 3) float64, camera frame, Z = 1."""
        lens = self.intrinsics
        u = ((np.arange(width) + 0.5) / width - lens.cx) / lens.fx
        v = ((np.arange(height) + 0.5) / height - lens.cy) / lens.fy
        out = np.ones((height, width, 3))
        out[..., 0] = u[None, :]
        out[..., 1] = v[:, None]
        return out


def rigid(rotation: NDArray[np.float64], translation: NDArray[np.float64]) -> NDArray[np.float64]:
    """4x4 transform of a 3x3 rotation and a (3,) translation."""
    out = np.eye(4)
    out[:3, :3] = rotation
    out[:3, 3] = translation
    return out


def inverse(pose: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of a rigid 4x4 transform, by transposition: exact for orthonormal rotations."""
    rotation = pose[:3, :3].T
    return rigid(rotation, -rotation @ pose[:3, 3])


def orthonormalised(pose: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nearest rigid transform (polar decomposition), so that integrated poses do not drift."""
    u, _, vt = np.linalg.svd(pose[:3, :3])
    return rigid(u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt, pose[:3, 3])


def turn(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> NDArray[np.float64]:
    """3x3 rotation in the camera's frame: yaw to the right, then pitch up, then roll clockwise, radians."""
    cy, sy = math.cos(yaw), math.sin(yaw)
    cp, sp = math.cos(pitch), math.sin(pitch)
    cr, sr = math.cos(roll), math.sin(roll)
    about_y = np.array([[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]])
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cp, -sp], [0.0, sp, cp]])
    about_z = np.array([[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]])
    out: NDArray[np.float64] = about_y @ about_x @ about_z
    return out


def angles(rotation: NDArray[np.float64]) -> tuple[float, float, float]:
    """Yaw (right), pitch (up) and roll (clockwise) of a 3x3 rotation, radians: the inverse of ``turn``."""
    forward = rotation[:, 2]
    yaw = math.atan2(forward[0], forward[2])
    pitch = math.asin(float(np.clip(-forward[1], -1.0, 1.0)))
    level = turn(yaw, pitch).T @ rotation
    return yaw, pitch, math.atan2(level[1, 0], level[0, 0])
