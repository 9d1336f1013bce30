"""The ``doctor`` command: what this machine offers, and what to do about what it does not.

Each check looks at one thing and is contained: whatever it raises becomes a line of the report. What may take the process down
with it, as a broken graphics driver can, runs in a process of its own.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.machine import cores, processor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import moderngl

PROBE_SECONDS = 60  # a first shader compilation can be slow; a probe that takes longer hangs
_ALIKE = 0.01  # share of a trial's pixels in which GPU and processor may differ
_DETOUR = "detour: "  # how a probe marks that pixels do not go the shortest way
LEAST_MEMORY = 1.5  # GiB free: torch, a 4096-pixel photo and the keyframes take about half of it


@dataclass(frozen=True)
class Finding:
    """What a check saw. With a ``remedy`` something is missing; ``fatal`` when no window can fly without it."""

    fact: str
    remedy: str = ""
    fatal: bool = False


def run() -> int:
    """Print the report; return 0, or 1 if this machine cannot fly in a window as it is."""
    findings = {subject: _contained(check) for subject, check in CHECKS.items()}
    for subject, finding in findings.items():
        mark = "!!" if finding.fatal else "--" if finding.remedy else "ok"
        print(f" {mark}  {subject:<12} {finding.fact}")
        if finding.remedy:
            print(f"     {'':<12} -> {finding.remedy}")
    fatal = [subject for subject, finding in findings.items() if finding.fatal]
    print(f"\nCannot fly in a window: {', '.join(fatal)}." if fatal else "\nReady to fly.")
    return 1 if fatal else 0


def _contained(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - the report says whatever a check met
        return Finding(f"could not be examined ({_one_line(error)})", "reinstall it with `make fly`, or report this line")


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:200]


def _python() -> Finding:
    return Finding(f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _processor() -> Finding:
    flags = set[str]()
    if (info := Path("/proc/cpuinfo")).exists():
        fields = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        flags = set({name.strip(): value for name, value in fields.items()}.get("flags", "").split())
    fast = [name for name, flag in (("AMX", "amx_bf16"), ("AVX512-BF16", "avx512_bf16")) if flag in flags]
    return Finding(f"{processor()}, {cores()} cores, bfloat16: {', '.join(fast) or 'none, networks run in float32'}")


def _memory() -> Finding:
    if not (info := Path("/proc/meminfo")).exists():
        return Finding("not known on this system")
    kibibytes = {line.split(":")[0]: int(line.split()[1]) for line in info.read_text().splitlines()}
    free, total = kibibytes["MemAvailable"] / 2**20, kibibytes["MemTotal"] / 2**20
    remedy = "" if free >= LEAST_MEMORY else "close other programs: the flight may run out of memory"
    return Finding(f"{free:.1f} of {total:.1f} GiB free", remedy)


def _without_x() -> bool:
    return sys.platform == "linux" and not os.environ.get("DISPLAY")


def _display() -> Finding:
    if sys.platform != "linux":
        return Finding("the system's own")
    names = [f"{name}={os.environ[name]}" for name in ("DISPLAY", "WAYLAND_DISPLAY") if os.environ.get(name)]
    if not _without_x():
        return Finding(", ".join(names))
    advice = "install XWayland" if names else "log in at a desktop, or use `photoflight film`, which needs none"
    return Finding(names[0] if names else "none", f"{advice} (a try-out: xvfb-run photoflight)", fatal=True)


@contextmanager
def _hidden_window() -> Iterator[moderngl.Context]:
    import moderngl
    import pyglet

    config = pyglet.gl.Config(major_version=3, minor_version=3)  # type: ignore[abstract]  # pyglet chooses the class by platform
    window = pyglet.window.Window(64, 64, visible=False, config=config)
    yield moderngl.create_context()
    window.close()


def window_renderer() -> str:
    """Open a hidden window and name its OpenGL; raises whatever pyglet and moderngl raise."""
    with _hidden_window() as context:
        return _described(context)


def offscreen_renderer() -> str:
    """Open OpenGL without a display and name it; raises whatever moderngl raises."""
    import moderngl

    return _described(moderngl.create_standalone_context(backend="egl"))  # type: ignore[arg-type]  # its stubs are wrong here


def window_transfer() -> str:
    """Open a hidden window and say how lookups get into it, after "detour" where that is not the shortest way."""
    with _hidden_window() as context:
        return _way(context)


def offscreen_transfer() -> str:
    """Say of OpenGL without a display what ``window_transfer`` says of a window."""
    from viewer.headless import headless_context

    return _way(headless_context())


def _way(context: moderngl.Context) -> str:
    from viewer.interop import make_transfer

    transfer = make_transfer(context)
    return f"{_DETOUR if transfer.fell_back else ''}{transfer.reason}"


def _described(context: moderngl.Context) -> str:
    return f"{context.info['GL_RENDERER']}, OpenGL {context.info['GL_VERSION']}"


def _probed(function: str) -> str:
    """Run a function of this module in a process of its own; return what it says or raise with the last thing it said."""
    code = f"from viewer.doctor import {function}; print({function}())"
    probe = subprocess.run(  # noqa: S603 - this module's own code
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=PROBE_SECONDS,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    said = (probe.stdout if probe.returncode == 0 else probe.stderr).strip().splitlines()
    if probe.returncode or not said:
        raise OSError(said[-1] if said else f"it died with exit code {probe.returncode}")
    return said[-1]


def _window() -> Finding:
    if _without_x():
        return Finding("none", "see display", fatal=True)
    try:
        return Finding(_probed("window_renderer"))
    except (OSError, subprocess.TimeoutExpired) as error:
        remedy = "OpenGL 3.3 is needed: install a graphics driver, or Mesa's (`make fly` does)"
        return Finding(f"none ({error})", remedy, fatal=True)


def _offscreen() -> Finding:
    try:
        return Finding(_probed("offscreen_renderer"))
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(f"none ({error})", "for `photoflight film` install libegl1 and libgl1-mesa-dri")


def _cuda() -> Finding:
    import torch

    if torch.cuda.is_available():
        device = torch.cuda.get_device_properties(0)
        return Finding(
            f"{device.name}, {device.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}, torch {torch.__version__}"
        )
    if shutil.which("nvidia-smi"):
        return Finding(
            f"torch {torch.__version__} sees no GPU", "check that nvidia-smi lists one, remove .venv and run `make fly`"
        )
    return Finding(f"no NVIDIA GPU; torch {torch.__version__} runs on the processor")


def _warp() -> Finding:
    import torch

    from core.warp import cuda, make_warper
    from core.warp.benchmark import landscape
    from core.warp.cpu import CpuWarper

    if not cuda.available():
        remedy = "pip install photoflight[cuda]" if torch.cuda.is_available() else ""
        return Finding("on the processor: CuPy is not installed or finds no NVIDIA GPU", remedy)
    keyframe, warper = landscape(64, 40), make_warper()
    found, expected = (each.warp([[keyframe]], keyframe.camera, (64, 40))[0] for each in (warper, CpuWarper()))
    apart = float((found.slot != expected.slot).mean())
    remedy = "update the NVIDIA driver and CuPy, and report this line"
    if warper.fallback is not None:
        return Finding(f"on the processor: {warper.fallback}", remedy)
    if apart > _ALIKE:
        return Finding(f"on the GPU, whose trial differs from the processor's in {apart:.1%} of its pixels", remedy)
    return Finding("on the GPU, as on the processor in a trial")


def _interop() -> Finding:
    from core.warp import cuda

    if not cuda.available():
        return Finding("not needed: lookups are made by the processor")
    try:
        way = _probed("offscreen_transfer" if _without_x() else "window_transfer")
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding(f"could not be tried out ({error})", "see window and offscreen")
    if way.startswith(_DETOUR):
        return Finding(way.removeprefix(_DETOUR), "draw on the NVIDIA GPU, as with prime-run, and have cuda-python installed")
    return Finding(way)


def _encoders() -> Finding:
    from fractions import Fraction

    from viewer.mp4 import ENCODERS

    working = [encoder.name for encoder in ENCODERS if encoder.works((640, 360), Fraction(30))]
    if not working:
        return Finding("no H.264 encoder: recording and film are off", "reinstall PyAV: pip install --force-reinstall av")
    return Finding(f"{', '.join(working)} (the first one is used)")


def _controllers() -> Finding:
    if _without_x():
        return Finding("looked for only where there is an X display")
    import pyglet

    try:
        names = [controller.name for controller in pyglet.input.get_controllers()]
    except (OSError, NotImplementedError) as error:
        return Finding(f"none can be seen ({_one_line(error)}); keyboard and mouse fly as well")
    return Finding(", ".join(names) or "none plugged in; keyboard and mouse fly as well")


def _hotkey() -> Finding:
    if _without_x():
        return Finding("the global recording key needs an X display")
    try:
        from pynput import keyboard
    except ImportError as error:
        return Finding(f"no global recording key ({_one_line(error)})", "F9 works while the window has the focus")
    return Finding(f"global recording key through {keyboard.Listener.__module__.split('.')[-1].lstrip('_')} (--hotkey)")


def _weights() -> Finding:
    from core.errors import WeightsError
    from core.weights import load_weights, read_card, weights_path

    path = weights_path("perception")
    try:
        load_weights(path)
    except WeightsError as error:
        return Finding(str(error), "until then depth is only guessed from the rows of the photo")
    return Finding(
        f"{path.name}, {path.stat().st_size / 2**20:.1f} MiB, SHA-256 {read_card(path)['sha256'][:12]} as its card says"
    )


def _generators() -> Finding:
    from core.errors import WeightsError
    from core.generator import SIZES
    from core.neural import NeuralGenerator
    from core.weights import read_card, weights_path

    facts, remedy = ["exemplar, which flies by default and needs no weights"], ""
    for size in SIZES:
        path = weights_path(f"generator_{size}")
        if not path.is_file():
            continue
        try:
            NeuralGenerator.load(size)
            digest = read_card(path)["sha256"][:12]
            facts.append(f"{size}, {path.stat().st_size / 2**20:.1f} MiB, SHA-256 {digest}")
        except WeightsError as error:
            facts.append(str(error))
            remedy = "until then the exemplar generator flies in its place"
    return Finding("; ".join(facts), remedy)


CHECKS: dict[str, Callable[[], Finding]] = {
    "Python": _python,
    "processor": _processor,
    "memory": _memory,
    "display": _display,
    "window": _window,
    "offscreen": _offscreen,
    "CUDA": _cuda,
    "warp": _warp,
    "interop": _interop,
    "encoders": _encoders,
    "controllers": _controllers,
    "hotkey": _hotkey,
    "weights": _weights,
    "generators": _generators,
}
