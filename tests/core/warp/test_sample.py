from __future__ import annotations

import numpy as np
import pytest
from warp_scenes import hills, keyframe, moved, uv_grid, valley

from core.warp import warp
from core.warp.sample import sample


def test_identity_returns_the_image(warper):
    frame = keyframe(hills(64, 40))
    read = sample(warp([frame], frame.camera, (64, 40), warper), [frame.image.astype(np.float32)])
    np.testing.assert_array_equal(read, frame.image)


def test_each_pixel_comes_from_its_keyframe_and_holes_are_zero(warper):
    frames = [valley(48, 30), keyframe(np.full((30, 48), 0.3), image=np.full((30, 48, 3), 9, np.uint8))]
    lookup = warp(frames, moved(frames[0].camera, x=0.3, z=-0.3), (64, 40), warper)
    read = sample(lookup, [np.full((30, 48), slot + 1.0, np.float32) for slot in range(2)])
    np.testing.assert_array_equal(read, lookup.slot + 1.0)
    assert (read == 0).any()


def test_torch_twin_agrees_and_is_differentiable(warper):
    torch = pytest.importorskip("torch")
    from core.warp.sample import sample_torch

    frames = [valley(48, 30), keyframe(hills(64, 40))]
    lookup = warp(frames, moved(frames[0].camera, x=0.1, z=0.3, yaw=0.1), (64, 40), warper)
    images = [np.ascontiguousarray(uv_grid(*frame.image.shape[1::-1]), np.float32) for frame in frames]
    tensors = [torch.from_numpy(image).permute(2, 0, 1).requires_grad_() for image in images]
    read = sample_torch(lookup, tensors)
    # cv2 rounds positions to 1/32 pixel: 0.5/32 of the step of 1/30 between neighbours
    np.testing.assert_allclose(read.detach().permute(1, 2, 0).numpy(), sample(lookup, images), atol=0.6e-3)
    read.sum().backward()
    for slot, tensor in enumerate(tensors):
        assert tensor.grad is not None
        # each covered pixel hands its gradient of one on to the four it was read from, in both channels
        np.testing.assert_allclose(tensor.grad.sum().item(), 2 * (lookup.slot == slot).sum(), rtol=1e-4)
