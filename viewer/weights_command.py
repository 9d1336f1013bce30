"""The command ``photoflight weights``: published weights that do not ship are taken from a file of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell ``parser`` what the command takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    taking = actions.add_parser("import", help="read the authors' checkpoint of InfiniteNature-Zero")
    taking.add_argument("file", type=Path, metavar="FILE", help="their zip, or the *latest.tar in it")


def run(file: Path) -> None:
    """Import the checkpoint ``file``. Raises WeightsError."""
    from core.classic.checkpoint import import_checkpoint
    from core.weights import read_card

    path = import_checkpoint(file)
    print(f"{path}: imported, sha256 {read_card(path)['sha256']}; fly it with --refiner classic")
