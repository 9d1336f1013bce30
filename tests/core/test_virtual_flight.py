"""Virtual flights: the paper's steps, the courses, and the way home."""

import numpy as np
import pytest
from handmade import keyframe

from core.camera import angles, rigid, turn
from core.classical import ClassicalGenerator
from core.flight import REFINE_STEP
from core.sky import Dome
from core.virtual_flight import COURSES, VirtualFlight

SIZE = 64, 48


@pytest.fixture(scope="module")
def dome():
    return Dome.of(keyframe())


def flown(dome, course, seed=0, steps=6):
    """The flight, and what it saw in every step."""
    photo = dome.photo
    classical = ClassicalGenerator()
    classical.begin(photo, seed)
    flight = VirtualFlight(photo, course, seed, SIZE, dome=dome)
    views = []
    for _ in range(steps):
        views.append(flight.look())
        flight.accept(classical(views[-1]))
    return flight, views


@pytest.mark.parametrize("course", COURSES)
def test_the_same_photo_course_and_seed_give_the_same_flight(dome, course):
    (one, first), (other, second) = flown(dome, course, 3, 4), flown(dome, course, 3, 4)
    assert one.steps == other.steps == 4
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.camera.world_from_camera, b.camera.world_from_camera)
        for part in ("image", "disparity", "sky", "stretch", "debt", "mask", "backdrop"):
            assert np.array_equal(getattr(a, part), getattr(b, part)), part


def test_seeds_make_other_flights(dome):
    ends = [flown(dome, "autopilot", seed)[0].camera.position for seed in range(3)]
    assert min(np.linalg.norm(ends[i] - ends[j]) for i, j in ((0, 1), (0, 2), (1, 2))) > 1e-4
    sides = {float(np.sign(flown(dome, "strafe", seed, 3)[0].camera.position[0])) for seed in range(8)}
    assert sides == {-1.0, 1.0}


@pytest.mark.parametrize("course", COURSES)
def test_a_step_is_at_most_the_papers(dome, course):
    flight, views = flown(dome, course, steps=10)
    places = np.array([np.zeros(3), *(view.camera.position for view in views)])
    moved = np.linalg.norm(np.diff(places, axis=0), axis=1)
    limit = {"strafe": 1.08, "climb": 1.06}.get(course, 1.0)  # two directions at once
    assert moved.max() <= limit * REFINE_STEP + 1e-9
    assert flight.steps == len(views)


def test_the_autopilot_gets_somewhere(dome):
    flight, _ = flown(dome, "autopilot", steps=10)
    assert flight.camera.position[2] > 5.0 * REFINE_STEP


def test_45_steps_of_turning_are_a_full_circle_in_place(dome):
    flight = VirtualFlight(dome.photo, "turn", 0, SIZE, dome=dome)
    yaws = []
    for _ in range(45):
        flight.look()
        yaws.append(angles(flight.camera.rotation)[0])
    assert np.abs(flight.camera.position).max() < 1e-9
    assert abs(yaws[-1]) < np.radians(4.0)
    turned = np.unwrap([0.0, *yaws])
    assert abs(turned[-1]) == pytest.approx(2.0 * np.pi, abs=np.radians(4.0))
    assert (np.diff(turned) * np.sign(turned[-1]) > 0.0).all()


def test_who_comes_home_sees_the_start_photo_untouched():
    photo = keyframe(size=(96, 60))
    classical = ClassicalGenerator()
    classical.begin(photo, 0)
    flight = VirtualFlight(photo, "autopilot", 0, SIZE)
    home = flight.camera
    before = flight.look_from(home)
    for _ in range(4):
        flight.accept(classical(flight.look()))
    aside = home.moved(np.array([0.3, 0.0, 0.0]), turn(0.2))
    flight.accept(classical(flight.look_from(aside)))
    after = flight.look_from(home)
    assert len(flight.world) > 4
    of_photo = np.isin(flight.layer.lookup.slot, [i for i, key in enumerate(flight.layer.keyframes) if key is photo])
    assert of_photo[before.mask].mean() > 0.95
    for part in ("image", "disparity", "sky", "debt"):
        assert np.array_equal(getattr(after, part)[of_photo], getattr(before, part)[of_photo]), part


def test_look_from_keeps_the_flights_lens_and_counts(dome):
    flight = VirtualFlight(dome.photo, "autopilot", 0, SIZE, dome=dome)
    lens = flight.camera.intrinsics
    assert lens.aspect == pytest.approx(SIZE[0] / SIZE[1])
    pose = rigid(turn(0.1), np.array([0.1, 0.0, 0.2]))
    view = flight.look_from(keyframe().camera.at(pose))
    assert view.camera.intrinsics == lens
    assert np.allclose(view.camera.world_from_camera, pose)
    assert flight.steps == 1
    assert view.mask.shape == (SIZE[1], SIZE[0])


def test_accepted_views_are_where_the_flight_is_and_fill_its_holes(dome):
    flight, _ = flown(dome, "curve", steps=4)
    classical = ClassicalGenerator()
    classical.begin(flight.photo, 0)
    view = flight.look()
    assert not view.mask.all()
    keyframe_made = flight.accept(classical(view))
    assert keyframe_made is flight.world.keyframes[-1]
    assert np.array_equal(keyframe_made.camera.world_from_camera, flight.camera.world_from_camera)
    assert flight.look_from(flight.camera).mask.mean() > view.mask.mean()


def test_a_view_that_is_not_finite_is_refused(dome):
    flight, _ = flown(dome, "autopilot", steps=1)
    classical = ClassicalGenerator()
    classical.begin(flight.photo, 0)
    refined = classical(flight.look())
    refined.disparity[3, 3] = np.nan
    with pytest.raises(ValueError, match="step 2 is not finite"):
        flight.accept(refined)


def test_no_such_course():
    with pytest.raises(ValueError, match="no course 'loop': choose one of autopilot, turn"):
        VirtualFlight(keyframe(), "loop")
