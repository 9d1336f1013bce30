"""The window's loop, turned by hand."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from viewer.window import dispatch_events

if TYPE_CHECKING:
    from collections.abc import Callable

    from viewer.app import App


def turn(app: App, times: int = 1) -> None:
    """Run the window's loop for some frames."""
    for _ in range(times):
        app.times.begin()
        app.window.switch_to()
        if wrong := dispatch_events(app.window):
            app.hud.say(wrong)
        app._take_loaded()
        app._step(1.0 / 30.0, time.perf_counter())
        assert app.stage.context.error == "GL_NO_ERROR"


def turn_until(app: App, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 300.0
    while not condition():
        assert time.monotonic() < end
        turn(app)
        time.sleep(0.02)
