"""Export: the keyframes of a world as files that other programs open. Axes are OpenGL's there: +Y up, looking along -Z."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from core.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

    from core.sky import Dome
    from core.world import World

Kind = Literal["cloud", "mesh", "frames"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_FILES = {"cloud": (".ply",), "mesh": (".glb", ".ply")}


def kind_of(to: Path) -> Kind:
    """Tell what a file name asks for: .glb a mesh, .ply a cloud, or a mesh where its name has the word, no suffix frames.

    Raises OutputError if it is none of these.
    """
    match to.suffix.lower():
        case ".ply":
            return "mesh" if "mesh" in to.stem.lower() else "cloud"
        case ".glb":
            return "mesh"
        case "":
            return "frames"
    raise OutputError(f"'{to}': no export is called {to.suffix}; name a .ply or .glb file, or a folder")


def check_target(to: Path, kind: Kind) -> None:
    """Make the folder that ``to`` lies in. Raises OutputError if a ``kind`` cannot be written there: better before a flight."""
    suffix = to.suffix.lower()
    if kind == "frames" and suffix in _FILES["mesh"]:
        raise OutputError(f"'{to}': frames are written to a folder; leave out {to.suffix}")
    if kind != "frames" and suffix not in _FILES[kind]:
        raise OutputError(f"'{to}': a {kind} is written as {' or '.join(_FILES[kind])}; choose another name")
    folder = to if kind == "frames" else to.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if to.is_dir() and kind != "frames":
            raise IsADirectoryError(21, "it is a folder")
        probe = folder / f".{to.stem}.part"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise unwritable(to, error) from error


def export_world(world: World, dome: Dome, to: Path, kind: Kind | None = None) -> str:
    """Write the keyframes of ``world`` to ``to``, and the sky of ``dome`` where the format can hold it.

    ``kind`` is what ``kind_of`` makes of the name, if None. An earlier file is replaced when the new one is whole. Safe in any
    thread. Returns one line that tells what was written. Raises OutputError: an unknown suffix, a place that cannot be written
    to, or a world without land.
    """
    kind = kind or kind_of(to)
    check_target(to, kind)
    keyframes = world.keyframes
    if kind == "frames":
        from core.export.transforms import write_frames

        return write_frames(keyframes, to)

    from core.export.surface import surfaces

    textured = to.suffix.lower() == ".glb"
    shown = surfaces(keyframes, textured=textured)
    if not shown:
        raise OutputError(f"'{to}': there is no land to write, the photo is all sky; try another photo, or --depth")
    if textured:
        from core.export.glb import mesh_glb

        content, what = mesh_glb(shown, dome), f"{sum(len(surface.triangles) for surface in shown)} triangles"
    elif kind == "mesh":
        from core.export.ply import mesh_ply

        content, what = mesh_ply(shown), f"{sum(len(surface.triangles) for surface in shown)} triangles"
    else:
        from core.export.ply import cloud_ply

        content, what = cloud_ply(shown), f"{sum(int(surface.shown_best.sum()) for surface in shown)} points"
    replace_file(to, content)
    return f"{to}: {what} from {len(shown)} keyframes, {len(content) / 2**20:.1f} MiB"


def replace_file(to: Path, content: bytes) -> None:
    """Write ``content``, all of it or nothing. Raises OutputError."""
    part = to.with_name(f".{to.name}.part")
    try:
        part.write_bytes(content)
        part.replace(to)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise unwritable(to, error) from error


def unwritable(to: Path, error: OSError) -> OutputError:
    """Return the error that tells why ``to`` cannot be written."""
    return OutputError(f"'{to}' cannot be written ({error.strerror or error}); choose another place with --to")
