"""Laws of a flight by exemplar synthesis, on tiny views."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from exemplars import flown, here, landlocked
from handmade import LENS, keyframe, whole_view

from core.camera import Camera, Intrinsics, turn
from core.exemplar.atlas import Atlas
from core.exemplar.generator import ExemplarGenerator, _over_skyline, carried
from core.exemplar.ground import Ground
from core.exemplar.levels import SHUT
from core.exemplar.loops import Loops
from core.frame import Layer
from core.keyframe import Keyframe, eight_bit
from core.refiner import as_keyframe

SIZE = WIDTH, HEIGHT = 128, 80
PHOTO = keyframe(Camera(LENS), size=(2 * WIDTH, 2 * HEIGHT))


def begun(photo: Keyframe = PHOTO, seed: int = 0) -> ExemplarGenerator:
    generator = ExemplarGenerator()
    generator.begin(photo, seed)
    return generator


def ahead(step, camera=PHOTO.camera):
    return camera.moved(np.array(step), np.eye(3))


def key_of(view, camera) -> Keyframe:
    return Keyframe(camera, eight_bit(view.image), view.disparity, view.sky, view.debt, view.look)


def sound(view) -> bool:
    ranges = ((view.image, 0.0, 1.0), (view.disparity, 0.01, 1.0), (view.sky, 0.0, 1.0), (view.debt, -10.0, 10.0))
    whole = all(part.dtype == np.float32 and np.isfinite(part).all() for part, _, _ in ranges)
    return whole and all(part.min() >= low - 1e-6 and part.max() <= high + 1e-6 for part, low, high in ranges)


def same(one, other) -> bool:
    parts = ("image", "disparity", "sky", "debt")
    looks = all(np.array_equal(getattr(one.look, name), getattr(other.look, name)) for name in ("source", "tone"))
    return looks and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in parts)


@pytest.fixture(scope="module")
def view():
    """A step ahead and to the side: some of it is known, and some holes."""
    return flown(PHOTO, PHOTO, ahead((0.3, 0.0, 0.5)), SIZE)


def test_at_home_the_photo_is_shown():
    home = flown(PHOTO, PHOTO, PHOTO.camera, SIZE)
    refined = begun()(home)
    land = refined.sky < 0.05
    assert land.mean() > 0.5
    assert np.abs(refined.image - home.image)[land].mean() < 0.03
    assert np.abs(refined.disparity - home.disparity)[land].max() < 1e-6
    assert not refined.look.tone[land].any()


def test_the_same_seed_and_view_give_the_same_picture_whatever_was_asked_before(view):
    generator = begun(seed=3)
    first = generator(view)
    generator(flown(PHOTO, PHOTO, ahead((-0.4, 0.1, 1.0)), SIZE))
    generator(flown(PHOTO, PHOTO, ahead((0.0, 0.0, 0.2)), (WIDTH // 2, HEIGHT // 2)))
    assert same(first, generator(view))
    assert same(first, begun(seed=3)(view))
    generator.begin(keyframe(size=SIZE, seed=5), 1)
    generator(view)
    generator.begin(PHOTO, 3)
    assert same(first, generator(view))


def test_a_view_is_left_as_it_is(view):
    arrays = {name: part.copy() for name, part in vars(view).items() if isinstance(part, np.ndarray)}
    begun()(view)
    assert all(np.array_equal(getattr(view, name), part) for name, part in arrays.items())


def test_sharp_known_pixels_keep_their_source():
    key = flown(PHOTO, PHOTO, ahead((0.02, 0.0, 0.05)), SIZE)
    generator = begun()
    refined = generator(key)
    source, _ = carried(key, refined.look.atlas, Loops())
    kept = key.mask & (refined.sky < 0.05) & (refined.debt > 0.0)
    assert kept.mean() > 0.4
    assert np.abs(refined.look.positions - source)[kept].max() < 0.01


@pytest.mark.parametrize("worn", [False, True])
def test_new_land_is_copied_from_whole_pixels_of_the_photo_s_land(view, worn):
    """Whether it was a hole or is magnified far."""
    if worn:
        view = flown(PHOTO, PHOTO, PHOTO.camera.through(PHOTO.camera.intrinsics.spanning(0.02)), SIZE)
    generator = begun()
    refined = generator(view)
    source, _ = carried(view, refined.look.atlas, Loops())
    land, places = refined.sky < 0.5, refined.look.positions
    new = land & (np.abs(places - source).max(axis=-1) > 0.1)
    assert new[land if worn else land & ~view.mask].mean() > 0.9
    assert np.abs(places[new] % 1.0 - 0.5).max() < 0.01
    x, y = places[new].astype(int).T
    assert (generator._prepared.synthesis.levels[0].picture[y, x, 3] == SHUT).mean() < 0.01


def test_what_is_worn_keeps_its_colours_where_they_are_trusted():
    """Whatever it is copied from: a view that is a little redder is renewed to one that is, by most of it."""
    view = flown(PHOTO, PHOTO, PHOTO.camera.through(PHOTO.camera.intrinsics.spanning(0.02)), SIZE)
    redder = replace(view, image=np.clip(view.image + np.float32((0.1, 0.0, 0.0)), 0.0, 1.0))
    generator = begun()
    gain = (generator(redder).image - generator(view).image).mean(axis=(0, 1))
    assert 0.05 < gain[0] < 0.11
    assert np.abs(gain[1:]).max() < 0.03


def test_the_tone_of_what_is_kept_fades():
    """Colours return to the photo's, and slowly."""
    generator, camera = begun(), PHOTO.camera
    home = generator(flown(PHOTO, PHOTO, camera, SIZE))
    key = key_of(replace(home, look=replace(home.look, tone=np.full_like(home.look.tone, 40))), camera)
    again = flown(PHOTO, key, camera, SIZE)
    before, after = carried(again, home.look.atlas, Loops())[1][-12:], generator(again).look.tones[-12:]
    toned = before > 0.1
    assert toned.mean() > 0.5
    assert (after < before)[toned].mean() > 0.95
    assert np.median((after / before)[toned]) > 0.85


