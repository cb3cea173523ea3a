"""From files to documents: plain text, JSON lines and Parquet, in any encoding."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, cast

from primetone.errors import ConfigError, FileError, FormatError, TextError
from primetone.files import explained
from primetone.text.document import Document, Part
from primetone.text.json_lines import documents_of_lines
from primetone.text.sources import STDIN, Source, find_sources

__all__ = [
    "Document",
    "Part",
    "ReaderOptions",
    "find_broken",
    "in_batches",
    "read_documents",
    "read_parts",
    "read_source",
    "read_source_parts",
    "read_sources",
]

_T = TypeVar("_T")

_CHUNK_BYTES = 1 << 20
_BATCH_BYTES = 16 << 20
_WINDOWS_1252 = re.compile(
    "[A-Za-z][À-ÖØ-öø-ÿŠšŽžŒœŸ]|[À-ÖØ-öø-ÿŠšŽžŒœŸ](?=[A-Za-z])|[‘’“”–—…]"  # noqa: RUF001
)


@dataclass(frozen=True, kw_only=True)
class ReaderOptions:
    """How files become documents; checked when made, before any file is opened.

    encoding: a Python codec, or "bytes" to keep the bytes unchecked. field: the key of the text
    in JSON lines, its column in Parquet. per: what one document is in plain text: the file, a line,
    or a paragraph (separated by blank lines). separator: documents of plain text end wherever this
    stands, which belongs to none of them; not together with ``per``. In JSON lines each line is one
    document, in Parquet each row, whatever these two say.
    """

    encoding: str = "utf-8"
    field: str = "text"
    per: Literal["file", "line", "paragraph"] = "file"
    separator: str = ""

    def __post_init__(self) -> None:
        if self.per not in ("file", "line", "paragraph"):
            raise ConfigError(f'per: expected "file", "line" or "paragraph", found {self.per!r}')
        if self.separator and self.per != "file":
            raise ConfigError(
                f"found separator {self.separator!r} and per {self.per!r}, each of which says what "
                "a document is: leave one out"
            )
        try:
            self.separator.encode()
        except UnicodeEncodeError:
            raise ConfigError(
                f"separator: expected text, found half of a surrogate pair in {self.separator!r}"
            ) from None
        if self.encoding == "bytes":
            return
        try:
            codec = codecs.lookup(self.encoding)
            is_text = getattr(codec, "_is_text_encoding", True)
        except (LookupError, ValueError):
            is_text, codec = False, None
        if not is_text or codec is None or codec.incrementaldecoder is None:
            raise ConfigError(
                f"encoding: expected the name of a text encoding such as utf-8, utf-16, cp1252 or "
                f"latin-1, or bytes to keep the bytes as they are; found {self.encoding!r}"
            )


def read_documents(
    sources: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    *,
    encoding: str = "utf-8",
    field: str = "text",
    per: Literal["file", "line", "paragraph"] = "file",
    separator: str = "",
) -> Iterator[Document]:
    """Read the documents of files, folders, patterns and "-" (standard input), one by one.

    Names ending in .jsonl or .ndjson hold one JSON object a line with the text under ``field``,
    .parquet a column of that name (needs the extra primetone[parquet]); everything else is text.
    All but Parquet may be packed as .gz or .zst. Byte order marks, NUL and carriage
    returns are kept as they are; empty documents are left out. Memory: the largest document.
    Errors: TextError naming file and offset where decoding failed; TextError when all is empty.
    """
    options = ReaderOptions(encoding=encoding, field=field, per=per, separator=separator)
    return read_sources(find_sources(sources).sources, options)


def read_sources(sources: Sequence[Source], options: ReaderOptions) -> Iterator[Document]:
    """The non-empty documents of ``sources`` in order; TextError when there is none."""
    return _each(sources, lambda source: _documents(source, options))


def read_source(
    source: Source, options: ReaderOptions, *, begin: int = 0, end: int | None = None
) -> Iterator[Document]:
    """The non-empty documents of one file, which must not have changed; perhaps none.

    With ``begin`` and ``end`` those that begin between these bytes of its text, in UTF-8; in
    Parquet the row groups that begin between these bytes of the file, if all were of one size.
    """
    source.check_unchanged()
    yield from _documents(source, options, begin, end)


def read_source_parts(
    source: Source, options: ReaderOptions, *, begin: int = 0, end: int | None = None
) -> Iterator[bytes | Part]:
    """As `read_source`; a file that is one document comes in parts."""
    source.check_unchanged()
    yield from _parts(source, options, begin, end)


def read_parts(sources: Sequence[Source], options: ReaderOptions) -> Iterator[bytes | Part]:
    """The documents of ``sources`` in order, large ones in parts: memory stays bounded.

    Only files that are one document each come in parts. Errors are those of `read_sources`.
    """
    return _each(sources, lambda source: _parts(source, options))


def _each(sources: Sequence[Source], read: Callable[[Source], Iterator[_T]]) -> Iterator[_T]:
    """What ``read`` gives of each source, which must not have changed; TextError for nothing."""
    is_empty = True
    for source in sources:
        source.check_unchanged()
        for item in read(source):
            is_empty = False
            yield item
    if is_empty:
        raise _nothing_in(sources)


def _parts(
    source: Source, options: ReaderOptions, begin: int = 0, end: int | None = None
) -> Iterator[bytes | Part]:
    if source.layout != "text" or options.per != "file" or options.separator:
        yield from (document.data for document in _documents(source, options, begin, end))
        return
    has_begun = False
    for chunk, is_last in _with_last(_utf8_chunks(source, options.encoding)):
        has_begun = has_begun or bool(chunk)
        if has_begun:
            yield Part(chunk, 1, not is_last)


def in_batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Documents in lists of some megabytes, so that memory is bounded by the largest."""
    batch: list[Document] = []
    num_bytes = 0
    for document in documents:
        batch.append(document)
        num_bytes += len(document.data)
        if num_bytes >= _BATCH_BYTES:
            yield batch
            batch, num_bytes = [], 0
    if batch:
        yield batch


