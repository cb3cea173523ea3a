"""Closed lists of words against a plain oracle: cut, listed, encoded, written, and read again."""

from __future__ import annotations

import pickle
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import words_oracle as oracle
from children import HUGGING_FACE, ask
from primetone.errors import (
    ConfigError,
    FormatError,
    TextError,
    UnknownTokenError,
    VocabularyError,
)
from primetone.evaluation import words
from primetone.text.counts import WordCounts
from primetone.text.tokenizer import Tokenizer

HEAD = "0,<START>\n1,<PAD>\n2,<END>\n3,<UNKNOWN>\n"
ASSIGNED = st.characters(codec="utf-8").filter(lambda c: unicodedata.category(c) != "Cn")
TEXT = st.text(st.one_of(st.sampled_from("abcAB1 '\u2019.,-\n\u0130\u03a3\u0301\xa0"), ASSIGNED))


def entries(tokenizer: Tokenizer) -> list[str]:
    """The rows after the specials, in the order of ids."""
    return [token.decode().removesuffix(" ") for token in list(tokenizer)[4:]]


@settings(max_examples=400, deadline=None)
@given(TEXT)
def test_words_are_those_of_the_oracle(text: str) -> None:
    assert words(text) == oracle.words(text)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=6), st.integers(1, 8))
def test_lists_are_those_of_the_oracle(texts: list[str], max_words: int) -> None:
    found = [word for text in texts for word in oracle.words(text)]
    if not found:
        with pytest.raises(TextError, match="no word in the text"):
            Tokenizer.word_list([*texts, " "])
        return
    for order in ("frequency", "first-seen"):
        made = Tokenizer.word_list(texts, max_words=max_words, order=order, threads=2)
        assert entries(made) == oracle.listed(found, max_words, order)
    assert (made.kind, made.units, made.lowercase) == ("word", "words", True)
    known = set(entries(made))
    report = made.learn_report
    assert report is not None
    assert report["num_words"] == len(found)
    assert report["num_distinct"] == len(set(found))
    assert report["num_known"] == sum(word in known for word in found)
    for text in texts:
        check_encoding(made, text)


def check_encoding(tokenizer: Tokenizer, text: str) -> None:
    """All ways to encode a text, against looking up the oracle's words."""
    cut = oracle.words(text)
    number = {word: 4 + place for place, word in enumerate(entries(tokenizer))}
    ids = [number.get(word, 3) for word in cut]
    assert tokenizer.encode(text).tolist() == ids
    assert tokenizer.count(text) == len(ids)
    shown = [word if word in number else "<UNKNOWN>" for word in cut]
    spelled = "".join(word if word == "<UNKNOWN>" else f"{word} " for word in shown)
    expected = spelled if ids and ids[-1] == 3 else spelled.removesuffix(" ")
    assert tokenizer.decode(ids) == expected
    data = text.encode()
    stream, streamed = tokenizer.stream_encoder(), []
    for start in range(0, len(data), 3):
        streamed += stream.push(data[start : start + 3]).tolist()
    assert [*streamed, *stream.finish().tolist()] == ids
    placed, spans = tokenizer.encode_with_offsets(text)
    assert placed.tolist() == ids
    lowered = ["".join(map(str.lower, text[start:end])) for start, end in spans.tolist()]
    assert lowered == cut


def test_shuffled_lists_hold_the_most_frequent_in_an_order_of_the_seed() -> None:
    text = " ".join(f"w{number} " * (60 - number) for number in range(50))
    plain = Tokenizer.word_list([text], max_words=30)
    lists = [Tokenizer.word_list([text], max_words=30, order="shuffled", seed=s) for s in (1, 1, 2)]
    assert lists[0] == lists[1]
    assert len({tuple(entries(made)) for made in (plain, lists[0], lists[2])}) == 3
    assert all(sorted(entries(made)) == sorted(entries(plain)) for made in lists)
    places = Counter(
        entries(Tokenizer.word_list(["a b b c c c"], max_words=3, order="shuffled", seed=s))[0]
        for s in range(300)
    )
    assert all(60 < places[word] < 140 for word in "abc"), places  # 100 each, five deviations


