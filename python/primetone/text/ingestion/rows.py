"""What a row of the corpus is: a document, or each of its paragraphs, lines or sentences."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from primetone.text.ingestion.marks import (
    CLOSING,
    ENDS,
    FULL_WIDTH_CLOSING,
    FULL_WIDTH_ENDS,
    OPENING,
)

__all__ = ["PER", "Per", "rows"]

Per = Literal["document", "paragraph", "line", "sentence"]

_BLANK = re.compile(r"\n[^\S\n]*+(?:\n[^\S\n]*+)++")
_END = re.compile(
    # only where a run of them begins: looking anew from each of them would take square time
    rf"(?<![{ENDS}])[{ENDS}]++[{re.escape(CLOSING)}]*+(?=\s)|[{FULL_WIDTH_ENDS}]++[{FULL_WIDTH_CLOSING}]*+"
)
_BEGIN = re.compile(rf"\s*+[{re.escape(OPENING)}]*+")
# after these a sentence goes on, even where a capital follows
_ABBREVIATIONS = frozenset(
    {
        *("mr", "mrs", "ms", "dr", "prof", "st", "rev", "hon", "gen", "col", "capt", "lt", "sgt"),
        *("vs", "cf", "e.g", "i.e", "viz", "fig", "figs", "eq", "vol", "pp", "ed", "eds", "approx"),
    }
)


def rows(text: str, per: Per) -> Iterator[str]:
    """The rows of ``text`` in order, none of them empty."""
    return (row for row in PER[per](text) if row and not row.isspace())


def _paragraphs(text: str) -> Iterator[str]:
    """Runs of lines between empty ones."""
    yield from (paragraph.strip("\n") for paragraph in _BLANK.split(text))


def _lines(text: str) -> Iterator[str]:
    yield from text.split("\n")


def _sentences(text: str) -> Iterator[str]:
    """Sentences on one line each; none goes on beyond its paragraph.

    A sentence ends in a full stop, question mark, exclamation mark or ellipsis, with the quotes and
    brackets that close there, when white space follows and then no small letter; not after a
    usual abbreviation, nor after the initial of a name.
    """
    for paragraph in _paragraphs(text):
        words = " ".join(paragraph.split())
        start = 0
        for end in _END.finditer(words):
            if words[end.start()] in FULL_WIDTH_ENDS or _is_end(words, end, start):
                yield words[start : end.end()].strip()
                start = end.end()
        yield words[start:].strip()


def _is_end(words: str, end: re.Match[str], start: int) -> bool:
    begin = _BEGIN.match(words, end.end())
    follows = words[begin.end() : begin.end() + 1] if begin else ""
    if follows.islower():
        return False
    if end[0] != ".":
        return True
    last = words[max(start, words.rfind(" ", start, end.start()) + 1) : end.start()]
    last = last.lstrip(OPENING)
    is_initial = len(last) == 1 and last.isupper() and last != "I"
    return not is_initial and last.lower() not in _ABBREVIATIONS


def _document(text: str) -> Iterator[str]:
    yield text


PER: Mapping[str, Callable[[str], Iterator[str]]] = {
    "document": _document,
    "paragraph": _paragraphs,
    "line": _lines,
    "sentence": _sentences,
}
"""The kinds of rows."""
