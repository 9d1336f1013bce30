"""Start-up and frame trace: JSON lines of what happened when, for the benchmark and the end-to-end tests.

Set ``PHOTOFLIGHT_TRACE=FILE`` to have one. Times are seconds since the process was started, as the operating system counts them,
so that the interpreter's own start is included.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

VARIABLE = "PHOTOFLIGHT_TRACE"
_imported = time.perf_counter()


def seconds_since_start() -> float:
    """Seconds since this process began (Linux), else since this module was imported."""
    try:
        started = float(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started
    except (OSError, AttributeError):
        return time.perf_counter() - _imported


def trace(event: str, **values: object) -> None:
    """Append ``{"event": ..., "seconds": ..., **values}`` to the trace file, if one was asked for."""
    if file := os.environ.get(VARIABLE):
        line = json.dumps({"event": event, "seconds": round(seconds_since_start(), 4), **values})
        with Path(file).open("a", encoding="utf-8") as out:
            out.write(line + "\n")
