"""The command line: ``photoflight PHOTO`` flies, the other commands are named.

Whatever a user can cause ends in one line on standard error and exit code 2. Nothing heavy is imported before the command is
known, because the window should stand within a second.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from core.errors import PhotoflightError
from core.export import KINDS
from core.generator import GENERATORS, MOST_OTHERS, WEIGHTS_SUFFIX
from viewer import outputs, weights_command
from viewer.options import (
    PERCEPTIONS,
    BenchOptions,
    CompareOptions,
    DepthOptions,
    EvaluateOptions,
    ExportOptions,
    FilmOptions,
    FlyOptions,
)
from viewer.provenance import program_version

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Options = TypeVar(
        "Options", BenchOptions, CompareOptions, DepthOptions, EvaluateOptions, ExportOptions, FilmOptions, FlyOptions
    )
    Number = TypeVar("Number", int, float)

PROGRAM = "photoflight"
USER_ERROR, INTERRUPTED = 2, 130
_UNSAID = {"refiner": None, "seed": None, "fullscreen": None}  # where the command line says nothing, the settings do
SIDES = (64, 8192)  # pixels of a window or film: below nothing is seen, above no encoder or texture follows


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line (default: this process's) and return its exit code: 0, 1 (see ``doctor``), 2 or 130."""
    try:
        arguments, rest = _parsed(sys.argv[1:] if argv is None else list(argv))
        outputs.check(arguments)
        return _COMMANDS[arguments.command](arguments, rest)
    except PhotoflightError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED


