"""Documents that are zip archives of markup: docx and epub, without what a bomb would unpack."""

from __future__ import annotations

import contextlib
import io
import lzma
import posixpath
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO
from urllib.parse import unquote
from xml.etree import ElementTree

from primetone.errors import FormatError
from primetone.text.ingestion.markup import decode_html, html_to_text

__all__ = ["read_docx", "read_epub"]

_MAX_RATIO = 100
"""No member of a real document unpacks to more than this many times its packed size..."""
_FREE_BYTES = 16 << 20
"""... unless it is no larger than this."""
_CHUNK_BYTES = 1 << 20
# what zipfile says, in its own words and in those of others, of an archive that is damaged
_DAMAGES = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError),
    *(NotImplementedError, RuntimeError, OverflowError, UnicodeError),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_WORD_STRICT = "{http://purl.oclc.org/ooxml/wordprocessingml/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_INSERTED = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_FONT_SCRAMBLERS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")


def read_docx(path: str) -> str:
    """The text of a Word document: paragraphs apart by an empty line, cells of a row by tabs.

    Deleted text, field codes, headers, footers and notes are left out. Errors: FormatError.
    """
    with _Archive(path, "docx") as archive:
        links = archive.xml("_rels/.rels").iter()
        main = next((e for e in links if e.get("Type", "").endswith("/officeDocument")), None)
        if main is None:
            raise FormatError("it is damaged: its _rels/.rels names no document")
        name = posixpath.normpath(main.get("Target", "").lstrip("/"))
        with _xml_of(name):
            return "".join(_word_text(io.BytesIO(archive.markup(name)))).strip("\n")


def _word_text(file: IO[bytes]) -> Iterator[str]:
    """The text of WordprocessingML as it comes; what was read is let go of."""
    num_hidden = 0  # depth in properties, and in second versions of what was there already
    num_tables = 0
    row: list[list[str]] = []  # the paragraphs of each cell of the outermost row that is open
    words: list[str] = []
    for event, element in ElementTree.iterparse(file, ("start", "end")):
        space, _, name = element.tag.rpartition("}")
        is_word = f"{space}}}" in (_WORD, _WORD_STRICT)
        if element.tag == _FALLBACK or (is_word and name == "pPr"):
            num_hidden += 1 if event == "start" else -1
        if num_hidden or not is_word:
            continue
        if event == "start":
            num_tables += name == "tbl"
            if name == "tc" and num_tables == 1:
                row.append([])
            continue
        if name == "t":
            words.append(element.text or "")
        elif name in _INSERTED:
            words.append(_INSERTED[name])
        elif name == "p":
            text, words = "".join(words), []
            if row:
                row[-1].append(text)
            else:
                yield f"{text}\n\n"
            element.clear()
        elif name == "tr" and num_tables == 1:
            yield "\t".join(" ".join(" ".join(cell).split()) for cell in row) + "\n"
            row = []
        elif name == "tbl":
            num_tables -= 1
            if num_tables == 0:
                yield "\n"
            element.clear()


def read_epub(path: str) -> str:
    """The text of a book: its chapters in reading order, apart by an empty line.

    Errors: FormatError, also for a book that is encrypted.
    """
    with _Archive(path, "epub") as archive:
        container = archive.xml("META-INF/container.xml")
        root = next((e.get("full-path") for e in container.iter() if _is(e, "rootfile")), None)
        if root is None:
            raise FormatError("its META-INF/container.xml names no package of chapters")
        package = archive.xml(root)
        locked = _encrypted_members(archive)
        folder = posixpath.dirname(root)
        hrefs = {e.get("id"): e.get("href", "") for e in package.iter() if _is(e, "item")}
        chapters = []
        for entry in package.iter():
            if not _is(entry, "itemref") or not hrefs.get(entry.get("idref")):
                continue
            href = unquote(hrefs[entry.get("idref")].partition("#")[0])
            name = posixpath.normpath(posixpath.join(folder, href))
            if name in locked:
                raise FormatError(
                    "it is encrypted (digital rights management): expected a book that can be "
                    "read without a key"
                )
            if not name.lower().endswith((".xhtml", ".html", ".htm", ".xml")):
                continue  # a picture as a page of its own
            chapters.append(html_to_text(decode_html(archive.read(name), "utf-8")))
        return "\n\n".join(filter(None, chapters))


def _encrypted_members(archive: _Archive) -> set[str]:
    """Members that need a key; fonts that are only scrambled are no matter."""
    name = "META-INF/encryption.xml"
    if name not in archive.names:
        return set()
    locked = set()
    for entry in archive.xml(name).iter():
        if _is(entry, "EncryptedData"):
            method = next((e.get("Algorithm") for e in entry if _is(e, "EncryptionMethod")), None)
            if method not in _FONT_SCRAMBLERS:
                uris = (e.get("URI") for e in entry.iter() if _is(e, "CipherReference"))
                locked |= {unquote(uri) for uri in uris if uri}
    return locked


@contextlib.contextmanager
def _xml_of(name: str) -> Iterator[None]:
    """Say of which member it is that the block finds no XML in."""
    try:
        yield
    except ElementTree.ParseError as error:
        raise FormatError(f"its {name} is damaged XML: {error}") from None


def _is(element: ElementTree.Element, name: str) -> bool:
    return element.tag.rpartition("}")[2] == name


class _Archive:
    """A zip archive whose members are read with a limit on what they unpack to."""

    def __init__(self, path: str, kind: str) -> None:
        with open(path, "rb") as file:
            head = file.read(len(_OLE))
        if head == _OLE:
            raise FormatError(
                f"expected a {kind} file, found one of the older binary Office formats or one that "
                "is encrypted: save it anew, without a password"
            )
        try:
            self._zip = zipfile.ZipFile(path)
        except _DAMAGES as error:
            raise FormatError(
                f"expected a {kind} file, which is a zip archive; found none: {error}"
            ) from None
        self.names = frozenset(self._zip.namelist())

    def __enter__(self) -> _Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def xml(self, name: str) -> ElementTree.Element:
        """A member as a tree. Errors: as `markup`, and FormatError when it is no XML."""
        with _xml_of(name):
            return ElementTree.fromstring(self.markup(name))

    def markup(self, name: str) -> bytes:
        """A member of XML that declares no entities: they may refer to files, or multiply."""
        data = self.read(name)
        if b"<!ENTITY" in data:
            raise FormatError(f"its {name} declares entities of its own, which no document needs")
        return data

    def read(self, name: str) -> bytes:
        """A member, whole. Errors: FormatError when it is missing, damaged, locked or a bomb."""
        try:
            info = self._zip.getinfo(name)
        except KeyError:
            raise FormatError(f"it is damaged: it has no {name}") from None
        if info.flag_bits & 1:
            raise FormatError(f"its {name} is encrypted: save it anew, without a password")
        limit = max(_FREE_BYTES, _MAX_RATIO * info.compress_size)
        chunks = []
        num_bytes = 0
        try:
            with self._zip.open(info) as member:
                while chunk := member.read(_CHUNK_BYTES):
                    num_bytes += len(chunk)
                    if num_bytes > limit:
                        raise FormatError(
                            f"its {name} unpacks to more than {limit:,} bytes, over {_MAX_RATIO} "
                            "times its packed size: no document does that, a zip bomb does"
                        )
                    chunks.append(chunk)
        except _DAMAGES as error:
            raise FormatError(f"its {name} is damaged: {error}") from None
        return b"".join(chunks)
