"""Small, real documents made by hand: docx, epub, and PDF, plain or encrypted."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
CONTAINER = "urn:oasis:names:tc:opendocument:xmlns:container"
MIMETYPE = "application/epub+zip"


def make_zip(path: Path, members: dict[str, str | bytes], *, packed: bool = True) -> Path:
    kind = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def make_docx(path: Path, body: str) -> Path:
    """``body``: WordprocessingML with the prefix w, such as `paragraph` gives."""
    document = f'<?xml version="1.0"?><w:document xmlns:w="{WORD}"><w:body>{body}</w:body>'
    relation = f'<Relationship Id="r1" Type="{OFFICE}" Target="word/document.xml"/>'
    return make_zip(
        path,
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": f'<Relationships xmlns="{RELATIONS}">{relation}</Relationships>',
            "word/document.xml": f"{document}</w:document>",
        },
    )


def paragraph(*runs: str) -> str:
    return "<w:p>" + "".join(f"<w:r><w:t>{run}</w:t></w:r>" for run in runs) + "</w:p>"


def make_epub(
    path: Path, chapters: Sequence[str], *, extra: dict[str, str | bytes] | None = None
) -> Path:
    """A book whose spine has the chapters in order; in the archive they stand in reverse."""
    names = [f"text/chapter {number}.xhtml" for number in range(len(chapters))]
    items = "".join(
        f'<item id="c{n}" href="{name.replace(" ", "%20")}" media-type="application/xhtml+xml"/>'
        for n, name in enumerate(names)
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata/>'
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    container = (
        f'<container xmlns="{CONTAINER}" version="1.0"><rootfiles>'
        '<rootfile full-path="OEBPS/package.opf"/></rootfiles></container>'
    )
    pages = {
        f"OEBPS/{name}": f"<html><head><title>t</title></head><body>{chapter}</body></html>"
        for name, chapter in zip(names, chapters, strict=True)
    }
    return make_zip(
        path,
        {
            "mimetype": MIMETYPE,
            "META-INF/container.xml": container,
            "OEBPS/package.opf": package,
            **dict(reversed(pages.items())),
            **(extra or {}),
        },
    )


def make_pdf(path: Path, pages: Sequence[Sequence[str]], *, password: str | None = None) -> Path:
    """Pages of lines in one of the fonts that every reader has; with ``password``, encrypted.

    The encryption is that of PDF 1.3: RC4 with 40 bits, MD5 for the keys (PDF Reference, 3.5).
    """
    identity = b"0123456789abcdef"
    key, dictionary = b"", ""
    if password is not None:
        owner = rc4(hashlib.md5(padded(password)).digest()[:5], padded(password))
        rights = (-4).to_bytes(4, "little", signed=True)
        key = hashlib.md5(padded(password) + owner + rights + identity).digest()[:5]
        user = rc4(key, padded(""))
        dictionary = f"/Filter /Standard /V 1 /R 2 /O <{owner.hex()}> /U <{user.hex()}> /P -4"
    first_page = 4
    kids = " ".join(f"{first_page + 2 * n} 0 R" for n in range(len(pages)))
    objects: dict[int, bytes] = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    }
    for number, lines in enumerate(pages):
        at = first_page + 2 * number
        objects[at] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {at + 1} 0 R "
            "/Resources << /Font << /F 3 0 R >> >> >>"
        ).encode()
        escaped = (
            line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in lines
        )
        shown = "".join(f"({line}) Tj T*\n" for line in escaped)
        stream = f"BT /F 11 Tf 14 TL 50 760 Td\n{shown}ET".encode("cp1252")
        if key:
            mixed = key + (at + 1).to_bytes(3, "little") + b"\0\0"
            stream = rc4(hashlib.md5(mixed).digest()[:10], stream)
        objects[at + 1] = b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream)
    data = bytearray(b"%PDF-1.3\n")
    places = []
    for number, content in objects.items():
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    data += b"".join(b"%010d 00000 n \n" % place for place in places)
    encrypt = f"/Encrypt << {dictionary} >> " if dictionary else ""
    name = identity.hex()
    data += (
        f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {encrypt}/ID [<{name}> <{name}>] >>\n"
        f"startxref\n{table}\n%%EOF\n"
    ).encode()
    path.write_bytes(data)
    return path


def padded(password: str) -> bytes:
    """A password of 32 bytes, filled up as the format says."""
    filling = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")
    return (password.encode("latin-1") + filling)[:32]


def rc4(key: bytes, data: bytes) -> bytes:
    """The stream cipher; the same call encrypts and decrypts."""
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out = bytearray()
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)
