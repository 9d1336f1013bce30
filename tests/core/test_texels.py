"""What is sampled of a keyframe, and what is shown of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from handmade import StripedLook, keyframe

from core.compose import compose
from core.frame import Layer
from core.sky import Dome
from core.texels import SHORTEST, shown, texels
from core.warp import make_warper, warp


def test_a_picture_that_is_stored_is_shown_as_it_is() -> None:
    key = keyframe()
    assert shown(key) is texels(key)
    assert (shown(key)[0][..., :3] == key.image).all()


@pytest.mark.parametrize("finer", [1, 3, 4])
def test_a_picture_that_is_found_is_shown_as_finely_as_is_wanted(finer: int) -> None:
    key = replace(keyframe(), look=StripedLook(), magnification=finer)
    levels = shown(key)
    assert shown(key) is levels, "it is found once"
    assert levels[0].shape[1::-1] == key.shown_size == (64 * finer, 40 * finer)
    assert (levels[0] == StripedLook().picture(key.camera, key.sky, finer)).all()
    assert min(levels[-1].shape[:2]) <= SHORTEST
    assert all(one.shape[0] == two.shape[0] // 2 for two, one in zip(levels, levels[1:], strict=False))


def test_nothing_but_the_display_knows_how_finely_it_is_shown() -> None:
    """So a flight is the same at any size, and so is one that is flown again."""
    photo, look, warper = keyframe(), StripedLook(), make_warper()
    dome, camera = Dome.of(photo), photo.camera.moved(np.array([0.0, 0.0, 0.2]), np.eye(3))
    views = []
    for finer in (1, 4, 8):
        key = replace(photo, look=look, magnification=finer)
        lookup = warp((photo, key), camera, (96, 60), warper)
        view = compose(Layer((photo, key), lookup), camera, dome)
        views.append([lookup.slot, view.image, view.disparity, view.debt, np.array(key.columns)])
    assert all((one == other).all() for others in views[1:] for one, other in zip(views[0], others, strict=True))
    assert not look.threads
