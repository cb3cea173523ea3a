"""A language that is known exactly, and what sentences have of it."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from pathlib import Path

import pytest

import primetone
from primetone.evaluation.language import measure_language
from primetone.evaluation.sample_report import report_samples
from primetone.text.toy_grammar import toy_entropy, toy_language, toy_sentences


def test_the_probabilities_of_all_sentences_add_up() -> None:
    language = toy_language()
    assert math.fsum(language.values()) == pytest.approx(1.0, abs=1e-12)
    assert max(len(sentence.split()) for sentence in language) == 7
    assert len({word for sentence in language for word in sentence.split()}) == 28
    assert toy_entropy() == pytest.approx(10.450125, abs=1e-6)


def test_the_grammar_is_what_its_rules_say() -> None:
    language = toy_language()
    one = 0.5 * 0.7 * 0.5 * 0.4  # "the cat": one, without a quality
    assert language["the cat sleeps"] == pytest.approx(one * 0.4 * 0.5)
    assert language["the cat sleeps here"] == pytest.approx(one * 0.2 * 0.5 * 0.5)
    for wrong in ("the cat sleep", "a cats sleep", "some cat sleeps", "the cat sees", "cat sleeps"):
        assert wrong not in language


def test_sentences_come_as_often_as_they_should() -> None:
    drawn = toy_sentences(20_000, seed=3)
    assert drawn == toy_sentences(20_000, seed=3) != toy_sentences(20_000, seed=4)
    language, counts = toy_language(), Counter(drawn)
    assert counts.keys() <= language.keys()
    frequent = [sentence for sentence, p in language.items() if p * 20_000 > 50]
    assert len(frequent) > 20
    squares = [(counts[s] - 20_000 * language[s]) ** 2 / (20_000 * language[s]) for s in frequent]
    assert sum(squares) < 2 * len(squares)  # chi-square: its mean is their number


def test_a_share_and_an_entropy_by_hand() -> None:
    language = {"a b": 0.5, "a c": 0.25, "b": 0.25}
    found = measure_language(["a b", "a c", "c", "a b"], language)
    assert found.grammatical == 0.75
    third = math.log2(3)
    assert found.entropy_kept == pytest.approx((third - 2 / 3) / 1.5)
    assert measure_language([["a", "b"], ["c"]], language).grammatical == 0.5
    nothing = measure_language(["x", "y"], language)
    assert (nothing.grammatical, nothing.entropy_kept) == (0.0, 0.0)
    collapsed = measure_language(["b"] * 9, language)
    assert (collapsed.grammatical, collapsed.entropy_kept) == (1.0, 0.0)


def test_a_report_says_it_beside_the_other_measures() -> None:
    lines = toy_sentences(200)
    report = report_samples(
        {"model": [line.replace("cat", "cats") for line in lines]},
        references=toy_sentences(100, seed=1),
        training=lines,
        language=toy_language(),
    )
    assert report.language is not None
    assert report.language["real"].grammatical == 1.0
    assert 0.0 < report.language["model"].grammatical < 1.0
    assert report.language["2-gram"].grammatical < report.language["5-gram"].grammatical
    head, real = itertools.islice(report.table().splitlines(), 2, 4)
    assert head.endswith("grammatical  entropy kept")
    assert real.split()[-2] == "1.000"
    assert report.to_dict()["rows"]["real"]["grammatical"] == 1.0


def test_a_recipe_that_brings_its_text_needs_none(tmp_path: Path) -> None:
    short = ["train.steps=3", "train.max_seconds=none", "train.batch_size=8"]
    run = primetone.train("gan-toy", None, tmp_path / "run", overrides=short)
    report = run.evaluate_samples(count=50, temperatures=(1.0,))
    assert report.language is not None
    assert report.language["real"].grammatical == 1.0
    again = primetone.train("gan-toy", None, tmp_path / "again", overrides=short)
    assert again.data_record.fingerprint == run.data_record.fingerprint
    own = tmp_path / "own.txt"
    own.write_text("\n".join(toy_sentences(300)))
    other = primetone.train("gan-toy", own, tmp_path / "other", overrides=short)
    assert other.evaluate_samples(count=50, temperatures=(1.0,)).language is None
