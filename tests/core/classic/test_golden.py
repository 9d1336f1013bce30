"""Every stage beside what the authors' program computes, with weights that anyone can make again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from core.classic.canvas import Prepared, prepared
from core.classic.network import ClassicNetwork, StyledNetwork, truncated
from core.classic.pilot import PilotState, targets
from core.classic.rollout import rollout
from core.classic.sky import sky_corrected, turned_canvas
from core.classic.splat import foreground_alpha, splat

if TYPE_CHECKING:
    from pathlib import Path

Arrays = dict[str, np.ndarray]
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def golden(shared_dir: Path) -> Arrays:
    path = shared_dir / "golden" / "inz_case_a.npz"
    if not path.is_file():
        pytest.skip("no golden arrays beside the project")
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def start(golden: Arrays) -> Prepared:
    return prepared(golden["prep_image"], golden["prep_midas"], np.isin(golden["prep_label"], (105, 156)))


@pytest.fixture(scope="module")
def network(golden: Arrays, classic_state: dict[str, torch.Tensor]) -> ClassicNetwork:
    assert golden  # or nothing is built
    out = ClassicNetwork().requires_grad_(requires_grad=False)
    out.load_state_dict(classic_state)
    return out


@pytest.fixture(scope="module")
def styled(golden: Arrays, network: ClassicNetwork) -> StyledNetwork:
    return network.styled(torch.from_numpy(golden["gen_w_trunc"])[None], torch.from_numpy(golden["gen_global_code"])[None])


def near(ours: torch.Tensor | np.ndarray, theirs: np.ndarray, tolerance: float, relative: float = 0.0) -> None:
    np.testing.assert_allclose(np.asarray(ours).reshape(theirs.shape), theirs, atol=tolerance, rtol=relative)


def nearly(ours: torch.Tensor, theirs: np.ndarray, tolerance: float = 2e-4) -> None:
    """For what is splatted, which is ill-conditioned in single pixels."""
    off = np.abs(np.asarray(ours).reshape(theirs.shape) - theirs.astype(np.float32))
    assert np.percentile(off, 99.9) <= tolerance
    assert (off > 1e-3).mean() <= 1e-3


def test_preparation(golden: Arrays, start: Prepared) -> None:
    near(start.view, golden["prep_rgbd"], 1e-6)
    near(start.canvas, golden["prep_canvas"], 1e-6)
    near(start.lens, golden["prep_k_ref"], 1e-4)
    near(start.canvas_lens, golden["prep_k_full"], 1e-4)
    assert start.sky_threshold == pytest.approx(float(golden["prep_sky_threshold"]), abs=1e-6)
    assert start.sky_share == pytest.approx(float(golden["prep_sky_ratio"]), abs=1e-6)


def test_a_hundred_steps_of_the_autopilot(golden: Arrays) -> None:
    pilot = PilotState()
    for k, small in enumerate(golden["pilot_disp"].astype(np.float32)):
        disparity, before = small.repeat(4, 0).repeat(4, 1), pilot
        pilot = pilot.step(disparity, golden["prep_k_ref"])
        near(np.array(targets(disparity)), golden["pilot_xyh"][k], 5e-6)
        near(pilot.look, golden["pilot_look"][k], 5e-6)
        near(pilot.move, golden["pilot_move"][k], 5e-6)
        near(pilot.position, golden["pilot_pos"][k], 5e-5)
        near(pilot.camera_from_world, golden["pilot_pose"][k], 5e-5)
        near(pilot.camera_from_world @ np.linalg.inv(before.camera_from_world), golden["pilot_rel"][k], 5e-5)


def test_foreground_alpha(golden: Arrays, start: Prepared) -> None:
    near(foreground_alpha(start.view[:, 3:]), golden["alpha_prep"], 2e-5)
    near(foreground_alpha(torch.from_numpy(golden["gen_out"])[None, 3:]), golden["alpha_gen"], 2e-5)


@pytest.mark.parametrize("pose", range(5))
def test_splat(golden: Arrays, start: Prepared, pose: int) -> None:
    rgba = torch.cat([start.view[:, :3], torch.from_numpy(golden["alpha_prep"])[None, None]], 1)
    seen = splat(rgba, start.view[:, 3:], torch.from_numpy(golden["render_T"][pose]), start.lens)
    for ours, name in ((seen.image, "rgb"), (seen.alpha, "alpha"), (seen.disparity, "disp"), (seen.hit, "mask")):
        nearly(ours, golden[f"render_{name}"][pose])
    assert int((seen.mask[0, 0].numpy() != golden["render_hole_mask"][pose]).sum()) <= 4
    if pose == 2:
        nearly(seen.network_input(), golden["gen_in"], 4e-4)


@pytest.mark.parametrize("case", range(2))
def test_sky_correction(golden: Arrays, start: Prepared, case: int) -> None:
    canvas = turned_canvas(start, torch.from_numpy(golden["sky_T"][case]))
    refined = torch.from_numpy(golden["prep_rgbd" if case else "gen_out"])[None]
    if case == 0:
        stored = np.concatenate([golden["sky0_canvas_rgb"], golden["sky0_canvas_disp"][None], golden["sky0_canvas_mask"][None]])
        nearly(canvas, stored)
        canvas = torch.from_numpy(stored)[None]
    out = sky_corrected(refined, canvas, float(golden["prep_sky_threshold"]))
    assert int((out.first_sky[0, 0].numpy() != golden[f"sky{case}_A"]).sum()) <= 4 * case
    assert int((out.sky[0, 0].numpy() != golden[f"sky{case}_B"]).sum()) <= 4 * case
    near(out.soft, golden[f"sky{case}_soft"], 2e-5)
    near(out.rgbd, golden[f"sky{case}_out"], 2e-5)
    assert out.share == pytest.approx(float(golden[f"sky{case}_meanB"]), abs=1e-6)


def test_codes(golden: Arrays, network: ClassicNetwork, start: Prepared) -> None:
    w = network.mapped(torch.from_numpy(golden["gen_z"])[None])
    near(w, golden["gen_w"], 5e-5)
    near(truncated(w, torch.from_numpy(golden["gen_w_avg"])[None]), golden["gen_w_trunc"], 5e-5)
    near(network.global_code(2.0 * start.view - 1.0), golden["gen_global_code"], 5e-5)


def test_mean_latent(golden: Arrays, network: ClassicNetwork) -> None:
    samples = np.random.Generator(np.random.PCG64(50001)).standard_normal((50000, 512)).astype(np.float32)
    near(network.mean_latent(torch.from_numpy(samples)), golden["gen_w_avg"], 5e-5)


def test_generator_layer_by_layer(golden: Arrays, styled: StyledNetwork) -> None:
    with torch.inference_mode():
        features = styled.features(torch.from_numpy(golden["gen_in"])[None])
        for feature in features:
            _near_statistics(feature, golden, "gen_feat")
        for x, picture in styled.stages(features):
            _near_statistics(x, golden, "gen_x")
            if x.shape[2] < 128:
                near(picture, golden[f"gen_y{x.shape[2]}"], 1e-4)
    near(0.5 * (torch.tanh(picture) + 1.0), golden["gen_out"], 5e-5)


def _near_statistics(x: torch.Tensor, golden: Arrays, name: str) -> None:
    side = x.shape[2]
    near(x.mean((0, 2, 3)), golden[f"{name}{side}_mean"], 5e-5, 1e-5)
    near(x.std((0, 2, 3), correction=0), golden[f"{name}{side}_std"], 5e-5, 1e-5)


def test_five_free_steps(golden: Arrays, styled: StyledNetwork, start: Prepared) -> None:
    for k, step in zip(range(5), rollout(start, styled), strict=False):
        near(step.pilot.camera_from_world, golden["roll_pose"][k], 5e-3)
        near(step.pilot.position, golden["roll_pos"][k], 5e-3)
        near(step.pilot.look, golden["roll_look"][k], 5e-3)
        near(step.pilot.move, golden["roll_move"][k], 5e-3)
        assert step.corrected.share == pytest.approx(float(golden["roll_meanB"][k]), abs=8 / 128**2)
        near(step.camera_from_previous, golden["roll_rel"][k], 5e-3)
        nearly(0.5 * (step.seen.network_input()[:, :4] + 1.0), golden["roll_in_rgbd"][k], 1e-3)
        assert int((step.seen.mask[0, 0].numpy() != golden["roll_in_mask"][k]).sum()) <= 8
        assert int((step.corrected.first_sky[0, 0].numpy() != golden["roll_A"][k]).sum()) <= 8
        assert int((step.corrected.sky[0, 0].numpy() != golden["roll_B"][k]).sum()) <= 8
        nearly(step.refined, golden["roll_out"][k], 1e-3)
        nearly(step.corrected.rgbd, golden["roll_corr"][k], 1e-3)
    for last, name in ((step.refined, "roll_out_last"), (step.corrected.rgbd, "roll_corr_last")):
        near(last, golden[name], 5e-3)
        nearly(last, golden[name], 2e-4)
