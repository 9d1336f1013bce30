"""The table of controls."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from viewer.controls import Bindings, conflicts, help_lines
from viewer.dispatcher import Dispatcher


def test_importing_needs_neither_display_nor_torch(project_root):
    code = "import sys, viewer.dispatcher; assert not {'torch', 'pyglet', 'cv2', 'numba', 'pydantic'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=project_root, env={"PYTHONPATH": str(project_root)})


def test_the_table_has_no_conflicts_and_conflicts_are_named():
    table = Bindings()
    assert conflicts() == []
    twice = replace(
        table,
        keys=table.keys | {"hover": ("W", "Hyper")},
        buttons=table.buttons | {"hover": ("A",)},
        axes=table.axes | {"hover": ("Left trigger",)},
    )
    assert conflicts(twice) == [
        "W: both forward and hover",
        "Hyper: not one of the keys, for hover",
        "A: both hover and autopilot",
        "Left trigger: both down and hover",
    ]
    with pytest.raises(ValueError, match="W: both forward and hover"):
        Dispatcher(twice)


def test_help_names_every_row():
    lines = help_lines()
    assert ("W A S D", "Left stick", "Button 1, Hat left, Button 2, Hat right", "fly forward, left, back, right") in lines
    assert ("mouse wheel", "", "Throttle", "lasting speed") in lines
    assert all(line.keys and line.what for line in lines)
    assert len(lines) <= 28, "it must fit on the overlay"
