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


def learn_merges(
    words: Mapping[bytes, int], byte_ids: Mapping[int, int], first_new_id: int, num_merges: int
) -> list[Pair]:
    """Highest count first, then the smallest (left id, right id); everything counted anew."""
    spelled = [([byte_ids[byte] for byte in word], count) for word, count in words.items()]
    merges: list[Pair] = []
    while len(merges) < num_merges:
        counts: Counter[Pair] = Counter()
        for symbols, count in spelled:
            for pair in pairwise(symbols):
                counts[pair] += count
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        new_id = first_new_id + len(merges)
        spelled = [(merge_everywhere(symbols, best, new_id), count) for symbols, count in spelled]
        merges.append(best)
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