def test_counts_give_the_same_list(tmp_path: Path) -> None:
    texts = ["The cat, the hat", "THAT cat's hat", "b a"] * 3
    made = Tokenizer.word_list(texts, max_words=6)
    counts = WordCounts.count(texts, pattern=made_pattern())
    assert Tokenizer.word_list(counts, max_words=6) == made
    counts.save(tmp_path / "counts")
    loaded = WordCounts.load(tmp_path / "counts")
    assert Tokenizer.word_list(loaded, max_words=6) == made
    with pytest.raises(ConfigError, match="first-seen needs that of the text"):
        Tokenizer.word_list(loaded, order="first-seen")
    with pytest.raises(ConfigError, match="counts are of split gpt4"):
        Tokenizer.word_list(WordCounts.count(texts))


def made_pattern() -> str:
    from primetone import _rust_tok

    return _rust_tok.WORD_PATTERN


def test_characters_keep_their_case(tmp_path: Path) -> None:
    text = 'Ab,"\n\rb \u00e9'
    made = Tokenizer.word_list([text], unit="char", order="first-seen")
    assert (made.kind, [token.decode() for token in list(made)[4:]]) == (
        "char",
        list(dict.fromkeys(text)),
    )
    assert made.decode(made.encode(text)) == text
    assert made.encode("?").tolist() == [3]
    made.save(tmp_path / "chars.csv")
    assert Tokenizer.load(tmp_path / "chars.csv") == made


def test_files_and_other_programs(tmp_path: Path) -> None:
    texts = [
        "The dog's bowl, full.",
        "it\u2019s na\u00efve \u4e1c\u4eac, the the",
        "1,000 a-b \u00bd",
        "Z\u00fcrich",
    ]
    made = Tokenizer.word_list(texts[:3], max_words=12)
    assert (made.bos_id, made.pad_id, made.eos_id, made.unknown_id) == (0, 1, 2, 3)
    assert made.specials == dict(zip(oracle.SPECIALS, range(4), strict=True))
    assert made[4] == b", "
    assert (made.id_of(","), "the" in made, "zurich" in made) == (4, True, False)
    for name in ("words.csv", "tokenizer.json"):
        made.save(tmp_path / name)
        assert Tokenizer.load(tmp_path / name) == made
        assert Tokenizer.load(tmp_path / name).encode(texts[3]).tolist() == [3]
    rows = (tmp_path / "words.csv").read_text("utf-8")
    assert rows.startswith(f'{HEAD}4,","\n5,the\n')
    assert pickle.loads(pickle.dumps(made)) == made
    theirs = ask(HUGGING_FACE, "tokenizers", texts, tmp_path / "tokenizer.json")["ids"]
    assert theirs == [made.encode(text).tolist() for text in texts]
    stream = made.stream_decoder()
    assert (
        "".join(map(stream.push, made.encode("the bowl").tolist())) + stream.finish() == "the bowl"
    )
    for name in ("x.tiktoken", "x-merges.txt", "tekken.json", "x.merges"):
        with pytest.raises(VocabularyError):
            made.save(tmp_path / name)
    with pytest.raises(VocabularyError, match="no list of words or characters"):
        Tokenizer.bytes().save(tmp_path / "bytes.csv")
    assert not (tmp_path / "bytes.csv").exists()


