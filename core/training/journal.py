"""The journal of a run: figures as JSON lines, in TensorBoard where it is installed, and a progress bar with the time left."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any, Self, TextIO

import cv2
import numpy as np
from tqdm import tqdm

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from numpy.typing import NDArray


class Journal:
    """Writes into ``folder``, or nothing without one; use it as a context.

    A line averages ``every`` steps. What an earlier run noted beyond ``step``, where this one goes on, is taken back.
    """

    def __init__(self, folder: Path | None, step: int, steps: int, every: int) -> None:
        self._folder, self._every = folder, every
        self._lines = None if folder is None else _continued(folder / "metrics.jsonl", step)
        self._bar = tqdm(total=steps, initial=step, unit="step", disable=folder is None or None)
        self._board = None if folder is None else _board(folder, step)
        self._sums: dict[str, list[float]] = {}
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._lines is not None:
            self._lines.close()
        self._bar.close()
        if self._board is not None:
            self._board.close()

    def add(self, step: int, figures: dict[str, float]) -> None:
        """Note the figures of ``step``, counted from 1."""
        self._bar.update()
        for name, value in figures.items():
            self._sums.setdefault(name, []).append(value)
        if step % self._every:
            return
        means = {name: float(np.mean(values)) for name, values in self._sums.items()}
        self._sums.clear()
        row = {"step": step, "seconds": round(time.monotonic() - self._began, 1)}
        if self._lines is not None:
            self._lines.write(json.dumps(row | {name: round(value, 5) for name, value in means.items()}) + "\n")
            self._lines.flush()
        self._bar.set_postfix({name: f"{means[name]:.2f}" for name in ("pixels", "deceive", "judge") if name in means})
        if self._board is not None:
            for name, value in means.items():
                self._board.add_scalar(name, value, step)

    def show(self, step: int, picture: NDArray[np.uint8]) -> None:
        """Keep ``picture`` (h, w, 3) of ``step``."""
        if self._folder is None:
            return
        cv2.imwrite(str(self._folder / f"strip_{step:06d}.jpg"), np.ascontiguousarray(picture[..., ::-1]))
        if self._board is not None:
            self._board.add_image("strip", picture, step, dataformats="HWC")


def _continued(path: Path, step: int) -> TextIO:
    """Open a file of JSON lines for those after ``step``."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines if _step_of(line) <= step]
    temporary = path.with_suffix(".part")
    temporary.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    temporary.replace(path)
    return path.open("a", encoding="utf-8")


def _step_of(line: str) -> float:
    """Return the step of a line; infinity for one that a kill cut short."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf


def _board(folder: Path, step: int) -> Any | None:  # noqa: ANN401  TensorBoard carries no types
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=step + 1)
