"""Words of characters, learned: BPE from characters with a mark after every word."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from children import HUGGING_FACE, ask
from primetone.cli import main
from primetone.errors import ConfigError, TextError, UnknownTokenError, VocabularyError
from primetone.text.counts import WordCounts
from primetone.text.tokenizer import Tokenizer

TEXTS = ["The cat sat on the mat,\n the hat", "that sat  naïve 東京 CAT"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.learn_characters(TEXTS, vocab_size=40, lowercase=True, unknown="<unk>")


def test_learn_encode_decode(tokenizer: Tokenizer) -> None:
    assert (tokenizer.kind, tokenizer.units, tokenizer.lowercase) == ("bpe", "characters", True)
    assert tokenizer.specials == {"<pad>": 0, "<bos>": 1, "<eos>": 2, "<unk>": 3}
    assert (tokenizer.unknown_id, tokenizer.end_of_word_id, tokenizer.eos_id) == (3, 4, 2)
    assert tokenizer.decode(tokenizer.encode(" The  HAT\n")) == "the hat"
    assert tokenizer.encode("zt").tolist()[0] == 3
    assert tokenizer.merge_counts is not None
    assert len(tokenizer.merge_counts) == len(tokenizer.merges)
    # a, t: cat 2, sat 2, mat, hat, that
    assert tokenizer.merge_counts[0] == 7
    assert [tokenizer[part] for part in tokenizer.merges[0][:2]] == [b"a", b"t"]
    assert pickle.loads(pickle.dumps(tokenizer)) == tokenizer


def test_counts_give_the_same(tokenizer: Tokenizer) -> None:
    counts = WordCounts.count(TEXTS, split=None, pattern=r"\S+")
    assert (
        Tokenizer.learn_characters(counts, vocab_size=40, lowercase=True, unknown="<unk>")
        == tokenizer
    )
    shared_out = Tokenizer.learn_characters(
        TEXTS * 3, vocab_size=40, lowercase=True, unknown="<unk>", threads=3
    )
    assert shared_out == tokenizer


def test_other_programs_and_formats(tokenizer: Tokenizer, tmp_path: Path) -> None:
    for name in ("tokenizer.json", "t.merges"):
        tokenizer.save(tmp_path / name)
        assert Tokenizer.load(tmp_path / name) == tokenizer
    texts = [*TEXTS, "", "Zebra <eos> ☃"]
    theirs = ask(HUGGING_FACE, "tokenizers", texts, tmp_path / "tokenizer.json")["ids"]
    assert theirs == [tokenizer.encode(text, allowed_special="all").tolist() for text in texts]


def test_bad_arguments() -> None:
    with pytest.raises(TextError, match="empty"):
        Tokenizer.learn_characters([" ", "\n"], vocab_size=40)
    with pytest.raises(TextError, match="not valid UTF-8"):
        Tokenizer.learn_characters([b"a\xff"], vocab_size=40)
    with pytest.raises(ConfigError, match="at least 7"):
        Tokenizer.learn_characters(["ab"], vocab_size=6)
    with pytest.raises(VocabularyError, match="<none>"):
        Tokenizer.learn_characters(["ab"], vocab_size=40, unknown="<none>")
    with pytest.raises(UnknownTokenError, match="'C'"):
        Tokenizer.learn_characters(["abc"], vocab_size=40).encode("abC")


def test_on_the_command_line(
    tokenizer: Tokenizer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, out = tmp_path / "text.txt", tmp_path / "tokenizer.json"
    text.write_text("\n".join(TEXTS), encoding="utf-8")
    words = ["learn", str(text), "--out", str(out), "--vocab-size", "40", "--json"]
    assert main([*words, "--units", "characters", "--lowercase", "--unknown", "<unk>"]) == 0
    assert json.loads(capsys.readouterr().out)["fingerprint"] == tokenizer.fingerprint
    assert Tokenizer.load(out) == tokenizer
    for wrong in (
        ["--lowercase"],
        ["--units", "characters", "--split", "gpt2"],
        ["--units", "characters", "--kind", "char"],
        ["--units", "characters", "--vocab-size", "30,40"],
    ):
        assert main([*words[:4], *wrong]) == 2
