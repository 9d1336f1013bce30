"""Films of the published loop, alone and beside other generators."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.errors import PhotoflightError
from core.warp.benchmark import landscape
from viewer import classic_film, cli, compare, film
from viewer.options import CompareOptions, FilmOptions

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("one_thread")
SIDE_BY_SIDE = CompareOptions(seconds=0.4, fps=10.0, size=(160, 90), refiners=("classical", "classical", "classic"))


@pytest.fixture
def weights(classic_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("core.classic.checkpoint.installed_path", lambda: classic_weights)
    return classic_weights


@pytest.mark.usefixtures("weights")
def test_every_picture_is_a_step() -> None:
    options = FilmOptions(seconds=0.3, fps=10.0, classic=True, seed=2)
    shots = list(classic_film.shots(landscape(128, 80), options))
    assert len(shots) == 3
    for shot in shots:
        assert shot.picture.shape == (128, 128, 3)
        assert shot.picture.dtype == np.uint8
        assert shot.picture.std() > 5.0
    places = [shot.camera.position for shot in shots]
    assert np.linalg.norm(places[1] - places[0]) == pytest.approx(0.1875, abs=0.02)
    assert not np.array_equal(shots[0].picture, shots[1].picture)


@pytest.mark.usefixtures("weights", "gl_context")
def test_panes_side_by_side() -> None:
    """The same generator twice is the same twice, each as in a film of its own, though they take turns."""
    keyframe = landscape(128, 80)
    pictures = list(compare.side_by_side(keyframe, SIDE_BY_SIDE))
    assert len(pictures) == 4
    alone = film.shots(keyframe, replace(SIDE_BY_SIDE, refiner="classical"))
    for picture, shot in zip(pictures, alone, strict=True):
        assert picture.shape == (90, 480, 3)
        assert np.array_equal(picture[:, :160], picture[:, 160:320])
        assert np.array_equal(picture[40:, :160], shot.picture[40:])  # below the label
        assert not np.array_equal(picture[:40, :160], shot.picture[:40])
        assert not picture[50:, 321:330].any()  # beside a square pane
        assert picture[50:, 370:420].std() > 5.0
    assert np.array_equal(pictures[0][50:, 320:], pictures[1][50:, 320:])  # the loop's steps are held


@pytest.mark.usefixtures("gl_context")
def test_what_cannot_fly_is_not_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = str(tmp_path / "none.safetensors")
    with pytest.raises(PhotoflightError, match="leave it out of --refiners"):
        next(compare.side_by_side(landscape(64, 48), replace(SIDE_BY_SIDE, refiners=(missing,))))
    output = tmp_path / "out.mp4"
    assert cli.main(["film", "--classic", "--seconds", "0.1", "-o", str(output)]) == cli.USER_ERROR
    assert "photoflight weights import FILE" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize(("option", "value"), [("--pilot", "orbit"), ("--size", "640x360"), ("--also", "lake.jpg")])
def test_what_the_published_loop_has_of_its_own_is_refused(tmp_path: Path, capsys, option: str, value: str) -> None:
    assert cli.main(["film", "--classic", option, value, "-o", str(tmp_path / "out.mp4")]) == cli.USER_ERROR
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{option}: the published loop has" in line
