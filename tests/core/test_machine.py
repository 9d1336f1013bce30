"""What the machine has: asked of the system, and of NVIDIA's driver where there is one."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import pytest

from core.machine import cores, nvidia_gpus, processor


def test_the_processor_has_a_name_and_cores() -> None:
    assert processor()
    assert cores() >= 1


@pytest.mark.parametrize(("start", "count", "gpus"), [(0, 0, 2), (100, 0, 0), (0, 999, 0), (None, None, 0)])
def test_gpus_are_those_of_a_driver_that_works(monkeypatch, start: int | None, count: int | None, gpus: int) -> None:
    def counted(found) -> int | None:
        found._obj.value = 2
        return count

    def driver(_name: str) -> SimpleNamespace:
        if start is None:
            raise OSError
        return SimpleNamespace(cuInit=lambda _: start, cuDeviceGetCount=counted)

    monkeypatch.setattr(ctypes, "CDLL", driver)
    assert nvidia_gpus.__wrapped__() == gpus
