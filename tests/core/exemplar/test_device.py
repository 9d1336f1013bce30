"""The loops on a GPU without one: the kernels compile for it, and on the host they give what the processor's loops give."""

from __future__ import annotations

import gc
import re
import shutil
import subprocess
import sys
from pathlib import Path

import host_cupy
import numpy as np
import pytest
from handmade import keyframe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DeviceError
from core.exemplar import ExemplarGenerator, coherence, device, levels, search
from core.exemplar.loops import Loops, fastest
from core.exemplar.tone import Copied, Linked
from core.generator import grows, on_gpu
from tests.core.exemplar.test_coherence import Scene
from tests.core.exemplar.test_generator import PHOTO, SIZE, ahead, begun, flown, key_of, same
from tests.core.exemplar.test_search import sought
from tests.core.exemplar.test_tone import scene

KERNELS = Path(device.__file__).with_name("kernels.cu")
NVCC = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/bin:/usr/local/cuda/bin")
fuzzed = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
seeds = st.integers(0, 10**6)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    if shutil.which("c++") is None:
        pytest.skip("no C++ compiler")
    return host_cupy.compiled(tmp_path_factory.mktemp("kernels"), KERNELS)


@pytest.fixture
def cupy(library, monkeypatch):
    """A fresh stand-in for CuPy, imported as such."""
    cupy = host_cupy.HostCupy({KERNELS: library})
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr("core.warp.cuda.nvidia_gpus", lambda: 1)
    return cupy


@pytest.fixture
def loops(cupy):  # noqa: ARG001 - it imports that
    return device.DeviceLoops()


def twins(loops, name, *arguments):
    """Call a loop on the GPU and on the processor, each with copies of the arrays of its own; they leave the same in all."""
    results = []
    for where in (loops, Loops()):
        own = tuple(argument.copy() if isinstance(argument, np.ndarray) else argument for argument in arguments)
        getattr(where, name)(*own)
        results.append([argument for argument in own if isinstance(argument, np.ndarray)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
    return results[0]


@pytest.mark.skipif(NVCC is None, reason="no nvcc")
def test_kernels_compile_to_ptx(tmp_path):
    ptx = tmp_path / "kernels.ptx"
    subprocess.run([NVCC, "--ptx", "--std=c++14", "--fmad=false", "-Werror", "all-warnings", "-o", ptx, KERNELS], check=True)
    text = ptx.read_text()
    assert set(re.findall(r"\.entry (\w+)\(", text)) == set(device._KERNELS)
    assert "fma.rn.f" not in text


def test_constants_are_those_of_the_twins():
    found = dict(re.findall(r"#define (\w+) (.+)", KERNELS.read_text()))
    values = {name: eval(value.removesuffix("f")) for name, value in found.items()}  # noqa: S307 - our own source
    for name in ("NOWHERE", "BARRED"):
        assert values[name] == getattr(coherence, name)
    for name in ("PATCH", "COMPONENTS", "UNIT", "SHUT"):
        assert values[name] == getattr(levels, name)
    assert values["LARGEST_DISTANCE"] == np.float32(search._BARRED) == search._BARRED


@fuzzed
@given(seeds, st.integers(1, 5), st.integers(0, 3000), st.integers(1, 3))
def test_settle(loops, seed, tile, seam, passes):
    given = Scene(seed, tile)
    labels, *_ = twins(loops, "settle", given.labels, given.new, given.picture, given.query, given.exemplar, seam, passes)
    assert (labels != given.labels).any()


@fuzzed
@given(seeds, st.integers(1, 6), st.integers(1, 7), st.integers(1, 40))
def test_add_up(loops, seed, height, width, count):
    piece, positions, price, at, total = sought(seed, height, width, count, rows=9, columns=14)
    (_, _, found) = twins(loops, "add_up", piece, positions, price, at, total)
    assert (found < total).any()


@fuzzed
@given(seeds, st.integers(0, 5))
def test_close_seams(loops, seed, sweeps):
    exemplar, labels, land, new, tone = scene(seed)
    random = np.random.default_rng(seed)
    wanted, screen = random.normal(0.0, 0.1, tone.shape).astype(np.float32), random.random(land.shape, np.float32)
    linked = Linked.of(land, random.uniform(0.2, 0.4, land.shape).astype(np.float32))
    copied = Copied(labels.astype(np.int32), exemplar[labels[..., 1], labels[..., 0], :3], exemplar)
    found, *_ = twins(loops, "close_seams", tone, wanted, screen, linked, new, copied, sweeps)
    assert (found != tone).any() == (sweeps > 0)


@fuzzed
@given(seeds, st.integers(4, 20), st.integers(4, 20))
def test_project(loops, seed, height, width):
    random = np.random.default_rng(seed)
    picture, new = random.integers(0, 256, (height, width, 3), np.uint8), random.random((height, width)) < 0.7
    mean = random.random(3 * levels.PATCH**2, np.float32) / levels.PATCH
    axes = random.normal(0.0, 0.3, (len(mean), levels.COMPONENTS)).astype(np.float32)
    *_, found = twins(loops, "project", picture, new, mean, axes, np.full((height, width, levels.COMPONENTS + 3), 7, np.int32))
    assert (found[new][:, : levels.COMPONENTS] != 7).any() == new.any()


def flight(generator):
    """Two keyframes, the second of what the first shows."""
    camera = ahead((0.3, 0.0, 0.5))
    first = generator(flown(PHOTO, PHOTO, camera, SIZE))
    return first, generator(flown(PHOTO, key_of(first, camera), ahead((0.2, 0.1, 0.9), camera), SIZE))


def test_it_is_the_same_flight_and_constants_are_copied_once(cupy):
    generator = begun()
    assert on_gpu(generator)
    assert not grows(generator)
    first, second = flight(generator)
    kernels, constants = cupy.count["kernel"], len(generator._loops._constants)
    assert kernels > 92, "or some loop ran elsewhere: 46 a view, and one a piece"
    assert all(map(same, flight(generator), (first, second)))
    assert len(generator._loops._constants) == constants
    loops = generator._loops
    generator.leave_gpu()
    assert all(map(same, flight(generator), (first, second)))
    assert cupy.count["kernel"] == 2 * kernels
    gc.collect()
    assert not loops._constants, "they go with the photo"


@pytest.mark.parametrize("error", ["RuntimeLostError", "DriverLostError", "FullError"])
def test_a_lost_gpu_is_left(cupy, error):
    generator, view = begun(), flown(PHOTO, PHOTO, ahead((0.3, 0.0, 0.5)), SIZE)
    before = generator(view)
    cupy.broken = getattr(host_cupy, error)("out of\nluck")
    with pytest.raises(DeviceError, match=f"the GPU cannot copy from the photo .{error}: out of luck"):
        generator(view)
    generator.leave_gpu()
    assert not on_gpu(generator)
    assert same(generator(view), before)


def test_a_failed_compile_leaves_the_processor(cupy):
    cupy.broken = ImportError("libnvrtc is missing")
    with pytest.raises(DeviceError, match="libnvrtc"):
        device.DeviceLoops()
    assert not fastest().on_gpu
    assert not on_gpu(ExemplarGenerator())


def test_without_a_gpu_cupy_is_not_imported(monkeypatch):
    monkeypatch.setattr("core.warp.cuda.nvidia_gpus", lambda: 0)
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    generator = ExemplarGenerator()
    generator.begin(keyframe(size=SIZE), 0)
    assert not on_gpu(generator)
    assert "cupy" not in sys.modules
