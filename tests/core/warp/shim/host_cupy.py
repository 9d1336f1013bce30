"""A stand-in for CuPy whose device is the host: arrays are NumPy's, kernels are ``kernels.cu`` compiled by the C++ compiler."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np

SHIM = Path(__file__).parent
KERNELS = SHIM.parents[3] / "core" / "warp" / "kernels.cu"
SCALARS = {np.int32: ctypes.c_int, np.float64: ctypes.c_double}


class Array(np.ndarray):
    @property
    def data(self):
        return SimpleNamespace(ptr=self.ctypes.data)


def build(folder):
    """Compile the kernels into a library; returns a module that behaves like ``cupy``."""
    library = folder / "kernels.so"
    options = ("-O2", "-ffp-contract=off", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror")
    sources = ("-I", SHIM, "-I", KERNELS.parent, SHIM / "host.cpp", "-o", library)
    subprocess.run(["c++", *options, *sources], check=True)
    loaded = ctypes.CDLL(str(library))

    def kernel(name):
        function = getattr(loaded, f"host_{name}")

        def launch(grid, block, arguments):
            passed = (ctypes.c_void_p(a.ctypes.data) if isinstance(a, np.ndarray) else SCALARS[type(a)](a) for a in arguments)
            function(ctypes.c_uint(grid[0]), ctypes.c_uint(block[0]), *passed)

        return launch

    return SimpleNamespace(
        RawModule=lambda code, options: SimpleNamespace(get_function=kernel),  # noqa: ARG005 - CuPy's signature
        asarray=lambda a: np.array(a).view(Array),
        empty=lambda shape, dtype: np.full(shape, 77, dtype).view(Array),
        zeros=lambda shape, dtype: np.zeros(shape, dtype).view(Array),
        asnumpy=np.asarray,
    )
