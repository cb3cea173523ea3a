"""The slow, obvious twins: learning merges and encoding by their definitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

Pair = tuple[int, int]


def merge_everywhere(symbols: list[int], pair: Pair, new_id: int) -> list[int]:
    """Replace ``pair`` by ``new_id`` from left to right."""
    merged, at = [], 0
    while at < len(symbols):
        if tuple(symbols[at : at + 2]) == pair:
            merged.append(new_id)
            at += 2
        else:
            merged.append(symbols[at])
            at += 1
    return merged


Token = tuple[int, int, int]
TIES = (
    "hf",
    "raw",
    "first_occurrence",
    "bytes_max",
    "bytes_min",
    "sentencepiece",
    "youtokentome",
)


def learn_merges(
    words: Mapping[bytes, int],
    spelled: Mapping[int, bytes],
    vocab_size: int,
    *,
    tie: str = "hf",
    min_count: int = 1,
    max_token_bytes: int | None = None,
    max_token_rule: str = "exact",
    duplicates: str = "skip",
) -> list[Token]:
    """(left, right, made) of every merge: highest count first, then ``tie``; all counted anew.

    ``words`` are in the order of their first occurrence. ``spelled`` gives the bytes of each id
    from 0 on, the names of specials first.
    """
    spells = dict(spelled)
    byte_ids = {bytes_[0]: token for token, bytes_ in spells.items() if len(bytes_) == 1}
    state = [([byte_ids[byte] for byte in word], count) for word, count in words.items()]
    made_after = dict.fromkeys(spells, 0)
    merges: list[Token] = []

    def refused(left: int, right: int) -> bool:
        length = len(spells[left]) + len(spells[right])
        if max_token_bytes is not None and max_token_rule == "exact" and length > max_token_bytes:
            return True
        if max_token_bytes is not None and max_token_rule == "hf_compat":
            return length > 2 and length >= max_token_bytes
        return False

    def key(pair: Pair, first: tuple[int, int]) -> object:
        left, right = pair
        one, other = spells[left], spells[right]
        return {
            "hf": pair,
            "raw": ((made_after[left], one), (made_after[right], other)),
            "first_occurrence": first,
            "bytes_max": [[[-byte for byte in part] + [1] for part in (one, other)]],
            "bytes_min": (one, other),
            "sentencepiece": (len(one + other), one + other),
            "youtokentome": (max(pair), min(pair), -left),
        }[tie]

    while len(spells) < vocab_size:
        counts: Counter[Pair] = Counter()
        firsts: dict[Pair, tuple[int, int]] = {}
        for number, (symbols, count) in enumerate(state):
            offset = 0
            for pair in pairwise(symbols):
                counts[pair] += count
                firsts.setdefault(pair, (number, offset))
                offset += len(spells[pair[0]])
        known = {bytes_: token for token, bytes_ in reversed(list(spells.items()))}
        candidates = [
            pair
            for pair in counts
            if counts[pair] >= max(min_count, 1)
            and not refused(*pair)
            and not (duplicates == "skip" and spells[pair[0]] + spells[pair[1]] in known)
        ]
        if not candidates:
            break
        best = min(candidates, key=lambda pair: (-counts[pair], key(pair, firsts[pair])))
        joined = spells[best[0]] + spells[best[1]]
        if joined in known and duplicates == "error":
            raise ValueError(joined)
        made = known[joined] if joined in known and duplicates == "reuse" else len(spells)
        spells[made] = joined
        merges.append((*best, made))
        made_after[made] = len(merges)
        state = [(merge_everywhere(symbols, best, made), count) for symbols, count in state]
    return merges


def encode_piece(
    piece: bytes, byte_ids: Mapping[int, int], ranks: Mapping[Pair, tuple[int, int]]
) -> list[int]:
    """The pair of lowest rank, the leftmost of equals, until none is left.

    ``ranks`` maps a pair to (rank, new id).
    """
    symbols = [byte_ids[byte] for byte in piece]
    while True:
        found = [(ranks[pair][0], at) for at, pair in enumerate(pairwise(symbols)) if pair in ranks]
        if not found:
            return symbols
        _, at = min(found)
        symbols[at : at + 2] = [ranks[symbols[at], symbols[at + 1]][1]]
