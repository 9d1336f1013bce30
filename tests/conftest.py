"""What tests share: the project's root, optional data beside it, a display and an OpenGL context."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Settings and data of the tests' own; the card of a first run has been seen."""
    home = tmp_path_factory.mktemp("home")
    (home / "config" / "photoflight").mkdir(parents=True)
    (home / "config" / "photoflight" / "settings.toml").write_text("[welcome]\nseen = true\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(home / "config"))
        patch.setenv("XDG_DATA_HOME", str(home / "data"))
        yield


@pytest.fixture(scope="session", autouse=True)
def small_domes() -> Iterator[None]:
    """Skies of an eighth of the size: nearly every flight makes one, at full size in 1 to 2 s, and few tests are about it."""
    from core import sky

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sky, "WIDTH", 256)
        patch.setattr(sky, "HEIGHT", 128)
        yield


@pytest.fixture(scope="session")
def project_root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def demo_photos() -> list[Path]:
    return sorted((ROOT / "weights" / "demo").glob("*.jpg"))


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Photographs and teacher models that are not part of the project."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("no folder of shared data beside the project")
    return folder


@pytest.fixture(scope="session")
def xvfb() -> Iterator[str]:
    """An X display of the tests' own, so that no window or key press reaches a person's; DISPLAY names it from then on."""
    if not shutil.which("Xvfb"):
        pytest.skip("Xvfb is not installed (`make test` installs it)")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1024x640x24", "+extension", "GLX", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as pipe:
        number = pipe.readline().strip()
    assert number, "Xvfb did not start"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", f":{number}")
        patch.delenv("WAYLAND_DISPLAY", raising=False)
        yield f":{number}"
    server.terminate()
    server.wait(10)


@pytest.fixture(scope="session")
def _egl():
    moderngl = pytest.importorskip("moderngl")
    try:
        context = moderngl.create_standalone_context(backend="egl")
    except Exception as error:  # noqa: BLE001 - moderngl raises no other type where a driver is missing or old
        pytest.skip(f"no offscreen OpenGL 3.3 here ({error})")
    with context:
        pass  # it is current from the start, and no window could be opened beside it
    yield context
    context.release()


@pytest.fixture
def gl_context(_egl):
    """An offscreen OpenGL context shared by all tests, each of which must leave no error behind."""
    with _egl:  # makes it current: a test with a window may have run before
        assert _egl.error == "GL_NO_ERROR", "an earlier test left this error"
        yield _egl
        assert _egl.error == "GL_NO_ERROR", "this test left this error"


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """torch on one thread: on a busy machine threads would wait for each other's share of a small network, not compute."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def classic_state() -> dict[str, torch.Tensor]:
    """All 165 entries of the published network, synthetic."""
    from classic_weights import synthetic_weights

    from core.classic.checkpoint import checked

    return checked(synthetic_weights())


@pytest.fixture(scope="session")
def classic_weights(classic_state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The authors' zip, with synthetic weights in it, imported."""
    import torch

    from core.classic.checkpoint import import_checkpoint

    folder = tmp_path_factory.mktemp("checkpoint")
    torch.save({"global_step": 1, "epoch": 2, "netG_ema": classic_state}, folder / "x-latest.tar")
    with zipfile.ZipFile(folder / "data.zip", "w") as archive:
        archive.write(folder / "x-latest.tar", "ckpts/x-latest.tar")
    (folder / "x-latest.tar").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.classic.checkpoint.MEAN_SAMPLES", 500)
        path = import_checkpoint(folder / "data.zip", folder / "new" / "classic.safetensors")
    (folder / "data.zip").unlink()
    return path
