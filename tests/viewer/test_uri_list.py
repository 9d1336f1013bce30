from __future__ import annotations

import os
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from viewer.uri_list import dropped_files


@given(st.lists(st.binary(min_size=1).map(lambda name: name.translate(None, b"\0/")), max_size=5))
def test_every_name_comes_back(names: list[bytes]) -> None:
    uris = b"".join(b"file://host/" + quote(name).encode() + b"\r\n" for name in names)
    assert dropped_files(uris) == ["/" + os.fsdecode(name) for name in names]


@given(st.binary())
def test_any_junk_is_a_list_of_names(junk: bytes) -> None:
    assert all(isinstance(name, str) for name in dropped_files(junk))


def test_signs_that_sources_forget_to_quote_belong_to_the_name() -> None:
    assert dropped_files(b"FILE:/a#b?c.jpg\nfile://localhost/d e.jpg\n") == ["/a#b?c.jpg", "/d e.jpg"]
