"""Which documents a user meant: each file once, with the format that its name tells."""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from primetone.errors import ConfigError, TextError
from primetone.text.ingestion.formats import format_of
from primetone.text.ingestion.report import Failure
from primetone.text.sources import find_paths, status_of

__all__ = ["File", "Found", "find_files"]

_KINDS = ".txt, .md, .html, .jsonl, .csv, .docx, .epub or .pdf"


class File(NamedTuple):
    """A file to read."""

    path: str
    format: str
    num_bytes: int


class Found(NamedTuple):
    """The files that were meant, those that cannot be read among them; and who was passed over."""

    files: list[File | Failure]
    num_skipped: int
    num_repeated: int


def find_files(
    sources: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    target: Path,
    format: str | None,
) -> Found:
    """What ``sources`` stand for, in order; ``target`` must not be among it.

    A file that cannot be read, by its name or kind, is a Failure in its place. Errors: FileError
    for a file that is not there, TextError for a folder or pattern without documents, ConfigError.
    """
    names = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    if not names:
        raise TextError("no document given: expected at least one file, folder or pattern")
    files: list[File | Failure] = []
    seen = set()
    num_skipped = num_named = 0
    for given in names:
        name = os.fspath(given)
        if name == "-":
            raise ConfigError("standard input has no name that would tell its format: give a file")
        paths, skipped = find_paths(
            name,
            functools.partial(_is_taken, format=format),
            kinds=_KINDS,
            advice="name them one by one and say which format they have",
        )
        num_skipped += skipped
        num_named += len(paths)
        for path in paths:
            place = os.path.realpath(path)
            if place not in seen:
                seen.add(place)
                files.append(_file(path, format))
    if os.path.realpath(target) in seen:
        raise ConfigError(
            f"{target} is to be written and is among what is read: write it somewhere else"
        )
    return Found(files, num_skipped, num_named - len(seen))


def _is_taken(path: str, format: str | None) -> bool:
    """Whether a file of a folder is read; with a format given, also one without a suffix."""
    told = format_of(path)
    if format is None:
        return told is not None
    return told == format or not os.path.splitext(path)[1]


def _file(path: str, format: str | None) -> File | Failure:
    status = status_of(path)
    kind = format or format_of(path)
    if not stat.S_ISREG(status.st_mode):
        return Failure(path, "expected a regular file, found a pipe or a device: save it first")
    if kind is None:
        suffix = os.path.splitext(path)[1]
        told = f"found {suffix}" if suffix else "found a name without one"
        return Failure(
            path, f"expected a name that ends in {_KINDS}, {told}; or say which format it has"
        )
    return File(path, kind, status.st_size)