def _parsed(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Parse, with ``fly`` understood where no command is named; the rest belongs to the trainings' own parsers."""
    parser = _parser()
    general = ("-h", "--help", "--version")
    if not argv or (argv[0] not in _COMMANDS and argv[0] not in general):
        argv = ["fly", *argv]
    arguments, rest = parser.parse_known_args(argv)
    if rest and arguments.command not in {"train", "train-perception"}:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return arguments, rest


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Fly into a photograph. `photoflight PHOTO` is short for `photoflight fly PHOTO`.",
        epilog="`photoflight COMMAND --help` tells what a command can do.",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {program_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_fly(commands.add_parser("fly", help="fly in a window"))
    _add_film(commands.add_parser("film", help="make a film of a flight, without a window"))
    _add_compare(commands.add_parser("compare", help="write an MP4 of several generators side by side"))
    _add_export(commands.add_parser("export", help="fly, and write the world seen as points, mesh or frames with depth"))
    depth = commands.add_parser("depth", help="write the disparity and the sky seen in a photo, and a picture of both")
    _add_scene(depth, own_depth=False)
    depth.add_argument("-o", "--output", type=Path, metavar="FILE", help="16-bit PNG of the disparity [depth.png]")
    _add_force(depth)
    depth.set_defaults(**vars(DepthOptions()))
    settings = commands.add_parser("settings", help="print, find, edit, set or reset what can be set once and for all")
    settings.add_argument("words", nargs="*", metavar="print | path | edit | set NAME VALUE | reset [NAME]")
    commands.add_parser("doctor", help="tell what this machine offers and what to do about the rest")
    bench = commands.add_parser("bench", help="measure how fast this machine flies")
    bench.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    _add_force(bench)
    told = "measure {} part by part, beside its bandwidth and what others do, instead of whole flights"
    where = bench.add_mutually_exclusive_group()
    where.add_argument("--gpu", dest="parts", action="store_const", const="gpu", help=told.format("an NVIDIA GPU"))
    where.add_argument("--cpu", dest="parts", action="store_const", const="cpu", help=told.format("the processor"))
    _add_evaluate(commands.add_parser("evaluate", help="measure how well generators fly, on any photos"))
    weights_command.add_arguments(commands.add_parser("weights", help="import or fetch published weights"))
    commands.add_parser("train", help="train the generator from single photos (--help tells more)", add_help=False)
    commands.add_parser("train-perception", help="train the perception network (--help tells more)", add_help=False)
    return parser


def _add_fly(parser: argparse.ArgumentParser) -> None:
    _add_scene(parser)
    _add_flight(parser, "manual")
    parser.add_argument("--size", type=_size, metavar="WxH", help="of the window [as large as fits well]")
    parser.add_argument("--fullscreen", action="store_true", help="start in full screen (F11 toggles)")
    parser.add_argument("--hotkey", action="store_true", help="let F9 record also while another window has the focus")
    parser.set_defaults(**vars(FlyOptions()) | _UNSAID)


def _add_film(parser: argparse.ArgumentParser) -> None:
    _add_scene(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="MP4 to write [flight.mp4]")
    parser.add_argument(
        "--seconds", type=_number(float, 0.04, 36_000.0), metavar="S", help="length of the film [the flight's, or 20]"
    )
    parser.add_argument("--size", type=_size, metavar="WxH", help="of the film [1280x720]")
    parser.add_argument("--fps", type=_number(float, 1.0, 240.0), metavar="N", help="frames per second [30]")
    parser.add_argument("--frames", type=Path, metavar="DIR", help="write every frame as PNG there, with cameras.json")
    parser.add_argument(
        "--classic", action="store_true", help="InfiniteNature-Zero as published: its pilot, 128x128, one step a frame"
    )
    _add_flight(parser, "autopilot")
    _add_force(parser)
    parser.set_defaults(**vars(FilmOptions()) | _UNSAID)


def _add_compare(parser: argparse.ArgumentParser) -> None:
    _add_scene(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="MP4 to write [side_by_side.mp4]")
    parser.add_argument("--seconds", type=_number(float, 0.04, 36_000.0), metavar="S", help="length of the film [20]")
    parser.add_argument("--size", type=_size, metavar="WxH", help="of each pane [640x360]")
    parser.add_argument("--fps", type=_number(float, 1.0, 240.0), metavar="N", help="frames per second [30]")
    names = "classic is the published loop; [exemplar,small]"
    parser.add_argument("--refiners", type=_refiners, metavar="A,B,C", help=f"{', '.join(GENERATORS)}, or weights files; {names}")
    parser.add_argument("--pilot", metavar="NAME|FILE", help="autopilot, a cinematic move, a path or flight file [autopilot]")
    parser.add_argument("--seed", type=int, metavar="N", help="same photo, pilot and seed: same film [of the settings: 0]")
    _add_force(parser)
    parser.set_defaults(**vars(CompareOptions()) | {"seed": None})


def _add_export(parser: argparse.ArgumentParser) -> None:
    _add_scene(parser)
    parser.add_argument("--to", type=Path, metavar="FILE|DIR", help="cloud.ply, mesh.ply, scene.glb, or a folder [scene.glb]")
    parser.add_argument("--as", dest="kind", choices=KINDS, help="what to write [what the name given with --to asks for]")
    parser.add_argument(
        "--seconds",
        type=_number(float, 0.0, 3600.0),
        metavar="S",
        help="of flight; 0: the photo alone [10, or all of a flight file]",
    )
    parser.add_argument("--size", type=_size, metavar="WxH", help="of keyframes, multiples of 32 [256x160]")
    _add_flight(parser, "autopilot")
    _add_force(parser)
    parser.set_defaults(**vars(ExportOptions()) | _UNSAID)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("photos", type=Path, nargs="*", metavar="PHOTO", help="photos, folders or .tar shards [the demo photos]")
    names = f"{', '.join(GENERATORS)}, or a weights file"
    several = "give it again to compare others with the first"
    parser.add_argument(
        "--refiner", action="append", dest="refiners", type=_refiner, metavar="NAME|FILE", help=f"{names}; {several}"
    )
    parser.add_argument("--steps", type=_number(int, 1, 10_000), metavar="N", help="of each flight [100]")
    parser.add_argument("--size", type=_size, metavar="WxH", help="of keyframes [256x160]")
    parser.add_argument("--courses", nargs="+", metavar="NAME", help="of autopilot, turn, curve, strafe, climb [autopilot turn]")
    parser.add_argument("--limit", type=_number(int, 1, 1_000_000), metavar="N", help="fly into so many photos at most")
    parser.add_argument("--films", action="store_true", help="also measure a film of each photo, 30 s of 960x540")
    parser.add_argument("--features", type=Path, metavar="DIR", help="folder with the weights of VGG16")
    parser.add_argument("--seed", type=int, metavar="N", help="same photos, refiner and seed: same figures [0]")
    parser.add_argument("-o", "--out", type=Path, metavar="DIR", help="report, plots and contact sheets go there [evaluation]")
    _add_force(parser)
    parser.set_defaults(**vars(EvaluateOptions()) | {"refiners": None, "photos": None})


def _add_force(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="replace also what another program made")


def _add_scene(parser: argparse.ArgumentParser, *, own_depth: bool = True) -> None:
    parser.add_argument("photo", type=Path, nargs="?", metavar="PHOTO", help="JPEG, PNG, WebP, TIFF or HEIC [a demo photo]")
    parser.add_argument("--perception", choices=PERCEPTIONS, help="what sees depth in the photo [%(default)s]")
    if own_depth:
        parser.add_argument("--depth", type=Path, metavar="FILE", help="your own depth map: 16-bit PNG, EXR or .npy")
        parser.add_argument("--near", choices=("bright", "dark"), help="what is near in that map [%(default)s]")


def _add_flight(parser: argparse.ArgumentParser, pilot: str) -> None:
    parser.add_argument(
        "--also",
        type=Path,
        nargs="+",
        metavar="PHOTO",
        help=f"up to {MOST_OTHERS} other photos: their land is copied too, colour-matched; exemplar alone heeds them",
    )
    parser.add_argument(
        "--pilot", metavar="NAME|FILE", help=f"manual, autopilot, a cinematic move, a path or flight file [{pilot}]"
    )
    refiners = f"{', '.join(GENERATORS)}, or a weights file"
    parser.add_argument(
        "--refiner", type=_refiner, metavar="NAME|FILE", help=f"what paints new land: {refiners} [of the settings: auto]"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="same photo, pilot and seed: same flight [of the settings: 0]")


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.lower().partition("x")
    if not cross or not all(side.isdecimal() and SIDES[0] <= int(side) <= SIDES[1] for side in (width, height)):
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT with {SIDES[0]} to {SIDES[1]} pixels a side, as 1280x720")
    return int(width), int(height)


def _refiner(text: str) -> str:
    if text not in GENERATORS and not text.endswith(WEIGHTS_SUFFIX):
        names = ", ".join(GENERATORS)
        raise argparse.ArgumentTypeError(f"{text!r} is none of {names}, nor a {WEIGHTS_SUFFIX} file")
    return text


def _refiners(text: str) -> tuple[str, ...]:
    return tuple(map(_refiner, text.split(",")))


def _number(kind: Callable[[str], Number], lowest: Number, highest: Number) -> Callable[[str], Number]:
    def number(text: str) -> Number:
        value = kind(text)
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(f"{text} does not lie between {lowest:.15g} and {highest:.15g}")
        return value

    return number


def _options(kind: type[Options], arguments: argparse.Namespace) -> Options:
    told: dict[str, Any] = {option.name: getattr(arguments, option.name) for option in fields(kind)}
    told |= {name: tuple(value) for name, value in told.items() if isinstance(value, list)}
    return kind(**told)


def _take_settings(arguments: argparse.Namespace) -> str:
    """Let the settings decide what the command line leaves open; return what is wrong with them, or nothing."""
    from viewer.settings_file import load_or_default

    loaded = load_or_default()
    settings = loaded.settings
    for name, value in (
        ("refiner", settings.flight.refiner),
        ("seed", settings.flight.seed),
        ("fullscreen", settings.display.fullscreen),
    ):
        if getattr(arguments, name, value) is None:
            setattr(arguments, name, value)
    return loaded.notice


def _fly(arguments: argparse.Namespace, _: list[str]) -> int:
    from viewer import app

    _take_settings(arguments)
    return app.run(_options(FlyOptions, arguments))


def _film(arguments: argparse.Namespace, _: list[str]) -> int:
    from viewer import film

    if notice := _take_settings(arguments):
        print(f"{PROGRAM}: {notice}", file=sys.stderr)
    film.run(_options(FilmOptions, arguments))
    return 0


def _compare(arguments: argparse.Namespace, _: list[str]) -> int:
    from viewer import compare

    if notice := _take_settings(arguments):
        print(f"{PROGRAM}: {notice}", file=sys.stderr)
    compare.run(_options(CompareOptions, arguments))
    return 0


def _export(arguments: argparse.Namespace, _: list[str]) -> int:
    from viewer import export

    if notice := _take_settings(arguments):
        print(f"{PROGRAM}: {notice}", file=sys.stderr)
    export.run(_options(ExportOptions, arguments))
    return 0


def _depth(arguments: argparse.Namespace, _: list[str]) -> int:
    from viewer import depth

    depth.run(_options(DepthOptions, arguments))
    return 0


def _evaluate(arguments: argparse.Namespace, _: list[str]) -> int:
    from viewer import evaluate

    default = EvaluateOptions()
    for name in ("photos", "refiners", "courses"):
        setattr(arguments, name, tuple(getattr(arguments, name) or getattr(default, name)))
    evaluate.run(_options(EvaluateOptions, arguments))
    return 0


def _doctor(_arguments: argparse.Namespace, _: list[str]) -> int:
    from viewer import doctor

    return doctor.run()


def _settings(arguments: argparse.Namespace, _: list[str]) -> int:
    from viewer import settings_command

    return settings_command.run(arguments.words)


def _bench(arguments: argparse.Namespace, _: list[str]) -> int:
    from viewer import bench, parts_bench

    (parts_bench if arguments.parts else bench).run(_options(BenchOptions, arguments))
    return 0


def _weights(arguments: argparse.Namespace, _: list[str]) -> int:
    weights_command.run(arguments)
    return 0


def _train(_: argparse.Namespace, rest: list[str]) -> int:
    from core.training import generator

    generator.main(rest)
    return 0


def _train_perception(_: argparse.Namespace, rest: list[str]) -> int:
    from core.training import perception

    perception.main(rest)
    return 0


_COMMANDS: dict[str, Callable[[argparse.Namespace, list[str]], int]] = {
    "fly": _fly,
    "film": _film,
    "compare": _compare,
    "export": _export,
    "depth": _depth,
    "settings": _settings,
    "doctor": _doctor,
    "bench": _bench,
    "evaluate": _evaluate,
    "weights": _weights,
    "train": _train,
    "train-perception": _train_perception,
}
