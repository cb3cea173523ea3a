"""What every verb prints with: results to stdout, progress to a terminal, readable sizes."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any

from cyclopts import Parameter

REDRAW_SECONDS = 0.1
LINE_SECONDS = 2.0


def process_number() -> int:
    """Which of the processes that torchrun started this is; 0 alone, and the one that speaks."""
    number = os.environ.get("RANK", "0")
    return int(number) if number.isdecimal() else 0


class UsageError(Exception):
    """The words on the command line do not fit together; ends with exit code 2."""


def refuse_unknown_option(_type: Any, value: Any) -> None:
    """`-` is standard input; any other word with a dash is an option we do not have."""
    if isinstance(value, str) and value.startswith("-") and value != "-":
        raise ValueError(f"Unknown option: {value}.")


Texts = Annotated[str, Parameter(allow_leading_hyphen=True, validator=refuse_unknown_option)]
"""A file, folder or glob on the command line, or - for standard input."""


def require_texts(texts: Sequence[str]) -> list[str]:
    """The texts given, at least one."""
    if not texts:
        raise UsageError("expected at least one text: a file, folder or glob, or - for stdin")
    return list(texts)


def make_place(out: Path) -> None:
    """Make the folder of a file to write, and refuse now what could not be written there later."""
    from primetone.files import require_place

    make_folder(out.parent)
    require_place(out)


def make_folder(folder: Path) -> None:
    """A folder with those above it; one that is there is fine."""
    from primetone.files import explained

    with explained(folder, "create"):
        folder.mkdir(parents=True, exist_ok=True)


def print_json(tree: Any) -> None:
    """One JSON object on stdout, floats in full."""
    print(json.dumps(tree, indent=2, ensure_ascii=False))


def print_note(message: str) -> None:
    """Something to know that is no error, on stderr."""
    print(f"primetone: note: {message}", file=sys.stderr)


def print_table(rows: Iterable[Sequence[str]], *, indent: int = 0) -> None:
    """Left-aligned columns, two spaces apart."""
    lines = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print((" " * indent + "  ".join(cells)).rstrip())


def size_words(num_bytes: float) -> str:
    """1536 -> "1.5 kB", in powers of ten."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if num_bytes < 1000 or unit == "GB":
            break
        num_bytes /= 1000
    return f"{num_bytes:,.0f} {unit}" if unit == "bytes" else f"{num_bytes:,.1f} {unit}"


def count_words(count: int, noun: str) -> str:
    """1, "document" -> "1 document"; 2000 -> "2,000 documents"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration_words(seconds: float) -> str:
    """Seconds as "0.4 s", "59 s", "3 min 20 s" or "2 h 05 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 100:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def wants_colour() -> bool:
    """Whether stdout takes colours: not with NO_COLOR, with FORCE_COLOR, else on a terminal."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


ShowProgress = Annotated[bool | None, Parameter(negative="--no-progress")]
"""--progress or --no-progress; when neither is given, a terminal decides."""


class Progress:
    """One line on a terminal's stderr that is redrawn and gone at the end; silent anywhere else.

    Asked for where there is no terminal, it writes a line every few seconds instead.
    """

    def __init__(self, *, wanted: bool | None = None) -> None:
        is_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._is_shown = False
        self._redraws = is_terminal
        self._draws = (is_terminal if wanted is None else wanted) and process_number() == 0
        self._pause = REDRAW_SECONDS if is_terminal else LINE_SECONDS
        self._drawn_at = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()

    def show(self, text: str) -> None:
        """Replace the line, at most ten times a second."""
        now = time.monotonic()
        if not self._draws or now - self._drawn_at < self._pause:
            return
        self._drawn_at = now
        if self._redraws:
            self._is_shown = True
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"\r\x1b[K{text[:width]}")
        else:
            sys.stderr.write(f"primetone: {text}\n")
        sys.stderr.flush()

    def stage(self, stage: str, done: int, total: int) -> None:
        """The progress function that counting, learning and encoding call."""
        share = f" {100 * done / total:3.0f} %" if total else ""
        amount = f" {size_words(done)}" if stage in ("count", "encode") else f" {done:,}"
        self.show(f"{stage}{share}{amount if done else ''}")

    def clear(self) -> None:
        """Take the line away, so that other text can follow."""
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._is_shown = False
