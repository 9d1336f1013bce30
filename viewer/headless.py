"""Headless: OpenGL without a window or a display."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from core.errors import DeviceError

if TYPE_CHECKING:
    import moderngl


def headless_context() -> moderngl.Context:
    """Return a new OpenGL context of its own, current on this thread; by EGL on Linux.

    Raises DeviceError where there is no OpenGL 3.3.
    """
    import moderngl

    try:
        if platform.system() == "Linux":
            return moderngl.create_standalone_context(require=330, backend="egl")  # type: ignore[arg-type]  # moderngl types **settings by a dict
        return moderngl.create_standalone_context(require=330)
    except Exception as error:  # moderngl raises no narrower type
        reason = " ".join(str(error).split())
        raise DeviceError(
            f"no OpenGL 3.3 without a window ({reason}): install a graphics driver, or Mesa's (libegl1, libgl1-mesa-dri)"
        ) from error
