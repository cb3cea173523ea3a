"""Where two tokenizers cut one text differently."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from primetone.text.tokenizer import Tokenizer

__all__ = ["Difference", "can_be_compared", "differences"]


class Difference(NamedTuple):
    """A run of text, as short as both have it, that two tokenizers cut differently."""

    start: int
    """Where in the text it begins, in bytes."""
    first: list[bytes]
    second: list[bytes]
    """Its tokens, which join to the same bytes."""


def can_be_compared(first: Tokenizer, second: Tokenizer) -> bool:
    """Whether the tokens of both tile every text; words of characters leave out white space."""
    return first.end_of_word_id is None and second.end_of_word_id is None


def differences(first: Tokenizer, second: Tokenizer, text: bytes) -> Iterator[Difference]:
    """The runs that two tokenizers which `can_be_compared` cut differently, in order.

    Between two runs both have the same tokens, whatever ids they give them.

    Raises:
        TextError, UnknownTokenError: text that one of them cannot take.
    """
    ends = [
        tokenizer.encode_with_offsets(text, unit="bytes")[1][:, 1].astype(np.int64)
        for tokenizer in (first, second)
    ]
    common = np.intersect1d(ends[0], ends[1], assume_unique=True)
    # how many tokens of each end up to a common end
    numbers = [np.searchsorted(each, common) + 1 for each in ends]
    starts = np.concatenate([[0], common[:-1]]) if len(common) else common
    more = [np.diff(number, prepend=0) > 1 for number in numbers]
    for place in np.flatnonzero(more[0] | more[1]):
        start, end = int(starts[place]), int(common[place])
        tokens: list[list[bytes]] = []
        for each in ends:
            cuts = each[np.searchsorted(each, start, side="right") : np.searchsorted(each, end) + 1]
            edges = [start, *cuts.tolist()]
            tokens.append([text[a:b] for a, b in pairwise(edges)])
        yield Difference(start, tokens[0], tokens[1])
