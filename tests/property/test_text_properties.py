"""Laws of reading, splitting and storing text that hold for every input."""

from __future__ import annotations

import gzip
import itertools
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from primetone.errors import TextError
from primetone.text.corpus import Corpus
from primetone.text.readers import read_documents
from primetone.text.store import TokenStore
from primetone.text.store_writer import write_store

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
SOME_TEXT = TEXT.filter(bool)
TEXTS = st.lists(st.one_of(SOME_TEXT, st.binary(min_size=1, max_size=60)), min_size=1, max_size=8)
FRACTION = st.floats(min_value=0.01, max_value=0.99)


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def as_bytes(texts: list[str | bytes]) -> list[bytes]:
    return [text.encode() if isinstance(text, str) else text for text in texts]


# --- readers ---


@given(SOME_TEXT, st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-32", "utf-7", "gb18030"]))
@settings(max_examples=150, deadline=None)
def test_every_encoding_gives_the_same_text(text: str, encoding: str) -> None:
    with folder() as place:
        (place / "a.txt").write_bytes(text.encode(encoding))
        (place / "b.txt.gz").write_bytes(gzip.compress(text.encode(encoding), mtime=0))
        documents = list(read_documents(place, encoding=encoding))
    assert [document.data.decode() for document in documents] == [text, text]


@given(st.lists(TEXT, min_size=1, max_size=6).filter(any), st.booleans())
@settings(max_examples=100, deadline=None)
def test_json_lines_give_their_texts(texts: list[str], is_ascii: bool) -> None:
    lines = [json.dumps({"n": 1, "text": text}, ensure_ascii=is_ascii) for text in texts]
    with folder() as place:
        (place / "a.jsonl").write_bytes("\n".join(lines).encode())
        documents = list(read_documents(place / "a.jsonl"))
    assert [document.data.decode() for document in documents] == [text for text in texts if text]


@given(st.binary(min_size=1, max_size=200))
@settings(max_examples=150, deadline=None)
def test_lines_are_what_split_gives(data: bytes) -> None:
    expected = [line.removesuffix(b"\r") for line in data.split(b"\n")]
    with folder() as place:
        (place / "a.txt").write_bytes(data)
        try:
            documents = list(read_documents(place / "a.txt", encoding="bytes", per="line"))
        except TextError:
            documents = []
    assert [document.data for document in documents] == [line for line in expected if line]


@given(st.binary(min_size=1, max_size=120))
@settings(max_examples=200, deadline=None)
def test_undecodable_bytes_are_found_where_python_finds_them(data: bytes) -> None:
    with folder() as place:
        (place / "a.txt").write_bytes(data)
        try:
            expected = data.decode()
        except UnicodeDecodeError as error:
            try:
                list(read_documents(place / "a.txt"))
            except TextError as found:
                assert f"at byte offset {error.start:,} " in str(found)
            else:
                raise AssertionError("undecodable bytes were accepted") from None
        else:
            [document] = read_documents(place / "a.txt")
            assert document.data.decode() == expected


# --- splits ---


@given(TEXTS, FRACTION)
@settings(max_examples=200, deadline=None)
def test_tail_split_cuts_the_concatenation_once(texts: list[str | bytes], fraction: float) -> None:
    corpus = Corpus.from_texts(texts)
    whole = b"".join(as_bytes(texts))
    try:
        train, validation = corpus.split(fraction)
    except TextError:
        assert int(len(whole) * (1.0 - fraction)) < 4
        return
    head, tail = b"".join(train.texts()), b"".join(validation.texts())
    assert head + tail == whole and head and tail
    assert 0 <= int(len(whole) * (1.0 - fraction)) - len(head) <= 3
    if all(isinstance(text, str) for text in texts):
        head.decode()
        tail.decode()
    assert (train.num_bytes, validation.num_bytes) == (len(head), len(tail))


@given(st.lists(SOME_TEXT, min_size=2, max_size=12), FRACTION, st.randoms())
@settings(max_examples=150, deadline=None)
def test_document_split_ignores_order(texts: list[str], fraction: float, chance) -> None:
    shuffled = chance.sample(texts, len(texts))
    try:
        train, validation = Corpus.from_texts(texts).split(fraction, by="document")
    except TextError:
        assert len(set(texts)) == 1
        return
    assert sorted([*train.texts(), *validation.texts()]) == sorted(as_bytes(texts))
    assert not set(train.texts()) & set(validation.texts())
    _, again = Corpus.from_texts(shuffled).split(fraction, by="document")
    assert sorted(again.texts()) == sorted(validation.texts())


# --- store ---


@given(TEXTS)
@settings(max_examples=40, deadline=None)
def test_store_gives_back_every_document(texts: list[str | bytes]) -> None:
    from primetone.text.tokenizer import Tokenizer

    tokenizer = Tokenizer.bytes()
    with folder() as place:
        write_store(place / "s", Corpus.from_texts(texts), tokenizer, threads=1)
        store = TokenStore.open(place / "s", tokenizer=tokenizer)
        ids = np.array(store.ids)
        bounds = store.documents.astype(int)
    found = []
    for start, stop in itertools.pairwise(bounds):
        document = ids[start:stop]
        if tokenizer.eos_id is not None:
            assert document[-1] == tokenizer.eos_id
            document = document[:-1]
        found.append(tokenizer.decode_bytes(document))
    assert found == as_bytes(texts)
    assert store.num_bytes == sum(map(len, found))
