from __future__ import annotations

import pytest

from viewer import doctor
from viewer.doctor import Finding


def report(capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    code = doctor.run()
    return code, capsys.readouterr().out.splitlines()


@pytest.mark.usefixtures("xvfb")
def test_on_this_machine_every_check_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = report(capsys)
    subjects = [line.split()[1] for line in lines if line.startswith((" ok", " --", " !!"))]
    assert subjects == list(doctor.CHECKS)
    assert not any("could not be examined" in line for line in lines)
    assert any("window" in line and "OpenGL" in line for line in lines)
    assert code == 0
    assert lines[-1] == "Ready to fly."


def test_without_a_display_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    monkeypatch.setattr(doctor, "CHECKS", {name: doctor.CHECKS[name] for name in ("display", "window", "controllers", "hotkey")})
    code, lines = report(capsys)
    assert code == 1
    assert "photoflight film" in lines[1]
    assert lines[-1] == "Cannot fly in a window: display, window."


def test_a_check_that_breaks_is_a_line_of_the_report(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> Finding:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(doctor, "CHECKS", {"this": broken, "that": lambda: Finding("fine")})
    code, lines = report(capsys)
    assert code == 0
    assert lines[0].startswith(" --  this")
    assert "RuntimeError: two lines" in lines[0]
    assert lines[2].split() == ["ok", "that", "fine"]


def test_a_probe_that_dies_is_told_from_one_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="cannot import name"):
        doctor._probed("no_such_function")
    monkeypatch.setattr(doctor.sys, "executable", "/bin/false")
    with pytest.raises(OSError, match="exit code 1"):
        doctor._probed("window_renderer")


def test_missing_weights_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    from core import weights

    monkeypatch.setattr(weights, "weights_path", lambda name: tmp_path / f"{name}.safetensors")
    finding = doctor._weights()
    assert "missing" in finding.fact
    assert finding.remedy
    assert not finding.fatal
