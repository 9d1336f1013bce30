"""Strips: one row a sample, six pictures across, each in its own colours."""

import numpy as np
import torch

from core.neural.inputs import CHANNELS, Inputs, Outputs
from core.training.strips import strip

N, H, W = 2, 16, 32


def plane(value, channels=1):
    return torch.full((N, channels, H, W), float(value))


def inputs(**changes):
    parts = Inputs(
        channels=plane(0.0, CHANNELS), land=plane(0.2, 3), backdrop=plane(1.0, 3), depth=plane(0.5),
        sky=plane(0.5), need=plane(0.6), opened=plane(1.0),
    )  # fmt: skip
    return parts._replace(**changes)


def columns(picture):
    assert picture.dtype == np.uint8
    assert picture.shape == (N * H, 6 * W, 3)
    return [picture[:, i * W : (i + 1) * W] for i in range(6)]


def test_photo_completion_refined_need_gate_disparity():
    photos = torch.cat([plane(0.0, 3), plane(0.5), plane(0.0)], 1)
    out = Outputs(plane(0.8, 3), plane(0.9), plane(0.5), plane(0.3))
    values = [np.unique(column) for column in columns(strip(inputs(), out, photos))]
    assert [list(value) for value in values] == [[128], [153], [204], [153], [77], [115]]


def test_known_sky_is_in_the_picture_already():
    """Only where it was open is the sky laid over the completion."""
    out = Outputs(plane(0.8, 3), plane(0.9), plane(0.5), plane(0.3))
    photos = plane(0.0, 5)
    completion = columns(strip(inputs(opened=plane(0.0)), out, photos))[1]
    assert np.unique(completion) == [51]


def test_rows_are_samples_and_values_are_clamped():
    image = plane(0.0, 3)
    image[1] = 1.7
    out = Outputs(image.requires_grad_(), plane(0.9), plane(0.5), plane(0.3))
    refined = columns(strip(inputs(), out, plane(-3.0, 5)))[2]
    assert not refined[:H].any()
    assert (refined[H:] == 255).all()
