"""The pool of flights: their lengths, their courses, and that they go on exactly after a restart."""

from collections import Counter

import numpy as np
import pytest
import torch
from handmade import CopyGenerator, keyframe

from core.training import checkpoint, rollouts
from core.training.rollouts import REPEATS, SHARES, RolloutPool, RolloutSettings
from core.virtual_flight import COURSES

SIZE = 64, 48


@pytest.fixture(scope="module")
def photos():
    return [keyframe(size=(64, 48), seed=seed) for seed in range(3)]


def pool(photos, flights=4, **settings):
    return RolloutPool(photos, RolloutSettings(SIZE, flights, **settings))


def copied(steps):
    """What is known of each step, holes grey."""
    return [CopyGenerator()(step.done.view) for step in steps]


def fly(pool, count, times, longest=5):
    """All steps of ``times`` batches."""
    taken = []
    for _ in range(times):
        steps = pool.steps(count, longest)
        taken.append([(step.rollout, step.rollout.flight.steps, step.done.view) for step in steps])
        pool.accept(steps, copied(steps))
    return taken


def test_no_flight_is_longer_than_asked_and_all_lengths_occur(photos):
    taken = [one for batch in fly(pool(photos), 2, 24, 3) for one in batch]
    assert all(1 <= steps <= rollout.length <= 3 for rollout, steps, _ in taken)
    assert {rollout.length for rollout, _, _ in taken} == {1, 2, 3}
    assert {steps for _, steps, _ in taken} == {1, 2, 3}


def test_flights_take_turns_and_start_anew_when_they_are_over(photos):
    flying = pool(photos, flights=3)
    taken = fly(flying, 2, 9, 4)
    order = [id(one[0]) for batch in taken for one in batch]
    places = [order[i::3] for i in range(3)]
    assert all(len(place) == 6 for place in places)
    for batch in taken:
        assert len({id(one[0]) for one in batch}) == 2
    counts = Counter(order)
    ended = {id(rollout): rollout.length for batch in taken for rollout, _, _ in batch if rollout.over}
    assert ended
    assert all(counts[rollout] == length for rollout, length in ended.items())


def test_repeats_share_photo_and_dome(photos):
    taken = [batch[0][0] for batch in fly(pool(photos, flights=1), 1, 3 * REPEATS, 1)]
    domes = [rollout.flight.dome for rollout in taken]
    assert len({id(rollout) for rollout in taken}) == 3 * REPEATS
    for group in range(3):
        mine = range(group * REPEATS, (group + 1) * REPEATS)
        assert len({id(domes[i]) for i in mine}) == 1
        assert len({taken[i].photo_index for i in mine}) == 1
    assert len({id(dome) for dome in domes}) == 3


def test_every_course_and_photo_occurs_as_often_as_it_should(photos, monkeypatch):
    drawn = []
    flying = pool(photos, flights=1)
    monkeypatch.setattr(RolloutPool, "_fresh", lambda _self, *plan: drawn.append(plan))
    for _ in range(2000):
        flying._plan(None, 10)()
    courses, indices = Counter(plan[3] for plan in drawn), Counter(plan[0] for plan in drawn)
    assert set(courses) == set(COURSES) == set(SHARES)
    for course, share in SHARES.items():
        assert courses[course] / 2000 == pytest.approx(share, abs=0.04), course
    assert all(count / 2000 == pytest.approx(1 / 3, abs=0.04) for count in indices.values())
    lengths = Counter(plan[2] for plan in drawn)
    assert set(lengths) == set(range(1, 11))
    assert all(count / 2000 == pytest.approx(0.1, abs=0.03) for count in lengths.values())


def test_after_a_restart_the_next_steps_are_the_same(photos, tmp_path):
    flying = pool(photos, flights=3, seed=1)
    fly(flying, 2, 5)
    checkpoint.save(tmp_path / "pool.pt", flying.state())
    resumed = pool(photos, flights=3, seed=9)
    resumed.restore(checkpoint.load(tmp_path / "pool.pt"))
    for mine, theirs in zip(fly(flying, 2, 6), fly(resumed, 2, 6), strict=True):
        for (rollout, steps, view), (other, other_steps, other_view) in zip(mine, theirs, strict=True):
            assert (rollout.photo_index, rollout.seed, rollout.length, rollout.flights_left, steps) == (
                other.photo_index, other.seed, other.length, other.flights_left, other_steps,
            )  # fmt: skip
            assert rollout.flight.course == other.flight.course
            assert np.array_equal(view.camera.world_from_camera, other_view.camera.world_from_camera)
            for part in ("image", "disparity", "sky", "stretch", "debt", "mask", "backdrop"):
                assert np.array_equal(getattr(view, part), getattr(other_view, part)), part


def test_the_state_is_that_of_its_moment(photos):
    """A state not yet written must not change while flights go on."""
    flying = pool(photos, flights=2)
    fly(flying, 2, 2)
    state = flying.state()
    steps = [saved["steps"] for saved in state["rollouts"]]
    clock = [saved["pilot"].get("_time") for saved in state["rollouts"]]
    fly(flying, 2, 2)
    assert [saved["steps"] for saved in state["rollouts"]] == steps
    assert [saved["pilot"].get("_time") for saved in state["rollouts"]] == clock


def test_pools_of_the_same_seed_fly_alike_whatever_the_threads_do(photos):
    for mine, theirs in zip(fly(pool(photos), 4, 3), fly(pool(photos), 4, 3), strict=True):
        for one, other in zip(mine, theirs, strict=True):
            assert np.array_equal(one[2].image, other[2].image)


def test_other_seeds_fly_other_flights(photos):
    seeds = {tuple(one[0].seed for one in fly(pool(photos, seed=seed), 4, 1)[0]) for seed in range(3)}
    assert len(seeds) == 3


def test_flights_remember_a_few_frames(photos, monkeypatch):
    monkeypatch.setattr(rollouts, "BUDGET", 3 * 12 * 48 * 64)
    flying = pool(photos, flights=1)
    for rollout, _, _ in (one for batch in fly(flying, 1, 12, 12) for one in batch):
        assert rollout.flight.world.nbytes <= 3 * 12 * 48 * 64 + 15 * 48 * 64


def test_without_sky_all_is_land(photos):
    for rollout, _, view in fly(pool(photos, flights=2, sky=False), 2, 1)[0]:
        assert not rollout.flight.photo.sky.any()
        assert not view.sky.any()
        assert np.isclose(view.disparity[view.mask].min(), 0.01, atol=0.002)


def test_without_sky_strangers_have_none_either(photos):
    stranger = pool(photos, sky=False).stranger(torch.Generator().manual_seed(0))
    assert not stranger.sky.any()
    assert stranger.disparity.min() == np.float32(0.01)


def test_strangers_are_any_photo(photos):
    flying = pool(photos)
    generator = torch.Generator().manual_seed(0)
    drawn = {id(flying.stranger(generator)) for _ in range(30)}
    assert drawn == {id(photo) for photo in photos}


def test_onwards_moves_the_same_flights(photos):
    flying = pool(photos, flights=2)
    steps = flying.steps(2, 5)
    made = flying.accept(steps, copied(steps))
    further = flying.onwards(steps)
    for step, before, key in zip(further, steps, made, strict=True):
        assert step.rollout is before.rollout
        assert step.rollout.flight.steps == 2
        assert key is step.rollout.flight.world.keyframes[-1]
