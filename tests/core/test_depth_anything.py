"""The optional backend, driven with a tiny random model of the same architecture."""

import builtins

import numpy as np
import pytest

from core import depth_anything
from core.errors import PerceptionError
from core.perception import perceive


@pytest.fixture(autouse=True)
def _one_thread_and_no_cached_model():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    depth_anything._model.cache_clear()
    yield
    depth_anything._model.cache_clear()
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory):
    transformers = pytest.importorskip("transformers")
    backbone = transformers.Dinov2Config(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=518,
        patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=32,
        neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=8,
        head_hidden_size=8,
    )
    folder = tmp_path_factory.mktemp("model")
    transformers.DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    return folder


def test_real_loading_code_runs(tiny_model, monkeypatch):
    monkeypatch.setenv(depth_anything.MODEL_VARIABLE, str(tiny_model))
    image = np.random.default_rng(0).integers(0, 256, (120, 200, 3)).astype(np.uint8)
    disparity = depth_anything.estimate(image)
    assert disparity.dtype == np.float32
    assert disparity.shape[0] % 14 == 0
    assert 0.0099 < disparity.min() <= disparity.max() <= 1.0
    scene = perceive(image, "depth-anything")
    assert np.isfinite(scene.disparity).all()
    assert max(scene.disparity.shape) == 512


def test_absent_model_is_said(tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    monkeypatch.setenv(depth_anything.MODEL_VARIABLE, str(tmp_path))
    with pytest.raises(PerceptionError, match="--perception shipped"):
        depth_anything.estimate(np.zeros((32, 32, 3), np.uint8))


def test_absent_transformers_are_said(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "transformers":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(PerceptionError, match=r"pip install 'photoflight\[depth-anything\]'"):
        depth_anything.estimate(np.zeros((32, 32, 3), np.uint8))
