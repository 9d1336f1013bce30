"""What can be wrong with a photo file; each fault must end in one line."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from photo_files import exif, saved, scene
from PIL import Image

from core.errors import PhotoError
from core.photo import MAX_PIXELS, MIN_SIDE, open_photo

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of damaged metadata
FRESH = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


def line_of(path: Path | str) -> str:
    """The message of the error that opening must raise, which must be one line that names the file."""
    with pytest.raises(PhotoError) as caught:
        open_photo(path)
    message = str(caught.value)
    assert "\n" not in message
    assert Path(path).name[:20] in message
    return message


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_missing(tmp_path: Path) -> None:
    assert "does not exist" in line_of(tmp_path / "no.jpg")


def test_folder(tmp_path: Path) -> None:
    assert "folder" in line_of(tmp_path)


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    assert "empty" in line_of(tmp_path / "a.jpg")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_pipe_is_refused_rather_than_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    assert "ordinary" in line_of(tmp_path / "a.jpg")


def test_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.png", scene())

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # chmod would not stop root
    assert "permissions" in line_of(path)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b.jpg"])
def test_impossible_name(name: str) -> None:
    with pytest.raises(PhotoError, match="check the name"):
        open_photo(name)


def test_line_break_in_a_name_stays_out_of_the_line(tmp_path: Path) -> None:
    with pytest.raises(PhotoError) as caught:
        open_photo(tmp_path / "a\nb.jpg")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"hello", b"\x00" * 4096, b"<svg/>", b"%PDF-1.7\n", b"\xff\xd8\xff"])
def test_not_an_image(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    assert "not a picture" in line_of(tmp_path / "a.jpg")


def test_raw_file_says_what_to_do(tmp_path: Path) -> None:
    saved(tmp_path / "a.tif", scene()).rename(tmp_path / "a.NEF")
    assert "develop" in line_of(tmp_path / "a.NEF")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "a.heic", "a.gif"])
def test_truncated(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / name, scene())
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    assert "cut short" in line_of(path)


@pytest.mark.parametrize("side", [1, MIN_SIDE - 1])
def test_too_small(tmp_path: Path, side: int) -> None:
    assert f"{side} x {side}" in line_of(saved(tmp_path / "a.png", scene(side, side)))


@pytest.mark.parametrize("size", [(20_001, 10_000), (2**31 - 1, 2**31 - 1), (60_000, 60_000)])
def test_bomb_is_refused_by_its_header(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "a.png").write_bytes(png_header(*size))
    message = line_of(tmp_path / "a.png")
    assert f"{size[0]} x {size[1]}" in message
    assert "limit is 200 megapixels" in message


def test_just_under_the_limit_is_not_taken_for_a_bomb(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_header(20_000, MAX_PIXELS // 20_000))  # it holds no pixels, so it ends otherwise
    assert "megapixels" not in line_of(tmp_path / "a.png")


def test_metadata_of_any_kind_never_stop_a_photo(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(scene()).save(buffer, "JPEG", exif=exif(1, FocalLength=18.0, FocalLengthIn35mmFilm=24))
    data = buffer.getvalue()
    start, end = data.index(b"Exif"), data.index(b"\xff\xdb")
    rng = np.random.default_rng(0)
    for i in range(200):
        damaged = bytearray(data)
        for at in rng.integers(start + 6, end, 4):
            damaged[at] = rng.integers(256)
        path = tmp_path / f"{i % 4}.jpg"
        path.write_bytes(damaged)
        assert open_photo(path).image.size == 64 * 96 * 3


@FRESH
@given(data=st.data())
def test_whatever_happens_to_a_file_only_photo_errors_come(tmp_path: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["a.jpg", "a.png", "a.webp", "a.tif", "a.heic", "a.gif", "a.bmp"]))
    content = bytearray(_encoded(name))
    for _ in range(data.draw(st.integers(0, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / name
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(PhotoError):
        assert open_photo(path).image.ndim == 3


_cache: dict[str, bytes] = {}


def _encoded(name: str) -> bytes:
    if name not in _cache:
        import pillow_heif

        pillow_heif.register_heif_opener()
        buffer = io.BytesIO()
        options = {} if name == "a.bmp" else {"exif": exif(6, FocalLengthIn35mmFilm=24)} if name != "a.gif" else {}
        Image.fromarray(scene(48, 32)).save(buffer, Image.registered_extensions()[Path(name).suffix], **options)
        _cache[name] = buffer.getvalue()
    return _cache[name]


OPEN_ALONE = """
import sys
from core.errors import PhotoError
from core.photo import open_photo
try:
    print(open_photo(sys.argv[1]).image.shape)
except PhotoError as error:
    print(error)
print(sorted({"torch", "cv2", "numba", "pillow_heif"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("name", "said", "loaded"),
    [
        ("a.jpg", "(64, 96, 3)", "[]"),
        ("a.gif", "(64, 96, 3)", "[]"),
        ("a.txt", "not a picture", "[]"),
        ("a.heic", "(64", "['pillow_heif']"),
    ],
)
def test_opening_as_the_first_thing_a_process_does(tmp_path: Path, name: str, said: str, loaded: str) -> None:
    path = tmp_path / name
    if name == "a.txt":
        path.write_text("hello")
    else:
        saved(path, scene())
    result = subprocess.run([sys.executable, "-c", OPEN_ALONE, path], capture_output=True, text=True, check=True)
    first, second = result.stdout.splitlines()
    assert said in first
    assert second == loaded
    assert result.stderr == ""
