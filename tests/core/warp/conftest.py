from __future__ import annotations

import shutil
import sys
from pathlib import Path

import host_cupy
import pytest

from core.warp import cuda
from core.warp.cpu import CpuWarper

KERNELS = Path(cuda.__file__).with_name("kernels.cu")


@pytest.fixture(scope="session")
def warper():
    return CpuWarper(2)


@pytest.fixture(scope="session")
def kernels(tmp_path_factory):
    """The stand-in for CuPy as a module, and the kernels compiled for it."""
    if shutil.which("c++") is None:
        pytest.skip("no C++ compiler")
    return host_cupy, host_cupy.compiled(tmp_path_factory.mktemp("kernels"), KERNELS, Path(__file__).with_name("sizes.h"))


@pytest.fixture
def cupy(kernels, monkeypatch):
    """A fresh stand-in for CuPy, imported as such."""
    module, library = kernels
    cupy = module.HostCupy({KERNELS: library})
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr("core.warp.cuda.nvidia_gpus", lambda: 1)
    return cupy