def find_broken(
    sources: Sequence[Source], options: ReaderOptions
) -> tuple[list[Source], list[tuple[str, str]]]:
    """Read everything once: the sources that can be read, and (path, problem) of the others."""
    sound, broken = [], []
    for source in sources:
        try:
            deque(_parts(source, options), maxlen=0)
        except (TextError, FormatError, FileError) as error:
            broken.append((source.path, str(error)))
        else:
            sound.append(source)
    return sound, broken


def _nothing_in(sources: Sequence[Source]) -> TextError:
    names = ", ".join(source.path for source in sources[:3])
    more = f" and {len(sources) - 3} more" if len(sources) > 3 else ""
    return TextError(f"there is no text in {names}{more}: expected at least one character")


def _documents(
    source: Source, options: ReaderOptions, begin: int = 0, end: int | None = None
) -> Iterator[Document]:
    if source.layout == "parquet":
        from primetone.text.parquet import documents_of_parquet

        yield from documents_of_parquet(source, options.field, begin=begin, end=end)
        return
    chunks = _utf8_chunks(source, options.encoding)
    if source.layout == "jsonl":
        lines = _divided(chunks, b"\n")
        yield from documents_of_lines(source.path, lines, options.field, begin=begin, end=end)
        return
    for start, name, data in _texts(source, options, chunks):
        if end is not None and start >= end:
            return
        if start >= begin and data:
            yield Document(name, data)


def _texts(
    source: Source, options: ReaderOptions, chunks: Iterator[bytes]
) -> Iterator[tuple[int, str, bytes]]:
    """(where it begins, name, text) of the documents of plain text, empty ones too."""
    path = source.path
    if options.separator:
        parts = _divided(chunks, options.separator.encode())
        for number, (start, part) in enumerate(parts, start=1):
            yield start, f"{path}, document {number}", part
    elif options.per == "file":
        data = source.held if options.encoding == "bytes" else None
        yield 0, path, data if data is not None else _joined(chunks)
    elif options.per == "line":
        for number, (start, line) in enumerate(_divided(chunks, b"\n"), start=1):
            yield start, f"{path}:{number}", line.removesuffix(b"\r")
    else:
        for start, number, paragraph in _paragraphs(chunks):
            yield start, f"{path}:{number}", paragraph


