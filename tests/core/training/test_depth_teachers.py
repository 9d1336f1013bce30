"""The teachers' answers: kept, turned back from the mirror, never asked for twice."""

import numpy as np
import pytest
from shard_files import write_shard

from core.training import depth_teachers
from core.training.depth_teachers import Answers, Teachers
from core.training.shards import read_shards


def test_answers_survive_the_file(tmp_path):
    rng = np.random.default_rng(0)
    said = Answers(*(rng.normal(size=(2, 4, 6)).astype(np.float32) for _ in range(2)))
    said.save(tmp_path / "a.npz")
    back = Answers.load(tmp_path / "a.npz")
    np.testing.assert_allclose(back.sharp, said.sharp, atol=2e-3)
    np.testing.assert_allclose(back.plane, said.plane, atol=2e-3)


def test_a_photo_is_asked_about_once(tmp_path, monkeypatch):
    write_shard(tmp_path / "val.tar", 1, 0, info={"id": "a"})
    write_shard(tmp_path / "train-small.tar", 1, 0, leave_out="sky.webp")  # no labels: not asked about
    asked = []

    class Fake:
        def __init__(self, _models):
            pass

        def __call__(self, photo):
            asked.append(photo)
            return Answers(np.zeros((2, 4, 6), np.float32), np.zeros((2, 4, 6), np.float32))

    monkeypatch.setattr(depth_teachers, "Teachers", Fake)
    for _ in range(2):
        assert depth_teachers.main(["--data", str(tmp_path), "--models", "-", "--out", str(tmp_path / "answers")]) == 0
    assert len(asked) == 1


def test_real_teachers_say_of_the_mirror_image_what_they_said(shared_dir):
    """Asked about the mirror image, they give the same two answers in the other order, mirrored."""
    pytest.importorskip("onnxruntime")
    photo = read_shards([shared_dir / "data" / "test.tar"])[0].photo
    ask = Teachers(shared_dir / "models")
    here, there = ask(photo), ask(np.ascontiguousarray(photo[:, ::-1]))
    np.testing.assert_allclose(there.sharp[::-1, :, ::-1], here.sharp, atol=1e-3)
    np.testing.assert_allclose(there.plane[::-1, :, ::-1], here.plane, atol=1e-3)
