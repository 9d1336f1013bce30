from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from core import warp
from core.warp import cpu, cuda
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


@pytest.mark.usefixtures("xvfb")
def test_transfers_are_asked_in_a_process_of_their_own() -> None:
    assert doctor._probed("window_transfer") == doctor._probed("offscreen_transfer")
    assert "no NVIDIA GPU" in doctor._probed("offscreen_transfer")


def test_without_a_gpu_interop_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "available", lambda: False)
    monkeypatch.setattr(doctor, "_probed", lambda _: pytest.fail("a window was opened"))
    assert not doctor._interop().remedy
    assert "on the processor" in doctor._warp().fact


@pytest.mark.parametrize("display", [True, False])
def test_it_says_how_lookups_get_into_opengl(monkeypatch: pytest.MonkeyPatch, display: bool) -> None:
    said = {"window_transfer": "lookups stay on the GPU", "offscreen_transfer": "detour: copied: error 304"}
    monkeypatch.setattr(cuda, "available", lambda: True)
    monkeypatch.setattr(doctor, "_without_x", lambda: not display)
    monkeypatch.setattr(doctor, "_probed", said.__getitem__)
    finding = doctor._interop()
    assert (finding.fact, bool(finding.remedy)) == (
        ("lookups stay on the GPU", False) if display else ("copied: error 304", True)
    )


@pytest.mark.parametrize(("moved", "fallback"), [(0, None), (5, None), (0, "no compiler")])
def test_the_gpus_warp_is_tried(monkeypatch: pytest.MonkeyPatch, moved: int, fallback: str | None) -> None:
    def warped(layers: list[list[object]], camera: object, size: tuple[int, int]) -> list[object]:
        (lookup,) = cpu.CpuWarper(1).warp(layers, camera, size)
        return [SimpleNamespace(slot=np.roll(lookup.slot, moved) - (moved > 0))]

    monkeypatch.setattr(cuda, "available", lambda: True)
    monkeypatch.setattr(warp, "make_warper", lambda: SimpleNamespace(warp=warped, fallback=fallback))
    finding = doctor._warp()
    assert bool(finding.remedy) == (moved > 0 or fallback is not None)
    assert fallback is None or fallback in finding.fact
    assert ("on the GPU" in finding.fact) == (fallback is None)