def nothing_known(pitch: float):
    camera = PHOTO.camera.moved(np.zeros(3), turn(0.0, pitch))
    view = flown(PHOTO, PHOTO, camera, SIZE)
    return view.within(np.zeros(view.mask.shape, bool))


def test_where_nothing_is_known_the_photo_s_own_layout_is_suggested():
    generator, view = begun(), nothing_known(0.0)
    refined = generator(view)
    suggested = generator._completion.positions(view) * np.float32(refined.look.atlas.size)
    land = refined.sky < 0.5
    assert land.mean() > 0.4
    assert (np.abs(refined.look.positions - suggested)[land].max(axis=-1) < 2.0).mean() > 0.6


def test_land_below_is_no_pit():
    view = nothing_known(-0.8)
    rays = view.camera.rays(WIDTH, HEIGHT) @ view.camera.rotation.T
    refined = begun()(view)
    assert (refined.disparity >= Ground.of(PHOTO).floor(rays) - 1e-6).all()


def test_patches_at_a_new_skyline_go_on_into_the_sky(view):
    refined = begun()(view)
    land = refined.sky < 0.5
    y, x = np.nonzero(land[1:] & ~land[:-1])
    places = refined.look.positions
    beyond = places[y, x] - places[y + 1, x]
    assert np.median(np.abs(beyond - (0.0, -1.0)).max(axis=-1)) < 0.01


def test_holes_and_what_was_renewed_owe_nothing(view):
    refined = begun()(view)
    assert not refined.debt[~view.mask].any()
    assert not refined.debt[refined.sky >= 0.5].any()


@pytest.mark.parametrize("size", [(125, 79), (64, 100), (16, 16)])
def test_views_of_any_size_are_refined(size):
    refined = begun()(flown(PHOTO, PHOTO, ahead((0.3, 0.0, 0.5)), size))
    assert sound(refined)
    assert refined.image.shape == (size[1], size[0], 3)
    assert refined.look.source.shape == (size[1], size[0], 2)


