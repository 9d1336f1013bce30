"""What is taken for the authors' checkpoint, and what is not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from core.classic.checkpoint import checked, load_network, read_checkpoint
from core.classic.generator import ClassicGenerator
from core.classic.network import ClassicNetwork
from core.compose import compose
from core.errors import WeightsError
from core.frame import Layer
from core.sky import Dome
from core.warp import make_warper, warp
from core.warp.benchmark import landscape

if TYPE_CHECKING:
    from pathlib import Path

State = dict[str, torch.Tensor]
pytestmark = pytest.mark.usefixtures("one_thread")
A_TENSOR = "G_synthesis.G_4x4.Conv.activate.bias"


def test_all_entries_by_the_authors_names(classic_state: State) -> None:
    network = ClassicNetwork()
    assert len(classic_state) == len(network.state_dict()) == 165
    assert sum(p.numel() for p in network.parameters()) == 65_239_843
    network.load_state_dict(classic_state)


def test_an_import_brings_back_every_tensor(classic_weights: Path, classic_state: State) -> None:
    network, mean = load_network(classic_weights)
    again = network.state_dict()
    assert list(again) == list(classic_state)
    assert all(torch.equal(again[name], classic_state[name]) for name in classic_state)
    assert mean.shape == (1, 512)


def test_a_prefix_and_missing_filters_do_no_harm(classic_state: State, tmp_path: Path) -> None:
    bare = {f"module.{name}": tensor for name, tensor in classic_state.items() if "kernel" not in name}
    torch.save({name: tensor for name, tensor in bare.items() if tensor.numel() < 5000}, tmp_path / "small.tar")
    assert A_TENSOR in read_checkpoint(tmp_path / "small.tar")
    assert list(checked({name.removeprefix("module."): tensor for name, tensor in bare.items()})) == list(classic_state)


@pytest.mark.parametrize("fault", ["lacks", "has besides", "instead of"])
def test_another_networks_state_is_refused(classic_state: State, fault: str) -> None:
    wrong = dict(classic_state)
    if fault == "lacks":
        del wrong[A_TENSOR]
    elif fault == "has besides":
        wrong["extra.weight"] = torch.zeros(1)
    else:
        wrong[A_TENSOR] = torch.zeros(7)
    with pytest.raises(WeightsError, match=fault) as error:
        checked(wrong)
    assert "\n" not in str(error.value)


class _Bomb:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("kind", ["code", "truncated", "text", "empty", "picture", "missing"])
def test_other_files_are_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "x-latest.tar"
    if kind == "code":
        torch.save({"netG_ema": _Bomb(str(tmp_path / "ran"))}, file)
    elif kind == "truncated":
        torch.save({"netG_ema": {"a": torch.zeros(1000)}}, file)
        file.write_bytes(file.read_bytes()[:-700])
    elif kind == "text":
        file.write_text("not a checkpoint")
    elif kind == "empty":
        file.write_bytes(b"")
    elif kind == "picture":
        torch.save([1, 2], file)
    with pytest.raises(WeightsError) as error:
        read_checkpoint(file)
    assert "\n" not in str(error.value)
    assert str(file) in str(error.value)
    assert not (tmp_path / "ran").exists()


def test_missing_weights_name_the_command(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="photoflight weights import FILE"):
        load_network(tmp_path / "none.safetensors")


def test_it_completes_views_by_seed_and_pose(classic_weights: Path) -> None:
    photo = landscape(256, 160)
    generator = ClassicGenerator(*load_network(classic_weights))
    with pytest.raises(RuntimeError, match="begin"):
        generator(None)
    camera = photo.camera.moved(np.array([0.0, 0.0, 0.1875]), np.eye(3))
    view = compose(Layer((photo,), warp((photo,), camera, (256, 160), make_warper())), camera, Dome.of(photo))
    generator.begin(photo, 3)
    first, second = generator(view), generator(view)
    assert np.array_equal(first.image, second.image)
    for array in (first.image, first.disparity, first.sky, first.debt):
        assert np.isfinite(array).all()
        assert array.shape[:2] == (160, 256)
    assert first.disparity.min() >= 0.01
    sharp = view.mask & (view.debt < 0.1) & (view.sky == 0)
    assert np.abs(first.image - view.image)[sharp].mean() < 0.01
