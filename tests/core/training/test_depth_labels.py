"""Labels of two teachers: those of the sharp one where they agree, else the order of the other with its edges."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shard_files import H, W, labelled_photo, write_shard

from core.errors import TrainingError
from core.training import depth_labels
from core.training.depth_labels import blended, with_depth
from core.training.depth_teachers import Answers
from core.training.perception_losses import rank_correlation
from core.training.shards import Sample, labelled_shards, read_shards

ROWS = np.linspace(0.1, 1.0, H, dtype=np.float32)[:, None].repeat(W, axis=1)


@pytest.fixture(scope="module")
def sample():
    photo, root, sky = labelled_photo(np.random.default_rng(0))
    return Sample(photo, root, np.zeros_like(sky), {"id": "a"})


def answers(sharp, plane):
    """What two teachers say who see ``sharp`` and ``plane``, disparities, and in the mirror the same."""
    return Answers(np.stack([np.log(sharp)] * 2), np.stack([plane] * 2))


@given(scale=st.floats(0.1, 10.0), other=st.floats(0.1, 10.0))
@settings(max_examples=10, deadline=None)
def test_teachers_that_agree_are_believed_whatever_their_scale(sample, scale, other):
    label = blended(sample, answers(scale * ROWS, other * ROWS))
    assert label.agreement > 0.99
    assert rank_correlation(label.disparity, ROWS) > 0.99
    assert label.weight.min() > 0.8
    assert 0.01 <= label.disparity.min() <= label.disparity.max() <= 1.0


def test_the_order_is_that_of_the_second_teacher_and_counts_less(sample):
    agreed, objected = blended(sample, answers(ROWS, ROWS)), blended(sample, answers(ROWS[::-1].copy(), ROWS))
    assert objected.agreement < -0.9
    assert rank_correlation(objected.disparity, ROWS) > 0.95
    assert objected.weight.mean() < 0.6 * agreed.weight.mean()


def test_an_objection_that_the_mirror_image_does_not_repeat_counts_little(sample):
    steady = answers(ROWS[::-1].copy(), ROWS)
    fickle = replace(steady, sharp=np.stack([np.log(ROWS[::-1]), np.log(ROWS)]))
    assert blended(sample, fickle).weight.mean() > blended(sample, steady).weight.mean() + 0.2


def test_edges_are_those_of_the_first_teacher():
    near = np.full((128, 192), 0.2, np.float32)
    near[:, 96:] = 0.8
    soft = cv2.GaussianBlur(near, (0, 0), 6)
    flat = Sample(np.full((128, 192, 3), 128, np.uint8), *np.zeros((2, 128, 192), np.uint8), {})  # shows no edge itself
    crisp, without = (blended(flat, answers(sharp, soft)).disparity for sharp in (near, np.full_like(near, 0.5)))
    steepest = [np.abs(np.diff(label, axis=1)).max(axis=1).mean() for label in (crisp, without)]
    assert steepest[0] > 1.5 * steepest[1]


def test_where_both_agree_the_label_is_that_of_the_sharp_one(sample):
    bent = np.sqrt(ROWS) - 0.2  # the same order
    label = blended(sample, answers(bent, ROWS)).disparity
    wanted = bent * (0.8 / np.percentile(bent, 97.0))
    assert np.abs(label - wanted)[4:-4].mean() < 0.5 * np.abs(label - ROWS)[4:-4].mean()


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_the_mirror_image_gets_the_mirrored_label(sample, seed):
    rng = np.random.default_rng(seed)
    sharp, plane = (cv2.GaussianBlur(rng.random((2, H, W)).astype(np.float32)[0], (0, 0), 3) + 0.2 for _ in range(2))
    said = answers(sharp, plane)
    turned = Answers(said.sharp[..., ::-1].copy(), said.plane[..., ::-1].copy())
    mirror = replace(sample, photo=sample.photo[:, ::-1].copy())
    np.testing.assert_allclose(blended(mirror, turned).disparity, blended(sample, said).disparity[:, ::-1], atol=2e-3)


def test_water_is_level(sample):
    water = np.zeros((H, W), np.uint8)
    water[H // 2 :] = 255
    seen = ROWS + np.linspace(0.0, 0.2, W, dtype=np.float32)  # a lake that leans
    wet = blended(replace(sample, water=water), answers(seen, seen)).disparity
    assert np.ptp(wet[H // 2 + 2 : -2], axis=1).max() < 0.02
    assert (np.diff(wet[H // 2 + 2 : -2].mean(axis=1)) >= -1e-6).all()


def test_doubtful_water_stays_as_it_is(sample):
    seen = answers(ROWS, ROWS)
    doubtful = replace(sample, water=np.full((H, W), 128, np.uint8))
    np.testing.assert_allclose(blended(doubtful, seen).disparity, blended(sample, seen).disparity, atol=1e-6)


def test_labels_are_made_once_and_read_back(tmp_path, monkeypatch):
    write_shard(tmp_path / "train-0.tar", 2, 0, info={"id": "a"})
    (tmp_path / "answers").mkdir()
    answers(ROWS, ROWS).save(tmp_path / "answers" / "a.npz")
    command = ["--data", str(tmp_path), "--answers", str(tmp_path / "answers"), "--out", str(tmp_path / "labels")]
    assert depth_labels.main(command) == 0
    samples = read_shards(labelled_shards(tmp_path))
    labelled = with_depth(samples, tmp_path / "labels")
    expected = blended(samples[0], Answers.load(tmp_path / "answers" / "a.npz"))
    np.testing.assert_allclose(labelled[0].root / 255.0, np.sqrt(expected.disparity), atol=0.003)
    np.testing.assert_allclose(labelled[0].weight / 255.0, expected.weight, atol=0.003)
    monkeypatch.setattr(depth_labels, "blended", None)  # nothing is left to make
    assert depth_labels.main(command) == 0


def test_missing_labels_are_said(sample, tmp_path):
    assert with_depth([sample], None) == [sample]
    with pytest.raises(TrainingError, match="depth_labels"):
        with_depth([sample], tmp_path)
