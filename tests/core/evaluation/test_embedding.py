"""Embedding: batches equal singles, styles of the same are the same."""

from __future__ import annotations

import numpy as np
import pytest
from random_features import write_features

from core.errors import FeaturesError
from core.evaluation.embedding import LITE0, VGG, Embedder

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (32, 64, 3), dtype=np.uint8) // (1 + i % 3) for i in range(11)]


def test_batches_are_only_faster(embedder, pictures):
    together = embedder.vectors(pictures)
    assert {name: vectors.shape for name, vectors in together.items()} == {LITE0: (11, 320), VGG[0]: (11, 512), VGG[1]: (11, 512)}
    for i in (0, 9, 10):
        for name, vector in embedder.vectors([pictures[i]]).items():
            np.testing.assert_allclose(together[name][i], vector[0], rtol=1e-3, atol=1e-3)


def test_style(embedder, pictures):
    """The same picture has no distance to itself; mirrored, its textures are alike; another differs."""
    _, (own, again, mirrored, other) = embedder.vgg_vectors([pictures[0], pictures[0], pictures[0][:, ::-1], pictures[2]])
    assert own.distance(again) == 0.0
    assert 0.0 < own.distance(mirrored) < 0.2 * own.distance(other)
    assert own.distance(other) == pytest.approx(other.distance(own))


def test_fingerprint_tells_weights_apart(embedder, features_folder, tmp_path):
    assert Embedder(features_folder).fingerprint == embedder.fingerprint
    assert Embedder(write_features(tmp_path, seed=1)).fingerprint != embedder.fingerprint


def test_no_features(tmp_path):
    with pytest.raises(FeaturesError, match="vgg16"):
        Embedder(tmp_path)


def test_real_features_know_blur(shared_dir):
    """Real landscapes are nearer to other real ones than their blurred copies are."""
    import cv2

    from core.evaluation.distributions import kernel_distance
    from core.evaluation.reference import fitted
    from core.training.shards import read_shards

    embedder = Embedder(shared_dir / "models")
    photos = [fitted(sample.photo, (128, 96)) for sample in read_shards([shared_dir / "data" / "test.tar"])]
    sharp, others = (embedder.lite0_vectors(half) for half in (photos[::2], photos[1::2]))
    blurred = embedder.lite0_vectors([cv2.GaussianBlur(photo, (0, 0), 2.0) for photo in photos[::2]])
    assert kernel_distance(sharp, others).value < 0.5 * kernel_distance(blurred, others).value
