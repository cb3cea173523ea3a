"""A small probabilistic grammar: a language whose every sentence and probability is known.

A model that learned from its sentences can be judged exactly: which of its own are sentences of the
language, and how much of the language's variety they have. Verbs agree with their subjects, `a` and
`some` with their nouns; the longest sentences have seven words.
"""

from __future__ import annotations

import functools
import itertools
import math
import random
from collections.abc import Iterator, Mapping
from types import MappingProxyType

NUM_SENTENCES = 10_000
"""How many make up a text to learn from."""

_RULES: Mapping[str, tuple[tuple[float, str], ...]] = {
    "SENTENCE": ((0.5, "ONE DOES"), (0.5, "MANY DO")),
    "ONE": ((0.7, "THIS THING"), (0.3, "THIS QUALITY THING")),
    "MANY": ((0.7, "THESE THINGS"), (0.3, "THESE QUALITY THINGS")),
    "THIS": ((0.5, "the"), (0.5, "a")),
    "THESE": ((0.5, "the"), (0.5, "some")),
    "QUALITY": ((0.5, "small"), (0.3, "old"), (0.2, "happy")),
    "THING": ((0.4, "cat"), (0.3, "dog"), (0.2, "bird"), (0.1, "child")),
    "THINGS": ((0.4, "cats"), (0.3, "dogs"), (0.2, "birds"), (0.1, "children")),
    "DOES": ((0.4, "RESTS"), (0.2, "RESTS WHERE"), (0.4, "MEETS OTHERS")),
    "DO": ((0.4, "REST"), (0.2, "REST WHERE"), (0.4, "MEET OTHERS")),
    "RESTS": ((0.5, "sleeps"), (0.3, "sings"), (0.2, "runs")),
    "REST": ((0.5, "sleep"), (0.3, "sing"), (0.2, "run")),
    "WHERE": ((0.5, "here"), (0.5, "outside")),
    "MEETS": ((0.5, "sees"), (0.3, "likes"), (0.2, "hears")),
    "MEET": ((0.5, "see"), (0.3, "like"), (0.2, "hear")),
    "OTHERS": ((0.5, "ONE"), (0.5, "MANY")),
}


@functools.cache
def toy_language() -> Mapping[str, float]:
    """Every sentence of the language with its probability, in a fixed order."""
    probabilities: dict[str, float] = {}
    for words, probability in _expansions("SENTENCE"):
        sentence = " ".join(words)
        probabilities[sentence] = probabilities.get(sentence, 0.0) + probability
    return MappingProxyType(probabilities)


def toy_sentences(count: int = NUM_SENTENCES, *, seed: int = 0) -> list[str]:
    """Sentences drawn from the language, the same ones for the same seed."""
    language = toy_language()
    sums = list(itertools.accumulate(language.values()))
    source = random.Random(seed)
    return source.choices(list(language), cum_weights=sums, k=count)


def toy_entropy() -> float:
    """Bits a sentence of the language, exactly."""
    return -sum(p * math.log2(p) for p in toy_language().values())


def _expansions(symbol: str) -> Iterator[tuple[tuple[str, ...], float]]:
    """All that a symbol can become, each with its probability; a word becomes itself."""
    if symbol not in _RULES:
        yield (symbol,), 1.0
        return
    for weight, right in _RULES[symbol]:
        for parts in itertools.product(*(tuple(_expansions(part)) for part in right.split())):
            words = tuple(word for part, _ in parts for word in part)
            yield words, weight * math.prod(probability for _, probability in parts)
