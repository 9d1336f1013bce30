"""The command ``photoflight weights``: published weights that do not ship come from a file of the user's, or the network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import WeightsError

if TYPE_CHECKING:
    import argparse

PUBLISHED = ("infinite-nature-zero",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Tell ``parser`` what the command takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    taking = actions.add_parser("import", help="read the authors' checkpoint of InfiniteNature-Zero")
    taking.add_argument("file", type=Path, metavar="FILE", help="their zip, or the *latest.tar in it")
    fetching = actions.add_parser("fetch", help="download published weights from their authors, and import them")
    fetching.add_argument("name", choices=PUBLISHED, help="whose")


def run(arguments: argparse.Namespace) -> None:
    """Import or fetch, as ``arguments`` say. Raises WeightsError."""
    if arguments.action == "fetch":
        fetch()
    else:
        take(arguments.file)


def take(file: Path) -> None:
    """Import the checkpoint ``file``. Raises WeightsError."""
    from core.classic.checkpoint import import_checkpoint
    from core.weights import read_card

    path = import_checkpoint(file)
    print(f"{path}: imported, sha256 {read_card(path)['sha256']}; fly it with --refiner classic")


def fetch() -> None:
    """Download the checkpoint of InfiniteNature-Zero beside where it is imported to, and import it. Raises WeightsError."""
    from core.classic.checkpoint import installed_path
    from core.classic.download import ADDRESS, download

    file = installed_path().with_name(ADDRESS.rpartition("/")[2])
    print(f"{file}: sha256 {download(file)}")
    try:
        take(file)
    except WeightsError as error:
        raise WeightsError(f"{error}; delete {file} to fetch anew") from error
    file.unlink()
