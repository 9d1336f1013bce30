"""URI lists: what other programs hand over when files are dropped (RFC 2483)."""

from __future__ import annotations

import os
from urllib.parse import unquote_to_bytes


def dropped_files(uris: bytes) -> list[str]:
    """Return the names of the local files in a URI list, as ``os.fsdecode`` has them; links to elsewhere are left out."""
    names = []
    for line in uris.replace(b"\0", b"").splitlines():
        scheme, _, rest = line.strip().partition(b":")
        if scheme.lower() != b"file":
            continue
        # all after the host is the name: some sources leave # and ? as they are
        name = b"/" + rest[2:].partition(b"/")[2] if rest.startswith(b"//") else rest
        names.append(os.fsdecode(unquote_to_bytes(name)))
    return names
