"""``photoflight settings``, as the command line runs it."""

from __future__ import annotations

import sys

import pytest

import viewer.settings_file as module
from viewer.cli import main
from viewer.settings import Settings
from viewer.settings_file import leaves, load


@pytest.fixture
def path(tmp_path, monkeypatch):
    path = tmp_path / "settings.toml"
    for name in ("settings_file", "settings_command"):
        monkeypatch.setattr(f"viewer.{name}.settings_path", lambda: path)
    assert module.settings_path() == path
    return path


def test_print_tells_every_setting_with_its_origin_and_range(path, capsys):
    path.write_text("[flight]\nspeed = 2.0\n")
    assert main(["settings"]) == 0
    told = capsys.readouterr().out
    for place, _ in leaves(Settings()):
        assert f"{'.'.join(place)} = " in told
    assert f"flight.speed = 2.0  [{path}] 0.0625 to 16.0: lasting speed" in told
    assert 'display.quality = "auto"  [default] auto, full, half, quarter: ' in told


def test_path(path, capsys):
    assert main(["settings", "path"]) == 0
    assert capsys.readouterr().out == f"{path}\n"


def test_set_and_reset(path, capsys):
    assert main(["settings", "set", "flight.refiner", "classical"]) == 0
    assert main(["settings", "set", "display.vsync", "false"]) == 0
    assert main(["settings", "set", "controls.keys.hover", '["Y"]']) == 0
    settings = load(path, {}).settings
    assert (settings.flight.refiner, settings.display.vsync, settings.controls.keys) == ("classical", False, {"hover": ["Y"]})
    assert main(["settings", "reset", "display.vsync"]) == 0
    assert load(path, {}).settings.display.vsync
    assert load(path, {}).settings.flight.refiner == "classical"
    assert main(["settings", "reset"]) == 0
    assert load(path, {}).settings == Settings()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "words", [["set", "flight.sped", "2"], ["set", "flight.speed", "99"], ["reset", "flight.sped"], ["delete"], ["set", "flight"]]
)
def test_what_cannot_be_is_one_line(path, capsys, words):
    assert main(["settings", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not path.exists()


def test_edit_opens_the_file_and_tells_what_is_wrong_with_it(path, capsys, monkeypatch, tmp_path):
    editor = tmp_path / "editor.py"
    editor.write_text("import sys; open(sys.argv[1], 'a').write('[flight]\\nsped = 2\\n')")
    monkeypatch.setenv("VISUAL", f"{sys.executable} {editor}")
    assert main(["settings", "edit"]) == 2
    assert f"{path}:3: there is no setting flight.sped" in capsys.readouterr().err
    monkeypatch.setenv("VISUAL", "no-such-editor")
    assert main(["settings", "edit"]) == 2
    assert "set EDITOR" in capsys.readouterr().err
