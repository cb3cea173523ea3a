"""The published vocabularies on real text: the ids of tiktoken and of Hugging Face tokenizers."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import numpy as np
import pytest

from primetone.text.tokenizer import Tokenizer

tiktoken = pytest.importorskip("tiktoken", reason="tiktoken is not installed")

GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
UPPER, LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
ENDING = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
O200K = (
    rf"[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]*[{LOWER}]+{ENDING}"
    rf"|[^\r\n\p{{L}}\p{{N}}]?[{UPPER}]+[{LOWER}]*{ENDING}"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
VOCABULARIES = [
    ("gpt2.tiktoken", "gpt2", GPT2),
    ("cl100k_base.tiktoken", "gpt4", CL100K),
    ("o200k_base.tiktoken", "o200k", O200K),
]
TEXTS = ["tinyshakespeare", "fortunes", "coco_captions_train", "seed000_presentation"]
PACKED = ["prose8", "code8", "multi8"]
# enough of each packed text for a quick test; the whole of it in the exam
QUICK_CHARACTERS = 400_000


def texts(shared: Path, limit: int | None) -> dict[str, str]:
    found = {}
    for name in TEXTS:
        found[name] = (shared / "data" / f"{name}.txt").read_text(encoding="utf-8")
    for name in PACKED:
        packed = str(shared / "data" / f"{name}.txt.zst")
        try:
            done = subprocess.run(["zstd", "-dc", packed], capture_output=True, check=True)
        except FileNotFoundError:
            pytest.skip("the zstd command is not installed")
        found[name] = done.stdout.decode()[:limit]
    return found


def ranks(path: Path) -> dict[bytes, int]:
    lines = (line.split() for line in path.read_bytes().splitlines())
    return {base64.b64decode(token): int(rank) for token, rank in lines}


def assert_equal_to_tiktoken(shared: Path, limit: int | None, vocabulary: tuple[str, ...]) -> None:
    file, split, pattern = vocabulary
    path = shared / "vocab" / file
    ours = Tokenizer.load(path, split=split)
    theirs = tiktoken.Encoding(
        file, pat_str=pattern, mergeable_ranks=ranks(path), special_tokens={}
    )
    for name, text in texts(shared, limit).items():
        ids = ours.encode(text)
        np.testing.assert_array_equal(ids, theirs.encode_to_numpy(text), err_msg=f"{file} {name}")
        assert ours.decode(ids) == text
    # every scalar value, alone and between letters
    scalars = [chr(c) for c in range(0x11_0000) if not 0xD800 <= c < 0xE000]
    step = 1 if limit is None else 7
    for text in ("".join(scalars[::step]), "".join(f"a{c} {c}B" for c in scalars[::step])):
        np.testing.assert_array_equal(ours.encode(text), theirs.encode_to_numpy(text))


@pytest.mark.parametrize("vocabulary", VOCABULARIES, ids=lambda v: v[0])
def test_equal_to_tiktoken(shared: Path, vocabulary: tuple[str, ...]) -> None:
    assert_equal_to_tiktoken(shared, QUICK_CHARACTERS, vocabulary)


@pytest.mark.exam
@pytest.mark.timeout(600)
@pytest.mark.parametrize("vocabulary", VOCABULARIES, ids=lambda v: v[0])
def test_equal_to_tiktoken_on_everything(shared: Path, vocabulary: tuple[str, ...]) -> None:
    assert_equal_to_tiktoken(shared, None, vocabulary)


def test_gpt2_json_equal_to_hugging_face(shared: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    path = shared / "vocab" / "gpt2_tokenizer.json"
    ours, theirs = Tokenizer.load(path), tokenizers.Tokenizer.from_file(str(path))
    assert ours.split == "gpt2"
    assert ours.specials == {"<|endoftext|>": 50256}
    for name, text in texts(shared, 100_000).items():
        ids = ours.encode(text + "<|endoftext|>", allowed_special="all")
        np.testing.assert_array_equal(ids, theirs.encode(text + "<|endoftext|>").ids, name)


def test_rank_file_and_json_of_gpt2_give_the_same_ids(shared: Path) -> None:
    by_rank = Tokenizer.load(shared / "vocab" / "gpt2.tiktoken", split="gpt2")
    by_json = Tokenizer.load(shared / "vocab" / "gpt2_tokenizer.json")
    for name, text in texts(shared, QUICK_CHARACTERS).items():
        np.testing.assert_array_equal(by_rank.encode(text), by_json.encode(text), err_msg=name)
