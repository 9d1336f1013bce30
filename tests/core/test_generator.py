"""The contract of a generator: a view can be narrowed to a part of what is known."""

import numpy as np
from handmade import keyframe, whole_view


def test_outside_a_region_everything_is_forgotten_and_inside_nothing():
    view = whole_view(keyframe())
    region = np.zeros(view.mask.shape, bool)
    region[10:30, 20:50] = True
    part = view.within(region)
    assert np.array_equal(part.mask, region)
    for name in ("image", "disparity", "sky", "stretch", "debt"):
        assert np.array_equal(getattr(part, name)[region], getattr(view, name)[region])
        assert not getattr(part, name)[~region].any()
    assert not part.within(~region).mask.any()
