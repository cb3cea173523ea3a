"""Measures of samples against NLTK, against published figures, and on bad input."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from primetone.errors import ConfigError, TextError
from primetone.evaluation.samples import (
    bleu,
    distinct,
    jsd,
    longest_copies,
    measure_samples,
    novelty,
    self_bleu,
    words,
)

TOKENS = st.lists(st.sampled_from("abcd"), max_size=9)


def nltk_bleu(sample: list[str], references: list[list[str]], n: int) -> float:
    translate = pytest.importorskip("nltk.translate.bleu_score")
    smooth = translate.SmoothingFunction().method1
    return float(
        translate.sentence_bleu(references, sample, [1 / n] * n, smoothing_function=smooth)
    )


@settings(max_examples=60, deadline=None)
@given(
    samples=st.lists(TOKENS, min_size=1, max_size=5),
    references=st.lists(TOKENS, min_size=1, max_size=5),
    n=st.integers(1, 5),
)
def test_bleu_is_that_of_nltk(samples, references, n) -> None:
    expected = sum(nltk_bleu(row, references, n) for row in samples) / len(samples)
    assert bleu(samples, references, n) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(samples=st.lists(TOKENS, min_size=2, max_size=6), n=st.integers(1, 5))
def test_self_bleu_is_bleu_against_the_others(samples, n) -> None:
    scores = [
        nltk_bleu(row, samples[:place] + samples[place + 1 :], n)
        for place, row in enumerate(samples)
    ]
    assert self_bleu(samples, n) == pytest.approx(sum(scores) / len(scores), rel=1e-12, abs=1e-12)


def test_captions_have_their_published_figures(shared: Path) -> None:
    """Texygen's row of real text, and divergences on record."""
    paths = [shared / "data" / f"coco_captions_{part}.txt" for part in ("train", "test")]
    if not all(path.is_file() for path in paths):
        pytest.skip("../shared/data/coco_captions_*.txt are not there")
    train, test = (path.read_text("utf-8").splitlines() for path in paths)
    found = measure_samples(train, test, train)
    assert found.num_samples == 10_000
    assert [round(value, 3) for value in found.bleu] == [0.740, 0.520, 0.337, 0.218]
    assert round(found.self_bleu[-1], 3) == 0.416
    assert [round(value, 3) for value in found.jsd] == [0.193, 0.490, 0.732, 0.880]
    assert found.novelty == 0.0
    assert found.longest_copy == pytest.approx(sum(len(words(line)) for line in train) / 10_000)
    few = [words(line) for line in train[:5]]
    references = [words(line) for line in test[:500]]
    expected = sum(nltk_bleu(row, references, 5) for row in few) / 5
    assert bleu(few, references, 5) == pytest.approx(expected, rel=1e-12)


def test_small_cases_by_hand() -> None:
    assert words("Don't stop, 'now'!") == ["don't", "stop", ",", "'", "now", "'", "!"]
    assert bleu(["a b c d"], ["a b c d", "x"], 4) == 1.0
    assert bleu(["z"], ["a b"], 2) == 0.0
    # half of the words match, and it is half as long as the reference
    assert bleu(["a z"], ["a b c d"], 1) == pytest.approx(0.5 * math.exp(-1))
    assert self_bleu(["a b", "a b", "c d"], 2) == pytest.approx(2 / 3)
    assert jsd(["a"], ["b"], 1) == 1.0
    assert jsd(["a b"], ["b a"], 1) == 0.0
    assert distinct(["a b a b"], 1) == 0.5
    assert distinct(["a b a b"], 2) == pytest.approx(2 / 3)
    assert novelty(["a b", "b a", ""], ["a b", "c"]) == pytest.approx(2 / 3)
    assert longest_copies(["x a b c y", "c a", ""], ["a b c", "a"]) == [3, 1, 0]


def test_refusals() -> None:
    with pytest.raises(TypeError, match=r"samples: expected a list of lines.*found one str"):
        bleu("a b", ["a"], 2)
    with pytest.raises(TypeError, match=r"references: expected a list of lines.*found int"):
        bleu(["a"], [3], 2)
    with pytest.raises(TypeError, match=r"samples: .*found int"):
        self_bleu([[1, 2], [3]], 2)
    with pytest.raises(TypeError, match=r"samples: .*found NoneType"):
        distinct(None, 2)
    with pytest.raises(ConfigError, match="references: expected at least 1 sentence, found 0"):
        bleu(["a"], [], 2)
    with pytest.raises(ConfigError, match="samples: expected at least 2 sentences, found 1"):
        self_bleu(["a"], 2)
    for n in (0, 17, -1, 1 << 70):
        with pytest.raises(ConfigError, match=f"expected an order of 1 to 16, found {n}"):
            bleu(["a"], ["a"], n)
    with pytest.raises(ConfigError, match="sentences of at least 3 tokens, found none so long"):
        jsd(["a b"], ["a b c"], 3)
    with pytest.raises(ConfigError, match="training: expected at least 1 sentence"):
        novelty(["a"], [])
    with pytest.raises(TypeError, match="samples: .*found one str"):
        measure_samples("a b c d", ["a b c d"])
    with pytest.raises(TypeError, match="references: .*found one str"):
        measure_samples(["a b c d", "b"], "a b c d")
    half = "a\ud800"
    for line in ([half], [["b", half]]):
        with pytest.raises(TextError, match="samples: found half of a surrogate pair"):
            bleu(line, ["a"], 2)
    with pytest.raises(TextError, match="line: found half of a surrogate pair at character 1"):
        words(half)


def test_measures_stand_under_their_public_names() -> None:
    """As a user writes it, in a Python of its own: nothing else is imported first."""
    code = (
        "import primetone\n"
        "measures = primetone.evaluation\n"
        "lines, others = ['a b c', 'a b d', 'x'], ['a b c', 'y z']\n"
        "tokens = [line.split() for line in lines]\n"
        "assert measures.bleu(lines, others, 2) == measures.bleu(tokens, others, 2) > 0\n"
        "assert 0 < measures.self_bleu(lines, 2) < 1\n"
        "assert 0 < measures.jsd(lines, others, 1) < 1\n"
        "assert measures.distinct(lines, 1) == 5 / 7\n"
        "assert measures.novelty(lines, others) == 2 / 3\n"
        "assert measures.longest_copies(lines, others) == [3, 2, 0]\n"
        "import sys\n"
        "assert not {'torch', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], timeout=100, check=True)
