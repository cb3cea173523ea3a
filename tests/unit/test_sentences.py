"""Filters of sentences against a plain oracle, and both commands as a user meets them."""

from __future__ import annotations

import io
import json
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import words_oracle as oracle
from primetone import _rust_tok
from primetone.cli import main
from primetone.errors import ConfigError, FileError, TextError
from primetone.text.sentences import clean_sentences
from primetone.text.tokenizer import Tokenizer

LINES = st.text(st.sampled_from("abAB1 ',.\n\r\u00e9\u2014"), max_size=80)
REASONS = ("empty", "too_short", "too_long", "too_many_signs", "unknown")


@settings(max_examples=200, deadline=None)
@given(
    text=LINES,
    min_words=st.integers(0, 3),
    more=st.integers(1, 6),
    min_share=st.sampled_from([0.0, 0.5, 0.9, 1.0]),
    signs=st.sampled_from(["keep", "drop"]),
    known=st.none() | st.lists(st.sampled_from(["a", "b", "ab", "b'a", ",", "."]), min_size=1),
    cut=st.integers(1, 30),
)
def test_sentences_are_those_of_the_oracle(
    text, min_words, more, min_share, signs, known, cut
) -> None:
    max_words = min_words + more
    kept = _rust_tok.SentenceFilter(
        min_words=min_words,
        max_words=max_words,
        min_share=min_share,
        drops_signs=signs == "drop",
        limit=None,
        vocabulary=None if known is None else Tokenizer.word_list([" ".join(known)])._core,
    )
    data = text.encode()
    pieces = [data[start : start + cut] for start in range(0, len(data), cut)]
    out = b"".join(kept.push(piece, ends=False) for piece in pieces) + kept.push(b"", ends=True)
    sentences, tally = oracle.cleaned(
        text,
        min_words=min_words,
        max_words=max_words,
        min_share=min_share,
        signs=signs,
        vocabulary=known,
    )
    assert out.decode() == "".join(f"{sentence}\n" for sentence in sentences)
    found = kept.tally()
    assert found["lines"] == sum(tally.values())
    assert {name: found[name] for name in (*REASONS, "kept")} == {
        name: tally[name] for name in (*REASONS, "kept")
    }
    assert found["words"] == sum(len(sentence.split(" ")) for sentence in sentences)


def test_real_text(shared: Path, tmp_path: Path) -> None:
    """Fortunes through all filters, from a file in windows-1252."""
    path = shared / "data" / "fortunes.txt"
    if not path.is_file():
        pytest.skip("../shared/data/fortunes.txt is not there")
    text = path.read_text("utf-8").encode("cp1252", "replace").decode("cp1252")
    recoded = tmp_path / "fortunes.txt"
    recoded.write_bytes(text.encode("cp1252"))
    words = Tokenizer.word_list([text], max_words=3000)
    report = clean_sentences(
        recoded, tmp_path / "clean.txt", min_words=3, max_words=14, min_share=0.5,
        vocabulary=words, encoding="windows-1252",
    )  # fmt: skip
    known = oracle.listed(oracle.words(text), 3000, "frequency")
    expected, tally = oracle.cleaned(
        text, min_words=3, max_words=14, min_share=0.5, vocabulary=known
    )
    assert (tmp_path / "clean.txt").read_text("utf-8").splitlines() == expected
    assert report.dropped == {name: tally[name] for name in REASONS}
    assert (report.num_lines, report.num_kept) == (sum(tally.values()), len(expected))
    passed, _ = oracle.cleaned(text, min_words=3, max_words=14, min_share=0.5)
    unknown = Counter(word for line in passed for word in line.split(" ") if word not in set(known))
    assert report.num_unknown_words == sum(unknown.values())
    most = sorted(unknown.items(), key=lambda pair: (-pair[1], pair[0]))[:10]
    assert report.most_unknown == most


