"""What a validation text shares with a training text, and how far apart the two are.

The figures are computed by the Rust core in one pass over the training text, in memory that depends
on the validation text alone. Characters are compared as they are; words in lower case, without
what stands between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from primetone import _rust_tok
from primetone.errors import TextError
from primetone.evaluation.baselines import ngram_bits_per_byte
from primetone.text.arguments import num_threads
from primetone.text.corpus import Corpus
from primetone.text.readers import Document, in_batches

__all__ = ["CleanSplit", "Overlap", "measure_overlap", "split_clean"]

CHARACTER_WINDOWS = (15, 30, 50)
WORD_WINDOWS = (5, 10, 13)
USUAL_PLACES = 10
"""A window in more places than this is common: a phrase, a header, a licence."""
LIKENESS = 0.7
MOST_STRETCHES = 5
_EXCERPT_CHARACTERS = 60
_CARD_BYTES = 4 << 20
_CARD_ORDER = 5
_LEAST_CARD_BYTES = 1000

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """All that was found; `findings` holds plain values, as `--json` prints them."""

    findings: dict[str, Any]
    seen: np.ndarray
    """Of every validation byte whether it stands in a seen window of the largest size."""

    def to_dict(self) -> dict[str, Any]:
        """The findings as plain values."""
        return self.findings

    def table(self) -> str:
        """The findings for people."""
        found = self.findings
        lines = []
        if found["is_same_text"]:
            lines += ["The validation text is the training text: nothing it says is news.", ""]
        lines += [
            f"{'windows of':<18}{'in validation':>14}{'seen':>9}{'common':>9}{'longest run':>13}"
        ]
        for unit in ("characters", "words"):
            for row in found[unit]:
                seen, common = (_share(row[key], row["windows"]) for key in ("seen", "common"))
                lines.append(
                    f"{row['size']:>4} {unit:<13}{row['windows']:>14,}{seen:>9}{common:>9}"
                    f"{row['longest']:>13,}"
                )
        lines.append(
            f"seen: the window stands in the training text; common: in more than {found['usual']} "
            "places there\n"
        )
        for name in ("documents", "lines"):
            own, known = found[f"validation_{name}"], found[f"training_{name}"]
            lines.append(
                f"{name}: {found[f'seen_{name}']:,} of {own['total']:,} stand in the training text "
                f"whole; repeated within validation {_repeats(own)}, within training "
                f"{_repeats(known)}"
            )
        lines.append(
            f"near duplicates: {found['near_duplicates']:,} validation documents are like one of "
            f"the training text (shared 5-word runs over all of theirs: {found['likeness']:g} or "
            "more)"
        )
        lines += ["", *_shift_lines(found)]
        if found["stretches"]:
            lines += ["", "longest stretches that the training text has:"]
            for row in found["stretches"]:
                kind = "common" if row["is_common"] else "leaked"
                lines.append(
                    f"  {row['characters']:>7,} characters in {row['places']:,} places, {kind}: "
                    f"{row['excerpt']!r}"
                )
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class CleanSplit:
    """Documents on two sides that share no long run but common ones."""

    train: list[Document]
    validation: list[Document]
    num_clusters: int
    largest_cluster: int
    common: int
    """Windows in too many documents to hold them together: boilerplate."""


def measure_overlap(
    train: Corpus,
    validation: Corpus,
    *,
    usual: int = USUAL_PLACES,
    likeness: float = LIKENESS,
    threads: int | None = None,
    say: Say = lambda _: None,
) -> Overlap:
    """Compare a validation text with a training text.

    A window is `common` when it stands in more than `usual` places of the training text; documents
    whose shared five-word runs are `likeness` or more of all of theirs are near duplicates. Time is
    linear in both texts; memory some 200 bytes for each validation character. Figures do not
    depend on `threads`. Errors: ConfigError for a value out of its range, TextError for no text.
    """
    workers = num_threads(threads)
    say("reading the validation text")
    documents = [document.data for document in validation]
    core = _rust_tok.Overlap(
        documents,
        characters=list(CHARACTER_WINDOWS),
        words=list(WORD_WINDOWS),
        usual=usual,
        likeness=likeness,
    )
    done = 0
    tail = b""
    for batch in in_batches(train):
        core.feed([document.data for document in batch], threads=workers)
        done += sum(len(document.data) for document in batch)
        say(f"comparing {done / 1e6:,.0f} MB")
        for document in batch:
            tail = (tail + document.data[-_CARD_BYTES:])[-_CARD_BYTES:]
    report = dict(core.report(MOST_STRETCHES))
    say("measuring the shift")
    near = [pair is not None for pair in report.pop("near")]
    stretches = report["characters"][-1]["stretches"]
    for row in (*report["characters"], *report["words"]):
        del row["stretches"]
    del report["copies"]
    return Overlap(
        seen=core.seen_bytes(CHARACTER_WINDOWS[-1]),
        findings={
            **report,
            "is_same_text": train.fingerprint == validation.fingerprint,
            "usual": usual,
            "likeness": likeness,
            "near_duplicates": sum(near),
            "validation_bytes": sum(map(len, documents)),
            "ngram": _card(tail, b"".join(documents)),
            "stretches": [_stretch(documents, row) for row in stretches],
        },
    )


def split_clean(
    corpus: Corpus,
    fraction: float = 0.1,
    *,
    usual: int = USUAL_PLACES,
    likeness: float = LIKENESS,
    threads: int | None = None,
    say: Say = lambda _: None,
) -> CleanSplit:
    """Divide a corpus so that what belongs together stays on one side.

    Documents that share 50 characters, or are near duplicates, form a cluster; about `fraction` of
    the clusters validate, chosen by a hash of their content, whatever their order. What stands in
    more than `usual` documents is boilerplate and holds nothing together. The documents are held in
    memory. Errors: TextError when a side would be empty.
    """
    workers = num_threads(threads)
    clusters = _rust_tok.Clusters()
    documents: list[Document] = []
    for batch in in_batches(corpus):
        clusters.feed([document.data for document in batch], threads=workers)
        documents += batch
        say(f"reading {len(documents):,} documents")
    sides, num_clusters, largest, common = clusters.divide(fraction, usual=usual, likeness=likeness)
    train = [document for document, is_apart in zip(documents, sides, strict=True) if not is_apart]
    validation = [document for document, is_apart in zip(documents, sides, strict=True) if is_apart]
    if not train or not validation:
        raise TextError(
            f"a clean split leaves one side empty: found {len(documents):,} documents in "
            f"{num_clusters:,} clusters; divide the text into smaller documents (per paragraph), "
            "or choose another fraction"
        )
    return CleanSplit(
        train=train,
        validation=validation,
        num_clusters=num_clusters,
        largest_cluster=largest,
        common=common,
    )


def _card(known: bytes, validation: bytes) -> dict[str, float] | None:
    """A 5-gram model of the training text: on text it held out, and on the validation text."""
    head, held = known[: len(known) * 9 // 10], known[len(known) * 9 // 10 :]
    if len(held) < _LEAST_CARD_BYTES:
        return None

    def bits(text: bytes) -> float:
        return ngram_bits_per_byte(head, text, max_order=_CARD_ORDER).bits_per_byte[_CARD_ORDER]

    return {"held_out_bits_per_byte": bits(held), "validation_bits_per_byte": bits(validation)}


def _stretch(documents: Sequence[bytes], row: tuple[Any, ...]) -> dict[str, Any]:
    document, start, end, characters, places, source, is_common = row
    text = documents[document][start:end].decode("utf-8", "replace")
    is_long = len(text) > _EXCERPT_CHARACTERS
    return {
        "document": document,
        "start_byte": start,
        "end_byte": end,
        "characters": characters,
        "places": places,
        "training_document": source,
        "is_common": is_common,
        "excerpt": text[:_EXCERPT_CHARACTERS] + ("..." if is_long else ""),
    }


def _shift_lines(found: dict[str, Any]) -> list[str]:
    lines = []
    for name in ("words", "characters"):
        spread = found[f"{name[:-1]}_shift"]
        lines.append(
            f"{name}: {_share(spread['unseen'], spread['total'])} of {spread['total']:,} "
            f"({_share(spread['unseen_different'], spread['different'])} of the different ones) "
            f"are not in the training text; divergence {spread['divergence']:.4f} bits of 1"
        )
    unseen = found["word_shift"]["most_unseen"]
    if unseen:
        named = ", ".join(f"{word} ({count:,})" for word, count in unseen[:8])
        lines.append(f"most frequent unseen words: {named}")
    card = found["ngram"]
    if card is not None:
        lines.append(
            f"5-gram of the training text: {card['held_out_bits_per_byte']:.3f} bits/byte on a "
            f"part it has not seen, {card['validation_bits_per_byte']:.3f} on the validation text"
        )
    return lines


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "-"


def _repeats(side: dict[str, Any]) -> str:
    about = "about " if side["is_estimate"] else ""
    return f"{about}{side['repeats']:,} of {side['total']:,}"
