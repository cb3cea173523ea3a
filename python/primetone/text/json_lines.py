"""JSON lines: one object a line, with the text of a document under one key."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from typing import Any

from primetone.errors import TextError
from primetone.text.document import Document

_BOM = codecs.BOM_UTF8


def documents_of_lines(
    path: str, lines: Iterable[tuple[int, bytes]], field: str, *, begin: int, end: int | None
) -> Iterator[Document]:
    """The documents of (offset, line) that begin at ``begin`` or later, and before ``end``."""
    for number, (start, line) in enumerate(lines, start=1):
        if end is not None and start >= end:
            return
        if start < begin:
            continue
        if number == 1:
            line = line.removeprefix(_BOM)
        if not line.strip():
            continue
        text = _text_of(line, field, f"{path}, line {number} (byte offset {start:,})")
        if text:
            yield Document(f"{path}:{number}", text)


def _text_of(line: bytes, field: str, where: str) -> bytes:
    try:
        tree: Any = json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise TextError(
            f"{where}: expected UTF-8, found byte 0x{line[error.start]:02x} at position "
            f"{error.start:,} of the line; mend the line or give the file's encoding"
        ) from None
    except json.JSONDecodeError as error:
        raise TextError(
            f"{where}: expected a JSON object with the text under {field!r}, found no valid JSON: "
            f"{error.msg} at column {error.colno}; mend or remove the line"
        ) from None
    except (RecursionError, ValueError) as error:
        raise TextError(f"{where}: unusable JSON: {error}; mend or remove the line") from None
    if not isinstance(tree, dict):
        kind = type(tree).__name__
        raise TextError(
            f"{where}: expected a JSON object with the text under {field!r}, found a JSON {kind}"
        )
    if field not in tree:
        keys = ", ".join(map(repr, list(tree)[:8])) or "none"
        raise TextError(
            f"{where}: expected the field {field!r}, found the fields {keys}; "
            "say which field holds the text"
        )
    if not isinstance(tree[field], str):
        raise TextError(
            f"{where}: expected text in the field {field!r}, found {json.dumps(tree[field])[:40]}"
        )
    try:
        return str(tree[field]).encode()
    except UnicodeEncodeError as error:
        raise TextError(
            f"{where}: the field {field!r} holds half of a surrogate pair at character "
            f"{error.start:,}, which is no text; mend or remove the line"
        ) from None
