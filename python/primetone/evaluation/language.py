"""Sentences beside a language that is known exactly: which belong to it, how varied they are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["LanguageQuality", "measure_language"]


@dataclass(frozen=True, kw_only=True)
class LanguageQuality:
    """What a set of sentences has of a language."""

    grammatical: float
    """The share that are sentences of the language; 0 to 1."""
    entropy_kept: float
    """Bits a sentence of those, as often as each came, over the language's own; what was not drawn
    does not count, so few sentences show less than there is (10,000 of the toy grammar .95)."""

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers."""
        return asdict(self)


def measure_language(
    sentences: Sequence[str] | Sequence[Sequence[str]], language: Mapping[str, float]
) -> LanguageQuality:
    """Compare sentences, as lines or as words, with a language of more than one sentence.

    `language` has the probability of every sentence there is.
    """
    lines = [each if isinstance(each, str) else " ".join(each) for each in sentences]
    counts = Counter(line for line in lines if line in language)
    known = counts.total()
    return LanguageQuality(
        grammatical=known / len(lines),
        entropy_kept=_bits(count / known for count in counts.values()) / _bits(language.values()),
    )


def _bits(probabilities: Iterable[float]) -> float:
    return sum(-p * math.log2(p) for p in probabilities)
