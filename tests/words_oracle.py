"""Words, lists of them and filters of sentences, slow and plain: what docs/words.md says."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable

WHITE_SPACE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
APOSTROPHES = "'\u2019"
SPECIALS = ["<START>", "<PAD>", "<END>", "<UNKNOWN>"]


def is_inside(character: str) -> bool:
    """Letters, marks and digits."""
    return unicodedata.category(character)[0] in "LMN"


def words(text: str) -> list[str]:
    """The words of a text, character by character."""
    found: list[str] = []
    run = ""
    for at, character in enumerate(text):
        after = text[at + 1 : at + 2]
        joins = (
            bool(run)
            and is_inside(run[-1])
            and character in APOSTROPHES
            and after != ""
            and unicodedata.category(after)[0] in "LN"
        )
        if is_inside(character) or joins:
            run += character
            continue
        if run:
            found.append(run)
            run = ""
        if character not in WHITE_SPACE:
            found.append(character)
    return ["".join(map(str.lower, word)) for word in (*found, run) if word]


def is_sign(word: str) -> bool:
    """No letter, mark or digit."""
    return not is_inside(word[0])


def listed(entries: Iterable[str], max_words: int, order: str) -> list[str]:
    """The entries of a list, without the specials."""
    counts = Counter(entries)
    chosen = list(counts)
    if order == "frequency":
        chosen.sort(key=lambda word: (-counts[word], word))
    return chosen[:max_words]


def cleaned(
    text: str,
    *,
    min_words: int = 1,
    max_words: int = 1 << 32,
    min_share: float = 0.0,
    signs: str = "keep",
    vocabulary: Iterable[str] | None = None,
) -> tuple[list[str], Counter[str]]:
    """The sentences that pass, and how many lines went where."""
    known = None if vocabulary is None else set(vocabulary)
    kept: list[str] = []
    tally: Counter[str] = Counter()
    lines = text.split("\n")
    for line in lines[:-1] if lines[-1] == "" else lines:
        every = words(line)
        plain = [word for word in every if not is_sign(word)]
        chosen = plain if signs == "drop" else every
        if not chosen:
            reason = "empty"
        elif len(chosen) < min_words:
            reason = "too_short"
        elif len(chosen) > max_words:
            reason = "too_long"
        elif len(plain) < min_share * len(every):
            reason = "too_many_signs"
        elif known is not None and not known.issuperset(chosen):
            reason = "unknown"
        else:
            reason = "kept"
            kept.append(" ".join(chosen))
        tally[reason] += 1
    return kept, tally
