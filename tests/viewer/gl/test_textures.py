"""Textures of keyframes and lookups: which keyframe is in which slot, and layers that grow with the refiner's resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.frame import Frame, Layer
from core.warp.lookup import HOLE
from tests.viewer.test_renderer import drawn, lookup_of, plain, scene
from viewer.gl.view import _numbers
from viewer.renderer import Renderer

if TYPE_CHECKING:
    from core.keyframe import Keyframe


@pytest.fixture
def renderer(gl_context):
    made = Renderer(gl_context, scene()[1])
    yield made
    made.release()


def test_each_layer_has_its_own_slots(renderer: Renderer) -> None:
    """Before the fade begins a frame is its older layer alone, in its holes as well."""
    keys = [plain(colour) for colour in ((200, 20, 20), (20, 20, 200), (20, 200, 20))]
    slot = np.tile(np.repeat([0, 1, HOLE, 2], 8), (20, 1))
    lookup = lookup_of(slot, np.full(slot.shape, 0.5))
    newer, older = Layer(tuple(keys), lookup), Layer(tuple(keys[1:] + keys[:1]), lookup)
    camera = scene()[0].camera
    alone = drawn(renderer, Frame(camera, older), 64, 40)
    assert np.abs(alone - drawn(renderer, Frame(camera, newer), 64, 40)).max() > 100
    assert (drawn(renderer, Frame(camera, newer, older, 0.0), 64, 40) == alone).all()


def test_slots_are_numbered_as_the_shader_reads_them() -> None:
    keys = [plain((index, 0, 0)) for index in range(7)]
    rows = dict(zip(keys[:6], [3, 0, 7, 5, 1, 2], strict=True))
    packed = _numbers(Layer(tuple(keys), lookup_of(np.zeros((2, 2)), np.zeros((2, 2)))), rows)
    assert packed < 2**32
    assert [(packed >> 4 * (slot + 1) & 15) - 1 for slot in range(-1, 7)] == [-1, 3, 0, 7, 5, 1, 2, -1]


def test_more_keyframes_than_slots_are_refused(renderer: Renderer) -> None:
    keys = tuple(plain((index, 0, 0)) for index in range(8))
    with pytest.raises(ValueError, match="a layer of 8 keyframes"):
        drawn(renderer, Frame(scene()[0].camera, Layer(keys, lookup_of(np.zeros((2, 2)), np.full((2, 2), 0.5)))), 4, 4)


def striped(size: tuple[int, int], seed: int) -> Keyframe:
    """Columns of noise as fine as the picture."""
    key = plain((0, 0, 0), size)
    key.image[...] = np.random.default_rng(seed).integers(0, 256, (1, size[0], 3))
    return key


def test_layers_grow_with_the_keyframes(renderer: Renderer, gl_context) -> None:
    """A finer keyframe is shown as fine as it is, coarser ones before it, beside it and after it as they are."""
    coarse, fine, later = striped((32, 20), 1), striped((64, 40), 2), striped((32, 20), 3)
    camera = scene()[0].camera

    def shown(drawer: Renderer, *keys: Keyframe) -> list[np.ndarray]:
        """Draw each key, with all of them in the frame."""
        lookups = [lookup_of(np.full((40, 64), slot), np.full((40, 64), 0.5)) for slot in range(len(keys))]
        return [drawn(drawer, Frame(camera, Layer(keys, lookup)), 64, 40) for lookup in lookups]

    alone = {}
    for key in (coarse, later):
        twin = Renderer(gl_context, scene()[1])
        (alone[key],) = shown(twin, key)
        twin.release()
    for keys in ((coarse,), (coarse, fine), (fine, later), (later, coarse), (fine,)):
        for key, picture in zip(keys, shown(renderer, *keys), strict=True):
            expected, tolerance = (fine.image, 1) if key is fine else (alone[key], 3)
            assert np.abs(picture - expected).max() <= tolerance
