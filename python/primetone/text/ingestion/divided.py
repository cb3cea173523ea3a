"""Words that were divided at the end of a line: joined, or with a hyphen that is their own."""

from __future__ import annotations

import re

__all__ = ["joined", "with_compounds"]

_LETTER = r"[^\W\d_]"
# a hyphen, the soft one, and the one that only Unicode tells from a minus
_DIVISION = re.compile(rf"(?<={_LETTER})[-\u00ad\u2010]\n(?={_LETTER})")
_DIVIDED = re.compile(rf"(?<!{_LETTER})({_LETTER}++)([-\u2010])\n(?=({_LETTER}++))")
_WORD = re.compile(rf"{_LETTER}+")
_COMPOUND = re.compile(rf"(?<!{_LETTER})(?=({_LETTER}++)[-\u2010]({_LETTER}++))")


def joined(text: str) -> tuple[str, int]:
    """``text`` with every divided word in one piece, and how many there were."""
    return _DIVISION.subn("", text)


def with_compounds(text: str) -> tuple[str, int]:
    """``text`` with a hyphen in place of hyphen and line end where it belongs, and how often.

    The text itself tells: elsewhere it has the two parts with a hyphen, and nowhere as one word.
    """
    if not _DIVIDED.search(text):
        return text, 0
    lower = text.lower()
    compounds = {found.groups() for found in _COMPOUND.finditer(lower)}
    words = set(_WORD.findall(lower))
    num_kept = 0

    def rejoined(found: re.Match[str]) -> str:
        nonlocal num_kept
        parts = (found[1].lower(), found[3].lower())
        if parts not in compounds or "".join(parts) in words:
            return found[0]
        num_kept += 1
        return found[1] + found[2]

    return _DIVIDED.sub(rejoined, text), num_kept
