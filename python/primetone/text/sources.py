"""Which files a user meant: names, folders, patterns and standard input, in a stable order."""

from __future__ import annotations

import errno
import glob
import os
import stat
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from primetone.config import nearest
from primetone.errors import ConfigError, FileError, TextError
from primetone.files import explained

__all__ = [
    "TEXT_SUFFIXES",
    "FoundSources",
    "Source",
    "find_paths",
    "find_sources",
    "source_of",
    "status_of",
]

# What is read from a folder without being asked for by name: prose, markup and source code.
TEXT_SUFFIXES = frozenset(
    {
        # prose and markup
        *(".txt", ".text", ".md", ".markdown", ".rst", ".adoc", ".org", ".tex", ".htm", ".html"),
        *(".srt", ".log", ".jsonl", ".ndjson", ".parquet"),
        # source code
        *(".py", ".pyi", ".rs", ".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".cs", ".java", ".kt"),
        *(".scala", ".swift", ".go", ".js", ".mjs", ".jsx", ".ts", ".tsx", ".rb", ".php", ".pl"),
        *(".pm", ".lua", ".r", ".jl", ".hs", ".ml", ".clj", ".ex", ".erl", ".sh", ".bash", ".sql"),
        ".css",
    }
)
_ADVICE = "a file named one by one is read whatever its suffix"
_KINDS_OF_TEXT = ".txt, .md, .py or .jsonl (also .gz, .zst)"
STDIN = "<stdin>"
Layout = Literal["text", "jsonl", "parquet"]
_LAYOUTS: dict[str, Layout] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
_COMPRESSIONS: dict[str, Literal["gz", "zst"]] = {".gz": "gz", ".zst": "zst"}
_UNREADABLE = {
    **dict.fromkeys((".bz2", ".xz", ".lz4", ".br"), "unpack it first; .gz and .zst are read as is"),
    **dict.fromkeys((".zip", ".tar", ".tgz", ".7z", ".rar"), "unpack the archive first"),
    **dict.fromkeys((".pdf", ".docx", ".epub"), "primetone ingest makes text of it"),
    **dict.fromkeys((".doc", ".odt"), "export it as plain text first"),
}


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file to read; or what can be read only once (standard input, a pipe), held or not."""

    path: str
    layout: Layout = "text"
    compression: Literal["", "gz", "zst"] = ""
    size_bytes: int
    modified_ns: int = 0
    held: bytes | None = field(default=None, repr=False)
    is_once: bool = False

    def check_unchanged(self) -> None:
        """A corpus promises the same bytes each time; a file that changed breaks that promise."""
        if self.held is not None or self.is_once:
            return
        with explained(Path(self.path), "read"):
            status = os.stat(self.path)
        if (status.st_size, status.st_mtime_ns) != (self.size_bytes, self.modified_ns):
            raise TextError(
                f"{self.path} changed while it was in use: expected {self.size_bytes:,} bytes as "
                f"of the first look, found {status.st_size:,} bytes; start again, and let nothing "
                "write to it meanwhile"
            )


@dataclass(frozen=True, kw_only=True)
class FoundSources:
    """The files that were found, in reading order, and how many in folders were passed over."""

    sources: tuple[Source, ...]
    num_skipped: int


def find_sources(
    names: Sequence[str | os.PathLike[str]] | str | os.PathLike[str], *, once: bool = False
) -> FoundSources:
    """Resolve files, folders (recursive, sorted), glob patterns and ``"-"`` to files.

    Standard input and pipes are read now and held, or, with ``once``, left to be read as a stream.

    A file that is named is taken whatever it is called; in a folder only text suffixes are taken,
    others are counted as skipped, hidden ones are ignored. Errors: FileError for a missing file,
    TextError for a folder or pattern without text.
    """
    if isinstance(names, str | os.PathLike):
        names = [names]
    if not names:
        raise TextError("no text given: expected at least one file, folder, pattern or - (stdin)")
    found: list[Source] = []
    num_skipped = 0
    for given in names:
        name = os.fspath(given)
        if not name:
            raise TextError("expected the name of a file or folder, found an empty one")
        if name == "-":
            if once and hasattr(sys.stdin, "buffer"):
                found.append(Source(path=STDIN, size_bytes=0, is_once=True))
            else:
                found.append(_held(STDIN, read_stdin()))
            continue
        paths, skipped = find_paths(name, _is_text, kinds=_KINDS_OF_TEXT, advice=_ADVICE)
        num_skipped += skipped
        found += [source_of(path, once=once) for path in paths]
    return FoundSources(sources=tuple(found), num_skipped=num_skipped)


def _is_text(path: str) -> bool:
    """Whether a file is read from a folder without being asked for by name."""
    return _suffixes(path)[0] in TEXT_SUFFIXES


def find_paths(
    name: str, is_taken: Callable[[str], bool], *, kinds: str, advice: str
) -> tuple[list[str], int]:
    """The files that one name stands for, sorted, and how many in a folder were passed over.

    Of a folder those that ``is_taken`` is true of, hidden ones never; a file that is named, whether
    it exists or not, is taken. ``kinds`` and ``advice`` say for errors what is taken, and what to
    do with others. Errors: TextError for a folder or pattern without files.
    """
    if os.path.isdir(name):
        taken, skipped = _in_folder(name, is_taken)
        if not taken:
            raise TextError(
                f"the folder {name} holds no text: expected files such as {kinds}, found "
                f"{skipped} other files; {advice}"
            )
        return taken, skipped
    if os.path.exists(name) or not glob.has_magic(name):
        return [name], 0
    matches = sorted(path for path in glob.glob(name, recursive=True) if os.path.isfile(path))
    if not matches:
        raise TextError(
            f"the pattern {name} matches no file (seen from {os.getcwd()}); "
            "check the spelling and the folder"
        )
    return matches, 0


def _in_folder(folder: str, is_taken: Callable[[str], bool]) -> tuple[list[str], int]:
    taken, skipped = [], 0

    def refuse(error: OSError) -> None:
        raise error

    with explained(Path(folder), "read"):
        for parent, folders, names in os.walk(folder, onerror=refuse):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                path = os.path.join(parent, name)
                if name.startswith("."):
                    continue
                if is_taken(path) and os.path.isfile(path):
                    taken.append(path)
                else:
                    skipped += 1
    return taken, skipped


def status_of(path: str) -> os.stat_result:
    """What the system says of a file; FileError, with the nearest name, when it is not there."""
    try:
        with explained(Path(path), "read"):
            return os.stat(path)
    except FileError as error:
        near = _near_name(path) if error.errno == errno.ENOENT else ""
        raise FileError(f"{error}{near}", errno=error.errno, filename=path) from None


def source_of(path: str, *, once: bool = False, layout: Layout | None = None) -> Source:
    """One file as a source; its layout is told by its name unless it is given."""
    suffix, packed = _suffixes(path)
    for outer in (suffix, packed):
        if outer in _UNREADABLE:
            raise TextError(f"{path} is not plain text: {outer} is not read; {_UNREADABLE[outer]}")
    status = status_of(path)
    if layout is None:
        layout = _LAYOUTS.get(suffix, "text")
    if layout == "parquet" and packed:
        raise ConfigError(f"{path}: Parquet is compressed inside: expected no {packed}; unpack it")
    if not stat.S_ISREG(status.st_mode):
        if packed:
            raise ConfigError(f"{path} is a pipe: expected a regular file for {packed}; unpack it")
        if layout == "parquet":
            raise ConfigError(f"{path} is a pipe: expected a regular file for Parquet")
        if once:
            return Source(path=path, layout=layout, size_bytes=0, is_once=True)
        with explained(Path(path), "read"), open(path, "rb") as file:
            return _held(path, file.read(), layout)
    return Source(
        path=path,
        layout=layout,
        compression=_COMPRESSIONS.get(packed, ""),
        size_bytes=status.st_size,
        modified_ns=status.st_mtime_ns,
    )


def _held(path: str, data: bytes, layout: Layout = "text") -> Source:
    return Source(path=path, layout=layout, size_bytes=len(data), held=data)


def read_stdin() -> bytes:
    """All of standard input."""
    if sys.stdin is None:
        raise TextError("standard input is closed: expected text on it because of the name -")
    buffer = getattr(sys.stdin, "buffer", None)
    return buffer.read() if buffer is not None else sys.stdin.read().encode()


def _suffixes(path: str) -> tuple[str, str]:
    """The suffix that tells the layout, and the one that tells the compression, in lower case."""
    stem, suffix = os.path.splitext(os.path.basename(path).lower())
    if suffix in _COMPRESSIONS:
        return os.path.splitext(stem)[1], suffix
    return suffix, ""


def _near_name(path: str) -> str:
    try:
        siblings = os.listdir(os.path.dirname(path) or ".")
    except OSError:
        return ""
    near = nearest(os.path.basename(path), siblings)
    return "" if near is None else f" (there is {near})"
