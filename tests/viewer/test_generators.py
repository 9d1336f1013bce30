"""The trained generator in the product: which one flies, and what happens when its weights are unusable."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from handmade import keyframe
from random_generator import write_generator

from core.classical import ClassicalGenerator
from core.errors import DeviceMemoryError, WeightsError
from core.exemplar import ExemplarGenerator
from core.flight import Flight, FlightSettings
from core.generator import GENERATORS
from core.neural import NeuralGenerator
from core.neural.accelerator import GraphedExecutor
from core.refiner import make_generator
from core.steering import Steering
from core.warp.benchmark import landscape
from core.world import BUDGET_BYTES, LARGE_BUDGET_BYTES
from viewer import doctor, film
from viewer.loader import Loader, generator_of, prepare, share_cores
from viewer.options import FilmOptions, FlyOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("one_thread")  # which also gives the threads back


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stands in for trained weights."""
    return write_generator(tmp_path_factory.mktemp("weights") / "generator_small.safetensors")


@pytest.fixture
def shipped(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that takes the place of the shipped weights, with ``small`` in it."""
    for suffix in (".safetensors", ".json"):
        (tmp_path / trained.name).with_suffix(suffix).hardlink_to(trained.with_suffix(suffix))
    monkeypatch.setattr("core.weights.resources.files", lambda _package: tmp_path)
    return tmp_path


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def _not_tensors(path: Path) -> None:
    data = b"this is no network" * 100
    path.write_bytes(data)
    path.with_suffix(".json").write_text(json.dumps({"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}))


def _other_shape(path: Path) -> None:
    write_generator(path, "base", network="small")


def _other_network(path: Path) -> None:
    from core.weights import write_weights

    write_weights(path, {"weight": torch.zeros(3)}, {})


FAULTS: list[tuple[Callable[[Path], None], str]] = [
    (lambda path: path.unlink(), "missing"),
    (_truncated, "bytes instead of"),
    (_flipped, "have hash"),
    (_not_tensors, "not safetensors"),
    (_other_shape, "for another network"),
    (_other_network, "for another network"),
    (lambda path: path.with_suffix(".json").unlink(), "card"),
]


@pytest.fixture(params=FAULTS, ids=[said for _, said in FAULTS])
def unusable(request: pytest.FixtureRequest, trained: Path, tmp_path: Path) -> tuple[Path, str]:
    """A weights file with something wrong with it, and what is said of that."""
    spoil, said = request.param
    path = tmp_path / trained.name
    path.write_bytes(trained.read_bytes())
    path.with_suffix(".json").write_bytes(trained.with_suffix(".json").read_bytes())
    spoil(path)
    return path, said


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (16, 8)])
def test_the_display_keeps_half_of_the_cores(cores: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.machine.cores", lambda: cores)
    share_cores()
    assert torch.get_num_threads() == threads


def test_exemplar_synthesis_flies_by_default() -> None:
    for options in (FlyOptions(), FilmOptions()):
        generator, notice = generator_of(options)
        assert (type(generator), generator.name, notice) == (ExemplarGenerator, "exemplar", "")


@pytest.mark.usefixtures("shipped")
def test_the_trained_generator_flies_by_name() -> None:
    generator, notice = generator_of(FlyOptions(refiner="small"))
    assert (type(generator), generator.name, notice) == (NeuralGenerator, "small", "")


def test_generators_by_name_and_by_file(trained: Path) -> None:
    assert isinstance(make_generator("classical"), ClassicalGenerator)
    assert isinstance(make_generator(str(trained)), NeuralGenerator)
    with pytest.raises(ValueError, match="no generator 'huge': choose one of auto, exemplar, small, base, classical"):
        make_generator("huge")


@pytest.mark.parametrize("name", ["small", "file"])
def test_with_unusable_weights_the_default_generator_flies(
    unusable: tuple[Path, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, said = unusable
    monkeypatch.setattr("core.weights.resources.files", lambda _package: path.parent)
    generator, notice = generator_of(FlyOptions(refiner=str(path) if name == "file" else name))
    assert generator.name == "exemplar"
    assert said in notice
    assert notice.endswith("; the exemplar generator flies instead")
    assert "\n" not in notice
    with pytest.raises(WeightsError, match=said):
        make_generator(str(path))


def test_on_a_gpu_that_cannot_take_it_the_processor_flies(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise DeviceMemoryError("the GPU's memory is full")

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr(GraphedExecutor, "__call__", full)
    generator, notice = generator_of(FlyOptions(refiner=str(trained)))
    assert notice == ""
    flight = Flight(keyframe(size=(128, 80)), generator, FlightSettings(1.6, (64, 48), lockstep=True))
    flight.warm_up((64, 40))
    assert flight.refiner.last_error == "the GPU's memory is full; the small generator goes on on the processor"
    flown(flight, 1.0)
    assert flight.status().generator == "small"
    assert flight.refiner.failures == 1
    assert len(flight.world) > 1
    flight.close()


@pytest.mark.parametrize("gpu", [False, True])
def test_a_flight_on_a_gpu_remembers_more(gpu: bool, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NeuralGenerator, "on_gpu", gpu)
    monkeypatch.setattr("viewer.loader.keyframe_of", lambda *_: (None, keyframe(size=(128, 80)), ""))
    monkeypatch.setattr(Flight, "warm_up", lambda *_: None)
    loaded = prepare(trained, FlyOptions(refiner=str(trained)), (160, 100), (64, 40))
    assert loaded.flight.settings.world_bytes == (LARGE_BUDGET_BYTES if gpu else BUDGET_BYTES)
    loaded.flight.close()


@pytest.mark.usefixtures("gl_context")
def test_a_film_says_so_and_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = FilmOptions(seconds=0.2, fps=10.0, size=(96, 54), refiner=str(tmp_path / "none.safetensors"))
    assert len(list(film.shots(landscape(128, 80), options))) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "none.safetensors are missing" in line


def test_the_window_is_told(demo_photos: list[Path], tmp_path: Path) -> None:
    import time

    loader = Loader(FlyOptions(refiner=str(tmp_path / "none.safetensors")))
    loader.load(demo_photos[0], (160, 100), (96, 60))
    while (loaded := loader.poll()) is None and loader.busy:
        time.sleep(0.02)
    assert "none.safetensors are missing" in loaded.notice
    assert loaded.flight.status().generator == "exemplar"
    loaded.flight.close()
    loader.close()


def pictures(options: FilmOptions) -> np.ndarray:
    return np.array([shot.picture.copy() for shot in film.shots(landscape(128, 80), options)])


@pytest.mark.usefixtures("gl_context")
def test_the_same_seed_gives_the_same_film(trained: Path) -> None:
    def shot(seed: int, name: str) -> np.ndarray:
        return pictures(FilmOptions(seconds=0.8, fps=5.0, size=(160, 90), seed=seed, refiner=name, pilot="rise"))

    first = shot(3, str(trained))
    assert np.array_equal(first, shot(3, str(trained)))
    assert not np.array_equal(first, shot(4, str(trained)))
    assert not np.array_equal(first, shot(3, "classical"))


HASH = """
import hashlib, sys
from core import sky
from core.flight import Flight, FlightSettings
from core.refiner import make_generator
from core.steering import Steering
from core.warp.benchmark import landscape
sky.WIDTH, sky.HEIGHT = 256, 128
settings = FlightSettings(1.6, (128, 80), lockstep=True, seed=3)
flight = Flight(landscape(128, 80), make_generator(sys.argv[1]), settings)
for _ in range(6):
    flight.frame((96, 60)); flight.advance(0.1, Steering(advance=1.0))
print(len(flight.world), hashlib.sha256(b"".join(key.image.tobytes() for key in flight.world.keyframes)).hexdigest())
"""


def test_another_process_makes_the_same_keyframes(trained: Path, project_root: Path) -> None:
    command = [sys.executable, "-c", HASH, str(trained)]
    said = [subprocess.run(command, cwd=project_root, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert said[0] == said[1]
    assert int(said[0].split()[0]) >= 3


def flown(flight: Flight, seconds: float) -> None:
    for _ in range(round(seconds / 0.1)):
        flight.frame((64, 40))
        flight.advance(0.1, Steering(advance=1.0))


def test_a_network_that_diverges_is_replaced_in_flight(tmp_path: Path) -> None:
    generator = make_generator(str(write_generator(tmp_path / "nan.safetensors", strength=float("nan"))))
    flight = Flight(keyframe(size=(128, 80)), generator, FlightSettings(1.6, (64, 48), lockstep=True))
    flown(flight, 1.5)
    assert flight.status().generator == "classical"
    assert "not finite" in flight.refiner.last_error
    assert len(flight.world) > 1
    flight.close()


def test_a_generator_that_cannot_begin_is_replaced(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("out of memory\nwhile encoding the photo")

    monkeypatch.setattr(NeuralGenerator, "begin", full)
    flight = Flight(keyframe(size=(128, 80)), make_generator(str(trained)), FlightSettings(1.6, (64, 48), lockstep=True))
    assert flight.status().generator == "classical"
    assert "out of memory while" in flight.refiner.last_error
    flown(flight, 0.5)
    assert len(flight.world) > 1
    flight.close()


def test_a_generator_that_fails_while_warming_up_does_not_keep_the_photo_closed(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raising(*_: object) -> None:
        raise RuntimeError("no kernel image")

    monkeypatch.setattr(NeuralGenerator, "__call__", raising)
    flight = Flight(keyframe(size=(128, 80)), make_generator(str(trained)), FlightSettings(1.6, (64, 48), lockstep=True))
    flight.warm_up((64, 40))
    assert "no kernel image" in flight.refiner.last_error
    flown(flight, 1.5)
    assert flight.status().generator == "classical"
    flight.close()


def test_doctor_lists_generators(shipped: Path) -> None:
    finding = doctor._generators()
    assert "exemplar, which flies by default" in finding.fact
    assert "small" in finding.fact
    assert "base" not in finding.fact
    assert not finding.remedy
    write_generator(shipped / "generator_base.safetensors", "base")
    assert "base" in doctor._generators().fact
    _truncated(shipped / "generator_small.safetensors")
    finding = doctor._generators()
    assert "instead" in finding.fact
    assert "exemplar" in finding.remedy
    assert not finding.fatal


def test_names_begin_with_the_default() -> None:
    assert FlyOptions().refiner == FilmOptions().refiner == GENERATORS[0] == "auto"
