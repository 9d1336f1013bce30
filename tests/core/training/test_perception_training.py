"""Distillation: data, losses, figures, and a run that stops and resumes."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from shard_files import H, W, write_shard
from torch.nn import functional

from core.errors import TrainingError, WeightsError
from core.perception_network import Encoder, PerceptionNetwork
from core.training import perception, perception_data
from core.training.perception_data import Batch, batch_at, plain_batch
from core.training.perception_losses import figures, perception_loss
from core.training.shards import read_shards
from core.weights import load_weights

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    write_shard(folder / "train-0.tar", 6, 0)
    write_shard(folder / "val.tar", 2, 1)
    return folder


@pytest.fixture(scope="module")
def samples(data):
    return read_shards([data / "train-0.tar"])


def test_shards_come_back_whole(samples):
    assert len(samples) == 6
    assert samples[0].photo.shape == (H, W, 3)
    assert samples[0].root.shape == samples[0].sky.shape == (H, W)
    assert samples[0].photo[:8, :, 2].mean() > samples[0].photo[:8, :, 0].mean() + 40  # a blue sky: written as BGR, read as RGB


@pytest.mark.parametrize("leave_out", ["webp", "disp.webp", "sky.webp", "json"])
def test_incomplete_shards_are_refused(tmp_path, leave_out):
    with pytest.raises(TrainingError, match="incomplete"):
        read_shards([write_shard(tmp_path / "a.tar", 1, 0, leave_out)])


def test_unreadable_shards_are_refused(tmp_path):
    (tmp_path / "a.tar").write_bytes(b"x" * 2000)
    for name in ("a.tar", "missing.tar"):
        with pytest.raises(TrainingError, match=name):
            read_shards([tmp_path / name])


def test_batches_depend_on_seed_and_step_alone(samples):
    first, again = (batch_at(samples, 7, 4, (64, 32)) for _ in range(2))
    other = batch_at(samples, 8, 4, (64, 32))
    for name in ("photo", "root", "land", "weight", "sky", "trust", "water", "twin"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert not torch.equal(first.photo, other.photo)
    assert first.photo.shape == (4, 3, 32, 64)
    assert 0.0 <= first.photo.min() <= first.photo.max() <= 1.0


def test_sky_never_bleeds_into_land(samples):
    batch = plain_batch(samples[0], (32, 32))
    assert batch.root.min() > 0.15  # of land at 0.05 or more; an average with the sky's zero would lie below
    assert not ((batch.land > 0) & (batch.sky > 0.6)).any()


def perfect_logits(batch):
    root, sky = batch.root.clamp(0.01, 0.99), batch.sky.clamp(1e-4, 1 - 1e-4)
    return torch.cat([torch.logit(root), torch.logit(sky), torch.full_like(sky, -9.0)], 1)


def test_losses_vanish_at_the_truth_and_only_there(samples):
    batch = plain_batch(samples[0], (64, 64))
    perfect = perception_loss(perfect_logits(batch), batch)
    assert sum(map(float, perfect.values())) < 0.15
    worse = perception_loss(perfect_logits(batch) + torch.randn(1, 3, 64, 64, generator=torch.manual_seed(0)), batch)
    assert all(float(worse[name]) > float(perfect[name]) + 0.01 for name in perfect if name not in ("water", "twins"))
    assert float(worse["water"]) == 0.0  # not labelled
    assert float(worse["twins"]) == 0.0  # alone


@pytest.fixture
def plain_colours(monkeypatch):
    """Batches without haze and changes of colour."""
    monkeypatch.setattr(perception_data, "_recoloured", lambda photo, _: photo)
    monkeypatch.setattr(perception_data, "_hazed", lambda photo, *_: photo)


@pytest.mark.usefixtures("plain_colours")
@pytest.mark.parametrize("step", range(6))
def test_second_views_lie_where_they_say(samples, step):
    """What the map reads from the first view is the second one, mirrored or not, whole or in part."""
    smooth = [replace(s, photo=cv2.GaussianBlur(s.photo, (0, 0), 4)) for s in samples]
    batch = batch_at(smooth, step, 6, (64, 48))
    grid = functional.affine_grid(batch.twin, [3, 3, 48, 64], align_corners=False)
    read = functional.grid_sample(batch.photo[:3], grid, padding_mode="border", align_corners=False)
    assert (read - batch.photo[3:]).abs().mean() < 0.01


@pytest.mark.usefixtures("plain_colours")
def test_answers_that_follow_the_photo_agree_with_their_twins(samples):
    batch = batch_at(samples, 3, 6, (64, 48))
    follows = torch.cat([torch.logit(batch.root.clamp(0.01, 0.99)), torch.logit(batch.sky.clamp(0.01, 0.99)), batch.sky], 1)
    flipped = torch.cat([follows[:3], follows[3:].flip(2)])
    assert 5.0 * float(perception_loss(follows, batch)["twins"]) < float(perception_loss(flipped, batch)["twins"])


def test_haze_veils_what_is_far_and_changes_no_label(samples):
    batch = plain_batch(samples[0], (W, H))
    photo, root = batch.photo[0].permute(1, 2, 0).numpy(), batch.root[0, 0].numpy()
    veiled = perception_data._hazed(photo, root, np.random.default_rng(0))
    change, land = np.abs(veiled - photo).mean(axis=2), batch.land[0, 0].numpy() > 0
    near = root > np.median(root[land])
    assert change[land & ~near].mean() > 1.3 * change[land & near].mean()
    assert (veiled.std(axis=(0, 1)) < photo.std(axis=(0, 1))).all()


@given(share=st.floats(0.0, 1.0))
def test_doubtful_water_teaches_nothing(samples, share):
    water = np.full((H, W), round(255 * share), np.uint8)
    label = plain_batch(replace(samples[0], water=water), (W, H)).water
    assert (label == (1.0 if share > 0.81 else 0.0 if share < 0.19 else -1.0)).all() or 0.18 < min(share, 1 - share) < 0.22


def test_what_counts_for_nothing_costs_nothing(samples):
    """Disparity may be anything where the labels' weight is zero."""
    weight = np.full((H, W), 255, np.uint8)
    weight[:, : W // 2] = 0
    batch = plain_batch(replace(samples[0], weight=weight), (W, H))
    logits = perfect_logits(batch)
    before = perception_loss(logits, batch)
    logits[:, :1, :, : W // 2 - 1] = 3.0
    after = perception_loss(logits, batch)
    for name in ("absolute", "affine", "log", "gradient"):
        assert float(after[name]) == pytest.approx(float(before[name]), abs=1e-5), name


def test_affine_loss_ignores_scale_and_shift(samples):
    batch = plain_batch(samples[0], (64, 64))
    disparity = 0.5 * batch.root.square() + 0.2
    logits = torch.cat([torch.logit(disparity.sqrt()), *[torch.zeros_like(disparity)] * 2], 1)
    terms = perception_loss(logits, batch)
    assert float(terms["affine"]) < 1e-3
    assert float(terms["absolute"]) > 0.05


def test_figures_ignore_scale_and_shift(samples):
    truth = plain_batch(samples[0], (64, 64))
    disparity = truth.root[0, 0].square().numpy()
    result = figures(0.3 * disparity + 0.1, truth.sky[0, 0].numpy(), truth)
    assert result.sky_iou == 1.0
    assert result.delta > 0.999
    assert result.spearman > 0.999
    upside_down = figures(1.0 - disparity, 1.0 - truth.sky[0, 0].numpy(), truth)
    assert upside_down.spearman < -0.999
    assert upside_down.sky_iou < 0.01


def test_folded_encoder_equals_the_original():
    original = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet.from_name("efficientnet-lite0").eval()
    weights = {name: tensor for name, tensor in original.state_dict().items() if not name.startswith("_fc")}
    generator = torch.manual_seed(1)
    for name, tensor in weights.items():  # running statistics that a fold could get wrong
        if name.endswith(("running_mean", "_bn0.bias", "_bn1.bias")):
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.2)
        if name.endswith("running_var"):
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    encoder = Encoder()
    encoder.load_pretrained(weights)
    image = torch.rand(1, 3, 64, 64, generator=generator)
    x = original._swish(original._bn0(original._conv_stem((255.0 * image - 127.0) / 128.0)))
    for block in original._blocks:
        x = block(x)
    torch.testing.assert_close(encoder(image)[-1], x, rtol=1e-3, atol=1e-4)


def test_network_shapes():
    network = PerceptionNetwork().eval()
    with torch.inference_mode():
        assert network(torch.rand(2, 3, 64, 96)).shape == (2, 3, 64, 96)


def test_photos_must_exist(tmp_path):
    with pytest.raises(TrainingError, match="--data"):
        perception.train(perception.Recipe(steps=1), perception.Data(tmp_path), tmp_path / "out", perception.Origin())


def test_a_run_may_begin_from_shipped_weights():
    network = PerceptionNetwork()
    perception.Origin("perception").given_to(network)
    shipped = load_weights("perception")
    assert all(torch.equal(value, shipped[name].float()) for name, value in network.state_dict().items())
    with pytest.raises(WeightsError, match="nowhere"):
        perception.Origin("nowhere").given_to(network)


@pytest.fixture
def short(monkeypatch):
    """A run of four steps on thumbnails, from random weights."""
    monkeypatch.setattr(perception, "STAGES", (perception.Stage(0.0, 2, ((64, 32),)),))
    monkeypatch.setattr(perception, "find_lite0", lambda _: {})
    monkeypatch.setattr(Encoder, "load_pretrained", lambda *_: None)
    return perception.Recipe(steps=4, warmup=1, save_every=2, check_every=2)


def test_a_stopped_run_resumes_exactly(data, tmp_path, short, monkeypatch):
    perception.train(short, perception.Data(data), tmp_path / "whole", perception.Origin())
    real = perception.Trainer.train_step

    def interrupted(trainer, batch):
        if trainer.step == 3:
            raise KeyboardInterrupt
        return real(trainer, batch)

    with monkeypatch.context() as patch:
        patch.setattr(perception.Trainer, "train_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            perception.train(short, perception.Data(data), tmp_path / "parts", perception.Origin())
    perception.train(short, perception.Data(data), tmp_path / "parts", perception.Origin())
    whole, parts = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("whole", "parts"))
    assert whole["step"] == parts["step"] == 4
    for name, tensor in whole["averages"].items():
        assert torch.equal(tensor, parts["averages"][name]), name
    assert load_file(tmp_path / "whole" / "best.safetensors").keys() == whole["averages"].keys()
    assert len((tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()) >= 1


def test_training_learns(samples):
    """Twenty steps on one batch bring the loss well down: gradients reach both heads."""
    torch.manual_seed(0)
    network = PerceptionNetwork(widths=(16, 16, 16, 16, 16, 8))
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3)
    batch: Batch = batch_at(samples, 0, 2, (32, 32))
    history = []
    for _ in range(20):
        loss = sum(perception_loss(network(batch.photo), batch).values())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        history.append(float(loss.detach()))
    assert history[-1] < 0.7 * history[0]
