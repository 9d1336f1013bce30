"""What README.md says of the program is what the program does."""

import re
from pathlib import Path

from viewer.cli import _COMMANDS
from viewer.pages import BEGIN, END, controls_table


def test_the_controls_table_is_the_programs(project_root: Path) -> None:
    text = (project_root / "README.md").read_text(encoding="utf-8")
    assert f"{BEGIN}\n\n{controls_table()}\n\n{END}" in text, "run `python -m viewer.pages readme`"


def test_every_command_is_named(project_root: Path) -> None:
    text = (project_root / "README.md").read_text(encoding="utf-8")
    for command in set(_COMMANDS) - {"fly"}:
        assert f"photoflight {command}" in text


def test_pictures_exist(project_root: Path) -> None:
    text = (project_root / "README.md").read_text(encoding="utf-8")
    pictures = re.findall(r"!\[.*?\]\((.+?)\)", text)
    assert pictures
    for picture in pictures:
        assert (project_root / picture).is_file(), picture