def test_the_originals_files(tmp_path: Path) -> None:
    path = tmp_path / "vocab.csv"
    path.write_bytes(b"2,the\r\n0,cat\r\n4,<END>\r\n1,<PAD>\r\n3,<START>\r\n")
    shuffled = Tokenizer.load(path)
    assert shuffled.encode("The cat").tolist() == [2, 0]
    assert shuffled.decode([3, 2, 0, 4]) == "<START>the cat <END>"
    with pytest.raises(UnknownTokenError, match=r"the word 'dog' at byte 4 .*<UNKNOWN>|\"dog\" at"):
        shuffled.encode("cat dog")
    path.write_text("0,\u00b6\n1,\u2205\n2,\u2194\n3,a\n4,\n\n5,,\n6, \n", "utf-8")
    signs = Tokenizer.load(path)
    assert (signs.kind, signs.eos_id, signs.encode("a,\n ").tolist()) == ("char", 1, [3, 5, 4, 6])


def test_a_comma_inside_a_word_is_read_back_and_told_about(tmp_path: Path) -> None:
    path = tmp_path / "vocab.csv"
    path.write_text(f'{HEAD}4,"1,000"\n5,The\n6,cat\n', "utf-8")
    with pytest.warns(
        UserWarning, match=r"vocab.csv: 2 of its entries are no word.*'1,000', 'The'"
    ):
        odd = Tokenizer.load(path)
    assert odd.decode([4, 6]) == "1,000 cat"
    odd.save(path)
    assert path.read_text("utf-8") == f'{HEAD}4,"1,000"\n5,The\n6,cat\n'


@pytest.mark.parametrize(
    ("rows", "error", "told"),
    [
        ("", FormatError, "no rows"),
        ("0,the\n1,cat\n", VocabularyError, "has no <START>"),
        (f"{HEAD}4,aa\n4,bb\n", VocabularyError, "id 4 stands in row 5 and again in row 6"),
        (f"{HEAD}4,aa\n5,aa\n", VocabularyError, '"aa" stands in row 5 and again in row 6'),
        (f"{HEAD}four,aa\n", FormatError, "row 5: expected id,word"),
        (f"{HEAD}4,\n5,a\n", FormatError, "row 5: expected a word"),
        (HEAD, VocabularyError, "no word"),
        ("0,caf\xe9\n", FormatError, "UTF-8"),
    ],
)
def test_bad_files(tmp_path: Path, rows: str, error: type[Exception], told: str) -> None:
    path = tmp_path / "vocab.csv"
    path.write_bytes(rows.encode("latin-1"))
    with pytest.raises(error, match="vocab.csv: .*" + told):
        Tokenizer.load(path)


def test_bad_arguments() -> None:
    for given_, told in [
        ({"max_words": 0}, "max_words must be between 1 and 16777216; found 0"),
        ({"max_words": -1}, "max_words must be between 1"),
        ({"order": "random"}, "order must be one of frequency, first-seen, shuffled"),
        ({"unit": "byte"}, "unit must be one of word, char"),
        ({"seed": -1}, "seed must be between"),
    ]:
        with pytest.raises(ConfigError, match=told):
            Tokenizer.word_list(["a"], **given_)
    with pytest.raises(TextError, match="no word"):
        Tokenizer.word_list([" \n"])
    with pytest.raises(TextError, match="not valid UTF-8"):
        Tokenizer.word_list([b"caf\xe9"])
    with pytest.raises(ConfigError, match="a list of words"):
        Tokenizer.word_list(["a b"]).extend(["a"], vocab_size=300)


def test_real_text(shared: Path) -> None:
    """Captions and fortunes, cut, listed and encoded as the oracle does."""
    for name, number in (("coco_captions_train.txt", 4_637), ("fortunes.txt", None)):
        path = shared / "data" / name
        if not path.is_file():
            pytest.skip(f"../shared/data/{name} is not there")
        text = path.read_text("utf-8")
        cut = oracle.words(text)
        assert number in (None, len(set(cut)))
        made = Tokenizer.word_list([text], max_words=2000)
        expected = oracle.listed(cut, 2000, "frequency")
        assert entries(made) == expected
        ids = {word: 4 + place for place, word in enumerate(expected)}
        assert made.encode(text).tolist() == [ids.get(word, 3) for word in cut]
