"""Sentences of a model beside real ones and those of counting samplers, in one table."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from primetone.errors import TextError
from primetone.evaluation.language import LanguageQuality, measure_language
from primetone.evaluation.samples import SampleQuality, measure_samples, words

__all__ = ["SampleReport", "ngram_sentences", "report_samples"]

NGRAM_ORDERS = (2, 3, 4, 5)
LEAST_SENTENCES = 2

_COLUMNS = (
    ("BLEU-2", "bleu", 0),
    ("BLEU-3", "bleu", 1),
    ("BLEU-4", "bleu", 2),
    ("BLEU-5", "bleu", 3),
    ("backward-5", "backward_bleu", 3),
    ("self-BLEU-5", "self_bleu", 3),
    ("JSD-1", "jsd", 0),
    ("JSD-2", "jsd", 1),
    ("JSD-3", "jsd", 2),
    ("JSD-4", "jsd", 3),
    ("distinct-2", "distinct", 1),
    ("novel", "novelty", None),
    ("copied", "longest_copy", None),
)


@dataclass(frozen=True, kw_only=True)
class SampleReport:
    """Measures by the name of who wrote the sentences: `real`, the n-grams, then the model."""

    rows: Mapping[str, SampleQuality]
    num_samples: int
    num_references: int
    language: Mapping[str, LanguageQuality] | None = None
    """For the same rows, where the text is of a language that is known exactly."""

    def verdict(self) -> str:
        """One sentence: whether the model is closer to real text than counting is."""

        def divergence(name: str) -> float:
            return self.rows[name].jsd[-1]

        models = [name for name in self.rows if name != "real" and not name.endswith("-gram")]
        counting = [name for name in self.rows if name.endswith("-gram")]
        best, floor = (min(names, key=divergence) for names in (models, counting))
        figures = (
            f"JSD-4 {divergence(best):.3f} ({best}) against {divergence(floor):.3f} of the {floor} "
            f"sampler and {divergence('real'):.3f} of real text"
        )
        wins = divergence(best) < divergence(floor)
        return f"the model {'beats' if wins else 'loses to'} counting: {figures}"

    def table(self) -> str:
        """The verdict, then a row for each writer."""
        head = ["", *(title for title, _, _ in _COLUMNS)]
        body = [
            [name, *(_cell(quality, field, place) for _, field, place in _COLUMNS)]
            for name, quality in self.rows.items()
        ]
        if self.language is not None:
            head += ["grammatical", "entropy kept"]
            for row in body:
                found = self.language[row[0]]
                row += [f"{found.grammatical:.3f}", f"{found.entropy_kept:.3f}"]
        widths = [max(len(row[at]) for row in (head, *body)) for at in range(len(head))]
        lines = [
            "  ".join(
                cell.ljust(width) if at == 0 else cell.rjust(width)
                for at, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in (head, *body)
        ]
        count = (
            f"{self.num_samples:,} sentences each, {self.num_references:,} real ones to compare "
            "with; JSD: less is closer; self-BLEU above that of real text means repetition"
        )
        return "\n".join([self.verdict(), "", *lines, "", count])

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        language = {name: found.to_dict() for name, found in (self.language or {}).items()}
        return {
            "verdict": self.verdict(),
            "num_samples": self.num_samples,
            "num_references": self.num_references,
            "rows": {
                name: {**quality.to_dict(), **language.get(name, {})}
                for name, quality in self.rows.items()
            },
        }


def report_samples(
    samples: Mapping[str, Sequence[str]],
    *,
    references: Sequence[str],
    training: Sequence[str],
    seed: int = 0,
    language: Mapping[str, float] | None = None,
) -> SampleReport:
    """Measure each model's `samples`, and beside them real and counted sentences, as many of each.

    `training` is where the real sentences and the counts are from, `references` what all are
    compared with. `language` has the probability of every sentence of the language they are in,
    where that is known. Errors: TextError where there are too few sentences.
    """
    count = min(len(training), *(len(lines) for lines in samples.values()))
    if min(count, len(references)) < LEAST_SENTENCES:
        raise TextError(
            f"expected at least {LEAST_SENTENCES} sentences of each side, found {count} to measure "
            f"and {len(references)} to compare with: give more text"
        )
    order = random.Random(seed).sample(range(len(training)), count)
    written: dict[str, Sequence[str] | Sequence[Sequence[str]]] = {
        "real": [training[number] for number in order]
    }
    cut = [words(line) for line in training]
    for n in NGRAM_ORDERS:
        written[f"{n}-gram"] = ngram_sentences(cut, n, count=count, seed=seed)
    written |= {name: list(lines)[:count] for name, lines in samples.items()}
    known = list(training)
    rows = {
        name: measure_samples(lines, references, None if name == "real" else known)
        for name, lines in written.items()
    }
    known_language = None
    if language is not None:
        known_language = {
            name: measure_language(lines, language) for name, lines in written.items()
        }
    return SampleReport(
        rows=rows, num_samples=count, num_references=len(references), language=known_language
    )


def ngram_sentences(
    sentences: Sequence[Sequence[str]], n: int, *, count: int, seed: int = 0
) -> list[list[str]]:
    """Sentences in which each word follows the n - 1 before it as often as it does in `sentences`.

    Without smoothing: a run of n words that was never seen is never written.
    """
    followers: dict[tuple[str, ...], list[str | None]] = defaultdict(list)
    for sentence in sentences:
        context: tuple[str, ...] = ()
        for word in (*sentence, None):
            followers[context].append(word)
            if word is not None:
                context = (*context, word)[max(0, len(context) + 2 - n) :]
    source = random.Random(seed)
    written = []
    for _ in range(count):
        line: list[str] = []
        context = ()
        while (word := source.choice(followers[context])) is not None:
            line.append(word)
            context = (*context, word)[max(0, len(context) + 2 - n) :]
        written.append(line)
    return written


def _cell(quality: SampleQuality, field: str, place: int | None) -> str:
    value = getattr(quality, field)
    if value is None:
        return "-"
    return f"{value if place is None else value[place]:.3f}"
