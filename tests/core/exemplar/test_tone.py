from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.exemplar.loops import Loops
from core.exemplar.tone import LARGEST, Copied, Linked, jumps, relax, toned

SIZE = (20, 30)
LOOPS = Loops()


def there(left: int = 0, top: int = 0):
    """Every pixel shows what lies (left, top) from it in the photo."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.stack([x + left, y + top], axis=-1).astype(np.int32)


def linked(land, disparity=None):
    return Linked.of(land, np.ones(SIZE, np.float32) if disparity is None else disparity)


def bare_of(labels, exemplar):
    return exemplar[labels[..., 1], labels[..., 0], :3]


def copied(labels, exemplar):
    return Copied(labels, bare_of(labels, exemplar), exemplar)


def scene(seed: int):
    random = np.random.default_rng(seed)
    exemplar = random.integers(0, 256, (24, 80, 4), np.uint8)
    labels = np.where((random.random(SIZE) < 0.5)[..., None], there(2, 1), there(40, 3))
    land, new = random.random(SIZE) < 0.8, random.random(SIZE) < 0.6
    tone = np.clip(0.1 * random.standard_normal((*SIZE, 3)), -LARGEST, LARGEST).astype(np.float32) * land[..., None]
    return exemplar, labels, land, new & land, tone


def test_no_tone_stays_none():
    exemplar = np.random.default_rng(0).integers(0, 256, (24, 80, 4), np.uint8)
    labels, zero = there(3, 2), np.zeros((*SIZE, 3), np.float32)
    land = np.ones(SIZE, bool)
    new = np.random.default_rng(1).random(SIZE) < 0.5
    out = toned(zero, zero, np.full(SIZE, 8.0, np.float32), linked(land), new, copied(labels, exemplar), LOOPS)
    assert not out.any()


@settings(max_examples=10, deadline=None)
@given(st.integers(-50, 50))
def test_a_constant_jump_is_closed(jump):
    """A patch copied from land that is as bright, but for a constant, is shown as bright as the land around it."""
    exemplar = np.full((24, 80, 4), 120, np.uint8)
    exemplar[:, 40:, :3] = 120 + jump
    new = np.zeros(SIZE, bool)
    new[8:13, 10:16] = True
    labels = np.where(new[..., None], there(45), there())
    bare, zero = bare_of(labels, exemplar), np.zeros((*SIZE, 3), np.float32)
    out = toned(zero, zero, np.full(SIZE, 100.0, np.float32), linked(np.ones(SIZE, bool)), new, copied(labels, exemplar), LOOPS)
    assert np.abs(bare / 255.0 + out - 120.0 / 255.0).max() < 0.1 * abs(jump) / 255.0 + 1e-6


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 999))
def test_known_pixels_keep_theirs_and_none_is_larger_than_the_largest(seed):
    exemplar, labels, land, new, tone = scene(seed)
    wanted = np.random.default_rng(seed).uniform(-1.0, 1.0, tone.shape).astype(np.float32)
    out = toned(tone, wanted, np.full(SIZE, 4.0, np.float32), linked(land), new, copied(labels, exemplar), LOOPS)
    assert np.array_equal(out[~new], tone[~new])
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= LARGEST


def test_where_nothing_else_is_known_the_tone_is_what_is_wanted():
    exemplar = np.full((24, 80, 4), 90, np.uint8)
    labels, wanted = there(), np.full((*SIZE, 3), 0.07, np.float32)
    everywhere = np.ones(SIZE, bool)
    out = toned(np.zeros_like(wanted), wanted, np.full(SIZE, 4.0, np.float32), linked(everywhere), everywhere,
                copied(labels, exemplar), LOOPS)  # fmt: skip
    assert np.abs(out - wanted).max() < 1e-4


def plain_jumps(exemplar, labels, land, new, bare):
    """What ``jumps`` finds to the right, in plain loops."""
    out = np.zeros((*SIZE, 3))
    for y, x in np.ndindex(SIZE[0], SIZE[1] - 1):
        if not (land[y, x] and land[y, x + 1] and (new[y, x] or new[y, x + 1])):
            continue
        (u, v), (p, q) = labels[y, x], labels[y, x + 1]
        if (p, q) == (u + 1, v):
            continue
        says = []
        if new[y, x]:
            says.append(exemplar[v, min(u + 1, 79), :3] - bare[y, x + 1].astype(float))
        if new[y, x + 1]:
            says.append(bare[y, x] - exemplar[q, max(p - 1, 0), :3].astype(float))
        out[y, x] = np.mean(says, axis=0) / 255.0
    return out


def test_jumps_are_what_both_patches_say_on_the_average():
    exemplar, labels, land, new, tone = scene(0)
    bare = bare_of(labels, exemplar)
    across, down = np.zeros_like(tone), np.zeros_like(tone)
    jumps(labels, linked(land), new, bare, exemplar, across, down)
    assert np.abs(across - plain_jumps(exemplar, labels, land, new, bare)).max() < 1e-6
    assert not down[-1].any()
    assert down[:-1].any()


def test_jumps_down_are_jumps_across_of_the_transposed():
    exemplar, labels, land, new, tone = scene(1)
    bare = bare_of(labels, exemplar)
    across, down = np.zeros_like(tone), np.zeros_like(tone)
    jumps(labels, linked(land), new, bare, exemplar, across, down)
    turned = [np.ascontiguousarray(a.swapaxes(0, 1)) for a in (labels[..., ::-1], new, bare, exemplar, across, down)]
    turned[4][:], turned[5][:] = 0.0, 0.0
    jumps(turned[0], Linked.of(land.T.copy(), np.ones(SIZE[::-1], np.float32)), *turned[1:])
    assert np.array_equal(turned[4].swapaxes(0, 1), down)
    assert np.array_equal(turned[5].swapaxes(0, 1), across)


def test_a_tone_stays_on_its_surface():
    """What stands before other land takes no tone from it, however long the tone spreads."""
    near = np.zeros(SIZE, bool)
    near[:, 12:] = True
    apart = linked(np.ones(SIZE, bool), np.where(near, 0.5, 0.05).astype(np.float32))
    tone = np.where(near, np.float32(0.0), np.float32(0.3))[..., None] * np.ones(3, np.float32)
    new = near.copy()
    new[:, 20:] = False
    nothing = np.zeros_like(tone)
    relax(tone, nothing, np.full(SIZE, 0.01, np.float32), apart, new, nothing, nothing, 50)
    assert not tone[near].any()
    assert apart.below[:-1].all()
    assert (~apart.right).nonzero()[1].tolist() == [11, SIZE[1] - 1] * SIZE[0]


def test_relaxed_long_enough_every_pixel_is_the_mean_of_what_its_neighbours_say():
    _, _, land, new, tone = scene(2)
    random = np.random.default_rng(2)
    across, down, wanted = (random.normal(0.0, 0.05, tone.shape).astype(np.float32) for _ in range(3))
    screen = np.full(SIZE, 0.1, np.float32)
    out = tone.copy()
    relax(out, wanted, screen, linked(land), new, across, down, 400)
    for y, x in np.argwhere(new):
        total, weight = screen[y, x] * wanted[y, x], screen[y, x]
        beside = (y, x + 1, -across[y, x]), (y, x - 1, across[y, x - 1])
        for n, m, step in (*beside, (y + 1, x, -down[y, x]), (y - 1, x, down[y - 1, x])):
            if 0 <= n < SIZE[0] and 0 <= m < SIZE[1] and land[n, m]:
                total, weight = total + out[n, m] + step, weight + 1.0
        assert np.abs(out[y, x] - total / weight).max() < 1e-4
