"""Running heads: lines at the top and bottom of pages that recur from page to page."""

from __future__ import annotations

import re
from collections import Counter

PAGE_END = "\f"
"""What stands between pages."""

_EDGE_LINES = 3
"""So many lines at the top of a page, and at its bottom, may be heads."""
_MIN_PAGES = 3
_MIN_SHARE = 0.2
"""On so many pages, and on this share of all, a line recurs that is a head: those of left and
right pages differ, and those of chapters."""

_NUMBER = re.compile(r"\d+")
_ROMAN = re.compile(r"[ivxlc]+", re.IGNORECASE)


def without_page_heads(text: str) -> tuple[str, int]:
    """``text`` without running heads, and how many lines went.

    Numbers count as equal, so that page numbers, with or without words, recur. Lines are taken from
    the edge inward: what stands behind a line of the text is text.
    """
    pages = [page.splitlines() for page in text.split(PAGE_END)]
    seen: Counter[str] = Counter()
    for page in pages:
        top, bottom = _edges(page)
        seen.update({_shape(page[at]) for at in {*top, *bottom}})
    num_written = sum(any(map(str.strip, page)) for page in pages)
    needed = max(_MIN_PAGES, _MIN_SHARE * num_written)
    heads = {shape for shape, count in seen.items() if count >= needed}
    num_lines = 0
    kept = []
    for page in pages:
        doomed = set()
        for edge in _edges(page):
            for at in edge:
                if _shape(page[at]) not in heads:
                    break
                doomed.add(at)
        num_lines += len(doomed)
        kept.append("\n".join(line for at, line in enumerate(page) if at not in doomed))
    return (PAGE_END.join(kept), num_lines) if num_lines else (text, 0)


def _edges(page: list[str]) -> tuple[list[int], list[int]]:
    """The places of the first and of the last lines that are not empty, from the edge inward."""
    top: list[int] = []
    bottom: list[int] = []
    for order, places in ((range(len(page)), top), (range(len(page) - 1, -1, -1), bottom)):
        for at in order:
            if page[at].strip():
                places.append(at)
                if len(places) == _EDGE_LINES:
                    break
    return top, bottom


def _shape(line: str) -> str:
    """What lines of different pages share."""
    words = " ".join(line.split())
    if _ROMAN.fullmatch(words):
        return "#"
    return _NUMBER.sub("#", words)
