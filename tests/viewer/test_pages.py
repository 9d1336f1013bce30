"""What the program writes of itself."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from viewer import pages
from viewer.controls import TABLE, help_lines


def test_the_table_of_controls_has_every_line_and_no_words_of_its_own():
    table = pages.controls_table().splitlines()
    assert len(table) == 2 + len(help_lines())
    assert len(table) < len(TABLE), "neighbours share a line"
    for row, line in zip(table[2:], help_lines(), strict=True):
        assert row.endswith(f"| {line.what} |")
        assert row.count("|") == table[0].count("|")


def test_the_readme_is_written_between_its_marks_alone(tmp_path, monkeypatch):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{pages.BEGIN}\nold\n{pages.END}\nafter\n", encoding="utf-8")
    monkeypatch.setattr(pages, "README", readme)
    for _ in range(2):
        assert pages.main(["readme"]) == 0
        expected = f"before\n{pages.BEGIN}\n\n{pages.controls_table()}\n\n{pages.END}\nafter\n"
        assert readme.read_text(encoding="utf-8") == expected


def test_the_curve_of_the_sticks_is_a_picture(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(pages, "GALLERY", tmp_path)
    assert pages.main(["stick"]) == 0
    assert np.asarray(Image.open(tmp_path / "stick.png").convert("L")).std() > 10.0


def test_an_unknown_page_is_told(capsys):
    assert pages.main(["moon"]) == 2
    assert "no page 'moon': choose from readme, stick, window" in capsys.readouterr().err
