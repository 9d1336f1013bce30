from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.exemplar.coherence import BARRED, NOWHERE, Exemplar, settle

ROWS, COLUMNS, COUNT = 20, 28, 6
HEIGHT, WIDTH = 10, 14


class Scene:
    """A view of HEIGHT x WIDTH pixels that shows patches of a noisy picture, some of them barred."""

    def __init__(self, seed: int, tile: int = 3, share: float = 0.7) -> None:
        random = np.random.default_rng(seed)
        colours = random.integers(0, 200, (ROWS, COLUMNS, 4), np.uint8)
        colours[..., 3] = 255 * (random.random((ROWS, COLUMNS)) < 0.1)
        self.exemplar = Exemplar(colours, random.integers(0, 128, (ROWS, COLUMNS, COUNT), np.int32))
        self.query = random.integers(0, 128, (HEIGHT, WIDTH, COUNT), np.int32)
        starts = random.integers(0, (COLUMNS - tile, ROWS - tile), (HEIGHT, WIDTH, 2))
        y, x = np.mgrid[:HEIGHT, :WIDTH]
        self.labels = (starts[y - y % tile, x - x % tile] + np.stack([x % tile, y % tile], axis=-1)).astype(np.int32)
        self.new = random.random((HEIGHT, WIDTH)) < share
        self.labels[~self.new & (random.random((HEIGHT, WIDTH)) < 0.2)] = NOWHERE
        self.picture = random.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
        self.picture[self.new] = colours[self.labels[self.new][:, 1], self.labels[self.new][:, 0], :3]

    def settled(self, seam: int = 200, passes: int = 1) -> tuple[np.ndarray, np.ndarray]:
        labels, picture = self.labels.copy(), self.picture.copy()
        settle(labels, self.new, picture, self.query, self.exemplar, seam, passes)
        return labels, picture

    def cost(self, labels, y, x) -> int:
        """How far a pixel is from what it should look like."""
        u, v = labels[y, x]
        square = np.square(self.query[y, x].astype(int) - self.exemplar.features[v, u])
        barred = BARRED * (self.exemplar.picture[v, u, 3] == 255)
        return 16 * square.sum() + barred

    def says(self, label, y: int, x: int) -> np.ndarray:
        """The colour of what lies (x, y) from position ``label``."""
        return self.exemplar.picture[np.clip(label[1] + y, 0, ROWS - 1), np.clip(label[0] + x, 0, COLUMNS - 1), :3].astype(int)

    def border(self, labels, picture, one, other, seam) -> int:
        """What it costs that pixels ``one`` and ``other`` are of two patches, if they are."""
        (y, x), (v, u) = one, other
        step = np.array([u - x, v - y])
        if NOWHERE in (labels[one][0], labels[other][0]) or (labels[other] - labels[one] == step).all():
            return 0
        total = seam
        for own, that, (dx, dy) in ((one, other, step), (other, one, -step)):
            if self.new[own]:
                total += np.square(self.says(labels[own], dy, dx) - picture[that]).sum()
        return total

    def energy(self, labels, picture, seam: int) -> int:
        total = sum(self.cost(labels, y, x) for y, x in np.argwhere(self.new))
        for y, x in np.ndindex(HEIGHT, WIDTH):
            for other in ((y, x + 1), (y + 1, x - 1), (y + 1, x), (y + 1, x + 1)):
                if other[0] < HEIGHT and 0 <= other[1] < WIDTH and (self.new[y, x] or self.new[other]):
                    total += self.border(labels, picture, (y, x), other, seam)
        return int(total)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_what_is_known_stays(seed, passes):
    scene = Scene(seed)
    labels, picture = scene.settled(passes=passes)
    assert np.array_equal(labels[~scene.new], scene.labels[~scene.new])
    assert np.array_equal(picture[~scene.new], scene.picture[~scene.new])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(0, 3000))
