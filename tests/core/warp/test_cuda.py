"""The CUDA warp without a GPU: the kernels compile for one, and on the host they give what the CPU warp gives."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warp_scenes import hills, keyframe, moved, ridge, valley

from core.warp import cuda, lookup, visibility, warp

KERNELS = Path(cuda.__file__).with_name("kernels.cu")
NVCC = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/bin:/usr/local/cuda/bin")


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """CudaWarper on the stand-in for CuPy."""
    if shutil.which("c++") is None:
        pytest.skip("no C++ compiler")
    sys.path.insert(0, str(Path(__file__).parent / "shim"))
    import host_cupy

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "cupy", host_cupy.build(tmp_path_factory.mktemp("kernels")))
        yield cuda.CudaWarper()


@pytest.mark.skipif(NVCC is None, reason="no nvcc")
def test_kernels_compile_to_ptx(tmp_path):
    ptx = tmp_path / "kernels.ptx"
    subprocess.run([NVCC, "--ptx", "--std=c++14", "-o", ptx, KERNELS], check=True)
    text = ptx.read_text()
    for name in ("project", "rasterise", "decode", "resolve"):
        assert f".entry {name}(" in text
    assert "atom.global.max.u64" in text or "red.global.max.u64" in text or "atom.max.u64" in text


def test_constants_are_those_of_the_twin():
    source = KERNELS.read_text()
    for module, names in ((visibility, ("MAGNIFICATION", "GRID", "OUTSIDE", "STREAK", "AGREEMENT", "SKY")), (lookup, ("HOLE",))):
        for name in names:
            value = re.search(rf"#define {name} \(?([-\d.e]+)", source)
            assert value is not None
            assert float(value[1]) == getattr(module, name)
    assert "NOTHING = 0, VEILED = 1, LAND = 2" in source
    assert (visibility.NOTHING, visibility.VEILED, visibility.LAND) == (0, 1, 2)


def same_view(a, b):
    np.testing.assert_allclose(a.disparity, b.disparity, rtol=1e-5)
    tie = a.disparity != b.disparity
    for name in ("surface", "uv", "stretch"):
        x, y = getattr(a, name), getattr(b, name)
        np.testing.assert_array_equal(np.where(tie if x.ndim == 2 else tie[..., None], y, x), y, err_msg=name)


CAMERAS = st.fixed_dictionaries(
    {name: st.floats(-1.0, 1.0) for name in ("x", "y", "yaw", "pitch", "roll")} | {"z": st.floats(-2.0, 2.5)}
)


@settings(max_examples=30, deadline=None)
@given(pose=CAMERAS, seed=st.integers(0, 5), size=st.sampled_from([(64, 40), (101, 57), (24, 15)]))
def test_kernels_are_the_twin_of_the_cpu_warp(host, warper, pose, seed, size):
    noise = np.random.default_rng(seed).uniform(0.01, 1.0, (20, 32))
    frames = [valley(48, 30, seed), keyframe(hills(40, 25, seed)), keyframe(ridge(32, 20)), keyframe(noise)]
    camera = moved(frames[0].camera, **pose)
    for frame in frames:
        same_view(host.rasterise(frame, camera, size), warper.rasterise(frame, camera, size))
    found, expected = warp(frames, camera, size, host), warp(frames, camera, size, warper)
    for name in ("slot", "uv", "disparity", "stretch"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_kernels_survive_unusable_numbers(host, warper, bad):
    disparity = hills(32, 20)
    disparity[5:9, 5:9] = bad
    frame = keyframe(disparity)
    camera = moved(frame.camera, z=0.1)
    same_view(host.rasterise(frame, camera, (64, 40)), warper.rasterise(frame, camera, (64, 40)))


def test_no_keyframes_and_all_sky(host):
    frame = keyframe(hills(32, 20), np.ones((20, 32)))
    assert (warp([], frame.camera, (16, 10), host).slot == lookup.HOLE).all()
    assert (warp([frame], frame.camera, (16, 10), host).disparity == 0).all()


def test_without_cupy_there_is_no_cuda(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    assert not cuda.available()
