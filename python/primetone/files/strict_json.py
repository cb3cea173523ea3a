"""JSON files, written atomically and read strictly."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from primetone.errors import FormatError
from primetone.files.atomic import write_atomically
from primetone.files.failures import explained

_MAX_JSON_BYTES = 256 << 20


def write_json(path: str | os.PathLike[str], tree: Any) -> None:
    """Write ``tree`` as readable UTF-8 JSON, atomically; NaN and infinity are refused."""
    write_atomically(path, json_bytes(tree))


def read_json(path: str | os.PathLike[str], *, max_bytes: int = _MAX_JSON_BYTES) -> Any:
    """Read a JSON file strictly: valid UTF-8, no repeated key, no NaN, nothing after the value.

    Errors: FileError when it cannot be read, FormatError naming line and column when malformed.
    """
    source = Path(path)
    with explained(source, "read"):
        size = source.stat().st_size
        if size > max_bytes:
            raise FormatError(
                f"{source}: expected a JSON file of at most {max_bytes:,} bytes, found {size:,}; "
                "this is not a file that primetone wrote"
            )
        data = source.read_bytes()
    return _parse(data, source)


def json_bytes(tree: Any) -> bytes:
    """What `write_json` writes."""
    try:
        text = json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False)
        return (text + "\n").encode()
    except UnicodeEncodeError:  # a file name that is not valid text: escape it
        return (json.dumps(tree, indent=2, allow_nan=False) + "\n").encode()


def _parse(data: bytes, source: Path) -> Any:
    def refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for key, value in pairs:
            if key in tree:
                raise FormatError(
                    f'{source}: the key "{key}" appears twice in one object; remove one'
                )
            tree[key] = value
        return tree

    def refuse_constant(word: str) -> Any:
        raise FormatError(f"{source}: expected a JSON value, found {word}; JSON has finite numbers")

    try:
        return json.loads(
            data.decode(), object_pairs_hook=refuse_repeats, parse_constant=refuse_constant
        )
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{source} is damaged: expected UTF-8, found byte 0x{data[error.start]:02x} at "
            f"offset {error.start:,}"
        ) from None
    except json.JSONDecodeError as error:
        raise FormatError(
            f"{source} is not valid JSON: {error.msg} at line {error.lineno}, "
            f"column {error.colno}; the file is damaged or was edited by hand"
        ) from None
    except RecursionError:
        raise FormatError(f"{source} is not acceptable JSON: it is nested too deeply") from None
    except FormatError:
        raise
    except ValueError as error:  # a number of thousands of digits
        raise FormatError(f"{source} is not acceptable JSON: {error}") from None
