"""Learning against other trainers: the same merges under the rule of each, on text and on ties."""

from __future__ import annotations

import json
import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from primetone.text.tokenizer import Tokenizer

SPECIAL = "<|endoftext|>"


def random_corpora(seed: int, rounds: int) -> list[list[str]]:
    """Few letters and short texts, so that most merges are decided by ties."""
    draw = random.Random(seed)
    return [
        ["".join(draw.choices("ab c", k=draw.randint(1, 80))) for _ in range(5)]
        for _ in range(rounds)
    ]


def hugging_face(
    texts: list[str], pattern: str, vocab_size: int, specials: list[str], **options: Any
) -> dict[str, Any]:
    """The model that `tokenizers` trains, as its file has it."""
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    from tokenizers import Regex, models, pre_tokenizers, trainers

    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    theirs = tokenizers.Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        **options,
    )
    theirs.train_from_iterator(texts, trainer)
    model: dict[str, Any] = json.loads(theirs.to_str())["model"]
    return model


def assert_same_as_hugging_face(
    texts: list[str],
    vocab_size: int,
    split: str = "gpt4",
    specials: tuple[str, ...] = (SPECIAL,),
    min_count: int = 1,
    max_token_bytes: int | None = None,
) -> None:
    ours = Tokenizer.learn(
        texts,
        vocab_size=vocab_size,
        split=split,
        specials=specials,
        min_count=min_count,
        max_token_bytes=max_token_bytes,
        max_token_rule="hf_compat",
        duplicates="reuse",
    )
    assert ours.pattern is not None
    length = {} if max_token_bytes is None else {"max_token_length": max_token_bytes}
    theirs = hugging_face(
        texts, ours.pattern, vocab_size, list(specials), min_frequency=min_count, **length
    )
    mine = json.loads(ours.__reduce__()[1][0])["model"]
    assert mine["merges"] == theirs["merges"]
    assert mine["vocab"] == theirs["vocab"]


@pytest.mark.parametrize("split", ["gpt2", "gpt4", "o200k", "llama3", "qwen2", "tekken"])
def test_hugging_face_on_text(tinyshakespeare: bytes, split: str) -> None:
    assert_same_as_hugging_face([tinyshakespeare[:300_000].decode()], 1500, split)


def test_hugging_face_with_forced_ties() -> None:
    for number, texts in enumerate(random_corpora(7, 60)):
        assert_same_as_hugging_face([*texts, "a"], 257 + number % 40)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 6])
def test_hugging_face_with_a_longest_token(length: int) -> None:
    for number, texts in enumerate(random_corpora(length, 40)):
        size = 257 + number % 40
        assert_same_as_hugging_face([*texts, "a"], size, max_token_bytes=length)


def test_hugging_face_with_a_least_count() -> None:
    for number, texts in enumerate(random_corpora(11, 60)):
        assert_same_as_hugging_face([*texts, "a"], 300, min_count=number % 7)


def test_hugging_face_with_specials_that_text_spells() -> None:
    for number, texts in enumerate(random_corpora(13, 60)):
        specials = ("ab", "abc", "ca")[: number % 3 + 1]
        assert_same_as_hugging_face([*texts, "a"], 260 + number % 30, specials=specials)


def test_rustbpe_on_text(tinyshakespeare: bytes) -> None:
    rustbpe = pytest.importorskip("rustbpe", reason="rustbpe is not installed")
    text = tinyshakespeare.decode()
    theirs = rustbpe.Tokenizer()
    theirs.train_from_iterator(iter([text]), 3000)
    ours = Tokenizer.learn([text], vocab_size=3000, specials=[], tie="raw")
    ranks = {bytes(token): rank for token, rank in theirs.get_mergeable_ranks()}
    assert ranks == {ours[i]: i for i in range(len(ours))}


def test_rustbpe_with_forced_ties() -> None:
    rustbpe = pytest.importorskip("rustbpe", reason="rustbpe is not installed")
    for texts in random_corpora(17, 60):
        theirs = rustbpe.Tokenizer()
        theirs.train_from_iterator(iter(texts), 290)
        ours = Tokenizer.learn(texts, vocab_size=290, specials=[], tie="raw")
        ranks = {bytes(token): rank for token, rank in theirs.get_mergeable_ranks()}
        assert ranks == {ours[i]: i for i in range(len(ours))}


def test_bpeasy_with_forced_ties() -> None:
    bpeasy = pytest.importorskip("bpeasy", reason="bpeasy is not installed")
    for number, texts in enumerate(random_corpora(19, 60)):
        length = 2 + number % 6
        ours = Tokenizer.learn(
            texts,
            vocab_size=290,
            specials=[],
            tie="raw",
            split="gpt2",
            max_token_bytes=length,
            max_token_rule="hf_compat",
        )
        theirs = bpeasy.train_bpe(iter(texts), ours.pattern, length, 290)
        assert theirs == {ours[i]: i for i in range(len(ours))}


def minbpe_merges(pieces: list[bytes], num_merges: int) -> list[bytes]:
    """minbpe's rule by its definition: the first key of a dict filled in the order of the text."""
    state = [[bytes([byte]) for byte in piece] for piece in pieces]
    tokens: list[bytes] = []
    for _ in range(num_merges):
        counts: Counter[tuple[bytes, bytes]] = Counter()
        for symbols in state:
            counts.update(pairwise(symbols))
        if not counts:
            break
        left, right = max(counts, key=lambda pair: counts[pair])
        tokens.append(left + right)
        for symbols in state:
            at = 0
            while at + 1 < len(symbols):
                if (symbols[at], symbols[at + 1]) == (left, right):
                    symbols[at : at + 2] = [left + right]
                at += 1
    return tokens


def test_minbpe_semantics_on_text_and_with_forced_ties(tinyshakespeare: bytes) -> None:
    cases = [([tinyshakespeare[:20_000].decode()], 120)]
    cases += [(texts, 25) for texts in random_corpora(23, 60)]
    for texts, num_merges in cases:
        ours = Tokenizer.learn(
            texts,
            vocab_size=256 + num_merges,
            specials=[],
            tie="first_occurrence",
            threads=2,
        )
        pieces = [piece for text in texts for piece in ours.pieces(text)]
        expected = minbpe_merges(pieces, num_merges)
        assert [ours[i] for i in range(256, len(ours))] == expected
