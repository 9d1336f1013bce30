"""The released autopilot: looks to where the sky is balanced, moves between ground and horizon (paper section 3.2).

As released, its targets are directions of the world, not of the camera: the heading stays within the first view.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPEED = 0.1875  # scene units a step
_HORIZON, _NEAR, _SKY = 0.4, 0.3, 0.1  # wanted place of the horizon, share of near ground, disparity that sky stays below
_LOOK_RATE, _MOVE_RATE = 0.05, 0.2
_EPSILON = 1e-8


@dataclass(frozen=True, eq=False)
class PilotState:
    """Where the flight is: directions (3,) float32 in the world, the position (3,) float64, the pose (4, 4) world_to_camera."""

    look: NDArray[np.float32] = field(default_factory=lambda: np.array([0, 0, 1], np.float32))
    move: NDArray[np.float32] = field(default_factory=lambda: np.array([0, 0, 1], np.float32))
    down: NDArray[np.float32] = field(default_factory=lambda: np.array([0, 1, 0], np.float32))
    position: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    camera_from_world: NDArray[np.float32] = field(default_factory=lambda: np.eye(4, dtype=np.float32))

    def step(self, disparity: NDArray[np.float32], lens: NDArray[np.float32]) -> PilotState:
        """Return the state one step on, having seen ``disparity`` (h, w) in [0, 1] through ``lens`` (3, 3), in pixels."""
        x, y, level = targets(disparity)
        look = (1 - _LOOK_RATE) * self.look + _LOOK_RATE * _direction(x, y, disparity.shape, lens)
        move = (1 - _MOVE_RATE) * self.move + _MOVE_RATE * _direction(0.5, level, disparity.shape, lens)
        position = self.position + SPEED * move.astype(np.float64)
        right = _unit(np.cross(self.down, look))
        down = _unit(np.cross(look, right))
        pose = np.eye(4, dtype=np.float32)
        pose[:3, :3] = right, down, _unit(look)
        pose[:3, 3] = -(pose[:3, :3] @ position)
        return replace(self, look=look, move=move, down=down, position=position, camera_from_world=pose)


def targets(disparity: NDArray[np.float32]) -> tuple[float, float, float]:
    """Return x and y to look at, and the height to move to, as shares of the view ``disparity`` (h, w)."""
    sky = np.clip(20.0 * (_SKY - disparity), 0.0, 1.0)
    half = sky.shape[1] // 2
    left, right = float(sky[:, :half].mean()), float(sky[:, half:].mean())
    x = (right + _EPSILON) / (left + right + 2.0 * _EPSILON)
    y = float(np.clip(0.5 + sky.mean() - _HORIZON, 0.0, 1.0))
    ground = float(np.clip(10.0 * (disparity - 0.4), 0.0, 1.0).mean())
    return x, y, _HORIZON + (_NEAR - ground)


def _direction(u: float, v: float, shape: tuple[int, ...], lens: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = shape
    ray = ((u * width - lens[0, 2]) / lens[0, 0], (v * height - lens[1, 2]) / lens[1, 1], 1.0)
    return _unit(np.array(ray, np.float32))


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)
