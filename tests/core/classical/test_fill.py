"""Filling of holes: what is continued stays as strong as it was."""

from dataclasses import replace

import numpy as np
from handmade import keyframe, whole_view

from core.classical.fill import filled
from core.classical.prior import PriorView


def test_what_is_carried_over_the_border_view_after_view_keeps_its_strength():
    """A camera that rises slowly: each view has one more row to fill."""
    view = whole_view(keyframe())
    height, width = view.mask.shape
    image = np.random.default_rng(0).uniform(0.3, 0.7, (height, width, 3)).astype(np.float32)
    level = np.full((height, width), 0.3, np.float32)
    prior = PriorView(np.full_like(image, 0.5), level, np.zeros_like(level))
    known = np.ones((height, width), bool)
    known[0] = False
    for _ in range(20):
        lower = np.roll(image, 1, axis=0)
        seen = replace(view, image=lower * known[..., None], disparity=level * known, sky=np.zeros_like(level), mask=known)
        image = filled(seen, prior, np.zeros_like(level)).land
    strengths = image[:20].std(axis=(1, 2)) / image[20:].std()
    assert strengths.max() < 1.3
    assert strengths.min() > 0.3
