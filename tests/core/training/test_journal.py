"""The journal: lines of averages that go on where the training does."""

import builtins
import json

import cv2
import numpy as np
import pytest

from core.training.journal import Journal


@pytest.fixture(autouse=True)
def without_tensorboard(monkeypatch):
    """As where it is not installed; it takes seconds to import."""
    real = builtins.__import__

    def importing(name, *args, **kwargs):
        if name.startswith("torch.utils.tensorboard"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", importing)


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def noted(folder, start, end, every=5, slope=1.0):
    with Journal(folder, start, 100, every) as journal:
        for step in range(start + 1, end + 1):
            journal.add(step, {"pixels": slope * step})


def test_a_line_averages_the_steps_since_the_last(tmp_path):
    noted(tmp_path, 0, 12)
    assert [(row["step"], row["pixels"]) for row in lines(tmp_path)] == [(5, 3.0), (10, 8.0)]
    assert all(row["seconds"] >= 0.0 for row in lines(tmp_path))


def test_figures_that_are_not_of_every_step_are_averaged_over_theirs(tmp_path):
    with Journal(tmp_path, 0, 10, 5) as journal:
        for step in range(1, 11):
            journal.add(step, {"pixels": 1.0} | ({"r1": 8.0} if step == 1 else {}))
    assert [row.get("r1") for row in lines(tmp_path)] == [8.0, None]


def test_after_a_kill_it_goes_on_from_the_checkpoint(tmp_path):
    noted(tmp_path, 0, 17, slope=2.0)
    noted(tmp_path, 10, 20)  # the checkpoint was of step 10
    assert [(row["step"], row["pixels"]) for row in lines(tmp_path)] == [(5, 6.0), (10, 16.0), (15, 13.0), (20, 18.0)]


def test_a_line_that_a_kill_cut_short_is_dropped(tmp_path):
    noted(tmp_path, 0, 10)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 15, "pix')
    noted(tmp_path, 10, 15)
    assert [row["step"] for row in lines(tmp_path)] == [5, 10, 15]


def test_lines_are_there_as_soon_as_they_are_noted(tmp_path):
    with Journal(tmp_path, 0, 10, 2) as journal:
        journal.add(1, {"pixels": 1.0})
        assert lines(tmp_path) == []
        journal.add(2, {"pixels": 2.0})
        assert [row["pixels"] for row in lines(tmp_path)] == [1.5]


def test_the_bar_tells_where_it_is_and_the_time_left(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("core.training.journal.tqdm", _shown_always())
    noted(tmp_path, 20, 30)
    bar = capsys.readouterr().err
    assert "30/100" in bar
    assert "pixels=28.00" in bar
    assert "<" in bar  # elapsed<left


def _shown_always():
    from tqdm import tqdm

    return lambda **options: tqdm(**options | {"disable": False, "mininterval": 0.0})


def test_pictures_are_kept_in_their_own_colours(tmp_path):
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[..., 0] = 200
    with Journal(tmp_path, 0, 10, 5) as journal:
        journal.show(3, picture)
    read = cv2.imread(str(tmp_path / "strip_000003.jpg"))[..., ::-1]
    assert np.abs(read.astype(int) - picture).max() < 12


def test_other_ranks_keep_no_journal(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with Journal(None, 0, 10, 1) as journal:
        journal.add(1, {"pixels": 1.0})
        journal.show(1, np.zeros((4, 4, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err == ""
