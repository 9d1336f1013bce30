"""The settings file: what is written is read back, what is wrong is one line, and nothing is ever lost."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import SettingsError
from viewer.controls import TABLE
from viewer.keyboard import KEYS
from viewer.settings import PadSettings, Settings
from viewer.settings_file import Watch, leaves, load, load_or_default, save

FILE = """# mine
[flight]
speed = 2.0   # faster

[controls.keys]
autopilot = ["Y"]
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "settings.toml"


@pytest.fixture
def mine(path):
    path.parent.mkdir()
    path.write_text(FILE)
    return path


def read(path):
    return load(path, {}).settings


pads = st.builds(
    PadSettings,
    dead_zone=st.floats(0.0, 0.9),
    expo=st.floats(0.0, 1.0),
    sensitivity=st.floats(0.1, 4.0),
    invert_pitch=st.booleans(),
    rumble=st.booleans(),
)
names = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=12)
free = sorted(set(KEYS) - {key for action in TABLE for key in action.keys})
bound = st.lists(
    st.tuples(st.sampled_from([action.id for action in TABLE]), st.sampled_from(free)),
    max_size=3,
    unique_by=(lambda pair: pair[0], lambda pair: pair[1]),
).map(lambda pairs: {action: [key] for action, key in pairs})
steering = st.sampled_from([action.id for action in TABLE if action.how != "press"])
any_settings = st.builds(
    lambda speed, seed, quality, pad, devices, keys, hold: Settings.model_validate(
        {
            "flight": {"speed": speed, "seed": seed},
            "display": {"quality": quality},
            "pad": pad.model_dump(),
            "devices": {name: each.model_dump() for name, each in devices.items()},
            "controls": {"keys": keys, "hold": hold},
        }
    ),
    st.floats(1.0 / 16.0, 16.0),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["auto", "full", "half", "quarter"]),
    pads,
    st.dictionaries(names, pads, max_size=2),
    bound,
    st.dictionaries(steering, st.sampled_from(["hold", "toggle"]), max_size=2),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(any_settings, any_settings)
def test_what_is_saved_is_read_back(path, first, second):
    path.unlink(missing_ok=True)
    save(Settings(), first, path)
    assert dict(leaves(read(path))).items() >= {each: value for each, value in leaves(first) if each[0] != "devices"}.items()
    assert read(path) == first or first.devices  # of a device, only what differs is written
    save(first, second, path)
    assert read(path).flight == second.flight
    assert read(path).controls == second.controls


def test_comments_and_what_was_not_changed_stay(mine):
    before = read(mine)
    after = Settings.model_validate({**before.model_dump(), "look": {"sensitivity": 0.5}})
    save(before, after, mine)
    assert mine.read_text().startswith(FILE.rstrip())
    assert read(mine) == after
    save(after, before, mine)
    assert "sensitivity" not in mine.read_text()
    assert "# faster" in mine.read_text()


def test_without_a_file_there_are_the_defaults_and_none_is_made(path):
    loaded = load(path, {})
    assert loaded.settings == Settings()
    assert loaded.origins == {}
    assert not path.parent.exists()


def test_the_environment_goes_before_the_file(mine):
    environment = {"PHOTOFLIGHT_FLIGHT__SPEED": "3", "PHOTOFLIGHT_FLIGHT__REFINER": "classical", "PHOTOFLIGHT_TRACE": "1"}
    loaded = load(mine, environment)
    assert (loaded.settings.flight.speed, loaded.settings.flight.refiner) == (3.0, "classical")
    assert loaded.origins == {
        "flight.speed": "PHOTOFLIGHT_FLIGHT__SPEED",
        "flight.refiner": "PHOTOFLIGHT_FLIGHT__REFINER",
        "controls.keys.autopilot": str(mine),
    }


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("[flight]\nsped = 2.0\n", 2, "no setting flight.sped; is it flight.speed"),
        ("[flights]\nspeed = 2.0\n", 1, "no setting flights"),
        ('\n[flight]\n# so\nspeed = "fast"\n', 4, "flight.speed = 'fast': .*number"),
        ("[flight]\nspeed = 99.0\n", 2, "flight.speed = 99.0: .*16"),
        ("[flight]\nspeed = nan\n", 2, "finite"),
        ("[display]\nvsync = 1\n", 2, "bool"),
        ('[display]\nquality = "best"\n', 2, "'auto', 'full', 'half' or 'quarter'"),
        ('[flight]\nrefiner = "huge"\n', 2, "huge': it is none of auto, exemplar"),
        ('[controls.keys]\nhover = "H"\n', 2, "list"),
        ("[flight]\nspeed = \n", 2, "not TOML"),
        ("[flight\n", 1, "not TOML"),
    ],
)
def test_what_is_wrong_is_one_line_and_the_file_stays(path, text, line, what):
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(SettingsError, match=what) as caught:
        load(path, {})
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert "\n" not in str(caught.value)
    loaded = load_or_default(path)
    assert loaded.settings == Settings()
    assert "defaults" in loaded.notice
    with pytest.raises(SettingsError, match=f":{line}:"):
        save(Settings(), Settings.model_validate({"flight": {"speed": 4.0}}), path)
    assert path.read_text() == text


def test_a_variable_that_is_wrong_is_named(path):
    for variable, value in (
        ("PHOTOFLIGHT_FLIGHT__SPEED", "99"),
        ("PHOTOFLIGHT_FLY__SPEED", "2"),
        ("PHOTOFLIGHT_LOOK__X__Y", "2"),
    ):
        with pytest.raises(SettingsError, match=variable):
            load(path, {variable: value})


def test_bytes_that_are_no_text(path):
    path.parent.mkdir()
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="UTF-8"):
        load(path, {})


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "folder").write_text("not a folder")
    with pytest.raises(SettingsError, match=r"settings\.toml: cannot be"):
        save(Settings(), Settings.model_validate({"flight": {"speed": 4.0}}), tmp_path / "folder" / "settings.toml")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_told(mine):
    mine.parent.chmod(0o500)
    with pytest.raises(SettingsError, match="Permission denied"):
        save(read(mine), Settings(), mine)
    mine.parent.chmod(0o700)
    assert mine.read_text() == FILE


def test_a_link_to_the_file_stays_one(mine, tmp_path):
    link = tmp_path / "link.toml"
    link.symlink_to(mine)
    save(read(link), Settings.model_validate({"flight": {"speed": 4.0}}), link)
    assert link.is_symlink()
    assert read(mine).flight.speed == 4.0
    assert list(mine.parent.iterdir()) == [mine]


def test_a_saved_file_is_noticed_once(mine):
    watch = Watch(mine)
    assert not watch.changed()
    mine.write_text(FILE + "# more\n")
    assert watch.changed()
    assert not watch.changed()
    mine.unlink()
    assert watch.changed()