def test_the_energy_never_rises(seed, tile, seam):
    scene = Scene(seed, tile)
    before = scene.energy(scene.labels, scene.picture, seam)
    after = scene.energy(*scene.settled(seam), seam)
    assert after <= before
    assert scene.energy(*scene.settled(seam, 2), seam) <= after


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_the_picture_follows_and_positions_stay_in_the_photo(seed):
    scene = Scene(seed)
    labels, picture = scene.settled(passes=3)
    u, v = labels[scene.new].T
    assert (labels[scene.new] >= 0).all()
    assert (labels[scene.new] < (COLUMNS, ROWS)).all()
    assert np.array_equal(picture[scene.new], scene.exemplar.picture[v, u, :3])


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_every_new_label_is_one_that_was_there_continued(seed):
    scene = Scene(seed)
    labels, _ = scene.settled(passes=2)
    pixel = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), axis=-1)
    before = {tuple(move) for move in (scene.labels - pixel).reshape(-1, 2)}
    assert {tuple(move) for move in (labels - pixel)[scene.new]} <= before


def plainly_settled(scene: Scene, seam: int, order: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """What one pass of ``settle`` does, in plain loops, the pixels of a sub-pass in any ``order``."""
    labels, picture = scene.labels.copy(), scene.picture.copy()
    for sub in range(4):
        for y, x in order.permutation(np.argwhere(scene.new)):
            if (y % 2, x % 2) != (sub // 2, sub % 2):
                continue
            beside = [(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i or j)]
            beside = [(n, m) for n, m in beside if 0 <= n < HEIGHT and 0 <= m < WIDTH]
            goes_on = [tuple(labels[n, m] + (x - m, y - n)) for n, m in beside]
            own = tuple(labels[y, x])
            if scene.exemplar.picture[own[1], own[0], 3] != 255 and all(label == own for label in goes_on):
                continue
            costs = {}
            for label in (own, *goes_on):
                if 0 <= label[0] < COLUMNS and 0 <= label[1] < ROWS:
                    labels[y, x] = label
                    picture[y, x] = scene.says(label, 0, 0)
                    seams = sum(scene.border(labels, picture, (y, x), other, seam) for other in beside)
                    costs.setdefault(label, scene.cost(labels, y, x) + seams)
            labels[y, x] = min(costs, key=costs.get)  # of equals the first
            picture[y, x] = scene.says(labels[y, x], 0, 0)
    return labels, picture


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 2000))
def test_the_order_within_a_sub_pass_does_not_matter(seed, seam):
    scene = Scene(seed)
    settled = scene.settled(seam)
    for order in range(2):
        for one, other in zip(settled, plainly_settled(scene, seam, np.random.default_rng(order)), strict=True):
            assert np.array_equal(one, other)


def test_one_patch_is_left_alone():
    scene = Scene(0)
    scene.exemplar.picture[..., 3] = 0
    scene.new[:] = True
    scene.labels[:] = np.stack(np.meshgrid(np.arange(WIDTH) + 5, np.arange(HEIGHT) + 4), axis=-1)
    labels, _ = scene.settled(passes=3)
    assert np.array_equal(labels, scene.labels)


def test_the_dearer_a_border_the_fewer_there_are():
    def borders(labels):
        return sum((np.diff(labels, axis=axis)[..., 1 - axis] != 1).sum() for axis in (0, 1))

    cheap, dear = (sum(borders(Scene(seed, share=1.0).settled(seam, 3)[0]) for seed in range(5)) for seam in (0, 10**6))
    assert dear < 0.7 * cheap


def test_what_is_barred_gives_way_to_a_neighbour():
    scene = Scene(0, share=1.0)
    scene.exemplar.picture[..., 3] = 0
    scene.exemplar.picture[:, : COLUMNS // 2, 3] = 255
    scene.labels[:] = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), axis=-1)
    scene.labels[0, 0] = (COLUMNS - WIDTH, 0)
    labels, _ = scene.settled(passes=16)
    assert (scene.exemplar.picture[labels[..., 1], labels[..., 0], 3] == 0).all()
