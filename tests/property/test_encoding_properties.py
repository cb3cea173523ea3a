"""Laws of counting, places, padding, streams and dropout, on texts that hypothesis makes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from primetone.text.tokenizer import Tokenizer

SPECIALS = ["<a>", "<a>b", "<|endoftext|>", "日本"]
TEXTS = ["the cat sat on the mat", "naïve 東京 日本 12345\n\n  x", "it's <a>b<|endoftext|>"]
TOKENIZERS = [
    *(
        Tokenizer.learn(TEXTS, vocab_size=290, split=split, specials=SPECIALS)
        for split in ("gpt2", "gpt4", "o200k", "llama3", "qwen2", "tekken", "none")
    ),
    *(
        Tokenizer.learn(TEXTS, vocab_size=290, pattern=pattern, specials=SPECIALS)
        for pattern in (r"\w+|\s+|[^\w\s]+", r"[^\n]*t|.", r"\b\w", r" ?\p{L}+|\p{N}{1,3}")
    ),
    Tokenizer.words(TEXTS, vocab_size=290, specials=SPECIALS),
    Tokenizer.bytes(specials=SPECIALS),
]
texts = st.lists(
    st.sampled_from([*SPECIALS, "<", "<|end", "the", " ", "\n", "'s", "12", "日", "é", "t"])
    | st.text(max_size=3),
    max_size=20,
).map("".join)
tokenizers = st.sampled_from(TOKENIZERS)
allowed = st.sampled_from([(), "all", ("<a>", "日本")])


@settings(max_examples=500, deadline=None)
@given(tokenizers, texts, st.lists(st.integers(0, 80), max_size=20), allowed, st.booleans())
def test_streams_equal_the_whole(
    tokenizer: Tokenizer, text: str, cuts: list[int], names: tuple[str, ...], as_bytes: bool
) -> None:
    whole: str | bytes = text.encode() if as_bytes else text
    places = sorted({0, len(whole), *(cut % (len(whole) + 1) for cut in cuts)})
    stream = tokenizer.stream_encoder(allowed_special=names)
    ids: list[int] = []
    for start, end in pairwise(places):
        ids += stream.push(whole[start:end]).tolist()
        # what is given out stays, whatever else might have come
        other = tokenizer.encode(whole[:end], allowed_special=names).tolist()
        assert other[: len(ids)] == ids
    ids += stream.finish().tolist()
    assert ids == tokenizer.encode(whole, allowed_special=names).tolist()


@settings(max_examples=300, deadline=None)
@given(tokenizers, st.lists(texts, max_size=5), allowed, st.integers(0, 40))
def test_counts_and_rows_are_those_of_the_ids(
    tokenizer: Tokenizer, many: list[str], names: tuple[str, ...], limit: int
) -> None:
    ids = [tokenizer.encode(text, allowed_special=names).tolist() for text in many]
    counts = tokenizer.count_batch(many, allowed_special=names)
    assert counts.tolist() == [len(each) for each in ids]
    for text, each in zip(many, ids, strict=True):
        assert tokenizer.count(text, allowed_special=names) == len(each)
        expected = len(each) if len(each) <= limit else None
        assert tokenizer.count_until(text, limit, allowed_special=names) == expected
    padded = tokenizer.encode_padded(
        many, length=limit, truncate=True, pad_id=0, allowed_special=names
    )
    assert padded.ids.shape == (len(many), limit)
    assert [row[mask].tolist() for row, mask in zip(padded.ids, padded.mask, strict=True)] == [
        each[:limit] for each in ids
    ]


@settings(max_examples=300, deadline=None)
@given(tokenizers, texts, allowed)
def test_places_hold_the_tokens(tokenizer: Tokenizer, text: str, names: tuple[str, ...]) -> None:
    data = text.encode()
    ids, in_bytes = tokenizer.encode_with_offsets(text, unit="bytes", allowed_special=names)
    assert ids.tolist() == tokenizer.encode(text, allowed_special=names).tolist()
    assert b"".join(data[start:end] for start, end in in_bytes) == data
    assert [data[start:end] for start, end in in_bytes] == [tokenizer[int(i)] for i in ids]
    _, in_characters = tokenizer.encode_with_offsets(text, allowed_special=names)
    for (start, end), (first, after) in zip(in_bytes, in_characters, strict=True):
        before = len(text[: int(first)].encode())
        span = text[int(first) : int(after)].encode()
        assert before <= start < before + len(text[int(first)].encode())
        assert before + len(span) - len(text[int(after) - 1].encode()) < end <= before + len(span)


@settings(max_examples=200, deadline=None)
@given(tokenizers, st.lists(texts, min_size=1, max_size=4), st.integers(0, (1 << 64) - 1))
def test_dropout_spells_the_text_and_asks_nothing_but_the_seed(
    tokenizer: Tokenizer, many: list[str], seed: int
) -> None:
    batch = tokenizer.encode_batch(many, dropout=0.4, seed=seed, threads=1)
    again = tokenizer.encode_batch(many, dropout=0.4, seed=seed, threads=3)
    np.testing.assert_array_equal(batch.ids, again.ids)
    assert tokenizer.decode(batch.ids) == "".join(many)
    first = batch.ids[: int(batch.offsets[1])]
    np.testing.assert_array_equal(tokenizer.encode(many[0], dropout=0.4, seed=seed), first)
    stream = tokenizer.stream_encoder(dropout=0.4, seed=seed)
    streamed = [*stream.push(many[0][:3]), *stream.push(many[0][3:]), *stream.finish()]
    assert streamed == first.tolist()
    assert len(tokenizer.encode(many[0], dropout=1)) == len(many[0].encode())
    np.testing.assert_array_equal(
        tokenizer.encode(many[0], dropout=0, seed=seed), tokenizer.encode(many[0])
    )
