"""Exporting against the real packages: the same ids after loading."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from children import without_our_keys
from primetone.text.tokenizer import Tokenizer

tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")


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
        assert theirs.to_str(pretty=True) == without_our_keys(path.read_text(encoding="utf-8"))


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
