"""The filters that look at a text line by line: junk, joining, shortness, letters, repeats.

Each takes lines and gives lines, with how often it acted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from primetone.text.ingestion.marks import CLOSING, ENDS, FULL_WIDTH_CLOSING, FULL_WIDTH_ENDS

__all__ = ["LINE_FILTERS", "Lines", "is_junk", "is_said_twice", "without_junk_and_merged"]

SHORT_CHARACTERS = 20
"""A line with fewer is short."""

_ENDS_OF_SENTENCES = (".", "?", "!", ";", ":")
# unwrap knows more of them, and what closes behind them
_MORE_ENDS = (*_ENDS_OF_SENTENCES, *ENDS, *FULL_WIDTH_ENDS)
_CLOSING = f"{CLOSING}{FULL_WIDTH_CLOSING}*_"
_CHAPTER_NUMBER = re.compile(r"\s*\d++(?:\.\d++)*+\s")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
_FIGURE = re.compile(r"\s*FIGURE\s+\d", re.IGNORECASE)
_BARS = re.compile(r"[|oO\s]+")
_TWO_LETTERS = re.compile(r"[A-Za-z]{2}")
_NO_LETTERS = re.compile(r"[^A-Za-z]+")


class Lines(NamedTuple):
    """Lines after a filter, and how often it acted."""

    lines: list[str]
    times: int


class Begun(NamedTuple):
    """Lines after `without_junk_and_merged`, and what each half of it did."""

    lines: list[str]
    num_junk: int
    junk_characters: int
    num_merged: int


def without_junk_and_merged(lines: list[str], *, junk: bool, merge: bool) -> Begun:
    """Drop the lines that are junk; join each that ends no sentence with the one after it.

    Both in one pass, as the original had it: a line that was joined to the one before it is not
    asked whether it is junk, and a pair is not joined again.
    """
    if merge:
        lines = [line for line in lines if line.strip()]
    kept: list[str] = []
    num_junk = junk_characters = num_merged = at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if junk and is_junk(line):
            num_junk += 1
            junk_characters += len(line) + 1
            continue
        if merge and at < len(lines) and not line.endswith(_ENDS_OF_SENTENCES):
            line = f"{line.strip()} {lines[at].strip()}"
            at += 1
            num_merged += 1
        kept.append(line)
    return Begun(kept, num_junk, junk_characters, num_merged)


def is_junk(line: str) -> bool:
    """A line of a table of contents, of bars, of two letters, a caption, or a row of numbers."""
    words = line.strip()
    if not words:
        return False
    return (
        _BARS.fullmatch(words) is not None
        or _TWO_LETTERS.fullmatch(words) is not None
        or _FIGURE.match(line) is not None
        or _is_row_of_numbers(line)
        or _is_of_contents(line)
    )


def _is_row_of_numbers(line: str) -> bool:
    """Three or more numbers and nothing else."""
    if line[0].isspace() or not line.rstrip()[-1].isdecimal():
        return False
    words = line.split()
    return len(words) >= 3 and all(map(_NUMBER.fullmatch, words))


def _is_of_contents(line: str) -> bool:
    """The number of a section, its title, dots that lead to a page, and its number."""
    number = _CHAPTER_NUMBER.match(line)
    if number is None:
        return False
    rest = line[number.end() :].rstrip()
    end = len(rest)
    while end and rest[end - 1].isdecimal():
        end -= 1
    title = rest[:end].rstrip()
    return end < len(rest) and title.endswith("..") and len(title) > 2


def is_said_twice(line: str) -> bool:
    """The same words twice, and nothing else; white space must be single spaces."""
    half, rest = divmod(len(line), 2)
    return rest == 1 and half > 0 and line[half] == " " and line[:half] == line[half + 1 :]


def _unwrapped(lines: list[str]) -> Lines:
    kept: list[str] = []
    parts: list[str] = []
    num_joined = 0
    for line in lines:
        words = line.strip()
        if parts and words:
            num_joined += 1
        if words:
            parts.append(words if parts else line.rstrip())
            if not words.rstrip(_CLOSING).endswith(_MORE_ENDS):
                continue
        if parts:
            kept.append(" ".join(parts))
            parts = []
        if not words:
            kept.append(line)
    if parts:
        kept.append(" ".join(parts))
    return Lines(kept, num_joined)


def _without_short(lines: list[str]) -> Lines:
    kept = [line for line in lines if len(line) >= SHORT_CHARACTERS or not line.strip()]
    return Lines(kept, len(lines) - len(kept))


def _letters(lines: list[str]) -> Lines:
    kept = []
    num_changed = 0
    for line in lines:
        letters = _NO_LETTERS.sub(" ", line).strip()
        num_changed += letters != line
        if letters or not line.strip():  # a line of figures goes, an empty one stays
            kept.append(letters)
    return Lines(kept, num_changed)


def _lower_case(lines: list[str]) -> Lines:
    kept = [line.lower() for line in lines]
    return Lines(kept, _num_changed(lines, kept))


def _with_single_spaces(lines: list[str]) -> Lines:
    kept = [" ".join(line.split()) for line in lines]
    return Lines(kept, _num_changed(lines, kept))


def _without_repeats(lines: list[str]) -> Lines:
    kept = []
    last = ""
    for line in lines:
        said = " ".join(line.split())
        if said:
            if said == last or is_said_twice(said):
                continue
            last = said
        kept.append(line)
    return Lines(kept, len(lines) - len(kept))


def _without_blank(lines: list[str]) -> Lines:
    kept: list[str] = []
    for line in lines:
        if line.strip():
            kept.append(line)
        elif kept and kept[-1]:
            kept.append("")
    if kept and not kept[-1]:
        kept.pop()
    return Lines(kept, len(lines) - len(kept))


def _num_changed(before: list[str], after: list[str]) -> int:
    return sum(old != new for old, new in zip(before, after, strict=True))


LINE_FILTERS: Mapping[str, Callable[[list[str]], Lines]] = {
    "unwrap": _unwrapped,
    "short-lines": _without_short,
    "letters": _letters,
    "lower-case": _lower_case,
    "spaces": _with_single_spaces,
    "repeats": _without_repeats,
    "blank-lines": _without_blank,
}
"""The line filters that stand alone, in the order in which they are applied."""
