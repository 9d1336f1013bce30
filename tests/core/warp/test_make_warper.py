"""Which warper this machine gets: CUDA where there is a GPU and CuPy, else the CPU."""

from __future__ import annotations

import sys

import pytest

from core.warp import cuda, make_warper
from core.warp.cpu import CpuWarper


def test_without_a_gpu_cupy_is_not_imported(monkeypatch, tmp_path):
    (tmp_path / "cupy.py").write_text("raise AssertionError")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    monkeypatch.setattr(cuda, "nvidia_gpus", lambda: 0)
    assert isinstance(make_warper(), CpuWarper)
    monkeypatch.setattr(cuda, "nvidia_gpus", lambda: 1)
    with pytest.raises(AssertionError):
        make_warper()


def test_without_cupy_there_is_no_cuda(monkeypatch):
    monkeypatch.setattr(cuda, "nvidia_gpus", lambda: 1)
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert not cuda.available()
    assert isinstance(make_warper(), CpuWarper)
