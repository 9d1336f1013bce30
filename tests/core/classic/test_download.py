from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from core.classic.download import download
from core.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = bytes(range(256)) * 4000


class Server(ThreadingHTTPServer):
    """Serves ``CONTENT``, at the first time only a part of it."""

    ranges = True
    asked: list[str | None]

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.zip"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.server.asked.append(wanted)
        begin = int(wanted[len("bytes=") : -1]) if wanted and self.server.ranges else 0
        if begin >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(CONTENT) - begin))
        self.end_headers()
        rest = CONTENT[begin:]
        self.wfile.write(rest[:300_000] if len(self.server.asked) == 1 else rest)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("ranges", [True, False])
def test_goes_on_after_a_cut(server: Server, tmp_path: Path, *, ranges: bool) -> None:
    server.ranges = ranges
    file = tmp_path / "new" / "file.zip"
    with pytest.raises(WeightsError, match=r"cut off after 300000 of 1024000 bytes: fetch again") as caught:
        download(file, server.address)
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == CONTENT[:300_000]
    assert download(file, server.address) == hashlib.sha256(CONTENT).hexdigest()
    assert file.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=300000-"]
    if ranges:
        assert download(file, server.address) == hashlib.sha256(CONTENT).hexdigest()  # nothing is left to fetch


def test_without_a_network(tmp_path: Path) -> None:
    with Server() as gone:
        address = gone.address
    with pytest.raises(WeightsError, match=rf"cannot fetch {address} .*weights import FILE") as caught:
        download(tmp_path / "file.zip", address)
    assert "\n" not in str(caught.value)
