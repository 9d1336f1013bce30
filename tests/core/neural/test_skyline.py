"""Where far land may grow into the sky: up from behind what hid it, and never before what the photo shows as sky."""

from dataclasses import replace

import numpy as np
import pytest
from handmade import keyframe

from core.camera import turn
from core.classical import ClassicalGenerator
from core.compose import compose
from core.frame import Layer
from core.neural.skyline import Skyline
from core.sky import Dome
from core.warp import make_warper, warp


@pytest.fixture(scope="module")
def photo():
    far = keyframe(size=(96, 60))
    return replace(far, disparity=np.minimum(far.disparity, 0.1))


def seen(photo, advance, yaw=0.0):
    camera = photo.camera.moved(np.array([0.0, 0.0, advance]), turn(yaw))
    classical = ClassicalGenerator()
    classical.begin(photo, 0)
    layer = Layer((photo,), warp((photo,), camera, (96, 60), make_warper()))
    return classical.complete(compose(layer, camera, Dome.of(photo)))


def test_at_home_the_sky_stays_as_the_photo_has_it(photo):
    assert not Skyline.of(seen(photo, 0.0)).band.any()


@pytest.mark.parametrize(("advance", "yaw"), [(3.0, 0.0), (0.0, 0.5), (2.0, -0.3)])
def test_what_grows_is_not_before_the_photos_sky(photo, advance, yaw):
    done = seen(photo, advance, yaw)
    line = Skyline.of(done)
    assert line.band.any()
    rows, columns = np.nonzero(line.band)
    rays = done.view.camera.rays(96, 60)[rows, columns] / line.disparity[rows, columns][:, None]
    uv, _ = photo.camera.project(done.view.camera.position + rays @ done.view.camera.rotation.T)
    inside = ((uv >= 0) & (uv < 1)).all(axis=1)
    at = (uv[inside] * (96, 60)).astype(int)
    assert (photo.sky[at[:, 1], at[:, 0]] < 0.5).all()


def test_the_band_shows_land(photo):
    done = seen(photo, 3.0)
    line = Skyline.of(done)
    known = done.land[done.sky < 0.5]
    assert (line.land[line.band] >= known.min(axis=0) - 1e-6).all()
    assert (line.land[line.band] <= known.max(axis=0) + 1e-6).all()
