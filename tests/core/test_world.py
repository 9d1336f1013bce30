from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from handmade import keyframe
from hypothesis import given, settings
from hypothesis import strategies as st

from core.camera import Camera, Intrinsics, turn
from core.world import PAPER_STEP, SAME_PLACE, World

if TYPE_CHECKING:
    from core.keyframe import Keyframe

FORWARD = np.array([0.0, 0.0, PAPER_STEP])
STILL = np.eye(3)
PHOTO = keyframe(size=(512, 320))
WIDE = Intrinsics(PHOTO.camera.intrinsics.fx / 1.15, PHOTO.camera.intrinsics.fy / 1.15)


def refined(camera: Camera) -> Keyframe:
    return keyframe(camera.through(WIDE), size=(64, 40))


def flown(world: World, steps: int) -> list[Camera]:
    """Fly straight ahead, one keyframe a step; return the cameras."""
    camera = world.photo.camera
    cameras = []
    for _ in range(steps):
        camera = camera.moved(FORWARD, STILL)
        cameras.append(camera)
        assert world.add(refined(camera))
    return cameras


def serials(keyframes) -> list[int]:
    return [keyframe.serial for keyframe in keyframes]


def test_alone_the_photo_is_chosen_wherever_one_looks():
    world = World(PHOTO)
    assert world.choose(PHOTO.camera) == (PHOTO,)
    assert world.choose(PHOTO.camera.moved(np.array([0.0, 0.0, 500.0]), turn(yaw=3.0))) == (PHOTO,)


def test_the_photo_is_chosen_for_longer_where_it_has_no_sky():
    """Then it is a wall, and what was made behind it is seen at once when it goes."""
    lasted = []
    for photo in (PHOTO, replace(PHOTO, sky=np.zeros_like(PHOTO.sky))):
        world = World(photo)
        chosen = [photo in world.choose(camera) for camera in flown(world, 60)]
        lasted.append(chosen.index(False))
        assert not any(chosen[lasted[-1] :])
    assert 5 < lasted[0] < lasted[1]


def test_out_and_back_finds_the_photo_first():
    world = World(PHOTO)
    cameras = flown(world, 50)
    away = world.choose(cameras[-1])
    assert PHOTO.serial not in serials(away)
    for camera in reversed(cameras):
        assert world.sees(camera.through(WIDE))  # so nothing is made anew on the way back
    home = world.choose(PHOTO.camera)
    assert home[0] is PHOTO


def test_the_nearest_of_a_path_is_chosen_again_on_the_way_back():
    world = World(PHOTO)
    cameras = flown(world, 50)
    made = world.keyframes[1:]
    for index in (45, 30, 20):
        assert made[index].serial in serials(world.choose(cameras[index]))


def test_a_keyframe_is_not_magnified_where_one_was_made_since_however_fine_its_picture():
    world = World(PHOTO)
    behind = PHOTO.camera.moved(40.0 * FORWARD, STILL)
    here = behind.moved(3.0 * FORWARD, STILL)
    fine, made_here = keyframe(behind.through(WIDE), size=(512, 320)), refined(here)
    assert world.add(fine)
    assert world.add(made_here)
    assert world.choose(here, held=(fine,))[0] == made_here


def test_a_view_seen_once_stays_as_it_is():
    world = World(PHOTO)
    camera = PHOTO.camera.moved(FORWARD, STILL)
    assert world.add(refined(camera))
    before = world.keyframes
    assert not world.add(refined(camera.moved(0.5 * SAME_PLACE * np.array([1.0, 0.0, 0.0]), turn(yaw=0.01))))
    assert world.keyframes == before
    assert world.add(refined(camera.moved(1.5 * SAME_PLACE * np.array([1.0, 0.0, 0.0]), STILL)))
    assert world.add(refined(camera.moved(np.zeros(3), turn(yaw=0.1))))


def test_a_wider_lens_sees_more():
    world = World(PHOTO)
    camera = PHOTO.camera.moved(FORWARD, STILL)
    world.add(refined(camera))
    wider = Intrinsics(WIDE.fx / 1.3, WIDE.fy / 1.3)
    assert not world.sees(camera.through(wider))


def test_the_photo_does_not_keep_its_margin_from_being_made():
    world = World(PHOTO)
    assert not world.sees(PHOTO.camera.through(WIDE))
    assert world.add(refined(PHOTO.camera))
    assert world.choose(PHOTO.camera)[0] is PHOTO


def test_not_a_number_is_refused():
    world = World(PHOTO)
    for name in ("disparity", "sky", "debt"):
        bad = refined(PHOTO.camera.moved(FORWARD, STILL))
        getattr(bad, name)[3, 4] = np.nan if name != "debt" else np.inf
        assert not world.add(bad)
    lost = PHOTO.camera.moved(FORWARD, STILL)
    lost.world_from_camera[0, 3] = np.nan
    assert not world.add(refined(lost))
    assert len(world) == 1


