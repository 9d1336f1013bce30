"""The trainer: exact resume, ablations, accumulation, averages. On a tiny network and features that nobody trained."""

import math

import numpy as np
import pytest
import tiny_training
import torch
from tiny_training import TINY

from core.neural.inputs import photo_tensor
from core.training import checkpoint
from core.training import trainer as trainer_module
from core.training.generator import ABLATIONS

pytestmark = pytest.mark.usefixtures("one_thread")

RECONSTRUCTION = {"features", "pixels", "disparity", "sky"}
ADVERSARIAL = {"deceive", "geometry", "style", "judge", "judge_geometry"}


@pytest.fixture(scope="module")
def features():
    return tiny_training.features()


@pytest.fixture
def trainer(features):
    """Make trainers of the tiny recipe with some of it changed."""
    return lambda **options: tiny_training.trainer(features, **options)


def weights(trainer):
    return {name: p.detach().clone() for name, p in trainer.network.named_parameters()}


def moved(before, after):
    return any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("options", [{}, {"accumulate": 2, "unroll": 2, "sky": False}], ids=str)
def test_after_a_restart_the_figures_are_the_same_bit_for_bit(trainer, tmp_path, options):
    whole = trainer(**options)
    for _ in range(4):
        whole.train_step()
    checkpoint.save(tmp_path / "checkpoint.pt", whole.state())
    in_the_air = [r.flight.steps for r in whole.pool._rollouts if r is not None and not r.over]
    resumed = trainer(**options)
    for _ in range(2):
        resumed.train_step()  # what it did before counts for nothing
    resumed.restore(checkpoint.load(tmp_path / "checkpoint.pt"))
    assert resumed.step == 4
    for _ in range(4):
        assert resumed.train_step() == whole.train_step()
    assert in_the_air, "no flight was in the air: the test tests nothing"
    for mine, theirs in ((whole.network, resumed.network), (whole.judges, resumed.judges)):
        for (name, a), (_, b) in zip(mine.state_dict().items(), theirs.state_dict().items(), strict=True):
            assert torch.equal(a, b), name
    assert all(torch.equal(whole.averages[name], resumed.averages[name]) for name in whole.averages)


def test_the_same_seed_gives_the_same_training(trainer):
    one, same, other = trainer(), trainer(), trainer(seed=1)
    steps = [[t.train_step() for _ in range(2)] for t in (one, same, other)]
    assert steps[0] == steps[1]
    assert steps[0] != steps[2]


@pytest.mark.parametrize("without", [None, *ABLATIONS])
def test_every_ablation_learns_from_its_first_step(trainer, without):
    ablated = trainer(**({without: False} if without else {}))
    before = weights(ablated)
    first = ablated.train_step()
    assert moved(before, weights(ablated))
    second = ablated.train_step()
    assert all(math.isfinite(value) for value in (first | second).values())
    names = set(second) - {"gradient", "r1"}
    if without == "cycle":
        assert names >= ADVERSARIAL
        assert not names & RECONSTRUCTION
        assert set(first) >= ADVERSARIAL  # there is nothing to warm up on
    elif without == "rollouts":
        assert names >= RECONSTRUCTION
        assert not names & ADVERSARIAL
        assert all(r.length == 1 for r in ablated.pool._rollouts)
    else:
        assert names >= RECONSTRUCTION | ADVERSARIAL
        assert not set(first) & ADVERSARIAL  # warmup
    if without == "sky":
        assert ablated.shown[1].sky.max() < 0.02  # next to none at first


@pytest.mark.parametrize("balanced", [True, False])
def test_balanced_sampling_compares_flights_with_their_own_photos(trainer, monkeypatch, balanced):
    views = []
    monkeypatch.setattr(trainer_module, "augmented", lambda seen, _: views.append(seen.detach().clone()) or seen)
    learning = trainer(warmup=0, balanced=balanced)
    other = tiny_training.photos(9)[8]
    monkeypatch.setattr(learning.pool, "stranger", lambda _: other)
    learning.train_step()
    _, fake, real = views  # the generator's, then what is judged
    assert fake.shape == real.shape == (TINY.batch, 5, *TINY.size[::-1])
    assert float(real.min()) >= 0.0
    assert float(real.max()) <= 1.0
    for view, rollout in zip(real, _in_order(learning), strict=True):
        photo = rollout.flight.photo if balanced else other
        expected = photo_tensor(photo, TINY.size)[0]
        torch.testing.assert_close(view[:3], 0.5 + 0.5 * expected[:3])
        torch.testing.assert_close(view[4], expected[4])
        torch.testing.assert_close(view[3], expected[3] * (1.0 - expected[4]))


def test_one_optimiser_step_every_two_batches(trainer):
    accumulating = trainer(accumulate=2)
    for pair in range(2):
        before, judge = weights(accumulating), accumulating.judges.geometry.body[0].weight.detach().clone()
        assert "gradient" not in accumulating.train_step()
        assert not moved(before, weights(accumulating))
        assert torch.equal(judge, accumulating.judges.geometry.body[0].weight)
        assert "gradient" in accumulating.train_step()
        assert moved(before, weights(accumulating))
        assert not torch.equal(judge, accumulating.judges.geometry.body[0].weight), pair


