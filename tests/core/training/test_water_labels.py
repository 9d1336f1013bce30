"""Water labels with their doubts."""

import numpy as np
import pytest
from shard_files import H, W, write_shard

from core.errors import TrainingError
from core.training import water_labels
from core.training.shards import read_shards
from core.training.water_labels import WATER, with_water


@pytest.fixture
def samples(tmp_path, monkeypatch):
    """One photo, whose water a segmenter sees below the middle, and in the mirror image only below three quarters."""
    write_shard(tmp_path / "train-0.tar", 1, 0, info={"id": "a"})
    answers = []

    def segment(_photo):
        labels = np.zeros((512, 512), np.int64)
        labels[384 if answers else 300 :] = WATER[0]
        answers.append(1)
        return labels

    monkeypatch.setattr(water_labels, "_segmenter", lambda _: segment)
    assert water_labels.main(["--data", str(tmp_path), "--model", "-", "--out", str(tmp_path / "water.npz")]) == 0
    return with_water(read_shards([tmp_path / "train-0.tar"]), tmp_path / "water.npz")


def test_both_images_must_agree(samples):
    (sample,) = samples
    assert sample.water.shape == (H, W)
    assert (sample.water[: int(0.55 * H)] == 0).all()
    assert (np.abs(sample.water[int(0.62 * H) : int(0.72 * H)].astype(int) - 128) <= 1).all()
    assert (sample.water[int(0.8 * H) :] == 255).all()


def test_missing_labels_are_said(samples, tmp_path):
    assert with_water(samples, None) == samples
    with pytest.raises(TrainingError, match="water_labels"):
        with_water(samples, tmp_path / "none.npz")
