"""How generated sentences compare with real ones: the same measures for every model.

Sentences are lists of tokens (`str`), or lines, which are cut into words in lower case: runs of
letters, marks and digits with apostrophes inside, every other sign alone (docs/words.md). The
published figures of COCO captions (10,000 training lines as samples, the test lines as references)
come out to three digits: BLEU-2..5 .740 .520 .337 .218, self-BLEU-5 .416.

All take time linear in the text, and give the same bits each time. Self-BLEU, distinct-n and the
divergences depend on how many samples there are: compare equal numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from primetone import _rust_tok

__all__ = [
    "SampleQuality",
    "bleu",
    "distinct",
    "jsd",
    "longest_copies",
    "measure_samples",
    "novelty",
    "self_bleu",
    "words",
]

Sentences: TypeAlias = Sequence[str] | Sequence[Sequence[str]]

BLEU_ORDERS = range(2, 6)
JSD_ORDERS = range(1, 5)
DISTINCT_ORDERS = range(1, 5)


def bleu(samples: Sentences, references: Sentences, n: int = 5) -> float:
    """Mean BLEU-``n`` of the samples, each against all references; 0 to 1.

    Each score is that of NLTK's ``sentence_bleu`` with equal weights and smoothing method 1
    (epsilon 0.1). Source: Papineni et al. 2002; as a measure of generators, arXiv 1802.01886.
    Errors: ConfigError for no sentences or an ``n`` outside 1 to 16, TextError for half of a
    surrogate pair, TypeError for other input.
    """
    return _rust_tok.bleu(samples, references, n)[-1]


def self_bleu(samples: Sentences, n: int = 5) -> float:
    """Mean BLEU-``n`` of the samples, each against all others: 1 where they repeat each other.

    Source: arXiv 1802.01886. Errors: as `bleu`, and ConfigError for fewer than two samples.
    """
    return _rust_tok.self_bleu(samples, n)[-1]


def jsd(samples: Sentences, references: Sentences, n: int = 4) -> float:
    """Jensen-Shannon divergence in bits, 0 to 1, of the n-grams of samples and references.

    Without smoothing, over all n-grams that either has. Source: arXiv 1704.00028. Errors: as
    `bleu`, and ConfigError where no sentence has ``n`` tokens.
    """
    return _rust_tok.divergence(samples, references, n)[-1]


def distinct(samples: Sentences, n: int = 2) -> float:
    """Different n-grams over all n-grams of the samples, 0 to 1. Source: arXiv 1510.03055."""
    return _rust_tok.distinct(samples, n)[-1]


def novelty(samples: Sentences, training: Sentences) -> float:
    """Share of samples that are not, as a whole, a sentence of the training text; 0 to 1."""
    return _rust_tok.copies(samples, training)[0]


def longest_copies(samples: Sentences, training: Sentences) -> list[int]:
    """For each sample the tokens of its longest run that stands in one training sentence."""
    return _rust_tok.copies(samples, training)[1]


def words(line: str) -> list[str]:
    """The words of a line, as all measures here cut it."""
    return _rust_tok.words(line)


@dataclass(frozen=True, kw_only=True)
class SampleQuality:
    """All measures of one set of samples; each list has one figure for an order, from the lowest.

    BLEU orders 2 to 5, divergence and distinct 1 to 4. Lower is better for divergences; a self-BLEU
    above that of real text, and a low backward BLEU, mean little variety.
    """

    num_samples: int
    bleu: list[float]
    backward_bleu: list[float]
    """Of the references against the samples: what of the real text the samples cover."""
    self_bleu: list[float]
    jsd: list[float]
    distinct: list[float]
    novelty: float | None
    """None where no training text was given."""
    longest_copy: float | None
    """Mean over samples, in tokens."""

    def to_dict(self) -> dict[str, Any]:
        """As plain lists and numbers."""
        return asdict(self)


def measure_samples(
    samples: Sentences, references: Sentences, training: Sentences | None = None
) -> SampleQuality:
    """All measures at once.

    Errors: as `bleu`, and ConfigError for one sample, or where no sentence of the samples, or none
    of the references, has 4 tokens.
    """
    found = _rust_tok.measure(
        samples,
        references,
        training,
        bleu=BLEU_ORDERS[-1],
        jsd=JSD_ORDERS[-1],
        distinct=DISTINCT_ORDERS[-1],
    )
    lowest = BLEU_ORDERS[0] - 1
    longest = found["longest"]
    return SampleQuality(
        num_samples=found["num_samples"],
        bleu=found["bleu"][lowest:],
        backward_bleu=found["backward_bleu"][lowest:],
        self_bleu=found["self_bleu"][lowest:],
        jsd=found["jsd"],
        distinct=found["distinct"],
        novelty=found["novelty"],
        longest_copy=None if longest is None else sum(longest) / len(longest),
    )