def test_keyframes_with_and_without_a_look_are_carried_side_by_side(view):
    """Each pixel is carried from the keyframe that it is seen in."""
    camera = ahead((0.3, 0.0, 0.5))
    generator = begun()
    key = key_of(generator(view), camera)
    atlas = key.look.atlas
    slots = (np.arange(WIDTH) > WIDTH // 2).astype(view.layer.lookup.slot.dtype) * np.ones_like(view.layer.lookup.slot)
    parts = {frames: replace(view.layer.lookup, slot=slots) for frames in ((key, PHOTO), (key, key), (PHOTO, PHOTO))}
    mixed, copied, plain = (carried(replace(view, layer=Layer(*part)), atlas, Loops()) for part in parts.items())
    for one, left, right in zip(mixed, copied, plain, strict=True):
        assert np.array_equal(one, np.where(slots[..., None] == 0, left, right))
    assert np.abs(copied[0] - plain[0]).max() > 1.0
    assert not plain[1].any()


def test_what_was_copied_is_carried_on_to_the_next_view(view):
    generator, camera = begun(), ahead((0.3, 0.0, 0.5))
    first = generator(view)
    again = flown(PHOTO, key_of(first, camera), camera, SIZE)
    source, tone = carried(again, first.look.atlas, Loops())
    land = again.mask & (first.sky < 0.05) & (again.disparity > 0.0)
    assert land.mean() > 0.4
    assert np.median(np.abs(source - first.look.positions)[land]) < 0.01
    assert np.median(np.abs(tone - first.look.tones)[land]) < 1e-3


def test_a_look_takes_seven_bytes_a_pixel(view):
    look = begun()(view).look
    assert look.nbytes <= 7 * WIDTH * HEIGHT


def test_what_is_known_may_be_nothing_or_all(view):
    generator = begun()
    assert sound(generator(view.within(np.zeros(view.mask.shape, bool))))
    assert sound(generator(flown(PHOTO, PHOTO, PHOTO.camera, SIZE)))


def test_a_flight_stays_whole_and_owes_little():
    """Ahead, up and around: everything finite, land and sky both there, no land worn for long."""
    generator, key, camera = begun(), PHOTO, PHOTO.camera
    for step in range(12):
        camera = camera.moved(np.array((0.1 * np.sin(step), -0.01, 0.25)), turn(0.05 * np.cos(step)))
        refined = generator(flown(PHOTO, key, camera, SIZE))
        assert sound(refined)
        assert refined.look.picture(as_keyframe(camera, refined), 4).shape == (4 * HEIGHT, 4 * WIDTH, 4)
        key = key_of(refined, camera)
    land = refined.sky < 0.5
    assert 0.3 < land.mean() < 0.95
    assert np.percentile(refined.debt[land], 95) < 1.9  # one and a half octaves, a quarter more by place


def portrait() -> Keyframe:
    return keyframe(Camera(Intrinsics.from_fov(np.radians(40.0), 0.625)), size=(100, 160))


PHOTOS = {
    "no sky": lambda: landlocked(PHOTO),
    "all sky": lambda: replace(PHOTO, sky=np.ones_like(PHOTO.sky)),
    "portrait": portrait,
    "16x16": lambda: keyframe(Camera(Intrinsics.from_fov(np.radians(60.0), 1.0)), size=(16, 16)),
}


@pytest.mark.parametrize("name", PHOTOS)
def test_any_photo_can_be_flown_into(name):
    photo = PHOTOS[name]()
    generator, key = begun(photo), photo
    camera = photo.camera.through(photo.camera.intrinsics.covered_by(WIDTH / HEIGHT))
    for _ in range(3):
        camera = ahead((0.1, 0.0, 0.4), camera)
        refined = generator(flown(photo, key, camera, SIZE))
        assert sound(refined)
        assert np.isfinite(refined.look.positions).all()
        key = key_of(refined, camera)
    if name == "no sky":
        assert refined.sky.max() < 1e-3
    if name == "all sky":
        assert refined.sky.min() > 1.0 - 1e-3


def test_must_begin_first():
    with pytest.raises(RuntimeError, match="begin"):
        ExemplarGenerator()(whole_view(PHOTO))


def test_a_view_must_say_what_it_was_sampled_from(view):
    generator = begun()
    for part in ("layer", "dome"):
        with pytest.raises(ValueError, match="compose"):
            generator(replace(view, **{part: None}))


def test_beside_land_positions_go_on_into_the_sky_and_no_farther():
    land = np.zeros((HEIGHT, WIDTH), bool)
    land[HEIGHT // 2 :] = True
    shown = 0.5 * here(WIDTH, HEIGHT)
    out = _over_skyline(shown, land)
    assert np.array_equal(out[land], shown[land])
    assert np.array_equal(out[: HEIGHT // 2 - 2], shown[: HEIGHT // 2 - 2])
    rim = np.s_[HEIGHT // 2 - 2 : HEIGHT // 2]
    assert np.abs(out[rim] - (shown[HEIGHT // 2] + [[[0.0, -2.0]], [[0.0, -1.0]]])).max() < 1e-5
    for whole in (land | True, land & False):
        assert _over_skyline(shown, whole) is shown


def pages_of(refined) -> np.ndarray:
    """How many pixels of land show each photo."""
    atlas, places = refined.look.atlas, refined.look.positions[refined.sky < 0.5]
    return np.bincount((places[:, 0] // (2 * atlas.size[0])).astype(int), minlength=len(atlas.pages))


def chained(others: tuple[Keyframe, ...], steps: int = 4):
    """Fly ahead step by step, each view made from the one before; ``others`` join after the first."""
    generator, key, views = begun(), PHOTO, []
    for step in range(steps):
        if step:
            generator.join(others)
        camera = ahead((0.1 * step, 0.0, 0.8 * step + 0.3))
        views.append(generator(flown(PHOTO, key, camera, SIZE)))
        key = key_of(views[-1], camera)
    return views


OTHERS = tuple(keyframe(size=(2 * WIDTH, 2 * HEIGHT), seed=seed) for seed in (1, 2))


def test_others_lend_their_look_from_when_they_join(monkeypatch):
    """The first has all that is wanted, as these look like it: they are shown when they cost no more."""
    monkeypatch.setattr("core.exemplar.search._FOREIGN", 0.0)
    before, *after = chained(OTHERS)
    assert len(before.look.atlas.pages) == 1
    assert all(sound(view) for view in after)
    assert sum(pages_of(view)[1:].sum() for view in after) > 100


def test_with_others_the_same_views_give_the_same_pictures():
    assert all(same(one, other) for one, other in zip(chained(OTHERS), chained(OTHERS), strict=True))


def test_no_others_change_nothing_and_a_new_flight_is_without(view):
    generator = begun()
    first = generator(view)
    prepared = generator._prepared
    generator.join(())
    assert generator._prepared is prepared
    generator.join(OTHERS)
    generator(view)
    generator.begin(PHOTO, 0)
    assert same(first, generator(view))


def test_what_is_prepared_ahead_is_what_joins(view):
    """And changes nothing until it does."""
    generator = begun()
    first = generator(view)
    generator.prepare(OTHERS)
    assert same(first, generator(view))
    generator.join(OTHERS)
    assert generator._prepared is generator._ahead[1]
    later = begun()
    later.join(OTHERS)
    assert same(generator(view), later(view))


def test_what_was_shown_is_shown_where_others_join():
    """Positions mean the same: a keyframe from before is carried as it is."""
    key = flown(PHOTO, PHOTO, ahead((0.02, 0.0, 0.05)), SIZE)
    generator = begun()
    refined = generator(key)
    generator.join(OTHERS)
    again = generator(key)
    kept = (refined.debt > 0.0) & (again.debt > 0.0) & (refined.sky < 0.05)
    assert kept.mean() > 0.4
    assert np.abs(refined.look.positions - again.look.positions)[kept].max() < 0.02


def test_photos_are_sharpened_at_once_or_behind_the_first_views(view):
    """What is found does not depend on it, only how sharp it is shown."""
    patient, hasty = begun(), begun()
    hasty.waits = False
    one, other = patient(view), hasty(view)
    assert same(one, other)
    assert one.look.atlas.levels[0].shape[1] == 8 * WIDTH
    hasty.waits = True
    assert hasty(view).look.atlas.levels[0].shape[1] == 8 * WIDTH
    assert other.look.atlas is hasty._prepared.atlas  # pictures of keyframes that are there become sharper too


def test_what_goes_wrong_in_sharpening_is_raised_by_the_next_view(view, monkeypatch):
    generator = begun()
    monkeypatch.setattr(Atlas, "sharpen", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        generator(view)
    generator(view)
