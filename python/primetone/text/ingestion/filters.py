"""The cleaning filters by name, in the one order in which they are applied, and what each did.

The rules of the fourth project this one grew from are here, each to be switched alone; all of them
together, as that project had them, are the set ``classic``. Every filter takes time linear in the
text, whatever the text is.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from primetone.config import did_you_mean
from primetone.errors import ConfigError
from primetone.text.ingestion.divided import joined, with_compounds
from primetone.text.ingestion.lines import LINE_FILTERS, without_junk_and_merged
from primetone.text.ingestion.pages import without_page_heads

__all__ = ["FILTERS", "SETS", "Removed", "chosen_filters", "clean"]

FILTERS: Mapping[str, str] = {
    "page-heads": "running heads, footers and page numbers that recur from page to page go",
    "line-ends": "every kind of line end becomes a line feed",
    "compounds": "a divided word keeps its hyphen if the text has it so elsewhere, never joined",
    "hyphens": "a word that was divided at the end of a line is joined",
    "controls": "control characters, soft hyphens and byte order marks go",
    "gutenberg": "the header and licence that Project Gutenberg puts around a book go",
    "camel-case": "a space between a small letter and a capital: oneWord -> one Word",
    "junk-lines": "lines of a table of contents, figure captions and rows of numbers go",
    "merge-lines": "a line that ends no sentence is joined with the next one, once; no empty lines",
    "unwrap": "a line that ends no sentence is joined with those that follow in its paragraph",
    "short-lines": "lines of fewer than 20 characters go",
    "letters": "all but the letters A to Z becomes a space",
    "lower-case": "letters become small",
    "spaces": "white space within a line becomes one space, and none at its ends",
    "repeats": "a line that says what the one before said, or itself twice, goes",
    "blank-lines": "several empty lines become one, and none at the beginning and the end",
}
"""Every filter, in the order in which they are applied, with what it does."""

SETS: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "default": ("line-ends", "controls", "gutenberg", "blank-lines"),
    "pages": (
        *("page-heads", "line-ends", "compounds", "hyphens", "controls", "gutenberg", "spaces"),
        "blank-lines",
    ),
    "classic": (
        *("line-ends", "hyphens", "camel-case", "junk-lines", "merge-lines", "short-lines"),
        *("letters", "repeats"),
    ),
}
"""Sets of filters by name; ``pages`` is what ``default`` means for a document with pages (PDF)."""

_LINE_ENDS = re.compile(r"\r\n|[\r\v\f\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u2060\ufeff\ufffe\uffff]")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_GUTENBERG = re.compile(
    r"^\*\*\*[ ]?(START|END) OF TH(?:E|IS) PROJECT GUTENBERG[^\n]*+(?:\n|\Z)",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True)
class Removed:
    """What one filter did: how often it acted, and by how many characters the text is shorter."""

    times: int = 0
    characters: int = 0

    def __add__(self, other: Removed) -> Removed:
        return Removed(self.times + other.times, self.characters + other.characters)


def chosen_filters(words: str | Sequence[str], *, has_pages: bool = False) -> frozenset[str]:
    """The filters that ``words`` choose: a set, names that are added, ``no-NAME`` taken away.

    Words stand in a list, or in one text with commas. Without a set at the beginning they go on
    from ``default``, which is ``pages`` for a document with pages. Errors: ConfigError.
    """
    if isinstance(words, str):
        words = words.split(",")
    given = [word.strip() for word in words]
    start = "default"
    if given and given[0] in SETS:
        start = given.pop(0)
    chosen = set(SETS["pages" if start == "default" and has_pages else start])
    for word in given:
        name = word.removeprefix("no-")
        if name in SETS:
            raise ConfigError(f"filter: a set stands first, found {word!r} after other words")
        if name not in FILTERS:
            raise ConfigError(f"filter: unknown {name!r}; {did_you_mean(name, {*FILTERS, *SETS})}")
        (chosen.discard if word.startswith("no-") else chosen.add)(name)
    if {"merge-lines", "unwrap"} <= chosen:
        raise ConfigError(
            "filter: found both merge-lines and unwrap, which join lines by different rules: "
            "choose one"
        )
    return frozenset(chosen)


def clean(text: str, filters: Iterable[str]) -> tuple[str, dict[str, Removed]]:
    """``text`` after the filters named, and what each of them did; their order is that of FILTERS.

    Pages, where a text has them, end with a form feed.
    """
    chosen = frozenset(filters)
    if not text:
        return text, {name: Removed() for name in FILTERS if name in chosen}
    done: dict[str, Removed] = {}
    for name, rewrite in _TEXT_FILTERS.items():
        if name in chosen:
            after, times = rewrite(text)
            done[name] = Removed(times, len(text) - len(after))
            text = after
    if chosen - _TEXT_FILTERS.keys():
        text = "\n".join(_clean_lines(text.split("\n"), chosen, done))
    return text, {name: done[name] for name in FILTERS if name in chosen}


def _clean_lines(lines: list[str], chosen: Set[str], done: dict[str, Removed]) -> list[str]:
    junk, merge = "junk-lines" in chosen, "merge-lines" in chosen
    if junk or merge:
        begun = without_junk_and_merged(lines, junk=junk, merge=merge)
        fewer = _num_characters(lines) - _num_characters(begun.lines)
        of_junk = begun.junk_characters if merge else fewer
        if junk:
            done["junk-lines"] = Removed(begun.num_junk, of_junk)
        if merge:
            done["merge-lines"] = Removed(begun.num_merged, fewer - begun.junk_characters)
        lines = begun.lines
    for name, rewrite in LINE_FILTERS.items():
        if name in chosen:
            after, times = rewrite(lines)
            done[name] = Removed(times, _num_characters(lines) - _num_characters(after))
            lines = after
    return lines


def _num_characters(lines: list[str]) -> int:
    return max(0, sum(map(len, lines)) + len(lines) - 1)


def _without_licence(text: str) -> tuple[str, int]:
    """What stands between the marks of beginning and end; text without marks is left alone."""
    kept: list[str] = []
    start = 0
    is_inside = True  # before the first mark, unless that is one of a beginning
    for mark in _GUTENBERG.finditer(text):
        if mark[1].upper() == "START":
            if not kept:
                is_inside = False
            if not is_inside:
                is_inside, start = True, mark.end()
        elif is_inside:
            kept.append(text[start : mark.start()])
            is_inside = False
    if is_inside:
        kept.append(text[start:])
    after = "".join(kept)
    return after, int(len(after) != len(text))


_TEXT_FILTERS: Mapping[str, Callable[[str], tuple[str, int]]] = {
    "page-heads": without_page_heads,
    "line-ends": functools.partial(_LINE_ENDS.subn, "\n"),
    "compounds": with_compounds,
    "hyphens": joined,
    "controls": functools.partial(_CONTROLS.subn, ""),
    "gutenberg": _without_licence,
    "camel-case": functools.partial(_CAMEL.subn, " "),
}
"""The filters that look at a text as a whole, in the order in which they are applied."""
