"""`primetone convert`: every format into every other, and what it says when that cannot be."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from primetone.cli import main
from primetone.text.tokenizer import Tokenizer

TEXTS = ["the cat sat on the mat, the hat that sat", "naïve café — 東京 🙂", "it's 1234\n\n  x"]
NAMES = {
    "json": "tokenizer.json",
    "tiktoken": "t.tiktoken",
    "gpt2": "merges.txt",
    "tekken": "tekken.json",
    "merges": "t.merges",
}


def convert(*words: object) -> int:
    return main(["convert", *map(str, words)])


@pytest.mark.parametrize("source", NAMES)
def test_every_format_becomes_every_other(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # the layout of ids that all formats can hold
    tokenizer = Tokenizer.learn(TEXTS, vocab_size=300, specials=["<s>", "</s>"]).renumbered()[0]
    origin = tmp_path / NAMES[source]
    tokenizer.save(origin)
    for target, name in NAMES.items():
        out = tmp_path / target / name
        out.parent.mkdir()
        assert convert(origin, "--to", target, "--out", out, "--json") == 0
        report = json.loads(capsys.readouterr().out)
        assert report["fingerprint"] == report["source_fingerprint"] == tokenizer.fingerprint
        assert (report["format"], report["vocab_size"]) == (target, 300)
        loaded = Tokenizer.load(out)
        assert loaded == tokenizer
        for text in TEXTS:
            assert loaded.encode(text).tolist() == tokenizer.encode(text).tolist()


def test_a_file_that_says_little_is_told_the_rest(tmp_path: Path) -> None:
    tokenizer = Tokenizer.learn(TEXTS, vocab_size=300, specials=["<eos>"], split="gpt2")
    origin, out = tmp_path / "ranks.bin", tmp_path / "tokenizer.json"
    tokenizer.save(origin, format="tiktoken")
    origin.with_name("ranks.bin.meta.json").unlink()
    words = [origin, "--from", "tiktoken", "--to", "json", "--out", out]
    assert convert(*words, "--split", "gpt2", "--special", "<eos>=0") == 0
    assert Tokenizer.load(out) == tokenizer


def test_new_ids_come_with_a_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokenizer = Tokenizer.learn(TEXTS, vocab_size=300)
    tokenizer.save(tmp_path / "tokenizer.json")
    out = tmp_path / "tekken.json"
    words = [tmp_path / "tokenizer.json", "--to", "tekken", "--out", out]
    assert convert(*words) == 1
    assert 'id 1 is the byte 0x00, here it is "!"' in capsys.readouterr().err
    assert not out.exists()
    assert convert(*words, "--renumber") == 0
    assert "the ids are new" in capsys.readouterr().err
    new_ids = json.loads((tmp_path / "tekken.json.id_map.json").read_text())
    loaded = Tokenizer.load(out)
    assert loaded != tokenizer
    for text in TEXTS:
        expected = [new_ids[old] for old in tokenizer.encode(text)]
        assert loaded.encode(text).tolist() == expected
    assert all(loaded[new] == tokenizer[old] for old, new in enumerate(new_ids))


def edited(tmp_path: Path) -> Path:
    """A vocabulary with a token that merging cannot reach."""
    tokens = [*(bytes([byte]) for byte in range(256)), b"ab", b"bc", b"abcd", b"cd", b"xyz"]
    path = tmp_path / "edited.tiktoken"
    lines = [f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(tokens)]
    path.write_text("".join(lines))
    return path


def test_what_a_format_cannot_hold_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(tokenizer: Path, to: str, words: str, *more: str) -> None:
        out = tmp_path / "out" / NAMES[to]
        out.parent.mkdir(exist_ok=True)
        assert convert(tokenizer, "--to", to, "--out", out, *more) == 1
        message = capsys.readouterr().err
        assert words in message and message.count("\n") == 1, message
        assert not list(out.parent.iterdir())

    refused(edited(tmp_path), "gpt2", '"xyz" (id 260)', "--split", "gpt2")
    # merges whose order is not that of the ids: the first that differs is named
    clean = Tokenizer.learn(["ab ab ab bc bc"], vocab_size=259, specials=[], split="gpt2")
    clean.save(tmp_path / "swapped.json")
    tree = json.loads((tmp_path / "swapped.json").read_text(encoding="utf-8"))
    tree["model"]["merges"].reverse()
    del tree["model"]["fingerprint"]
    (tmp_path / "swapped.json").write_text(json.dumps(tree), encoding="utf-8")
    for target in ("tiktoken", "tekken"):
        refused(tmp_path / "swapped.json", target, "but the file, which orders merges by id")
    for target in ("tiktoken", "tekken", "gpt2", "merges"):
        Tokenizer.characters(["abc"]).save(tmp_path / "char.json")
        refused(tmp_path / "char.json", target, "char")
    unsplit = Tokenizer.learn(["ab"], vocab_size=257, specials=[], split="none").renumbered()[0]
    unsplit.save(tmp_path / "none.json")
    refused(tmp_path / "none.json", "tekken", "does not split")


def test_wrong_words_are_usage_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Tokenizer.bytes().save(tmp_path / "tokenizer.json")
    good = [tmp_path / "tokenizer.json", "--to", "merges", "--out", tmp_path / "t.merges"]
    assert convert(*good) == 0
    for special in ("<eos>", "=3", "<eos>=x", "<eos>=-1"):
        assert convert(*good, "--special", special) == 2
    assert convert(*good, "--special", "<a>=1", "--special", "<a>=2") == 2
    assert convert(*good[:1], "--to", "gguf", "--out", tmp_path / "x") == 2
    capsys.readouterr()
    assert convert(*good, "--special", "<a>=1") == 1
    assert "specials= is not for tokenizer.json" in capsys.readouterr().err
    assert convert(*good[:1], "--to", "gpt2", "--out", tmp_path / "x.txt") == 1
    assert "ends in merges.txt" in capsys.readouterr().err


def test_the_map_of_a_file_that_is_replaced_goes_with_it(tmp_path: Path) -> None:
    origin, out = tmp_path / "tokenizer.json", tmp_path / "new" / "folder" / "t.tiktoken"
    Tokenizer.learn(TEXTS, vocab_size=300, specials=["<s>"], tie="raw").save(origin)
    assert convert(origin, "--to", "tiktoken", "--out", out, "--renumber") == 0
    assert out.with_name("t.tiktoken.id_map.json").is_file()
    assert convert(origin, "--to", "tiktoken", "--out", out) == 0
    assert not out.with_name("t.tiktoken.id_map.json").exists()


def test_a_name_that_means_another_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    origin = tmp_path / "tokenizer.json"
    Tokenizer.learn(TEXTS, vocab_size=300, tie="raw").save(origin)
    assert convert(origin, "--to", "tiktoken", "--out", tmp_path / "t.json") == 1
    assert "the name means json" in capsys.readouterr().err
