"""Sentences of a model beside real ones and those of counting samplers."""

from __future__ import annotations

from collections import Counter

import pytest

from primetone.errors import TextError
from primetone.evaluation.sample_report import ngram_sentences, report_samples

LINES = ["the cat sat", "the dog sat", "the cat ran", "a dog ran off", "a cat sat here now"] * 4


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_runs_of_n_words_that_were_never_seen_are_never_written(n: int) -> None:
    def runs(sentences: list[list[str]]) -> set[tuple[str | None, ...]]:
        padded = [[None] * (n - 1) + line + [None] for line in sentences]
        return {tuple(line[at : at + n]) for line in padded for at in range(len(line) - n + 1)}

    cut = [line.split() for line in LINES]
    written = ngram_sentences(cut, n, count=500)
    assert runs(written) <= runs(cut)
    assert written == ngram_sentences(cut, n, count=500)
    assert written != ngram_sentences(cut, n, count=500, seed=1)


def test_the_next_word_comes_as_often_as_in_the_text() -> None:
    written = ngram_sentences([["a"], ["a"], ["a"], ["b"]], 2, count=20_000)
    counts = Counter(line[0] for line in written)
    assert counts["a"] / 20_000 == pytest.approx(0.75, abs=0.01)
    assert all(len(line) == 1 for line in written)


def test_the_verdict_says_who_is_closer() -> None:
    references = [*LINES, "the dog ran", "a cat ran off"]
    good = report_samples({"copy": references[-20:]}, references=references, training=LINES)
    bad = report_samples({"salad": ["x y z w"] * 20}, references=references, training=LINES)
    assert bad.verdict().startswith("the model loses to counting")
    assert bad.rows["salad"].jsd[-1] == 1.0
    assert good.rows.keys() == {"real", "2-gram", "3-gram", "4-gram", "5-gram", "copy"}
    assert good.rows["real"].novelty is None
    assert good.num_samples == 20
    table = bad.table().splitlines()
    assert table[0] == bad.verdict()
    assert [row.split()[0] for row in table[3:9]] == [*bad.rows]
    assert bad.to_dict()["rows"]["salad"]["num_samples"] == 20


def test_equal_numbers_are_compared() -> None:
    report = report_samples({"few": LINES[:6]}, references=LINES, training=LINES)
    assert {row.num_samples for row in report.rows.values()} == {6}
    with pytest.raises(TextError, match="at least 2 sentences"):
        report_samples({"one": LINES[:1]}, references=LINES, training=LINES)
