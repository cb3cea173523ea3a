"""The fourth original project: its committed merges, loaded and used as it used them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from children import HUGGING_FACE, ask, without_our_keys
from primetone.errors import ConfigError, UnknownTokenError
from primetone.text.tokenizer import Tokenizer

MARK = "</w>"


@pytest.fixture(scope="module")
def data(shared: Path) -> Path:
    folder = shared / "data"
    if not (folder / "seed003_merges.txt").is_file():
        pytest.skip("../shared/data/seed003_merges.txt is not there")
    return folder


@pytest.fixture(scope="module")
def tokenizer(data: Path) -> Tokenizer:
    return Tokenizer.load(data / "seed003_merges.txt", lowercase=True, unknown="unk")


@pytest.fixture(scope="module")
def lines(data: Path) -> list[str]:
    return (data / "seed003_validation.txt").read_text(encoding="utf-8").splitlines()


class Oracle:
    """The rule of that project in the plainest words."""

    def __init__(self, data: Path) -> None:
        listed = (data / "seed003_vocab.txt").read_text(encoding="utf-8").splitlines()
        merges = (data / "seed003_merges.txt").read_text(encoding="utf-8").splitlines()
        self.ids = {token: number for number, token in enumerate(listed)}
        self.ranks = {tuple(line.split()): rank for rank, line in enumerate(merges)}

    def word(self, word: str) -> list[int]:
        symbols = [*word.lower(), MARK]
        while len(symbols) > 1:
            pairs = list(pairwise(symbols))
            best = min(pairs, key=lambda pair: self.ranks.get(pair, len(self.ranks)))
            if best not in self.ranks:
                break
            at = 0
            while at + 1 < len(symbols):
                if (symbols[at], symbols[at + 1]) == best:
                    symbols[at : at + 2] = ["".join(best)]
                at += 1
        return [self.ids.get(symbol, self.ids["unk"]) for symbol in symbols]

    def line(self, line: str) -> list[int]:
        return [token for word in line.split() for token in self.word(word)]


def test_it_is_a_tokenizer_of_words_of_characters(tokenizer: Tokenizer) -> None:
    assert (tokenizer.kind, tokenizer.units, tokenizer.lowercase) == ("bpe", "characters", True)
    assert len(tokenizer) == 20_030
    assert len(tokenizer.merges) == 20_000
    assert tokenizer.specials == {"<pad>": 1, "<bos>": 3, "<eos>": 4}
    assert (tokenizer.unknown_id, tokenizer.end_of_word_id) == (0, 2)
    assert tokenizer.split is None and tokenizer.pattern is None


def test_the_validation_text_has_as_many_tokens_as_the_project_reported(
    tokenizer: Tokenizer, lines: list[str]
) -> None:
    batch = tokenizer.encode_batch(lines)
    # one <bos> and one <eos> a line: the 480,708 of its notebook
    assert len(batch.ids) + 2 * len(lines) == 480_708
    marks = int(np.count_nonzero(batch.ids == tokenizer.end_of_word_id))
    assert marks == sum(len(line.split()) for line in lines) == 215_451


def test_ids_are_those_of_its_rule(tokenizer: Tokenizer, data: Path, lines: list[str]) -> None:
    oracle = Oracle(data)
    words = sorted({word for line in lines for word in line.split()})
    odd = ["unk", "unkempt", "drunk", "a1b", "naïve", "東京", "x" * 200, "Q", "\u212a", "</w>", "İ"]
    for word in words + odd:
        assert tokenizer.encode(word).tolist() == oracle.word(word), word
    for line in lines[:500]:
        assert tokenizer.encode(line).tolist() == oracle.line(line)


def test_decoding_puts_spaces_back(tokenizer: Tokenizer, lines: list[str]) -> None:
    for line in [*lines[:300], "", "   ", " two\n\nlines "]:
        ids = tokenizer.encode(line)
        assert tokenizer.decode(ids) == " ".join(line.lower().split())
        decoder = tokenizer.stream_decoder()
        assert "".join(map(decoder.push, ids.tolist())) + decoder.finish() == tokenizer.decode(ids)
    framed = [3, *tokenizer.encode("the cat").tolist(), 4, 3, *tokenizer.encode("sat").tolist(), 4]
    assert tokenizer.decode(framed, skip_specials=True) == "the cat sat"
    assert tokenizer[2] == b" "


def test_long_texts_are_shared_out_without_a_difference(
    tokenizer: Tokenizer, lines: list[str]
) -> None:
    text = "\n".join(lines)
    alone = tokenizer.encode(text)
    np.testing.assert_array_equal(tokenizer.encode_batch([text], threads=2).ids, alone)
    by_line = tokenizer.encode_batch(lines, threads=2)
    np.testing.assert_array_equal(by_line.ids, alone)


def test_hugging_face_gives_the_same_ids(
    tokenizer: Tokenizer, lines: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    spaces = [f"a{chr(c)}b {chr(c)}" for c in range(0x3001) if chr(c).isspace()]
    odd = [
        "",
        "  ",
        "Naïve 東京 </w> <bos>unk<eos>",
        "ÀÉ Σς ß ǅ İ",
        "a </w> b",
        "x" * 300,
        "\x00 \x1c",
    ]
    texts = [*lines[::7], *odd, *spaces]
    theirs = ask(HUGGING_FACE, "tokenizers", texts, path)
    for text, ids, decoded in zip(texts, theirs["ids"], theirs["decoded"], strict=True):
        assert tokenizer.encode(text, allowed_special="all").tolist() == ids, repr(text)
        assert tokenizer.decode(ids) == decoded
    assert theirs["again"] == without_our_keys(path.read_text(encoding="utf-8"))
    assert Tokenizer.load(path) == tokenizer


def test_every_format_that_holds_it_keeps_the_fingerprint(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    for name in ("tokenizer.json", "words.merges"):
        tokenizer.save(tmp_path / name)
        assert Tokenizer.load(tmp_path / name) == tokenizer


def test_what_the_two_lists_do_not_say_must_be_said(data: Path, tokenizer: Tokenizer) -> None:
    path = data / "seed003_merges.txt"
    with pytest.raises(ConfigError, match="lowercase=True"):
        Tokenizer.load(path)
    with pytest.raises(ConfigError, match="split= is not for"):
        Tokenizer.load(path, lowercase=True, split="gpt2")
    strict = Tokenizer.load(path, lowercase=True)
    with pytest.raises(UnknownTokenError, match=r"'1' \(U\+0031\) at byte 3"):
        strict.encode("ab 1")
    cased = Tokenizer.load(path, lowercase=False, unknown="unk")
    assert cased.encode("The").tolist()[0] == 0
    assert len({strict, cased, tokenizer}) == 3
