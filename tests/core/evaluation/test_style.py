"""Style: the same picture has none of its own, textures have theirs."""

from __future__ import annotations

import numpy as np
import pytest

from core.evaluation.style import Style

pytestmark = pytest.mark.usefixtures("one_thread")


def test_style(vgg):
    """The same picture has no distance to itself; mirrored, its textures are alike; another differs."""
    random = np.random.default_rng(0)
    picture, darker = (random.integers(0, 256, (32, 64, 3), dtype=np.uint8) // part for part in (1, 3))
    own, again, mirrored, other = (Style.of(each, vgg) for each in (picture, picture, picture[:, ::-1], darker))
    assert own.distance(again) == 0.0
    assert 0.0 < own.distance(mirrored) < 0.2 * own.distance(other)
    assert own.distance(other) == pytest.approx(other.distance(own))
