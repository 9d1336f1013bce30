"""Flights on file: small, readable by others, flown again exactly from lockstep and from threads."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from handmade import CopyGenerator, JoiningGenerator, RaisingGenerator, keyframe

from core.camera import Intrinsics, angles, rigid, turn
from core.errors import PilotError
from core.flight import Flight, FlightSettings, Other
from core.flight_file import FlightRecord, Origin, read_record
from core.flight_log import Arrival, Event, FlightLog, Happening
from core.pilots.path_file import load_path
from core.sight import TICK, TRACK_TICKS
from core.steering import Steering
from core.world import BUDGET_BYTES

if TYPE_CHECKING:
    from pathlib import Path

    from core.generator import Generator

SIZE = (48, 30)
ORIGIN = Origin("hills.jpg", "ab" * 32, 3, "copy", "cpu/cpu", "1.0")


def made(
    generator: Generator, *, lockstep: bool = False, replay: FlightLog | None = None, others: tuple[Other, ...] = ()
) -> Flight:
    settings = FlightSettings(1.6, (64, 40), lockstep=lockstep, seed=3, world_bytes=2**20, replay=replay)
    return Flight(keyframe(), generator, settings, others)


def flown(flight: Flight, others: tuple[Other, ...] = ()) -> dict[int, np.ndarray]:
    """Fly by hand, unevenly, and return what was seen at some ticks; ``others`` join on the way."""
    seen = {}
    for step in range(90):
        if step == 30 and others:
            flight.join(others)
        if step == 40:
            flight.engage("autopilot")
        if step == 60:
            flight.reshape(1.2)
        if step == 70:
            flight.engage("rewind")
        steering = Steering(advance=0.7, yaw=0.3 * (step % 2), drag=(0.011, -0.003)) if step < 40 else Steering()
        flight.advance((0.011, 0.034, 0.0)[step % 3], steering)
        if not flight.settings.lockstep:
            time.sleep(0.002)  # for the refiner's thread
        seen[flight.tick] = flight.craft.camera.world_from_camera
    return seen


@pytest.mark.parametrize("lockstep", [True, False])
@pytest.mark.parametrize("generator", [CopyGenerator, RaisingGenerator])
def test_it_is_the_same_flight(generator: type[Generator], tmp_path: Path, *, lockstep: bool) -> None:
    flight = made(generator(), lockstep=lockstep)
    seen = flown(flight)
    FlightRecord.of(flight, ORIGIN, SIZE).save(tmp_path / "flight.json")
    flight.close()
    record = read_record(tmp_path / "flight.json")
    assert record is not None
    assert record.origin == ORIGIN
    again = made(generator(), lockstep=True, replay=record.log)
    for tick in range(1, flight.tick + 20):
        again.advance(TICK, Steering(advance=-1.0))  # which is not heeded
        if tick in seen:
            assert np.array_equal(again.craft.camera.world_from_camera, seen[tick])
    assert again.tick == flight.tick
    assert len(again.world) == len(flight.world)
    assert again.refiner.generator_name == flight.refiner.generator_name
    for one, other in zip(again.world.keyframes, flight.world.keyframes, strict=True):
        assert np.array_equal(one.image, other.image)
        assert np.array_equal(one.disparity, other.disparity)
    one, other = again.frame(SIZE).newer, flight.frame(SIZE).newer
    assert np.array_equal(one.lookup.uv, other.lookup.uv)
    assert again.log.events == flight.log.events
    again.close()


def test_others_lend_their_look_again_from_when_they_did(tmp_path: Path) -> None:
    others = (Other(None, keyframe(seed=1)), Other(None, replace(keyframe(), image=np.zeros((40, 64, 3), np.uint8))))
    flight = made(JoiningGenerator())
    flown(flight, others)
    FlightRecord.of(flight, ORIGIN, SIZE).save(tmp_path / "flight.json")
    flight.close()
    record = read_record(tmp_path / "flight.json")
    assert record is not None
    worlds = []
    for lent in (others, others[:1]):
        again = made(JoiningGenerator(), lockstep=True, replay=record.log, others=lent)
        again.advance(flight.tick * TICK, Steering())
        assert again.log.events == flight.log.events
        again.close()
        worlds.append([key.image for key in again.world.keyframes])
    assert len(flight.world) > 3
    assert all(np.array_equal(one, key.image) for one, key in zip(worlds[0], flight.world.keyframes, strict=True))
    assert not all(np.array_equal(one, other) for one, other in zip(*worlds, strict=True))
    early = [event.tick for event in flight.log.events if event.what is Happening.JOINED]
    assert len(early) == 1
    assert early[0] > 0


def test_others_at_the_start_join_before_the_first_tick() -> None:
    flight = made(JoiningGenerator(), lockstep=True, others=(Other(None, keyframe(seed=1)),))
    assert Event(0, Happening.JOINED, ()) in flight.log.events
    flight.close()


def test_a_file_remembers_the_others_and_an_older_one_has_none(tmp_path: Path) -> None:
    origin = replace(ORIGIN, others=(("lake.jpg", "cd" * 32), ("fell.jpg", "ef" * 32)))
    replace(record_of(2), origin=origin).save(tmp_path / "flight.json")
    assert read_record(tmp_path / "flight.json").origin == origin
    assert ORIGIN.differences(origin) == ["set of other photos"]
    document = json.loads((tmp_path / "flight.json").read_text())
    del document["photoflight"]["others"]
    (tmp_path / "flight.json").write_text(json.dumps(document))
    assert read_record(tmp_path / "flight.json").origin == ORIGIN


def test_the_display_changes_nothing() -> None:
    ends = []
    for rate in (30.0, 60.0, 144.0):
        flight = made(CopyGenerator(), lockstep=True)
        for _ in range(round(rate)):
            flight.advance(1.0 / rate, Steering(advance=1.0, yaw=0.2))
            flight.frame(SIZE)
        flight.advance(2.0 * TICK, Steering())
        ends.append((flight.tick, flight.camera.world_from_camera))
        flight.close()
    assert {tick for tick, _ in ends} <= {121, 122}
    for _, end in ends[1:]:
        assert np.abs(end - ends[0][1]).max() < 0.01


def test_the_display_camera_moves_on_between_ticks() -> None:
    flight = made(CopyGenerator(), lockstep=True)
    places = []
    for _ in range(400):
        flight.advance(TICK / 4.0, Steering(advance=1.0))
        places.append(flight.camera.position[2])
    steps = np.diff(places[200:])
    assert steps.min() > 0.0
    assert steps.max() < 1.05 * steps.min()
    flight.close()


def record_of(seconds: int) -> FlightRecord:
    """Return a made-up flight on autopilot that turns, climbs and gets a keyframe five times a second."""
    random, ticks = np.random.default_rng(0), seconds * 120
    log = FlightLog()
    log.look_through(0, Intrinsics(1.0, 1.6))
    log.engage(0, "autopilot")
    at = 0
    while (at := at + int(random.integers(18, 34))) < ticks:
        log.arrive(at, Arrival.MADE, (256, 160))
    log.ticks = ticks
    times = np.arange(0, ticks + 1, TRACK_TICKS) * TICK
    poses = [rigid(turn(0.2 * np.sin(0.1 * t), 0.03), np.array([np.sin(0.05 * t), -0.01 * t, 0.6 * t])) for t in times]
    return FlightRecord(ORIGIN, (256, 160), BUDGET_BYTES, Intrinsics(1.0, 1.6), (1280, 720), log, (*poses, poses[-1]), (0, ticks))


def test_an_hour_is_small(tmp_path: Path) -> None:
    file = tmp_path / "hour.json"
    record_of(3600).save(file)
    assert file.stat().st_size < 100_000
    again = read_record(file)
    assert again is not None
    assert len(again.log.events) > 15_000


def test_others_can_follow_its_path(tmp_path: Path) -> None:
    record = record_of(30)
    record.save(tmp_path / "flight.json")
    document = json.loads((tmp_path / "flight.json").read_text())
    frames = document["camera_path"]
    assert len(frames) <= 240
    assert len(frames) / document["fps"] == pytest.approx(30.0, rel=0.02)
    first, last = (np.array(frame["camera_to_world"]).reshape(4, 4) for frame in (frames[0], frames[-1]))
    assert np.allclose(first[:3, 3], 0.0)
    assert last[2, 3] == pytest.approx(-18.0, abs=1e-3)  # OpenGL cameras look along -Z
    assert frames[0]["fov"] == pytest.approx(np.degrees(2.0 * np.arctan(0.5 / 1.6)))
    path = load_path(tmp_path / "flight.json")
    middle = path.pose(15.0)
    assert np.abs(middle[:3, 3] - [np.sin(0.75), -0.15, 9.0]).max() < 0.01
    assert angles(middle[:3, :3])[0] == pytest.approx(0.2 * np.sin(1.5), abs=0.01)


def test_a_part_begins_where_it_began(tmp_path: Path) -> None:
    flight = made(CopyGenerator(), lockstep=True)
    flight.advance(2.0, Steering(advance=1.0))
    flight.advance(0.3 * TICK, Steering(advance=1.0))
    picture = FlightRecord.of(flight, ORIGIN, SIZE, flight.tick)
    picture.save(tmp_path / "picture.json")
    path, record = load_path(tmp_path / "picture.json"), read_record(tmp_path / "picture.json")
    assert np.abs(path.pose(0.0) - flight.camera.world_from_camera).max() < 1e-5
    assert record is not None
    assert record.part == (flight.tick, flight.tick)
    again = made(CopyGenerator(), replay=record.log)
    again.advance(record.part[0] * TICK + record.rest, Steering())
    assert np.array_equal(again.camera.world_from_camera, flight.camera.world_from_camera)
    for each in (flight, again):
        each.close()


def test_what_is_no_flight_file_is_left_to_others(tmp_path: Path) -> None:
    assert read_record(tmp_path / "nowhere.json") is None
    for text in ("{", "[]", '{"camera_path": []}', '{"photoflight": {"rows": []}}'):
        (tmp_path / "other.json").write_text(text)
        assert read_record(tmp_path / "other.json") is None


@pytest.mark.parametrize(
    ("name", "value", "said"), [("version", 99, "format 99"), ("part", [5, 1], "damaged"), ("log", {"ticks": 3}, "damaged")]
)
def test_a_damaged_file_is_one_line(tmp_path: Path, name: str, value: object, said: str) -> None:
    document = record_of(2).document()
    document["photoflight"][name] = value
    (tmp_path / "flight.json").write_text(json.dumps(document))
    with pytest.raises(PilotError, match=said) as caught:
        read_record(tmp_path / "flight.json")
    assert "\n" not in str(caught.value)


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(PilotError, match="cannot be saved"):
        record_of(1).save(tmp_path / "no" / "where.json")


def test_differences_are_named() -> None:
    other = Origin("hills.jpg", "cd" * 32, 3, "copy", "cuda/cuda", "1.0")
    assert ORIGIN.differences(other) == ["photo", "device"]
    assert ORIGIN.differences(ORIGIN) == []
