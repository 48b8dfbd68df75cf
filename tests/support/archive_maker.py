# SPDX-License-Identifier: GPL-2.0-or-later
"""Small archives of every kind, made in memory."""

import io
import json
import tarfile
from hashlib import sha256


def tar(*files: tuple[str, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    """A tar archive of regular files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, data in files:
            row = tarfile.TarInfo(name)
            row.size = len(data)
            archive.addfile(row, io.BytesIO(data))
    return stream.getvalue()


def ar(*files: tuple[str, bytes], magic: bytes = b"!<arch>\n") -> bytes:
    """An ar archive; names go into their field as they are."""
    parts = [magic]
    for name, data in files:
        parts.append(
            f"{name:16}{0:<12}{0:<6}{0:<6}{'100644':8}{len(data):<10}`\n".encode()
            + data
            + b"\n" * (len(data) & 1)
        )
    return b"".join(parts)


def cpio(*files: tuple[str, bytes], mode: int = 0o100644) -> bytes:
    """A cpio archive in the new form."""
    parts = b""
    for name, data in (*files, ("TRAILER!!!", b"")):
        text = name.encode() + b"\0"
        fields = (0, mode if data else 0, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(text), 0)
        parts += b"070701" + b"".join(b"%08x" % field for field in fields) + text
        parts += bytes(-len(parts) % 4) + data
        parts += bytes(-len(parts) % 4)
    return parts


def oci(*layers: bytes, architecture: str = "amd64") -> dict[str, bytes]:
    """The files of an image layout with one image."""
    files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}

    def add(data: bytes) -> str:
        digest = sha256(data).hexdigest()
        files[f"blobs/sha256/{digest}"] = data
        return f"sha256:{digest}"

    kind = "application/vnd.oci.image.layer.v1.tar"
    rows = [{"mediaType": kind, "digest": add(layer)} for layer in layers]
    manifest = add(json.dumps({"layers": rows}).encode())
    row = {"digest": manifest, "platform": {"architecture": architecture}}
    files["index.json"] = json.dumps({"manifests": [row]}).encode()
    return files
