"""Laws of tokenizers, held against the naive twins on small alphabets with forced ties."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import oracle
from primetone.text.tokenizer import Tokenizer

few_letters = st.text(alphabet="abc ", max_size=40)
any_text = st.text(max_size=60)


def byte_ids(tokenizer: Tokenizer) -> dict[int, int]:
    ids = {byte: tokenizer.id_of(bytes([byte])) for byte in range(256)}
    return {byte: token for byte, token in ids.items() if token is not None}


@settings(max_examples=150, deadline=None)
@given(st.lists(few_letters, max_size=8), st.integers(0, 25))
def test_learning_equals_the_oracle(texts: list[str], num_merges: int) -> None:
    words: Counter[bytes] = Counter()
    splitter = Tokenizer.learn(["x"], vocab_size=256, specials=[])
    for text in texts:
        words.update(splitter.pieces(text))
    if not words:
        return
    tokenizer = Tokenizer.learn(texts, vocab_size=256 + num_merges, specials=[])
    expected = oracle.learn_merges(words, byte_ids(tokenizer), 256, num_merges)
    assert [(left, right) for left, right, _ in tokenizer.merges] == expected


@settings(max_examples=150, deadline=None)
@given(st.lists(few_letters, min_size=1, max_size=5), st.lists(few_letters, max_size=5))
def test_encoding_equals_the_oracle(texts: list[str], others: list[str]) -> None:
    tokenizer = Tokenizer.learn([*texts, "a"], vocab_size=275)
    ranks = {(le, ri): (rank, new) for rank, (le, ri, new) in enumerate(tokenizer.merges)}
    for text in others:
        expected = [
            token
            for piece in tokenizer.pieces(text)
            for token in oracle.encode_piece(piece, byte_ids(tokenizer), ranks)
        ]
        assert tokenizer.encode(text).tolist() == expected


@settings(max_examples=300, deadline=None)
@given(any_text, st.binary(max_size=60))
def test_nothing_is_lost(text: str, data: bytes) -> None:
    for tokenizer in ROUND_TRIPPERS:
        assert tokenizer.decode(tokenizer.encode(text)) == text
        assert tokenizer.decode_bytes(tokenizer.encode(data)) == data
        assert b"".join(tokenizer.pieces(data)) == data


@settings(max_examples=200, deadline=None)
@given(any_text)
def test_streams_equal_the_whole(text: str) -> None:
    for tokenizer in ROUND_TRIPPERS:
        decoder = tokenizer.stream_decoder()
        parts = [decoder.push(int(token)) for token in tokenizer.encode(text)]
        assert "".join(parts) + decoder.finish() == text


@settings(max_examples=100, deadline=None)
@given(st.lists(any_text, max_size=12), st.integers(1, 4))
def test_batches_equal_single_calls(texts: list[str], threads: int) -> None:
    for tokenizer in ROUND_TRIPPERS:
        batch = tokenizer.encode_batch(texts, threads=threads)
        singles = [tokenizer.encode(text) for text in texts]
        np.testing.assert_array_equal(batch.ids, np.concatenate([[], *singles]))
        np.testing.assert_array_equal(batch.offsets, np.cumsum([0, *(len(ids) for ids in singles)]))


SEED = ["the cat sat on the mat 123 456", "naïve 東京 🙂🙂 !!  ", "\r\n\r\n\t it's we'LL"]
ROUND_TRIPPERS = [
    *(Tokenizer.learn(SEED, vocab_size=300, split=s) for s in ("gpt2", "gpt4", "o200k", "none")),
    Tokenizer.learn(SEED, vocab_size=280, split=None, pattern=r"\w+"),
    Tokenizer.words(SEED, vocab_size=262),
    Tokenizer.bytes(),
]
