"""Open a photograph safely: many formats, upright, in sRGB, not larger than asked, with the field of view it was taken with.

Whatever is wrong with a file becomes a ``PhotoError`` of one line. Sizes are judged by the header, before any pixel is
decoded, and JPEG files are shrunk while they are decoded, so that a large photo costs little more than a small one.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import math
import stat
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, UnidentifiedImageError

from core.camera import Intrinsics
from core.errors import PhotoError

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray

MAX_PIXELS = 200_000_000
MIN_SIDE = 16
DEFAULT_FOV = math.radians(55.0)
BELIEVABLE_FOV = (math.radians(5.0), math.radians(150.0))  # from metadata; beyond lie slips and panoramas

# what photographs come in; Pillow knows more, some of which start other programs
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP")
BOXED_FORMATS = ("HEIF", "AVIF")  # begin alike, with an "ftyp" box
RAW_SUFFIXES = frozenset({".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".pef", ".raf", ".rw2", ".srw"})

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION, _EXIF_IFD = 0x0112, 0x8769
_FOCAL_LENGTH, _FOCAL_LENGTH_35 = 0x920A, 0xA405
_PIXELS_X, _PIXELS_Y, _PLANE_X, _PLANE_Y, _PLANE_UNIT = 0xA002, 0xA003, 0xA20E, 0xA20F, 0xA210
_UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
_DIAGONAL_35 = math.hypot(36.0, 24.0)  # "35 mm equivalent" compares diagonals (CIPA DCG-001)

# open_photo has its own limit, which lies above Pillow's, and one line for what is wrong
Image.MAX_IMAGE_PIXELS = None
warnings.filterwarnings("ignore", module=r"PIL\.")
logging.getLogger("PIL").addHandler(logging.NullHandler())


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph as the program uses it: upright, opaque, sRGB."""

    image: NDArray[np.uint8]  # (H, W, 3) sRGB
    intrinsics: Intrinsics
    path: Path
    digest: str  # SHA-256 of the file, hexadecimal


def open_photo(path: str | PathLike[str], longest: int = 4096) -> Photo:
    """Open the photograph at ``path``, its longer side at most ``longest`` pixels.

    JPEG, PNG, WebP, TIFF, HEIC, AVIF, GIF and BMP, of any pixel format and aspect ratio, from 16 pixels a side up to 200
    megapixels. Transparency goes over white, of an animation the first frame is taken. The field of view comes from the
    camera's metadata where it tells, else it is 55 degrees along the longer side.

    Raises ``PhotoError`` for everything that can be wrong with a file, and nothing else.
    """
    path = Path(path)
    try:
        with _opened(path) as file:
            image, intrinsics = _decoded(path, file, longest)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PhotoError(f"{_name(path)} cannot be read ({error.strerror}); check the disk and try again") from error
    return Photo(np.array(image), intrinsics, path, digest)


def preview(path: str | PathLike[str], longest: int = 1280) -> Photo:
    """Open a small version of the photograph, to have something to show at once: the same view as ``open_photo`` gives.

    A JPEG file is decoded at the eighth, quarter or half of its size that lies nearest above ``longest``: 50 megapixels
    take 0.2 s (0.6 s if progressive), other formats about 1.0 s.
    """
    return open_photo(path, longest)


def _name(path: Path) -> str:
    """Quote a path so that whatever characters it holds it stays on one line."""
    return repr(str(path))


def _opened(path: Path) -> io.BufferedReader:
    """Open a regular file with something in it, for reading."""
    if path.suffix.lower() in RAW_SUFFIXES:
        raise PhotoError(f"{_name(path)} is a raw camera file; develop it to JPEG, PNG or TIFF first")
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise PhotoError(f"{_name(path)} is a folder; name one photo inside it")
        if not stat.S_ISREG(status.st_mode):
            raise PhotoError(f"{_name(path)} is not an ordinary file; name a photo")
        if status.st_size == 0:
            raise PhotoError(f"{_name(path)} is empty (0 bytes); copy or download it again")
        return path.open("rb")
    except FileNotFoundError as error:
        raise PhotoError(f"{_name(path)} does not exist; check the name and the folder") from error
    except PermissionError as error:
        raise PhotoError(f"{_name(path)} may not be read by you; change its permissions or copy it") from error
    except (OSError, ValueError) as error:  # a name too long, or with a zero byte in it
        raise PhotoError(f"{_name(path)} cannot be opened ({error}); check the name") from error


def _decoded(path: Path, file: io.BufferedReader, longest: int) -> tuple[Image.Image, Intrinsics]:
    """Decode to an upright sRGB picture with its intrinsics, wrapping all that a damaged file may raise."""
    try:
        image = _recognised(file)
        width, height = image.size  # decoding at reduced size will change it
        _check_size(path, width, height)
        picture = _shrunk(image, longest)
        orientation, fov = _metadata(image, width, height)  # some formats tell only at the end
    except PhotoError:
        raise
    except UnidentifiedImageError as error:
        raise PhotoError(
            f"{_name(path)} is not a picture this program can read, or is cut short; give a JPEG, PNG, WebP, TIFF or HEIC file"
        ) from error
    except MemoryError as error:
        raise PhotoError(f"{_name(path)} needs more memory than is free; close other programs or give a smaller copy") from error
    except Exception as error:  # decoders of damaged files raise nearly anything, OSError and SyntaxError mostly
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PhotoError(f"{_name(path)} is damaged or cut short ({reason}); copy or export it again") from error
    picture = _srgb(_opaque(picture), image.info.get("icc_profile"))
    if orientation in _UPRIGHT:
        picture = picture.transpose(_UPRIGHT[orientation])
    turned = orientation in _UPRIGHT and orientation >= 5
    return picture, Intrinsics.from_fov(fov, height / width if turned else width / height)