def _paragraphs(chunks: Iterable[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """(where it begins, in which line, text) of the runs of lines between blank ones.

    The line breaks inside a paragraph are kept.
    """
    paragraph: list[bytes] = []
    place = (0, 0)
    for number, (start, line) in enumerate(_divided(chunks, b"\n"), start=1):
        if line.strip():
            place = place if paragraph else (start, number)
            paragraph.append(line)
        elif paragraph:
            yield *place, b"\n".join(paragraph).removesuffix(b"\r")
            paragraph = []
    if paragraph:
        yield *place, b"\n".join(paragraph).removesuffix(b"\r")


# --- bytes ------------------------------------------------------------------------------------


def _utf8_chunks(source: Source, encoding: str) -> Iterator[bytes]:
    """The source's bytes as UTF-8, in pieces that may end inside a character."""
    raw = _raw_chunks(source)
    if encoding == "bytes":
        return raw
    if codecs.lookup(encoding).name == "utf-8":
        return _checked(source, encoding, raw)
    return _recoded(source, encoding, raw)


def _checked(source: Source, encoding: str, raw: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks as they are, if they are UTF-8."""
    from primetone._rust_tok import Utf8Checker

    checker = Utf8Checker()
    num_fed = 0
    first = b""
    for chunk, is_last in _with_last(raw):
        first = first or chunk[:4]
        num_fed += len(chunk)
        kept = checker.kept
        if not checker.push(chunk) or (is_last and checker.kept):
            try:
                (kept + chunk).decode()
            except UnicodeDecodeError as error:
                raise _not_decoded(
                    source, encoding, num_fed, checker.num_lines, error, first
                ) from None
        yield chunk


def _recoded(source: Source, encoding: str, raw: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks in UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    num_fed = num_lines = 0
    first = b""
    for chunk, is_last in _with_last(raw):
        first = first or chunk[:4]
        num_fed += len(chunk)
        try:
            yield decoder.decode(chunk, is_last).encode()
        except UnicodeDecodeError as error:
            raise _not_decoded(source, encoding, num_fed, num_lines, error, first) from None
        except UnicodeError as error:  # surrogates, or a codec that only refuses
            raise TextError(
                f"{source.path}: cannot be read as {encoding} near byte offset {num_fed:,}: "
                f"{error}; give the encoding that the file is in"
            ) from None
        num_lines += chunk.count(b"\n")


def _not_decoded(
    source: Source,
    encoding: str,
    num_fed: int,
    num_lines: int,
    error: UnicodeDecodeError,
    first: bytes,
) -> TextError:
    # what was decoded is the end of what was fed: what had been kept back, and the last chunk
    offset = num_fed - len(error.object) + error.start
    line = num_lines + error.object.count(b"\n", 0, error.start) + 1
    return TextError(_decoding_message(source, encoding, offset, line, error, first))


def _decoding_message(
    source: Source, encoding: str, offset: int, line: int, error: UnicodeDecodeError, first: bytes
) -> str:
    place = "of the unpacked text " if source.compression else ""
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        hint = "it begins like utf-16: give that encoding"
    elif b"\0" in error.object[:4096]:
        hint = "it looks like a binary file: leave it out, or give the encoding bytes to keep it"
    elif _looks_like_windows_1252(error.object[max(0, error.start - 2048) : error.start + 2048]):
        hint = "it looks like windows-1252: give that encoding (cp1252 is another name for it)"
    else:
        hint = (
            "give the encoding that it is in (cp1252 and latin-1 are common), or the encoding "
            "bytes to keep the bytes as they are"
        )
    return (
        f"{source.path}: expected {encoding}, found byte 0x{error.object[error.start]:02x} at byte "
        f"offset {offset:,} {place}(line {line:,}): {error.reason}; {hint}"
    )


def _looks_like_windows_1252(data: bytes) -> bool:
    """Whether most of what is not ASCII is Western letters beside others, or quotes and dashes."""
    text = data.decode("cp1252", "replace")
    num_odd = sum(not character.isascii() for character in text)
    has_utf8 = not data.decode("utf-8", "ignore").isascii()
    return not has_utf8 and 2 * len(_WINDOWS_1252.findall(text)) >= num_odd > 0


def _raw_chunks(source: Source) -> Iterator[bytes]:
    if source.is_once:
        with explained(Path(source.path), "read"), _open_once(source) as file:
            while chunk := file.read1(_CHUNK_BYTES):
                yield chunk
    elif source.held is not None:
        for start in range(0, len(source.held), _CHUNK_BYTES):
            yield source.held[start : start + _CHUNK_BYTES]
    elif source.compression:
        from primetone._rust_tok import Decompressor

        try:
            unpacker = Decompressor(source.path, source.compression)
            while chunk := unpacker.read(_CHUNK_BYTES):
                yield chunk
        except FormatError as error:
            if source.path in str(error):
                raise
            raise FormatError(f"{source.path}: {error}") from None
    else:
        with explained(Path(source.path), "read"), open(source.path, "rb", buffering=0) as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk


def _open_once(source: Source) -> contextlib.AbstractContextManager[io.BufferedReader]:
    if source.path == STDIN:
        return contextlib.nullcontext(cast("io.BufferedReader", sys.stdin.buffer))
    return open(source.path, "rb")


def _with_last(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each chunk with whether it is the last; an empty one stands for no chunks at all."""
    previous = None
    for chunk in chunks:
        if previous is not None:
            yield previous, False
        previous = chunk
    yield previous or b"", True


def _divided(chunks: Iterable[bytes], separator: bytes) -> Iterator[tuple[int, bytes]]:
    """(offset, part) of what stands between separators; an empty one at the end does not count."""
    from primetone._rust_tok import Divider

    divider = Divider(separator)
    start = 0
    for chunk in chunks:
        for part in divider.push(chunk):
            yield start, part
            start += len(part) + len(separator)
    if last := divider.finish():
        yield start, last


def _joined(chunks: Iterable[bytes]) -> bytes:
    """All chunks as one; this buffer hands over its bytes without a second copy of them."""
    buffer = io.BytesIO()
    for chunk in chunks:
        buffer.write(chunk)
    return buffer.getvalue()