def test_accumulated_gradients_are_the_mean_of_their_batches(trainer, monkeypatch):
    """Of the first two batches, before any weight moves."""
    options = {"rollouts": False, "clip": 1e9}
    seen = []
    clip = torch.nn.utils.clip_grad_norm_

    def spied(parameters, most):
        parameters = list(parameters)
        seen.append(torch.cat([p.grad.flatten() for p in parameters if p.grad is not None]).clone())
        return clip(parameters, most)

    monkeypatch.setattr(trainer_module.nn.utils, "clip_grad_norm_", spied)
    accumulating = trainer(accumulate=2, **options)
    for _ in range(2):
        accumulating.train_step()
    still = trainer(rate=0.0, **options)
    for _ in range(2):
        still.train_step()
    both, first, second = seen
    torch.testing.assert_close(both, 0.5 * (first + second), rtol=1e-3, atol=1e-6)


def test_averages_move_towards_the_weights(trainer):
    averaging = trainer(rollouts=False)
    start = {name: value.clone() for name, value in averaging.averages.items()}
    averaging.train_step()
    keep = min(TINY.average, 1.0 / 10.0)  # at the beginning the first weights are soon forgotten
    for name, parameter in averaging.network.named_parameters():
        expected = keep * start[name] + (1.0 - keep) * parameter
        torch.testing.assert_close(averaging.averages[name], expected.detach(), rtol=1e-4, atol=1e-7)
    last = weights(averaging)
    for parameter in averaging.network.parameters():
        parameter.data.add_(1.0)
    averaging.step = 10**6
    averaging._average()
    name = next(iter(last))
    step = float((averaging.averages[name] - (keep * start[name] + (1.0 - keep) * last[name])).mean())
    assert step == pytest.approx(1.0 - TINY.average, rel=0.3)


def test_the_generator_does_not_move_the_judges_nor_they_the_generator(trainer):
    learning = trainer(rate=0.0, warmup=0)
    before = weights(learning)
    judges = {name: p.detach().clone() for name, p in learning.judges.named_parameters()}
    learning.train_step()
    assert not moved(before, weights(learning))
    assert all(p.grad is None for p in learning.network.parameters())
    changed = {name for name, p in learning.judges.named_parameters() if not torch.equal(p, judges[name])}
    assert changed
    assert all(".heads." in name or name.startswith("geometry.") for name in changed)
    still = trainer(judge_rate=0.0, warmup=0)
    judges = {name: p.detach().clone() for name, p in still.judges.named_parameters()}
    before = weights(still)
    still.train_step()
    assert all(torch.equal(p, judges[name]) for name, p in still.judges.named_parameters())
    assert moved(before, weights(still))


def test_own_frames_count_a_twentieth(trainer, monkeypatch):
    learning = trainer()
    for name in RECONSTRUCTION:
        assert learning._weight(name, own=True) == pytest.approx(0.05 * learning._weight(name, own=False))
    assert learning._weight("deceive", own=True) == learning._weight("deceive", own=False) > 0.0
    monkeypatch.setattr(trainer_module, "_OWN_EVERY", 2)
    owns = []
    for _ in range(4):
        batch = learning._batch()
        owns.append(batch.own)
        learning.train_step()
    assert owns == [False, True, False, True]


def test_r1_is_taken_now_and_then(trainer):
    learning = trainer(warmup=0, r1_every=3)
    assert ["r1" in learning.train_step() for _ in range(4)] == [True, False, False, True]


def test_a_step_with_a_gradient_beyond_all_bounds_is_skipped(trainer):
    learning = trainer(rollouts=False)
    learning.train_step()
    before = weights(learning)
    handle = next(learning.network.parameters()).register_hook(lambda gradient: gradient * math.inf)
    figures = learning.train_step()
    assert figures["skipped"] == 1.0
    assert "gradient" not in figures
    assert not moved(before, weights(learning))
    handle.remove()
    assert "gradient" in learning.train_step()
    assert moved(before, weights(learning))


def test_the_gradient_is_clipped(trainer, monkeypatch):
    learning = trainer(rollouts=False, clip=1e-3)
    norms = []
    step = learning.optimizer.step
    monkeypatch.setattr(learning.optimizer, "step", lambda: (norms.append(_norm(learning.network)), step()))
    assert learning.train_step()["gradient"] > 1e-3
    assert norms[0] == pytest.approx(1e-3, rel=1e-2)


def _norm(network):
    return float(torch.stack([p.grad.norm() for p in network.parameters() if p.grad is not None]).norm())


def test_what_was_shown_is_the_last_step(trainer):
    learning = trainer()
    assert learning.shown is None
    learning.train_step()
    inputs, out, photos = learning.shown
    count = TINY.batch + TINY.cycles
    assert inputs.channels.shape[0] == out.image.shape[0] == photos.shape[0] == count
    assert not out.image.requires_grad
    assert 0.0 <= float(out.image.min()) <= float(out.image.max()) <= 1.0


def test_a_flight_goes_on_from_what_the_network_made(trainer):
    learning = trainer(flights=2, longest=9, growth=1)
    for _ in range(3):
        learning.train_step()
    for rollout in learning.pool._rollouts:
        newest = rollout.flight.world.keyframes[-1]
        assert np.array_equal(newest.camera.world_from_camera, rollout.flight.camera.world_from_camera)
    _, out, _ = learning.shown
    made = (out.image[:2].permute(0, 2, 3, 1).numpy() * 255.0).round().astype(int)
    for picture, rollout in zip(made, _in_order(learning), strict=True):
        assert np.abs(picture - rollout.flight.world.keyframes[-1].image).max() <= 1


def _in_order(trainer):
    """The rollouts of the last step, in its order."""
    rollouts, start = trainer.pool._rollouts, trainer.pool._next
    return [rollouts[(start + i) % len(rollouts)] for i in range(len(rollouts))]
