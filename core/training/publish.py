"""Ship the weights of a training, with a card that says what they are and how well they fly.

python -m core.training.publish runs/generator --report evaluation/report.json --data "what photographs, under which licences"
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import TrainingError
from core.weights import load_weights, read_card, weights_path, write_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

WHAT = "warped view to whole view: a gated residual on the classical completion, see core/neural/network.py"


def publish(run: Path, report: Path, data: str, target: Path | None = None) -> Path:
    """Write the averaged weights of ``run`` and their card to ``target`` (default: where the program looks); return the file.

    ``report`` is what ``photoflight evaluate`` wrote about them. Raises WeightsError or TrainingError if either cannot be used.
    """
    source = run / "generator.safetensors"
    card = read_card(source)
    weights = load_weights(source)
    path = target or weights_path(f"generator_{card['network']}")
    about = {"what": WHAT, "data": data, "licence": "Apache-2.0"}
    kept = {name: card[name] for name in card if name not in ("file", "sha256", "size")}
    write_weights(path, weights, about | kept | {"figures": _figures(report)})
    return path


def _figures(report: Path) -> dict[str, Any]:
    """Return the protocol of a report and the figures of every generator in it."""
    try:
        content = json.loads(report.read_text(encoding="utf-8"))
        figures = {entry["generator"]: entry["figures"] for entry in content["generators"]}
        return {"protocol": content["protocol"]} | figures
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"report {report} cannot be read ({error}): make it with photoflight evaluate -o DIR") from error


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and publish."""
    parser = argparse.ArgumentParser(prog="python -m core.training.publish", description="Ship the weights of a training.")
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of the training")
    parser.add_argument("--report", type=Path, required=True, metavar="FILE", help="report.json of photoflight evaluate")
    parser.add_argument("--data", required=True, metavar="TEXT", help="what photographs it was trained on, under which licences")
    arguments = parser.parse_args(argv)
    print(publish(arguments.run, arguments.report, arguments.data))


if __name__ == "__main__":
    main()
