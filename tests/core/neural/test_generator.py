"""The trained generator as the program uses it."""

import numpy as np
import pytest
import torch
from handmade import keyframe, punched, whole_view
from random_generator import write_generator

from core.errors import WeightsError
from core.neural import NeuralGenerator


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_generator(tmp_path_factory.mktemp("weights") / "small.safetensors")


@pytest.fixture(scope="module")
def view():
    holes = np.zeros((40, 64), bool)
    holes[20:35, 40:60] = True
    return punched(whole_view(keyframe()), holes)


def _refined(path, view, seed=0, photo=None):
    generator = NeuralGenerator.load(path)
    generator.begin(photo or keyframe(), seed)
    return generator(view)


def test_it_completes_and_stays_in_range(weights, view):
    out = _refined(weights, view)
    for array, low, high in ((out.image, 0.0, 1.0), (out.disparity, 0.01, 1.0), (out.sky, 0.0, 1.0), (out.debt, 0.0, 9.0)):
        assert array.shape[:2] == view.mask.shape
        assert np.isfinite(array).all()
        assert array.min() >= low - 1e-6
        assert array.max() <= high + 1e-6


def test_the_same_seed_and_view_give_the_same_picture_and_another_seed_does_not(weights, view):
    first, second, other = _refined(weights, view), _refined(weights, view), _refined(weights, view, seed=1)
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.disparity, second.disparity)
    assert not np.array_equal(first.image, other.image)


def test_what_is_known_and_sharp_is_left_alone(weights, view):
    out = _refined(weights, view)
    ground = view.mask.copy()
    ground[:24] = False  # the skyline may grow
    ground[18:37, 38:62] = False  # specks beside the hole are not trusted
    assert np.abs(out.image - view.image)[ground].max() < 1e-6


def test_sides_need_not_be_multiples_of_the_stride(weights):
    key = keyframe(size=(70, 45))
    assert _refined(weights, whole_view(key), photo=key).image.shape == (45, 70, 3)


def test_it_must_begin_first(weights, view):
    with pytest.raises(RuntimeError, match="begin"):
        NeuralGenerator.load(weights)(view)


def test_weights_for_another_size_are_refused(tmp_path):
    path = write_generator(tmp_path / "odd.safetensors", "small", network="base")
    with pytest.raises(WeightsError, match="another network"):
        NeuralGenerator.load(path)


def test_the_card_tells_whether_it_knows_sky(tmp_path, weights):
    assert NeuralGenerator.load(weights).sky
    assert not NeuralGenerator.load(write_generator(tmp_path / "plain.safetensors", sky=False)).sky


def test_base_is_loaded_by_its_card(tmp_path):
    path = write_generator(tmp_path / "b.safetensors", "base")
    assert NeuralGenerator.load(path).name == "base"
    assert torch.get_num_threads() > 0
