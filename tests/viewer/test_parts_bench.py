"""The benchmark of the parts: of a GPU on the processor and llvmpipe, with a clock of the test's own, and of the processor."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
from handmade import CopyGenerator

from core.errors import DeviceError, OutputError
from core.neural.accelerator import PlainExecutor
from core.warp.benchmark import landscape
from core.warp.cpu import CpuWarper
from viewer import cli, parts_bench, parts_rig
from viewer.options import BenchOptions
from viewer.parts_bench import Figure
from viewer.parts_rig import CudaTimer, Rig

pytestmark = pytest.mark.usefixtures("one_thread")
BANDWIDTH = 1e9  # bytes a millisecond
SIZE = (160, 90)


class FakeTimer:
    """Every action is done, and takes 2 ms."""

    def __init__(self) -> None:
        self.done = []

    def milliseconds(self, action, stream):
        action()
        self.done.append(stream)
        return 2.0

    def bandwidth(self):
        return BANDWIDTH


@pytest.fixture
def rig(gl_context, monkeypatch):
    monkeypatch.setattr(parts_bench, "SOURCES", ((64, 40), (96, 60)))
    monkeypatch.setattr(parts_bench, "TARGETS", {"720p": (128, 72), "1080p": SIZE})
    monkeypatch.setattr(parts_bench, "VIEWS", ((64, 48),))
    monkeypatch.setattr(parts_bench, "REFINED", (64, 48))
    monkeypatch.setattr(parts_bench, "FLOWN_SECONDS", 1.0)
    monkeypatch.setattr(parts_rig, "REPEATS", 2)
    monkeypatch.setattr("core.refiner.make_generator", lambda _name: CopyGenerator())
    now = iter(range(10_000))
    clock = lambda: 0.02 * next(now)  # noqa: E731 - every look at it is 20 ms later
    return Rig(gl_context, CpuWarper(1), PlainExecutor, FakeTimer(), "stream", "cpu", gl_context.finish, clock)


PHOTO = landscape(128, 80)


def test_every_warp_beside_its_floor(rig):
    figures = list(parts_bench.warping(rig))
    assert [figure.what for figure in figures[:2]] == ["64x40 to 720p", "64x40 to 720p, with asking for it"]
    assert len(figures) == 2 * 2 * 2
    assert (figures[0].milliseconds, figures[1].milliseconds) == pytest.approx((2.0, 20.0))
    mesh = landscape(64, 40).mesh
    assert figures[0].moved == 52 * 128 * 72 + 84 * len(mesh.vertices) + 33 * len(mesh.quads)
    assert figures[0].moved < figures[2].moved < figures[-1].moved
    assert set(rig.timer.done) == {"stream"}


def test_the_papers_splatting_at_the_same_sizes(rig):
    figures = list(parts_bench.splatting(rig))
    assert [(figure.part, figure.what) for figure in figures] == [("splat", "128x72 to 720p"), ("splat", "160x90 to 1080p")]


def test_a_textured_grid_at_the_same_sizes(rig):
    figures = list(parts_bench.gridding(rig))
    assert [figure.what for figure in figures] == [figure.what for figure in list(parts_bench.warping(rig))[::2]]
    assert all(figure.milliseconds > 0.0 for figure in figures)


def test_lookups_get_into_opengl_and_are_drawn(rig):
    figures = list(parts_bench.drawing(rig, PHOTO))
    assert [figure.part for figure in figures] == 2 * ["interop", "draw"]
    assert all(figure.milliseconds > 0.0 for figure in figures)
    assert "processor" in figures[0].what  # it says which way they took
    assert figures[2].moved == 32 * 160 * 90


def test_the_network_and_a_whole_refinement(rig):
    network, whole = parts_bench.generating(rig, PHOTO)
    assert network.what == "small network at 64x48"
    assert network.moved > 13e6  # its weights in 16 bits alone
    assert whole.moved is None


def test_a_flight_while_refining(rig, capsys):
    figures = list(parts_bench.flying(rig, PHOTO))
    assert "1080p while refining at 64x48" in figures[0].what
    assert [figure.milliseconds for figure in figures] == pytest.approx([20.0] * 4)
    assert figures[-1].what.endswith("slowest")
    assert not capsys.readouterr().out


def test_peers_are_told_as_multiples_of_the_warp(rig):
    figures = [*parts_bench.warping(rig), *parts_bench.splatting(rig), Figure("grid", "96x60 to 720p", 5.0)]
    figures += [Figure("grid", "96x60 to 1080p", 1.0), Figure("grid", "64x40 to 1080p", 9.0)]
    compared = parts_bench.comparisons(figures)
    assert compared["720p"] == pytest.approx({"softmax splatting": 1.0, "a textured grid": 2.5})
    assert compared["1080p"] == pytest.approx({"softmax splatting": 1.0, "a textured grid": 0.5})
    assert not parts_bench.comparisons([])


def test_the_processor_is_measured_by_the_clock(monkeypatch, gl_context):
    monkeypatch.setattr("viewer.headless.headless_context", lambda: gl_context)
    monkeypatch.setattr(parts_rig, "COPY_BYTES", 1 << 20)
    rig = Rig.of_processor()
    assert rig.timer.bandwidth() > 1e3, "more than a MB/s"
    done = []
    assert rig.timer.milliseconds(lambda: done.append(time.sleep(0.01)), rig.stream) >= 10.0
    assert rig.drawn(lambda: done.append(time.sleep(0.01))) >= 10.0
    assert len(done) == 2 * (1 + parts_rig.HOST_REPEATS)
    monkeypatch.setattr(parts_bench, "SOURCES", ((64, 40),))
    monkeypatch.setattr(parts_bench, "TARGETS", {"1080p": SIZE})
    (figure,) = parts_bench.warping(rig)  # asking for it is all there is
    assert figure.milliseconds > 0.0
    assert "cores" in parts_bench.machine(rig)["processor"]


FIGURES = [Figure("warp", "far", 3.0, 2_000_000_000), Figure("frame", "whole", 1.5)]


@pytest.fixture
def quick(monkeypatch):
    released = []
    context = SimpleNamespace(release=lambda: released.append(True))
    rig = SimpleNamespace(timer=FakeTimer(), context=context)
    monkeypatch.setattr(Rig, "of_gpu", lambda: rig)
    monkeypatch.setattr(parts_bench, "machine", lambda _rig: {"GPU": "a test"})
    monkeypatch.setattr(parts_bench, "measured", lambda _rig: iter(FIGURES))
    return released


def test_table_and_json_agree(quick, tmp_path, capsys):
    parts_bench.run(BenchOptions(tmp_path / "figures.json", parts="gpu"))
    lines = capsys.readouterr().out.splitlines()
    assert "a test" in lines[0]
    assert "1000 GB/s" in lines[1]
    assert lines[2].split() == ["warp", "far", "3.000", "ms", "floor", "2.000", "ms", "1.5", "x"]
    assert lines[3].split() == ["frame", "whole", "1.500", "ms"]
    document = json.loads((tmp_path / "figures.json").read_text())
    assert document["machine"] == {"GPU": "a test"}
    assert document["bytes_per_second"] == 1e12
    assert [figure["floor"] for figure in document["figures"]] == [2.0, None]
    assert quick == [True]


def test_json_that_cannot_be_written(quick, tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        parts_bench.run(BenchOptions(tmp_path / "nowhere" / "figures.json", parts="gpu"))
    assert quick


def test_without_cuda_it_says_so_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert cli.main(["bench", "--gpu"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert "no CUDA here" in line
    with pytest.raises(DeviceError):
        Rig.of_gpu()


class FakeCupy:
    """A GPU with one stream, which works off at once what it is given, and knows how long that took."""

    def __init__(self) -> None:
        self.log, self.now, self.working = [], 0.0, False
        elapsed = lambda began, ended: ended.seen - began.time  # noqa: E731
        self.cuda = SimpleNamespace(Event=lambda: Event(self), get_elapsed_time=elapsed)

    def zeros(self, count, dtype):
        return count, dtype

    def copyto(self, to, source):
        assert to == source == (parts_rig.COPY_BYTES, np.uint8)
        assert self.working, "on another stream than what is measured"
        self.log.append("copy")
        self.now += 0.5

    def __enter__(self):  # it is its stream
        self.working = True

    def __exit__(self, *_):
        self.working = False


class Event:
    def __init__(self, cupy) -> None:
        self.cupy, self.time, self.seen = cupy, None, None

    def record(self, stream):
        assert stream is self.cupy
        self.time, self.seen = self.cupy.now, None

    def synchronize(self):
        self.seen = self.time


def test_events_surround_the_work_alone_and_copies_run_ahead(monkeypatch):
    monkeypatch.setattr(parts_rig, "REPEATS", 3)
    cupy, spans = FakeCupy(), iter([100.0, 7.0, 1.0, 3.0])  # the first is not measured

    def action():
        cupy.log.append("action")
        cupy.now += next(spans)

    assert CudaTimer(cupy).milliseconds(action, cupy) == 3.0
    assert cupy.log == ["action", *(3 * [*(parts_rig.AHEAD * ["copy"]), "action"])]
