"""Learning and exporting against the real packages: the same merges, the same ids after loading."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from primetone.text.tokenizer import Tokenizer

tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")

SPECIAL = "<|endoftext|>"


def hugging_face_trained(texts: list[str], pattern: str, vocab_size: int) -> Any:
    from tokenizers import Regex, decoders, models, pre_tokenizers, trainers

    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    theirs = tokenizers.Tokenizer(models.BPE())
    theirs.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    theirs.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    theirs.train_from_iterator(texts, trainer)
    return theirs


def assert_same_training(texts: list[str], vocab_size: int, split: str) -> None:
    ours = Tokenizer.learn(texts, vocab_size=vocab_size, split=split)
    assert ours.pattern is not None
    theirs = hugging_face_trained(texts, ours.pattern, vocab_size)
    mine = json.loads(ours.__reduce__()[1][0])["model"]
    model = json.loads(theirs.to_str())["model"]
    assert mine["merges"] == model["merges"]
    assert mine["vocab"] == model["vocab"]


@pytest.mark.parametrize("split", ["gpt2", "gpt4", "o200k", "llama3", "qwen2", "tekken"])
def test_learning_equals_hugging_face(tinyshakespeare: bytes, split: str) -> None:
    assert_same_training([tinyshakespeare[:300_000].decode()], 1500, split)


def test_learning_equals_hugging_face_with_forced_ties() -> None:
    draw = random.Random(7)
    for _ in range(60):
        texts = ["".join(draw.choices("ab c", k=draw.randint(1, 80))) for _ in range(5)]
        assert_same_training([*texts, "a"], 257 + draw.randint(0, 40), "gpt4")


def test_learning_equals_rustbpe(tinyshakespeare: bytes) -> None:
    rustbpe = pytest.importorskip("rustbpe", reason="rustbpe is not installed")
    text = tinyshakespeare.decode()
    theirs = rustbpe.Tokenizer()
    # rustbpe breaks ties by byte values, ours by the ids of Hugging Face's alphabet: the sets of
    # tokens agree where no tie decides, so compare the most frequent merges
    theirs.train_from_iterator(iter([text]), 356)
    ours = Tokenizer.learn([text], vocab_size=356, specials=[])
    tokens = {bytes(token) for token, _ in theirs.get_mergeable_ranks()}
    assert tokens == {ours[i] for i in range(len(ours))}


@pytest.mark.parametrize("kind", ["bpe", "byte", "word", "char"])
def test_hugging_face_loads_what_we_write(kind: str, tmp_path: Path) -> None:
    texts = ["the cat sat on the mat", "naïve 東京 it's 1234\n\n  x", "a<|endoftext|>b"]
    made = {
        "bpe": lambda: Tokenizer.learn(texts, vocab_size=300),
        "byte": Tokenizer.bytes,
        "word": lambda: Tokenizer.words(texts, vocab_size=265),
        "char": lambda: Tokenizer.characters(texts, unknown="<unk>"),
    }[kind]()
    path = tmp_path / "tokenizer.json"
    made.save(path)
    theirs = tokenizers.Tokenizer.from_file(str(path))
    for text in [*texts, "ends in space  ", "a\n\n  ", "zebra ☃"]:
        ids = made.encode(text, allowed_special="all").tolist()
        assert theirs.encode(text).ids == ids
        assert theirs.decode(ids, skip_special_tokens=False) == made.decode(ids)
    assert theirs.get_vocab_size() == len(made)
    if kind != "char":
        assert theirs.to_str(pretty=True) == path.read_text(encoding="utf-8")


def test_tiktoken_loads_what_we_write(
    tmp_path: Path, tinyshakespeare: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # it would keep what it read from this path for the next run
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    tiktoken = pytest.importorskip("tiktoken", reason="tiktoken is not installed")
    from tiktoken.load import load_tiktoken_bpe

    text = tinyshakespeare[:200_000].decode()
    ours = Tokenizer.learn([text], vocab_size=2000)
    ours.save(tmp_path / "t.tiktoken")
    theirs = tiktoken.Encoding(
        "t",
        pat_str=ours.pattern,
        mergeable_ranks=load_tiktoken_bpe(str(tmp_path / "t.tiktoken")),
        special_tokens=ours.specials,
    )
    np.testing.assert_array_equal(theirs.encode(text), ours.encode(text))
    assert Tokenizer.load(tmp_path / "t.tiktoken").encode(text).tolist() == theirs.encode(text)


def test_edited_vocabularies_keep_tiktokens_rule(tmp_path: Path) -> None:
    """Pruned, re-ordered and hand-added tokens: what clean vocabularies never show."""
    tiktoken = pytest.importorskip("tiktoken", reason="tiktoken is not installed")
    import base64

    draw = random.Random(3)
    texts = ["".join(draw.choices("abc ", k=60)) for _ in range(20)]
    clean = Tokenizer.learn(texts, vocab_size=330, specials=[], split="gpt2")
    base = [bytes([byte]) for byte in range(256)]
    longer = [clean[i] for i in range(256, len(clean))]
    for _ in range(60):
        edited = [token for token in longer if draw.random() < 0.7]
        edited += ["".join(draw.choices("abc", k=draw.randint(2, 6))).encode() for _ in range(8)]
        edited = list(dict.fromkeys(edited))
        draw.shuffle(edited)
        ranks = {token: rank for rank, token in enumerate(base + edited)}
        path = tmp_path / "edited.tiktoken"
        path.write_text("".join(f"{base64.b64encode(t).decode()} {r}\n" for t, r in ranks.items()))
        ours = Tokenizer.load(path, split="gpt2")
        ours.save(tmp_path / "tokenizer.json")
        pattern = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
        theirs = tiktoken.Encoding("t", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
        hugging_face = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
        again = Tokenizer.load(tmp_path / "tokenizer.json")
        for text in texts + ["".join(draw.choices("abc", k=200)) for _ in range(5)]:
            expected = theirs.encode(text)
            assert ours.encode(text).tolist() == expected
            assert again.encode(text).tolist() == expected
            assert hugging_face.encode(text).ids == expected
