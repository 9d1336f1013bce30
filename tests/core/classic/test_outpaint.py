from __future__ import annotations

import numpy as np

from core.classic.outpaint import prepared_photo
from core.warp.benchmark import landscape


def test_any_photo_is_prepared() -> None:
    """Sky below the threshold nearly everywhere that is sky, nowhere in land; the view is the canvas's middle."""
    photo = landscape(160, 80)
    start = prepared_photo(photo)
    assert start.view.shape == (1, 4, 128, 128)
    assert start.canvas.shape == (1, 4, 192, 192)
    assert start.sky_threshold > 0.01
    near = (start.canvas[0, :3, 32:160, 32:160] - start.view[0, :3]).abs().mean()
    assert near < 0.01
    below = (start.canvas[0, 3] < start.sky_threshold).numpy()
    assert 0.9 * start.sky_share < below.mean() < start.sky_share
    assert below[:20].all()  # above the photo
    assert not below[-60:].any()
    assert np.isfinite(start.canvas.numpy()).all()
