from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.errors import DeviceError
from viewer.hotkey import Hotkey

ROOT = Path(__file__).parents[2]


def tap_heard(display: str, key: str, hotkey: Hotkey) -> bool:
    subprocess.run(["xdotool", "key", key], check=True, env={"DISPLAY": display, "PATH": "/usr/bin:/bin"}, timeout=300)
    end = time.perf_counter() + 0.2
    while time.perf_counter() < end:
        if hotkey.poll():
            return True
        time.sleep(0.01)
    return False


def test_hears_its_key_and_no_other(xvfb: str) -> None:
    hotkey = Hotkey()
    try:
        assert any(tap_heard(xvfb, "F9", hotkey) for _ in range(100))  # the listener needs a moment to start
        assert not hotkey.poll()
        assert not tap_heard(xvfb, "F8", hotkey)
    finally:
        hotkey.close()
    assert not tap_heard(xvfb, "F9", hotkey)


def one_line(program: str, **environment: str) -> str:
    code = f"import sys; from viewer.hotkey import Hotkey; {program}"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return result.stdout + result.stderr.strip().splitlines()[-1] if result.returncode else result.stdout


def test_nothing_listens_before_it_is_asked_for() -> None:
    assert one_line("print('pynput' in sys.modules)").strip() == "False"


def test_without_a_display_one_clear_line() -> None:
    assert "DeviceError: F9 is heard in the window only: there is no X display" in one_line("Hotkey()")


def test_under_wayland_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    with pytest.raises(DeviceError, match="Wayland"):
        Hotkey()