def test_files_of_any_kind_and_a_limit(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("One two.\r\nthree".encode("utf-16"))
    out = tmp_path / "out.txt"
    report = clean_sentences(tmp_path / "a.txt", out, encoding="utf-16", signs="drop")
    assert (out.read_text(), report.num_words) == ("one two\nthree\n", 3)
    lines = [json.dumps({"body": text}) for text in ("a b\nc", "d")]
    (tmp_path / "b.jsonl").write_text("\n".join(lines))
    report = clean_sentences(tmp_path / "b.jsonl", out, field="body", limit=2)
    assert (out.read_text(), report.is_limited, report.num_lines) == ("a b\nc\n", True, 2)


def test_what_nothing_can_pass_is_refused(tmp_path: Path) -> None:
    text, out = tmp_path / "a.txt", tmp_path / "out.txt"
    text.write_text("one two three\n\n---\nfour five\n")
    out.write_text("old")
    with pytest.raises(TextError) as caught:
        clean_sentences(text, out, min_words=4)
    assert "no sentence is left of 4 lines" in str(caught.value)
    assert "1 without a word, 3 too short (fewer than 4 words)" in str(caught.value)
    words = Tokenizer.word_list(["four six"])
    told = r"2 with words outside the vocabulary \(4 such words: five 1, one 1, three 1, two 1\)"
    with pytest.raises(TextError, match=told):
        clean_sentences(text, out, min_share=0.5, vocabulary=words)
    for wrong, message in [
        ({"min_words": 5, "max_words": 4}, "min_words 5 and max_words 4"),
        ({"min_words": -1}, "min_words must be at least 0"),
        ({"min_share": 1.5}, "min_share must be between 0 and 1"),
        ({"signs": "all"}, "signs must be one of keep, drop"),
        ({"limit": 0}, "limit must be at least 1"),
        ({"vocabulary": Tokenizer.bytes()}, "expected a list of words as the vocabulary"),
    ]:
        with pytest.raises(ConfigError, match=message):
            clean_sentences(text, out, **wrong)
    with pytest.raises(TextError, match="no text in"):
        (tmp_path / "empty.txt").write_bytes(b"")
        clean_sentences(tmp_path / "empty.txt", out)
    with pytest.raises(TextError, match="line 2 is not UTF-8"):
        (tmp_path / "bad.txt").write_bytes(b"a\ncaf\xe9\n")
        clean_sentences(tmp_path / "bad.txt", out, encoding="bytes")
    assert out.read_text() == "old"
    with pytest.raises(FileError):
        clean_sentences(tmp_path / "not there", tmp_path / "no" / "out.txt")


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_the_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text, words, clean = (tmp_path / name for name in ("a.txt", "words.csv", "clean.txt"))
    text.write_bytes("The caf\xe9, the cat.\nThe dog\n".encode("cp1252"))
    code, out, err = run(capsys, "vocab", text, "--out", words)
    assert (code, out) == (1, "")
    assert "byte offset 7 (line 1)" in err
    assert "looks like windows-1252: give that encoding" in err
    reading = ("--encoding", "windows-1252")
    code, out, err = run(capsys, "vocab", text, *reading, "--max-words", 5, "--out", words)
    assert (code, err) == (0, "")
    assert "words.csv: 5 words of 6 different ones and 4 special rows" in out
    assert "known: 7 of 8 words of the text (87.50 %); 1 are outside the list" in out
    rows = words.read_text("utf-8").splitlines()
    assert rows[:4] == ["0,<START>", "1,<PAD>", "2,<END>", "3,<UNKNOWN>"]
    assert rows[4:] == ["4,the", '5,","', "6,.", "7,caf\u00e9", "8,cat"]
    filters = ("--in-vocabulary", words, "--out", clean)
    code, out, err = run(capsys, "sentences", text, *reading, *filters)
    assert (code, err) == (0, "")
    assert clean.read_text("utf-8") == "the caf\u00e9 , the cat .\n"
    assert "clean.txt: 1 sentence of 6 words from 2 lines" in out
    assert "dropped: 1 with words outside the vocabulary (1 such words: dog 1)" in out
    code, out, _ = run(capsys, "sentences", text, *reading, *filters, "--json")
    assert (code, json.loads(out)["dropped"]["unknown"]) == (0, 1)
    code, out, _ = run(capsys, "vocab", text, *reading, "--out", words, "--json")
    assert (code, json.loads(out)["num_unknown"], json.loads(out)["num_bytes"]) == (0, 0, 28)
    for refused, told in [
        (("vocab", text, "--out", tmp_path / "words.txt"), "expected a name such as words.csv"),
        (("vocab", text, "--out", words, "--seed", 1), "--seed is for --order shuffled"),
        (("vocab", "--out", words), "at least one text"),
        (("sentences", "--out", clean), "at least one text"),
    ]:
        code, out, err = run(capsys, *refused)
        assert (code, out) == (2, "")
        assert told in err
    # nobody reads what cannot be kept
    monkeypatch.setattr("sys.stdin", io.StringIO("not read"))
    for verb in ("vocab", "sentences"):
        code, _, err = run(capsys, verb, "-", "--out", tmp_path / "no" / "out.csv")
        assert code == 1
        assert "cannot write" in err
    assert sys.stdin.read() == "not read"
