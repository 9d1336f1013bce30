"""Every key that is pressed once has an action, and every action a key."""

from pathlib import Path

import pytest

from viewer.actions import ACTIONS, keepsake
from viewer.controls import TABLE


def test_table_and_actions_agree() -> None:
    pressed = {action.id for action in TABLE if action.how == "press"}
    assert pressed == set(ACTIONS)


def test_keepsakes_lie_in_the_users_folder_and_name_the_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = keepsake(Path("somewhere/alps.jpeg"), "pictures", ".png")
    assert path.name.startswith("alps-")
    assert path.suffix == ".png"
    assert path.parent.is_dir()
    assert tmp_path in path.parents
