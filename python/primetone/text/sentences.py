"""Clean sentences: lines of text, cut into words, filtered, every line that is left out counted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from primetone import _rust_tok
from primetone.errors import ConfigError, TextError
from primetone.files import require_place, write_atomically
from primetone.text.arguments import one_of
from primetone.text.readers import Part, ReaderOptions, read_parts
from primetone.text.sources import find_sources
from primetone.text.tokenizer import Tokenizer

__all__ = ["SentenceReport", "clean_sentences"]

_SHOWN_WORDS = 10


@dataclass(frozen=True, kw_only=True)
class SentenceReport:
    """Where the lines of a text went; each is counted once, under the first filter it met."""

    min_words: int
    max_words: int
    num_lines: int
    num_kept: int
    dropped: dict[str, int]
    """By filter, in their order: empty, too_short, too_long, too_many_signs, unknown."""
    num_words: int
    """Of the sentences that were kept."""
    num_unknown_words: int
    """Outside the vocabulary, in the lines that nothing else dropped."""
    most_unknown: list[tuple[str, int]]
    """The most frequent of these, at most ten, with how often they occur."""
    is_limited: bool
    """Whether reading ended because there were enough sentences."""

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    def reasons(self) -> list[str]:
        """What was dropped and why, in words; filters that dropped nothing are left out."""
        words = {
            "empty": "without a word",
            "too_short": f"too short (fewer than {self.min_words:,} words)",
            "too_long": f"too long (more than {self.max_words:,} words)",
            "too_many_signs": "with too many signs",
            "unknown": "with words outside the vocabulary",
        }
        told = [f"{count:,} {words[name]}" for name, count in self.dropped.items() if count]
        if self.most_unknown:
            some = ", ".join(f"{word} {count:,}" for word, count in self.most_unknown)
            told[-1] += f" ({self.num_unknown_words:,} such words: {some})"
        return told


def clean_sentences(
    sources: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    min_words: int = 1,
    max_words: int = 1 << 32,
    min_share: float = 0.0,
    signs: Literal["keep", "drop"] = "keep",
    vocabulary: Tokenizer | None = None,
    limit: int | None = None,
    encoding: str = "utf-8",
    field: str = "text",
    progress: Callable[[int], None] | None = None,
) -> SentenceReport:
    """Write the lines of texts that pass all filters: words in lower case with a space between.

    docs/words.md says what a word is. Filters, in their order: a line without a word is left out;
    one with fewer than ``min_words`` or more than ``max_words``; one in which the share of words
    that are no signs is under ``min_share``; one with a word that is not in ``vocabulary``.

    Args:
        sources: as `Corpus.read` takes them; ``field`` is of JSON lines.
        out: replaced in one step when all is read; as it was before if nothing passes.
        signs: "drop" leaves out signs (commas, hyphens), before words are counted.
        vocabulary: a list of words, as `Tokenizer.word_list` makes and ``*.csv`` holds.
        limit: read no further once so many sentences have passed.
        progress: called with the bytes read so far, every megabyte.

    Raises:
        ConfigError: filters that nothing can pass, or a vocabulary that is no list of words.
        FileError: ``out`` cannot be written; said before anything is read.
        TextError: there is no text, it is not in ``encoding``, or no line passes: with the counts.
    """
    for name, value in {"min_words": min_words, "max_words": max_words, "limit": limit}.items():
        if value is not None and not 0 <= value < 1 << 63:
            raise ConfigError(f"{name} must be at least 0 and under 2^63; found {value}")
    kept = _rust_tok.SentenceFilter(
        min_words=min_words,
        max_words=max_words,
        min_share=min_share,
        drops_signs=one_of("signs", signs, ("keep", "drop")) == "drop",
        limit=limit,
        vocabulary=None if vocabulary is None else vocabulary._core,
    )
    options = ReaderOptions(encoding=encoding, field=field)
    require_place(out)
    found = find_sources(sources, once=True)

    def passing() -> Iterator[bytes]:
        num_bytes = 0
        for read in read_parts(found.sources, options):
            data, goes_on = (read.data, read.goes_on) if isinstance(read, Part) else (read, False)
            yield kept.push(data, ends=not goes_on)
            num_bytes += len(data)
            if progress is not None:
                progress(num_bytes)
            if kept.is_full:
                break
        report = reported()
        if not report.num_kept:
            lines = f"{report.num_lines:,} line{'' if report.num_lines == 1 else 's'}"
            raise TextError(
                f"no sentence is left of {lines}: expected some that pass, found "
                f"{', '.join(report.reasons())}; loosen that filter, or give other text"
            )

    def reported() -> SentenceReport:
        return _report(kept, min_words, max_words)

    write_atomically(out, passing())
    return reported()


def _report(kept: _rust_tok.SentenceFilter, min_words: int, max_words: int) -> SentenceReport:
    tally = kept.tally()
    names = ("empty", "too_short", "too_long", "too_many_signs", "unknown")
    return SentenceReport(
        min_words=min_words,
        max_words=max_words,
        num_lines=tally["lines"],
        num_kept=tally["kept"],
        dropped={name: tally[name] for name in names},
        num_words=tally["words"],
        num_unknown_words=tally["unknown_words"],
        most_unknown=kept.most_unknown(_SHOWN_WORDS),
        is_limited=kept.is_full,
    )
