"""Measures of a depth map that trust no label."""

from dataclasses import fields

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shard_files import H, W, write_shard

from core.training import perception_geometry
from core.training.perception_geometry import Geometry, edges, geometry, raw_answers, summary, water_plane
from core.training.shards import read_shards

LAND = np.ones((H, W), bool)


class Brightness(torch.nn.Module):
    """A network that answers with the photo: it cannot contradict itself on the mirror image."""

    def forward(self, image):
        return torch.logit(image.clamp(0.01, 0.99))


class Leaning(Brightness):
    """A network that sees the left nearer, whatever it is shown."""

    def forward(self, image):
        return super().forward(image) + torch.linspace(4.0, -4.0, image.shape[3])


@given(st.floats(-2.0, 2.0), st.floats(-2.0, 2.0), st.floats(-1.0, 1.0))
def test_a_plane_is_a_plane(down, across, offset):
    y, x = np.mgrid[:H, :W] / 50.0
    fit, slope = water_plane((down * y + across * x + offset).astype(np.float32), LAND)
    if abs(down) + abs(across) > 0.1:
        assert fit > 0.999
    if abs(down) > 0.01:
        assert np.sign(slope) == np.sign(down)


def test_noise_is_no_plane_and_dry_land_is_not_measured():
    noise = np.random.default_rng(0).random((H, W)).astype(np.float32)
    assert water_plane(noise, LAND)[0] < 0.05
    assert np.isnan(water_plane(noise, ~LAND)).all()


@given(st.floats(0.2, 5.0), st.floats(-1.0, 1.0))
@settings(max_examples=10, deadline=None)
def test_softer_edges_have_less_energy_whatever_the_scale(scale, shift):
    photo = np.zeros((H, W, 3), np.uint8)
    photo[:, W // 2 :] = 200
    step = 0.2 + photo[..., 0].astype(np.float32) / 400.0
    first = np.round(255.0 * np.sqrt(step)).astype(np.uint8)
    found = [edges(scale * cv2.GaussianBlur(step, (0, 0), s) + shift, photo, first, LAND) for s in (0.5, 2.0, 6.0)]
    energies, shares = zip(*found, strict=True)
    assert energies[0] > energies[1] > energies[2]
    assert shares[0] > shares[1] > shares[2]
    assert np.isnan(edges(step, photo, np.full_like(first, 100), LAND)).all()


def test_a_network_that_leans_is_found_out():
    photo = np.random.default_rng(0).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    here, there = raw_answers(Brightness(), photo)
    np.testing.assert_allclose(here, there, atol=1e-6)
    here, there = raw_answers(Leaning(), photo)
    assert (here - there)[0, :, :20].mean() > 0.3


def test_figures_of_a_photo(tmp_path, monkeypatch):
    """A perception that answers with the label itself is perfect in all that compares with the label."""
    sample = read_shards([write_shard(tmp_path / "a.tar", 1, 0)])[0]
    from core.perception import Scene

    def perceived(photo):
        h, w = photo.shape[:2]
        y, x = (H - h) // 2, (W - w) // 2
        window = np.s_[y : y + h, x : x + w]
        return Scene(np.square(sample.root / np.float32(255.0))[window], sample.sky[window] / np.float32(255.0))

    monkeypatch.setattr(perception_geometry, "perceive", perceived)
    found = geometry(Brightness(), sample, sample.root)
    assert found.mirror == found.part == pytest.approx(1.0)
    assert found.rows > 0.99
    assert found.sky_iou == 1.0
    assert found.delta > 0.99
    assert found.spearman > 0.99
    assert np.isnan(found.water_iou)  # not labelled


def test_summaries_leave_out_what_could_not_be_measured():
    names = [field.name for field in fields(Geometry)]
    rows = [Geometry(**dict.fromkeys(names, value)) for value in (0.2, 0.4, float("nan"))]
    figures = summary(rows)
    assert figures.keys() == set(names)
    assert figures["rows"] == {"mean": 0.3, "least": 0.2, "tenth": 0.22, "photos": 2}
