"""Cycles: there and back; what was lost on the way is marked, and the truth is the picture itself."""

import numpy as np
import pytest
from handmade import keyframe

from core.classical import ClassicalGenerator
from core.compose import compose
from core.frame import Layer
from core.sky import Dome
from core.training import cycles
from core.training.cycles import cycle
from core.virtual_flight import VirtualFlight
from core.warp import make_warper, warp

SIZE = 64, 48


@pytest.fixture(scope="module")
def photo():
    return keyframe(size=(77, 48))  # cropped to SIZE's shape pixel by pixel


@pytest.fixture(scope="module")
def warper():
    return make_warper()


@pytest.fixture
def made(photo, warper):
    dome, classical = Dome.of(photo), ClassicalGenerator()
    classical.begin(photo, 0)

    def make(seed, source=photo):
        return cycle(source, dome, classical, warper, SIZE, seed)

    return make


@pytest.fixture
def bounds(monkeypatch):
    """Set the bounds of moves; those not named are 0, and so is the share of coarse cycles."""

    def bound(**of):
        zeros = {"ADVANCE": (0.0, 0.0), "STRAFE": 0.0, "CLIMB": 0.0, "YAW": 0.0, "PITCH": 0.0, "_COARSE_SHARE": 0.0}
        for name, value in (zeros | of).items():
            monkeypatch.setattr(cycles, name, value)

    return bound


def seen_at_home(photo, warper):
    home = photo.camera.through(photo.camera.intrinsics.covered_by(SIZE[0] / SIZE[1]))
    return compose(Layer((photo,), warp([photo], home, SIZE, warper)), home, Dome.of(photo))


@pytest.mark.parametrize("seed", range(4))
def test_who_stays_gets_back_what_there_was(made, bounds, seed):
    bounds()
    gone = made(seed)
    known = gone.view.mask
    assert known.mean() > 0.97
    land = known & (gone.target.sky < 0.02)
    assert land.mean() > 0.4
    assert np.abs(gone.view.image - gone.target.image)[land].max() <= 1.0 / 255.0 + 1e-6
    assert np.abs(gone.view.sky - gone.target.sky)[land].max() < 0.02  # what is fainter is none
    np.testing.assert_allclose(gone.view.disparity[land], gone.target.disparity[land], rtol=0.02)
    assert gone.view.debt[land].max() < 0.05


@pytest.mark.parametrize("seed", range(3))
def test_the_target_is_the_pictures_own_view(made, photo, warper, seed):
    target, own = made(seed).target, seen_at_home(photo, warper)
    for part in ("image", "disparity", "sky", "mask", "debt"):
        assert np.array_equal(getattr(target, part), getattr(own, part)), part
    assert target.mask.all()


def test_the_same_seed_makes_the_same_cycle(made):
    one, again, other = made(5), made(5), made(6)
    for part in ("image", "disparity", "sky", "stretch", "debt", "mask"):
        assert np.array_equal(getattr(one.view, part), getattr(again.view, part)), part
    assert not np.array_equal(one.view.mask, other.view.mask)


def test_what_left_the_picture_is_a_hole_and_holds_nothing(made, bounds):
    bounds(YAW=0.3)
    lost = [made(seed).view for seed in range(6)]
    assert max(1.0 - view.mask.mean() for view in lost) > 0.1
    for view in lost:
        holes = ~view.mask
        columns = holes[view.sky.shape[0] * 3 // 4 :].mean(axis=0)
        assert columns[[0, -1]].max() >= columns[len(columns) // 2]  # it left at a side
        for part in (view.image, view.disparity, view.sky, view.stretch, view.debt):
            assert not part[holes].any()


def test_what_a_second_look_fills_in_is_still_unknown(made, bounds, monkeypatch):
    """A picture seen forward and back is known in its middle alone, though the classical completion fills what is around it."""
    bounds(ADVANCE=(0.6, 0.6))
    monkeypatch.setattr(cycles, "MOVES", 1)
    view = made(0).view
    rows, columns = np.indices(view.mask.shape)
    ground = rows > 0.75 * view.mask.shape[0]
    border = ground & ((columns < 3) | (columns > SIZE[0] - 4))
    assert not view.mask[border].any()
    assert view.mask[SIZE[1] // 2 + 3, SIZE[0] // 2 - 6 : SIZE[0] // 2 + 6].all()


def test_what_was_coarse_owes_detail(made, bounds, monkeypatch):
    bounds(_COARSE_SHARE=1.0)
    monkeypatch.setattr(cycles, "COARSE", 0.5)
    monkeypatch.setattr(cycles, "MOVES", 1)
    monkeypatch.setattr(cycles.np.random, "default_rng", lambda _seed: _Least())
    view = made(0).view
    land = view.mask & (view.sky < 0.02)
    assert np.median(view.debt[land]) == pytest.approx(1.0, abs=0.1)  # half the resolution is an octave
    assert not view.debt[view.mask & (view.disparity == 0.0)].any()  # sky has none


class _Least:
    """Draws the least of everything."""

    def random(self):
        return 0.0

    def uniform(self, low, _high):
        return low

    def integers(self, low, _high):
        return low


def test_own_frames_go_on_cycles_too(made, photo):
    classical = ClassicalGenerator()
    classical.begin(photo, 0)
    flight = VirtualFlight(photo, "autopilot", 0, SIZE)
    for _ in range(3):
        frame = flight.accept(classical(flight.look()))
    gone = made(1, frame)
    assert np.array_equal(gone.view.camera.world_from_camera, frame.camera.world_from_camera)
    assert gone.target.mask.mean() > 0.97
    land = (frame.sky < 0.02) & (gone.target.sky < 0.02) & gone.target.mask
    assert np.abs(gone.target.image - frame.image / 255.0)[land].mean() < 2.0 / 255.0


def test_moves_stay_within_their_bounds(photo):
    home = photo.camera
    for seed in range(50):
        camera = cycles._moved(home, np.random.default_rng(seed))
        right, down, forward = camera.position
        assert abs(right) <= cycles.STRAFE
        assert abs(down) <= cycles.CLIMB
        assert cycles.ADVANCE[0] <= forward <= cycles.ADVANCE[1]
