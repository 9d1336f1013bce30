"""The log of a flight: what goes in comes out, small, and damage is noticed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.camera import Intrinsics
from core.flight_log import DRAG_STEPS, STEERED, STICK_STEPS, Arrival, FlightLog, from_steps, in_steps, packed, unpacked
from core.steering import Steering

whole = st.integers(-(2**20), 2**20)
events = st.one_of(
    st.tuples(st.just("steer"), st.tuples(*(whole for _ in STEERED)), st.tuples(whole, whole)),
    st.tuples(st.just("engage"), st.text(max_size=9)),
    st.tuples(st.just("look_through"), st.builds(Intrinsics, st.floats(0.1, 9.0), st.floats(0.1, 9.0))),
    st.tuples(st.just("arrive"), st.sampled_from(Arrival), st.sampled_from([(256, 160), (512, 320)])),
)


def logged(happened: list[tuple[int, tuple]]) -> FlightLog:
    log = FlightLog()
    for wait, (what, *arguments) in happened:
        log.ticks += wait
        getattr(log, what)(log.ticks, *arguments)
    return log


@given(st.lists(st.tuples(st.integers(0, 9999), events), max_size=30))
def test_a_log_read_back_is_the_same(happened: list[tuple[int, tuple]]) -> None:
    log = logged(happened)
    again = FlightLog.of(json.loads(json.dumps(log.document())))
    assert (again.events, again.ticks) == (log.events, log.ticks)
    assert (again.pilots, again.lenses, again.sizes) == (log.pilots, log.lenses, log.sizes)


@given(st.lists(st.integers(-(2**40), 2**40)))
def test_packed_numbers_come_back(numbers: list[int]) -> None:
    assert unpacked(packed(numbers)) == numbers


sticks = st.floats(-1.0, 1.0)


@given(st.builds(Steering, *[sticks] * 6, drag=st.tuples(sticks, sticks), boost=st.floats(0.1, 9.0), speed=st.floats(0.06, 16.0)))
def test_what_flies_is_what_is_logged(steering: Steering) -> None:
    drag = tuple(round(each * DRAG_STEPS) for each in steering.drag)
    flown = from_steps(in_steps(steering), drag)
    assert in_steps(flown) == in_steps(steering)
    assert from_steps(in_steps(flown), drag) == flown
    assert abs(flown.yaw - steering.yaw) <= 0.5 / STICK_STEPS + 1e-12
    assert abs(flown.drag[0] - steering.drag[0]) <= 0.5 / DRAG_STEPS + 1e-12


def test_full_deflection_and_rest_are_exact() -> None:
    held = Steering(advance=1.0, strafe=-1.0, boost=2.5, speed=0.0625)
    assert from_steps(in_steps(held)) == held
    assert not from_steps(in_steps(Steering())).touched


def test_only_changes_take_room() -> None:
    log = FlightLog()
    for tick in range(7200):
        log.steer(tick, in_steps(Steering(advance=float(tick % 240 < 120))), (0, 0))
    assert len(log.events) == 60
    assert len(json.dumps(log.document())) < 1000


@pytest.mark.parametrize("damage", ["events", "ticks", "steering", "cut", "names"])
def test_damage_is_noticed(damage: str) -> None:
    log = logged([(5, ("engage", "autopilot")), (7, ("steer", in_steps(Steering(yaw=1.0)), (3, 4)))])
    document = log.document()
    if damage == "events":
        document["events"] = "!" + document["events"]
    elif damage == "ticks":
        document["ticks"] = 6
    elif damage == "steering":
        document["steering"] = ["rudder"]
    elif damage == "cut":
        document["events"] = packed(unpacked(document["events"])[:-1])
    else:
        document["pilots"] = []
    with pytest.raises(ValueError, match=r"log|controls|valid|base64"):
        FlightLog.of(document)