def _recognised(file: io.BufferedReader) -> Image.Image:
    """Read the header. HEIC support is loaded only for files that need it, as it takes 0.1 s."""
    head = file.read(12)
    file.seek(0)
    if head[4:8] != b"ftyp":
        return Image.open(file, formats=FORMATS)
    import pillow_heif

    pillow_heif.register_heif_opener()
    return Image.open(file, formats=BOXED_FORMATS)


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise PhotoError(
            f"{_name(path)} has {width} x {height} pixels ({width * height / 1e6:.0f} megapixels); "
            f"the limit is {MAX_PIXELS // 10**6} megapixels: give a smaller copy"
        )
    if min(width, height) < MIN_SIDE:
        raise PhotoError(f"{_name(path)} has only {width} x {height} pixels; give a photo of at least {MIN_SIDE} pixels a side")


def _shrunk(image: Image.Image, longest: int) -> Image.Image:
    """Decode, at reduced size where the format allows, to 8 bits a channel with the longer side at most ``longest``."""
    scale = min(1.0, longest / max(image.size))
    width, height = (max(MIN_SIDE, round(side * scale)) for side in image.size)
    image.draft(image.mode, (width, height))
    image.load()
    return _eight_bit(image).resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Bring deep, palette and two-level pixels to 8 bits a channel, keeping transparency."""
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("P", "1"):
        return image.convert("RGB")
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        return Image.fromarray(_scaled(np.asarray(image, dtype=np.float32)))
    return image


def _scaled(grey: NDArray[np.float32]) -> NDArray[np.uint8]:
    """8-bit grey from numbers whose white is not written down: the first of 1, 255, 4095 and 65535 to hold all."""
    grey = np.nan_to_num(grey, nan=0.0, posinf=0.0, neginf=0.0)
    brightest = float(grey.max())
    white = next((level for level in (1.0, 255.0, 4095.0, 65535.0) if brightest <= level), brightest)
    scaled: NDArray[np.uint8] = (np.clip(grey / white, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    return scaled


def _opaque(image: Image.Image) -> Image.Image:
    """Lay a transparent picture over white, which is what a cut-out sky looks like everywhere else."""
    if image.mode != "RGBA":
        return image
    return Image.composite(image.convert("RGB"), Image.new("RGB", image.size, "white"), image.getchannel("A"))


def _srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert to sRGB by the colour profile that the file carries; one that does not fit its pixels is ignored."""
    if profile or image.mode == "LAB":
        from PIL import ImageCms

        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile) if profile else ImageCms.createProfile("LAB"))
            if image.mode != "RGB" or "sRGB" not in ImageCms.getProfileDescription(source):
                image = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB") or image
    return image.getchannel("L").convert("RGB") if image.mode == "LAB" else image.convert("RGB")


def _metadata(image: Image.Image, width: int, height: int) -> tuple[int, float]:
    """Orientation (EXIF's 1 to 8) and field of view along the longer side, radians; damaged metadata count as none."""
    orientation = 1
    try:
        exif = image.getexif()
        orientation = int(exif.get(_ORIENTATION, 1))
        fov = _field_of_view(exif.get_ifd(_EXIF_IFD), width, height)
    except (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, struct.error):
        return orientation, DEFAULT_FOV
    believable = BELIEVABLE_FOV[0] <= fov <= BELIEVABLE_FOV[1]  # false for nan
    return orientation, fov if believable else DEFAULT_FOV


def _field_of_view(tags: dict[int, object], width: int, height: int) -> float:
    """Field of view along the longer side, radians, from the 35 mm equivalent or from the sensor's size; nan if unknown."""
    equivalent = _positive(tags.get(_FOCAL_LENGTH_35))
    if equivalent:
        share = max(width, height) / math.hypot(width, height)
        return 2.0 * math.atan(0.5 * share * _DIAGONAL_35 / equivalent)
    focal, per_unit = _positive(tags.get(_FOCAL_LENGTH)), _positive(tags.get(_PLANE_X))
    if focal and per_unit:
        unit = _UNIT_MM.get(int(_positive(tags.get(_PLANE_UNIT))), 25.4)
        across = (_positive(tags.get(_PIXELS_X)) or width) / per_unit
        down = (_positive(tags.get(_PIXELS_Y)) or height) / (_positive(tags.get(_PLANE_Y)) or per_unit)
        return 2.0 * math.atan(0.5 * max(across, down) * unit / focal)
    return math.nan


def _positive(value: object) -> float:
    """Return a metadata number, 0 if it is missing, broken (n/0) or not a number at all."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError):
        return 0.0
    return number if math.isfinite(number) and number > 0.0 else 0.0
