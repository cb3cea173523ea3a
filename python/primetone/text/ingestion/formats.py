"""The formats that are read: what their names end in, and how each becomes text."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from primetone.errors import FormatError, TextError
from primetone.text.ingestion.archives import read_docx, read_epub
from primetone.text.ingestion.markup import decode_html, html_to_text
from primetone.text.ingestion.pdf import read_pdf
from primetone.text.readers import Document, ReaderOptions, read_source
from primetone.text.sources import TEXT_SUFFIXES, source_of

__all__ = ["FORMATS", "Extract", "How", "extracts", "format_of"]

_HTML = (".html", ".htm", ".xhtml")
_LINES_OF_JSON = (".jsonl", ".ndjson")
_PACKED = (".gz", ".zst")

FORMATS: Mapping[str, tuple[str, ...]] = {
    "text": tuple(sorted(TEXT_SUFFIXES.difference(_HTML, _LINES_OF_JSON, (".parquet",)))),
    "html": _HTML,
    "jsonl": _LINES_OF_JSON,
    "csv": (".csv", ".tsv"),
    "docx": (".docx",),
    "epub": (".epub",),
    "pdf": (".pdf",),
}
"""Formats and the suffixes by which files of theirs are known."""

_PACKABLE = ("text", "html", "jsonl", "csv")


class Extract(NamedTuple):
    """A text from a file: its name for people, and whether form feeds divide it into pages."""

    name: str
    text: str
    has_pages: bool = False


@dataclass(frozen=True, kw_only=True)
class How:
    """How files are read: the encoding of text, and the field or column that holds it."""

    encoding: str = "utf-8"
    field: str = "text"


def format_of(path: str) -> str | None:
    """The format that the name of a file tells, or None."""
    stem, suffix = os.path.splitext(os.path.basename(path).lower())
    is_packed = suffix in _PACKED
    if is_packed:
        suffix = os.path.splitext(stem)[1]
    found = next((name for name, suffixes in FORMATS.items() if suffix in suffixes), None)
    return None if is_packed and found not in _PACKABLE else found


def extracts(path: str, kind: str, how: How) -> Iterator[Extract]:
    """The texts of a file in order: one, or one for each record of jsonl and csv.

    Errors: FormatError and TextError for what cannot be read, OSError, UnicodeError, MemoryError.
    """
    return _READERS[kind](path, how)


def _text(path: str, how: How) -> Iterator[Extract]:
    for document in _documents(path, how.encoding):
        yield Extract(path, document.data.decode())


def _html(path: str, how: How) -> Iterator[Extract]:
    for document in _documents(path, "bytes"):
        try:
            yield Extract(path, html_to_text(decode_html(document.data, how.encoding)))
        except UnicodeDecodeError as error:
            raise TextError(
                f"expected {error.encoding}, found byte 0x{document.data[error.start]:02x} at "
                f"byte offset {error.start:,}: give the encoding that it is in"
            ) from None
        except LookupError as error:
            raise TextError(f"it says that it is in an {error}; give it in UTF-8") from None


def _jsonl(path: str, how: How) -> Iterator[Extract]:
    options = ReaderOptions(encoding=how.encoding, field=how.field)
    for document in read_source(source_of(path, layout="jsonl"), options):
        yield Extract(document.name, document.data.decode())


def _csv(path: str, how: How) -> Iterator[Extract]:
    text = "".join(document.data.decode() for document in _documents(path, how.encoding))
    csv.field_size_limit(max(len(text), 1))
    delimiter = "\t" if ".tsv" in os.path.basename(path).lower() else ","
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter)
    del text
    try:
        header = next(rows, [])
        if how.field not in header:
            columns = ", ".join(map(repr, header[:8])) or "none"
            raise TextError(
                f"expected a column {how.field!r}, found the columns {columns}; say which one "
                "holds the text"
            )
        column = header.index(how.field)
        for row in rows:
            if not row:
                continue
            if len(row) <= column:
                raise FormatError(
                    f"line {rows.line_num} is damaged: expected {len(header)} columns, found "
                    f"{len(row)}"
                )
            if row[column]:
                yield Extract(f"{path}:{rows.line_num}", row[column])
    except csv.Error as error:
        raise FormatError(f"line {rows.line_num} is no valid CSV: {error}") from None


def _documents(path: str, encoding: str) -> Iterator[Document]:
    """The file, unpacked and in UTF-8 (or as it is with "bytes"), whatever its name ends in."""
    yield from read_source(source_of(path, layout="text"), ReaderOptions(encoding=encoding))


def _whole(
    read: Callable[[str], str], *, has_pages: bool = False
) -> Callable[..., Iterator[Extract]]:
    def read_all(path: str, how: How) -> Iterator[Extract]:
        yield Extract(path, read(path), has_pages)

    return read_all


_READERS: Mapping[str, Callable[[str, How], Iterator[Extract]]] = {
    "text": _text,
    "html": _html,
    "jsonl": _jsonl,
    "csv": _csv,
    "docx": _whole(read_docx),
    "epub": _whole(read_epub),
    "pdf": _whole(read_pdf, has_pages=True),
}
