"""A corpus gives the same documents each time and splits without sharing text."""

from __future__ import annotations

from pathlib import Path

import pytest

from primetone.errors import ConfigError, TextError
from primetone.text.corpus import Corpus
from primetone.text.readers import Document


def joined(corpus: Corpus) -> bytes:
    return b"".join(corpus.texts())


def test_same_bytes_each_time(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one")
    (tmp_path / "b.txt").write_bytes(b"two")
    corpus = Corpus.read(tmp_path)
    assert list(corpus) == list(corpus)
    assert (corpus.num_documents, corpus.num_bytes, corpus.bytes_hint) == (2, 6, 6)
    assert list(corpus.texts()) == [b"one", b"two"]
    assert repr(corpus) == "Corpus(2 files)"


def test_generators_and_pipes_can_be_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    corpus = Corpus.from_texts(text for text in ("one", b"two", Document("x", b"three"), ""))
    assert list(corpus.texts()) == list(corpus.texts()) == [b"one", b"two", b"three"]
    assert list(Corpus.from_texts("one text").texts()) == [b"one text"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"from stdin")))
    corpus = Corpus.read("-")
    assert joined(corpus) == joined(corpus) == b"from stdin"


def test_fingerprint_depends_on_content_and_cuts_not_on_names(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one")
    read = Corpus.read(tmp_path)
    assert read.fingerprint == Corpus.from_texts(["one"]).fingerprint
    assert len(read.fingerprint) == 32
    different = [["one"], ["on", "e"], ["o", "ne"], ["one", "one"], ["eno"]]
    assert len({Corpus.from_texts(texts).fingerprint for texts in different}) == len(different)


def test_nothing_is_an_error() -> None:
    with pytest.raises(TextError, match="there is no text"):
        Corpus.from_texts([])
    with pytest.raises(TextError, match="there is no text"):
        Corpus.from_texts(["", b""])
    with pytest.raises(TextError, match="text 2: expected str, bytes or Document, found int"):
        Corpus.from_texts(["a", 3])  # type: ignore[list-item]
    with pytest.raises(TextError, match="text 1: found half of a surrogate pair at character 1"):
        Corpus.from_texts("a\ud800")


# --- tail ---


def test_tail_of_one_document_is_the_usual_cut(tinyshakespeare: bytes) -> None:
    split = Corpus.from_texts([tinyshakespeare]).split(0.1)
    cut = int(len(tinyshakespeare) * 0.9)
    assert joined(split.train) == tinyshakespeare[:cut]
    assert joined(split.validation) == tinyshakespeare[cut:]


def test_tail_cut_respects_characters() -> None:
    text = "\u20ac" * 10
    for percent in range(5, 90, 5):
        train, validation = Corpus.from_texts([text]).split(percent / 100)
        assert joined(train).decode() + joined(validation).decode() == text
    train, validation = Corpus.from_texts([b"\x80" * 100]).split(0.25)
    assert (train.num_bytes, validation.num_bytes) == (75, 25)


def test_tail_divides_one_document_only() -> None:
    corpus = Corpus.from_texts(["aaaa", "bbbb", "cccc"])
    train, validation = corpus.split(0.5)
    assert list(train.texts()) == [b"aaaa", b"bb"]
    assert list(validation.texts()) == [b"bb", b"cccc"]
    train, validation = corpus.split(1 / 3)
    assert list(train.texts()) == [b"aaaa", b"bbbb"]
    assert list(validation.texts()) == [b"cccc"]
    assert train.bytes_hint == 8 and validation.bytes_hint == 4


def test_too_short_to_split() -> None:
    with pytest.raises(TextError, match=r"too short to keep 0.1 of it .* 1 bytes in all"):
        Corpus.from_texts(["a"]).split(0.1)
    with pytest.raises(TextError, match="too short"):
        Corpus.from_texts(["\u20ac"]).split(0.5)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_fraction_out_of_bounds(fraction: float) -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        Corpus.from_texts(["some text"]).split(fraction)


def test_unknown_way_to_split() -> None:
    with pytest.raises(ConfigError, match='"tail" or "document", found \'random\''):
        Corpus.from_texts(["some text"]).split(by="random")  # type: ignore[arg-type]


# --- documents ---


def test_documents_are_chosen_by_content_not_by_order() -> None:
    texts = [f"document {number}" for number in range(2000)]
    train, validation = Corpus.from_texts(texts).split(0.1, by="document")
    assert 130 < validation.num_documents < 280
    assert sorted([*train.texts(), *validation.texts()]) == sorted(map(str.encode, texts))
    _, reordered = Corpus.from_texts(reversed(texts)).split(0.1, by="document")
    assert set(reordered.texts()) == set(validation.texts())
    _, half = Corpus.from_texts(texts[::2]).split(0.1, by="document")
    assert set(half.texts()) <= set(validation.texts())


def test_copies_stay_on_one_side() -> None:
    train, validation = Corpus.from_texts(["a", "b", "c", "d"] * 5).split(0.3, by="document")
    assert not set(train.texts()) & set(validation.texts())
    assert train.num_documents + validation.num_documents == 20


@pytest.mark.parametrize("fraction", [0.0001, 0.9999])
def test_few_documents_still_give_two_sides(fraction: float) -> None:
    train, validation = Corpus.from_texts(["a", "b", "c"]).split(fraction, by="document")
    expected = (2, 1) if fraction < 0.5 else (1, 2)
    assert (train.num_documents, validation.num_documents) == expected
    with pytest.raises(TextError, match=r"at least 2 different documents, found 1; split by tail"):
        Corpus.from_texts(["a", "a"]).split(fraction, by="document")
