"""Overlap of two texts: figures against the definitions, the report, and the clean split."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from primetone.cli import main
from primetone.errors import ConfigError, TextError
from primetone.evaluation.overlap import measure_overlap, split_clean
from primetone.text.corpus import Corpus

PIECES = st.lists(st.sampled_from(["the cat ", "sat\n", "on Mats, ", "é猫", " ", "9"]), max_size=30)
TEXTS = st.lists(PIECES.map("".join), min_size=1, max_size=4).filter(any)


@given(train=TEXTS, validation=TEXTS, threads=st.integers(1, 3))
def test_windows_are_those_of_a_set(train: list[str], validation: list[str], threads: int) -> None:
    found = measure_overlap(
        Corpus.from_texts(train), Corpus.from_texts(validation), threads=threads
    )
    for row in found.findings["characters"]:
        size = row["size"]
        known = {text[at : at + size] for text in train for at in range(len(text) - size + 1)}
        windows = [
            text[at : at + size] for text in validation for at in range(len(text) - size + 1)
        ]
        assert row["windows"] == len(windows)
        assert row["seen"] == sum(window in known for window in windows)
    seen = []
    for text in filter(None, validation):
        marks = [False] * len(text)
        for at in range(len(text) - size + 1):
            if text[at : at + size] in known:
                marks[at : at + size] = [True] * size
        for character, mark in zip(text, marks, strict=True):
            seen += [mark] * len(character.encode())
    assert found.seen.tolist() == seen
    json.dumps(found.to_dict(), allow_nan=False)
    assert "windows of" in found.table()


def paragraphs(start: int, count: int) -> list[str]:
    return [
        f"Paragraph {number} tells of {number * number} ships and {number**3} gulls near {number}."
        for number in range(start, start + count)
    ]


def test_a_text_against_itself_is_told() -> None:
    corpus = Corpus.from_texts(paragraphs(100, 40))  # all longer than a window
    found = measure_overlap(corpus, corpus, threads=2)
    assert found.findings["is_same_text"]
    assert found.seen.all()
    assert "is the training text" in found.table()
    assert found.findings["near_duplicates"] == 40


def test_an_unrelated_text_shifts_and_does_not_leak() -> None:
    train = Corpus.from_texts(paragraphs(0, 200))
    held = measure_overlap(train, Corpus.from_texts(paragraphs(200, 20))).findings
    other = measure_overlap(
        train, Corpus.from_texts(["Zwölf Boxkämpfer jagen Eva. " * 20])
    ).findings
    assert other["word_shift"]["divergence"] > held["word_shift"]["divergence"]
    assert other["characters"][0]["seen"] == 0
    assert other["ngram"]["validation_bits_per_byte"] > 2 * held["ngram"]["held_out_bits_per_byte"]
    assert other["word_shift"]["most_unseen"][0] == ("zwölf", 20)


def test_a_clean_split_keeps_what_belongs_together() -> None:
    texts = paragraphs(100, 60)  # all longer than 50 characters
    texts += [text + f" Told again, {number}." for number, text in enumerate(texts)]
    made = split_clean(Corpus.from_texts(texts), 0.4, threads=2)
    train = {document.data.split(b" Told")[0] for document in made.train}
    validation = {document.data.split(b" Told")[0] for document in made.validation}
    assert train.isdisjoint(validation)
    assert len(made.train) + len(made.validation) == 120
    assert made.num_clusters <= 60


def test_what_cannot_be_is_refused() -> None:
    corpus = Corpus.from_texts(["one text"])
    with pytest.raises(TextError, match="one side empty"):
        split_clean(corpus)
    with pytest.raises(ConfigError, match="fraction"):
        split_clean(corpus, 1.5)
    with pytest.raises(ConfigError, match="likeness"):
        measure_overlap(corpus, corpus, likeness=2)


def test_the_verb_compares_and_divides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(paragraphs(0, 80)))
    assert main(["overlap", str(text), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["validation_documents"]["total"] == 1
    clean = tmp_path / "clean"
    words = ["overlap", str(text), "--per", "paragraph", "--split-clean", str(clean)]
    assert main(words) == 0
    assert "clusters" in capsys.readouterr().out
    sides = [(clean / f"{name}.jsonl").read_text() for name in ("train", "validation")]
    assert sum(side.count("\n") for side in sides) == 80
    assert main(words) == 2
    assert "new folder" in capsys.readouterr().err
    assert main(["overlap", str(text), str(text)]) == 0
    assert "is the training text" in capsys.readouterr().out


def test_the_figures_on_record(shared: Path) -> None:
    parts = Corpus.read(shared / "data" / "seed003_validation.txt").split(0.1)
    found = measure_overlap(parts.train, parts.validation).findings["characters"]
    shares = [round(100 * row["seen"] / row["windows"], 1) for row in found]
    assert shares == [24.3, 17.6, 16.8]
