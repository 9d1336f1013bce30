"""The strip and the map: what is where in the pictures."""

from __future__ import annotations

import numpy as np
import pytest

from core.camera import Camera, Intrinsics, rigid, turn
from core.pilots.path import Path, RewindPilot
from core.steering import Craft, Steering
from viewer.hud import INK
from viewer.timeline import KEY, VIEW, map_picture, stacked, strip_picture

LENS = Intrinsics.from_fov(1.0, 1.6)


def camera(x: float = 0.0, z: float = 0.0, yaw: float = 0.0) -> Camera:
    return Camera(LENS, rigid(turn(yaw), np.array([x, 0.0, z])))


def where(picture: np.ndarray, colour: tuple[int, ...]) -> np.ndarray:
    """Mean (x, y) of the pixels of exactly this colour."""
    found = np.argwhere((picture == np.array(colour, np.uint8)).all(axis=2))
    assert len(found)
    return np.asarray(found.mean(axis=0)[::-1])


def flown(seconds: float = 4.0) -> Path:
    path = Path(np.eye(4))
    for i in range(1, round(60 * seconds) + 1):
        t = i / 60.0
        path.record(rigid(turn(0.2 * t), np.array([np.sin(t), 0.0, t])), 1.0 / 60.0)
    return path


def test_north_is_up_and_east_is_right() -> None:
    """The first key south-west of the second."""
    trail = np.array([[-2.0, 0.0, 1.0], [2.0, 0.0, 5.0]])
    west, east = (where(map_picture(trail, camera(0.0, 2.0), [np.array([x, 0.0, z])]), KEY) for x, z in ((-2.0, 1.0), (2.0, 5.0)))
    assert east[0] > west[0] + 50
    assert east[1] < west[1] - 50


@pytest.mark.parametrize(("yaw", "way"), [(0.0, (0, -1)), (np.pi / 2, (1, 0)), (np.pi, (0, 1)), (-np.pi / 2, (-1, 0))])
def test_the_wedge_opens_where_the_camera_looks(yaw: float, way: tuple[int, int]) -> None:
    trail = np.array([[-1.0, 0.0, -1.0], [1.0, 0.0, 1.0]])
    picture = map_picture(trail, camera(yaw=yaw), scale=2.0)
    middle = np.array([picture.shape[1] / 2, 400.0 / 2])
    assert (where(picture, VIEW) - middle) @ np.array(way) > 3.0


def test_the_map_is_of_one_size_whatever_was_flown() -> None:
    shapes = {map_picture(np.array([[0.0, 0.0, 0.0], [x, 0.0, 0.0]]), camera(x)).shape for x in (0.0, 0.3, 40.0, 1e4)}
    assert len(shapes) == 1


def test_the_trail_is_where_it_was_flown_and_looking_changes_nothing() -> None:
    path, seen = flown(), flown()
    trail = seen.trail
    for t in np.linspace(0.0, 4.0, 30):
        assert np.linalg.norm(trail - np.array([np.sin(t), 0.0, t]), axis=1).min() < 0.15
    np.testing.assert_array_equal(trail[-1], seen.pose(4.0)[:3, 3])
    for mine, other in zip(path.keys, seen.keys, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_a_rewind_tells_where_on_the_path_it_is() -> None:
    path = flown()
    pilot, craft = RewindPilot(path), Craft(camera(np.sin(4.0), 4.0, 0.8))
    places = []
    while not pilot.done:
        craft = pilot.advance(craft, Steering(), None, 1.0 / 30.0)
        places.append(pilot.place)
    assert {whole for _, whole in places} == {path.seconds or places[0][1]}
    assert np.all(np.diff([place for place, _ in places]) <= 0.0)
    assert places[-1][0] == 0.0


def test_the_strips_dot_follows() -> None:
    dots = [where(strip_picture(place, 10.0)[40:], INK)[0] for place in (0.0, 5.0, 10.0)]
    assert dots[0] < dots[1] < dots[2]


def test_pictures_are_stacked_without_loss() -> None:
    high, wide = np.full((10, 4, 4), 7, np.uint8), np.full((3, 20, 4), 9, np.uint8)
    both = stacked([high, wide])
    assert (both[:10, :4] == 7).all()
    assert (both[-3:] == 9).all()
    assert both[10:-3].sum() == 0
    assert both[:10, 4:].sum() == 0
    assert stacked([wide]) is wide, "or it would be sent to OpenGL again every time"