def test_budget_holds_and_the_photo_and_the_newest_stay():
    one = refined(PHOTO.camera).nbytes
    world = World(PHOTO, budget_bytes=20 * one)
    cameras = flown(world, 100)
    assert world.nbytes <= 20 * one
    assert world.keyframes[0] is PHOTO
    assert world.keyframes[-1].camera.position[2] == cameras[-1].position[2]


def test_a_tight_budget_thins_the_far_path_but_keeps_its_length():
    one = refined(PHOTO.camera).nbytes
    world = World(PHOTO, budget_bytes=30 * one)
    cameras = flown(world, 90)
    depths = np.array([key.camera.position[2] for key in world.keyframes[1:]])
    assert depths.min() < 0.2 * cameras[-1].position[2]
    near, far = np.diff(np.sort(depths))[-5:], np.diff(np.sort(depths))[:5]
    assert near.mean() < far.mean()


def test_what_was_just_made_and_what_is_shown_keep_their_meshes():
    """Built again, a mesh would make the display wait for it."""
    world = World(PHOTO)
    camera = flown(world, 10)[-1]
    shown = world.choose(camera)
    made = []
    for step in range(40):
        made.append(refined(camera.moved((step + 1) * FORWARD, STILL)))
        assert made[-1].mesh is not None
        assert world.add(made[-1])
        assert all(one is other for one, other in zip(shown, world.choose(camera, held=shown), strict=True))
    kept = world.keyframes[-40:]
    assert all(one is other for one, other in zip(kept[-5:], made[-5:], strict=True))
    assert kept[0] is not made[0]


def test_keyframes_out_of_use_let_their_meshes_go():
    world = World(PHOTO)
    camera = PHOTO.camera
    for _ in range(40):
        camera = camera.moved(FORWARD, STILL)
        world.add(refined(camera))
        for key in world.choose(camera):
            assert key.mesh is not None
    kept = sum("mesh" in vars(key) for key in world.keyframes[1:])
    assert kept <= 14
    assert len(set(serials(world.keyframes))) == 41


def test_hovering_does_not_change_the_choice():
    world = World(PHOTO)
    camera = flown(world, 20)[12]
    first = world.choose(camera)
    for _ in range(5):
        again = world.choose(camera, held=first)
        assert set(serials(again)) == set(serials(first))


def test_held_keyframes_have_the_edge():
    """Between two keyframes that do equally well, the shown one stays."""
    world = World(PHOTO)
    far = PHOTO.camera.moved(np.array([0.0, 0.0, 60.0]), STILL)
    left, right = (refined(far.moved(np.array([x, 0.0, 0.0]), STILL)) for x in (-0.3, 0.3))
    world.add(left)
    world.add(right)
    for shown in (left, right):
        assert world.choose(far, count=1, held=(shown,))[0].serial == shown.serial


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(0, 30))
def test_choice_laws(seed: int, count: int, size: int):
    """Never none, never too many, none twice, all known to the world, the same when asked again."""
    random = np.random.default_rng(seed)
    world = World(PHOTO)
    for _ in range(size):
        world.add(refined(PHOTO.camera.moved(random.uniform(-4, 4, 3), turn(*random.uniform(-1, 1, 2)))))
    camera = PHOTO.camera.moved(random.uniform(-6, 6, 3), turn(*random.uniform(-3, 3, 2)))
    chosen = world.choose(camera, count)
    assert 1 <= len(chosen) <= count
    assert len(set(serials(chosen))) == len(chosen)
    assert set(serials(chosen)) <= set(serials(world.keyframes))
    assert serials(world.choose(camera, count)) == serials(chosen)


def test_threads_may_add_and_choose_at_once():
    world = World(PHOTO, budget_bytes=15 * refined(PHOTO.camera).nbytes)

    def work(seed: int) -> int:
        random = np.random.default_rng(seed)
        chosen = 0
        for _ in range(15):
            camera = PHOTO.camera.moved(random.uniform(-3, 3, 3), STILL)
            world.add(refined(camera))
            chosen += len(world.choose(camera)) > 0
        return chosen

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(work, range(3))) == [15, 15, 15]
    assert world.nbytes <= 15 * refined(PHOTO.camera).nbytes


def test_on_the_way_back_keyframes_let_their_meshes_go_too():
    world = World(PHOTO)
    cameras = flown(world, 40)
    for camera in reversed(cameras):
        for key in world.choose(camera):
            assert key.mesh is not None
    assert sum("mesh" in vars(key) for key in world.keyframes[1:]) <= 14


def test_the_newest_near_the_camera_is_shown_where_it_is_asked_for():
    world = World(PHOTO)
    cameras = flown(world, 12)
    for index in (2, 6, 11):
        near = [
            key for key in world.keyframes[1:] if np.linalg.norm(key.camera.position - cameras[index].position) < PAPER_STEP / 2
        ]
        assert len(near) == 1
        shown = serials(world.choose(cameras[index], newest=True))
        assert near[0].serial in shown or any(serial > near[0].serial for serial in shown)
        assert len(shown) <= 3
    assert world.keyframes[-1].serial in serials(world.choose(cameras[-1], newest=True))
    assert world.choose(cameras[-1], count=1, newest=True)
    assert World(PHOTO).choose(PHOTO.camera, newest=True) == (PHOTO,)
