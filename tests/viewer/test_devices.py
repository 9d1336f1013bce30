"""Devices that come and go."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from fake_devices import FakePad, FakeStick

import viewer.devices as module
from core.steering import Motion, Steering, Surroundings
from viewer.devices import Devices, contact, database
from viewer.dispatcher import Dispatcher
from viewer.settings import Settings


class Manager:
    """Stands for pyglet's manager; tests plug and unplug."""

    def __init__(self, *pads: FakePad) -> None:
        self.pads = pads

    def push_handlers(self, **handlers) -> None:
        self.plug, self.unplug = handlers["on_connect"], handlers["on_disconnect"]

    def get_controllers(self) -> tuple[FakePad, ...]:
        return self.pads


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Two pads plugged in, and places where more may be."""
    pads, sticks, present = (FakePad("Alpha"), FakePad("Alpha")), [], {"event0"}
    manager = Manager(*pads)
    monkeypatch.setattr(module, "_manager", lambda: manager)
    monkeypatch.setattr(module, "_joysticks", lambda: sticks)
    monkeypatch.setattr(module, "_present", lambda: frozenset(present))
    monkeypatch.setattr(module, "LOOK_SECONDS", -1.0)
    dispatcher = Dispatcher()
    devices = Devices(dispatcher)
    return SimpleNamespace(pads=pads, sticks=sticks, present=present, manager=manager, dispatcher=dispatcher, devices=devices)


def test_two_at_once_fly_together(bench):
    assert bench.devices.names == ["Alpha", "Alpha (2)"]
    bench.pads[0].push("left", 0, 1)
    bench.pads[1].push("right", 1, 0)
    steering, _ = bench.dispatcher.poll()
    assert steering.advance == pytest.approx(1.0, abs=1e-3)
    assert steering.yaw == pytest.approx(1.0, abs=1e-3)


def test_unplugging_releases_every_axis_of_that_pad_alone(bench):
    bench.pads[0].push("left", 0, 1)
    bench.pads[0].press("leftshoulder")
    bench.pads[1].push("right", 1, 0)
    bench.manager.unplug(bench.pads[0])
    steering, _ = bench.dispatcher.poll()
    assert (steering.advance, steering.roll) == (0.0, 0.0)
    assert steering.yaw > 0.9
    assert bench.devices.names == ["Alpha (2)"]
    bench.manager.unplug(bench.pads[0])


def test_a_pad_that_cannot_be_read_any_more_has_gone(bench):
    bench.pads[0].push("left", 0, 1)
    bench.pads[0].device.close()
    bench.devices.poll()
    assert bench.dispatcher.poll() == (Steering(), [])
    assert bench.devices.names == ["Alpha (2)"]


def test_plugging_in_again_flies_again(bench):
    pad = bench.pads[0]
    bench.manager.unplug(pad)
    bench.manager.plug(pad)
    bench.manager.plug(pad)
    assert bench.devices.names == ["Alpha (2)", "Alpha"]
    pad.push("left", 1, 0)
    assert bench.dispatcher.poll()[0].strafe == pytest.approx(1.0, abs=1e-3)


def test_one_that_may_not_be_opened_is_left_alone(bench):
    busy = FakePad("Busy")
    busy.device.refuses = True
    bench.manager.plug(busy)
    assert "Busy" not in bench.devices.names


def test_each_device_answers_as_its_own_settings_say(bench):
    bench.manager.plug(FakePad("Beta"))
    settings = Settings.model_validate({"pad": {"invert_pitch": True}, "devices": {"Alpha": {"invert_pitch": False}}})
    bench.devices.apply(settings)
    gamma = FakePad("Gamma")
    bench.manager.plug(gamma)
    gamma.push("right", 0, 1)
    assert bench.dispatcher.poll()[0].pitch == pytest.approx(-1.0, abs=1e-3)
    gamma.push("right", 0, 0)
    bench.pads[0].push("right", 0, 1)
    assert bench.dispatcher.poll()[0].pitch == pytest.approx(1.0, abs=1e-3)


def test_each_axis_answers_as_its_own_settings_say(bench):
    pad = {"sensitivity": 2.0, "pitch_sensitivity": 0.25, "invert_yaw": True, "strafe_sensitivity": 0.5, "invert_advance": True}
    bench.devices.apply(Settings.model_validate({"pad": pad}))
    bench.pads[0].push("right", 1, 0)
    bench.pads[0].push("left", 1, 0)
    steering, _ = bench.dispatcher.poll()
    assert (steering.yaw, steering.strafe) == pytest.approx((-2.0, 0.5), abs=1e-3)
    bench.pads[0].push("right", 0, 1)
    bench.pads[0].push("left", 0, 1)
    steering, _ = bench.dispatcher.poll()
    assert (steering.pitch, steering.advance) == pytest.approx((0.5, -1.0), abs=1e-3)


def test_before_settings_are_read_devices_answer_by_their_defaults(bench):
    response = bench.devices._response("Alpha")
    bench.devices.apply(Settings())
    assert bench.devices._response("Alpha") == response


def test_pads_shake_for_a_moment_where_that_is_wanted(bench, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    still = FakePad("Still")
    bench.manager.plug(still)
    bench.devices.apply(Settings.model_validate({"devices": {"Still": {"rumble": False}}}))
    for _ in range(3):
        bench.devices.rumble(0.5)
    bench.devices.rumble(0.0)
    assert bench.pads[0].shaken == bench.pads[1].shaken == [0.5]
    assert still.shaken == []
    now[0] += 1.0
    bench.pads[0].device.close()
    bench.devices.rumble(2.0)
    assert bench.pads[1].shaken == [0.5, 1.0]
    assert bench.devices.names == ["Alpha (2)", "Still"]


def test_flight_sticks_are_found_when_something_is_plugged_in(bench):
    bench.devices.poll()
    stick = FakeStick("Yoke")
    bench.sticks.append(stick)
    bench.devices.poll()
    assert "Yoke" not in bench.devices.names, "nothing has been plugged in, so nothing is opened"
    bench.present.add("event1")
    bench.devices.poll()
    stick.move("x", 1.0)
    assert bench.dispatcher.poll()[0].yaw == pytest.approx(1.0, abs=1e-3)
    stick.device.close()
    bench.devices.poll()
    assert bench.dispatcher.poll() == (Steering(), [])
    assert "Yoke" not in bench.devices.names


@pytest.mark.parametrize(("near", "speed", "expected"), [(0.5, 1.0, 0.0), (0.95, 1.0, 0.25), (1.2, 1.0, 1.0), (1.2, 0.0, 0.0)])
def test_contact_is_ground_that_is_brushed(near, speed, expected):
    seen = Surroundings(np.full((40, 64), near, np.float32), np.zeros((40, 64), np.float32), np.ones((40, 64), np.bool_))
    craft = SimpleNamespace(motion=Motion(np.array([0.0, 0.0, speed])))
    assert contact(SimpleNamespace(craft=craft, surroundings=seen)) == pytest.approx(expected)
    assert contact(SimpleNamespace(craft=craft, surroundings=None)) == 0.0


def test_the_end_lets_go_of_all(bench):
    bench.pads[0].push("left", 0, 1)
    bench.devices.close()
    assert bench.dispatcher.poll() == (Steering(), [])
    assert not any(pad.device.is_open for pad in bench.pads)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have no such folder")
def test_a_machine_without_input_devices_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LINUX_DEVICES", tmp_path / "nothing")
    devices = Devices(Dispatcher())
    devices.poll()
    assert devices.names == []
    devices.close()


def test_a_newer_database_and_the_environment_are_heeded(tmp_path, monkeypatch):
    from pyglet.input import controller

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(controller, "mapping_list", [])
    monkeypatch.setattr(module, "_present", lambda: frozenset({"event0"}))
    database().parent.mkdir(parents=True, exist_ok=True)
    guid = "0" * 31
    database().write_text(f"# newer\n{guid}1,Café,a:b0,\n{guid}2,Old,a:b0,\n", encoding="utf-8")
    monkeypatch.setenv("SDL_GAMECONTROLLERCONFIG", f"{guid}2,Mine,a:b3,\n{guid}3,Third,a:b1,")
    module._manager()
    assert controller.get_mapping(f"{guid}1")["name"] == "Café"
    assert controller.get_mapping(f"{guid}2")["name"] == "Mine"
    assert controller.get_mapping(f"{guid}3")["name"] == "Third"
