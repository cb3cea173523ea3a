"""Laws of tokenizers, held against the naive twins on small alphabets with forced ties."""

from __future__ import annotations

from collections import Counter
from typing import Any

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


learn_options = st.fixed_dictionaries(
    {
        "tie": st.sampled_from(oracle.TIES),
        "min_count": st.integers(0, 4),
        "max_token_bytes": st.none() | st.integers(1, 6),
        "max_token_rule": st.sampled_from(["exact", "hf_compat"]),
        "duplicates": st.sampled_from(["skip", "reuse"]),
    }
)


def start(specials: list[str], tie: str) -> dict[int, bytes]:
    """What the ids under the first merge spell."""
    names = [name.encode() for name in specials]
    tokenizer = Tokenizer.learn(["x"], vocab_size=256, specials=[])
    order = [tokenizer[i] for i in range(256)]
    return dict(enumerate(names + (sorted(order) if tie == "raw" else order)))


def counted(texts: list[str]) -> Counter[bytes]:
    words: Counter[bytes] = Counter()
    splitter = Tokenizer.learn(["x"], vocab_size=256, specials=[])
    for text in texts:
        words.update(splitter.pieces(text))
    return words


@settings(max_examples=400, deadline=None)
@given(
    st.lists(few_letters, max_size=8),
    st.integers(0, 25),
    learn_options,
    st.lists(st.text(alphabet="abc", min_size=2, max_size=4), max_size=2, unique=True),
)
def test_learning_equals_the_oracle(
    texts: list[str], num_merges: int, options: dict[str, Any], specials: list[str]
) -> None:
    words = counted(texts)
    if not words:
        return
    size = 256 + len(specials) + num_merges
    tokenizer = Tokenizer.learn(texts, vocab_size=size, specials=specials, threads=1, **options)
    expected = oracle.learn_merges(words, start(specials, options["tie"]), size, **options)
    assert tokenizer.merges == expected


@settings(max_examples=200, deadline=None)
@given(
    st.lists(few_letters, min_size=1, max_size=8),
    st.integers(0, 15),
    st.integers(0, 15),
    learn_options,
)
def test_extending_equals_learning_at_once(
    texts: list[str], first: int, more: int, options: dict[str, Any]
) -> None:
    texts = [*texts, "a"]
    options["duplicates"] = "skip"
    specials = ["ab"]
    small = Tokenizer.learn(texts, vocab_size=257 + first, specials=specials, threads=1, **options)
    large = Tokenizer.learn(
        texts, vocab_size=257 + first + more, specials=specials, threads=1, **options
    )
    extended = small.extend(texts, vocab_size=257 + first + more, threads=1, **options)
    assert extended == large


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
