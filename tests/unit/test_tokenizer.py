"""The Tokenizer class as a user meets it."""

from __future__ import annotations

import functools
import json
import os
import pickle
import random
import re
import signal
import threading
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from primetone.errors import (
    ConfigError,
    FileError,
    FormatError,
    PatternError,
    TextError,
    UnknownTokenError,
    VocabularyError,
)
from primetone.text.tokenizer import Tokenizer

TEXTS = ["the cat sat on the mat, the hat that sat", "naïve café — 東京 🙂", "it's 1234\n\n  x"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.learn(TEXTS, vocab_size=300)


def test_three_lines_learn_encode_decode(tokenizer: Tokenizer) -> None:
    for text in TEXTS:
        ids = tokenizer.encode(text)
        assert isinstance(ids, np.ndarray)
        assert ids.dtype == tokenizer.dtype == np.uint16
        assert tokenizer.decode(ids) == text
    assert len(tokenizer) == tokenizer.vocab_size == 300
    assert "\n" not in repr(tokenizer)
    assert "gpt4" in repr(tokenizer)
    assert tokenizer.learn_report is not None
    assert tokenizer.learn_report["num_merges"] == 300 - 257


def test_tokens_are_looked_up_both_ways(tokenizer: Tokenizer) -> None:
    token = tokenizer[299]
    assert isinstance(token, bytes)
    assert token in tokenizer
    assert list(tokenizer) == [tokenizer[number] for number in range(len(tokenizer))]
    assert tokenizer.id_of(token) == 299
    assert b"no such token" not in tokenizer
    assert "<|endoftext|>" in tokenizer
    assert tokenizer[tokenizer.eos_id] == b"<|endoftext|>"
    lengths = tokenizer.token_lengths()
    assert lengths[tokenizer.eos_id] == 0
    assert all(lengths[i] == len(tokenizer[i]) for i in range(300) if i != tokenizer.eos_id)
    with pytest.raises(UnknownTokenError, match="from 0 to 299"):
        tokenizer[300]
    with pytest.raises(KeyError):
        tokenizer[-1]


def test_a_batch_is_flat_ids_and_offsets(tokenizer: Tokenizer) -> None:
    texts = [*TEXTS, "", "a", b"\xff\x00"]
    batch = tokenizer.encode_batch(texts, threads=2)
    assert batch.offsets.tolist()[0] == 0
    assert len(batch.offsets) == len(texts) + 1
    for number, text in enumerate(texts):
        part = batch.ids[batch.offsets[number] : batch.offsets[number + 1]]
        np.testing.assert_array_equal(part, tokenizer.encode(text))
    empty = tokenizer.encode_batch([])
    assert empty.ids.tolist() == []
    assert empty.offsets.tolist() == [0]


def test_ids_do_not_depend_on_threads(tokenizer: Tokenizer) -> None:
    text = "the cat sat, on 42 mats with the hat \n" * 40_000  # over 1 MB: cut into units
    alone = tokenizer.encode(text)
    for threads in (1, 2, 3):
        np.testing.assert_array_equal(tokenizer.encode_batch([text], threads=threads).ids, alone)
    assert tokenizer.decode(alone) == text
    by_threads = {Tokenizer.learn([text, *TEXTS], vocab_size=290, threads=n) for n in (1, 2, 3)}
    by_threads.add(Tokenizer.learn([*reversed(TEXTS), text], vocab_size=290))
    assert len(by_threads) == 1


def test_specials_in_text_are_text_unless_allowed() -> None:
    tokenizer = Tokenizer.learn(TEXTS, vocab_size=270, specials=["<a>", "<a>b", "<|endoftext|>"])
    plain = tokenizer.encode("x<a>b<|endoftext|>")
    assert not set(plain.tolist()) & set(tokenizer.specials.values())
    assert tokenizer.decode(plain) == "x<a>b<|endoftext|>"
    everything = tokenizer.encode("x<a>b<|endoftext|>", allowed_special="all").tolist()
    assert everything[1:] == [tokenizer.specials["<a>b"], tokenizer.specials["<|endoftext|>"]]
    some = tokenizer.encode("x<a>b<|endoftext|>", allowed_special={"<a>"}).tolist()
    assert some[1] == tokenizer.specials["<a>"]
    assert tokenizer.specials["<|endoftext|>"] not in some
    assert tokenizer.decode(everything, skip_specials=True) == "x"
    with pytest.raises(UnknownTokenError, match="<b>"):
        tokenizer.encode("x", allowed_special=["<b>"])
    with pytest.raises(ConfigError, match="all"):
        tokenizer.encode("x", allowed_special="<a>")


def test_characters_have_a_frozen_alphabet() -> None:
    strict = Tokenizer.characters(["hello", "été".encode()])
    assert strict.kind == "char"
    assert strict.specials == {"<pad>": 0, "<bos>": 1, "<eos>": 2, "<unk>": 3}
    assert (strict.pad_id, strict.bos_id, strict.eos_id) == (0, 1, 2)
    assert [strict[i] for i in range(4, len(strict))] == [c.encode() for c in "ehloté"]
    with pytest.raises(UnknownTokenError, match=r"'z' \(U\+007A\) at byte 2"):
        strict.encode("éz")
    with pytest.raises(TextError, match="UTF-8"):
        strict.encode(b"he\xff")
    lenient = Tokenizer.characters(["hello"], unknown="<unk>")
    assert lenient.encode("hez").tolist()[-1] == lenient.unknown_id == 3
    assert lenient != strict
    with pytest.raises(VocabularyError, match="<none>"):
        Tokenizer.characters(["hello"], unknown="<none>")


def test_words_fall_back_to_bytes() -> None:
    words = Tokenizer.words(["the cat the hat the cat"], vocab_size=257 + 2)
    assert words.kind == "word"
    assert [words[i] for i in (257, 258)] == [b" cat", b" the"]  # a tie: smaller bytes first
    text = "the dog, the cat"
    assert words.decode(words.encode(text)) == text
    assert 258 in words.encode(text)


def test_bytes_need_no_learning() -> None:
    byte = Tokenizer.bytes(specials=[])
    assert byte.encode(b"\x00\xff\x80").tolist() == [0, 255, 128]
    assert byte.kind == "byte"
    assert len(byte) == 256


@pytest.mark.parametrize("name", ["tokenizer.json", "t.tiktoken", "merges.txt"])
def test_files_give_the_same_ids(tokenizer: Tokenizer, tmp_path: Path, name: str) -> None:
    tokenizer.save(tmp_path / name)
    again = Tokenizer.load(tmp_path / name)
    for text in TEXTS:
        np.testing.assert_array_equal(
            again.encode(text + "<|endoftext|>", allowed_special="all"),
            tokenizer.encode(text + "<|endoftext|>", allowed_special="all"),
        )
    before = (tmp_path / name).read_bytes()
    again.save(tmp_path / name)
    assert (tmp_path / name).read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_every_kind_survives_json_and_pickle(tokenizer: Tokenizer, tmp_path: Path) -> None:
    kinds = [
        tokenizer,
        Tokenizer.characters(TEXTS),
        Tokenizer.characters(TEXTS, unknown="<unk>"),
        Tokenizer.bytes(),
        Tokenizer.words(TEXTS, vocab_size=265),
        Tokenizer.learn(TEXTS, vocab_size=270, split=None, pattern=r"\p{L}+|\s"),
        Tokenizer.learn(TEXTS, vocab_size=270, split="none", specials=[]),
    ]
    for original in kinds:
        original.save(tmp_path / "tokenizer.json")
        loaded = Tokenizer.load(tmp_path)
        unpickled = pickle.loads(pickle.dumps(original))
        assert loaded == original == unpickled
        assert hash(loaded) == hash(original)
        assert (loaded.kind, loaded.split) == (original.kind, original.split)
        assert unpickled.learn_report == original.learn_report
    assert len({t.fingerprint for t in kinds}) == len(kinds)


def test_bad_files_are_refused_with_the_place(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    good = path.read_text(encoding="utf-8")

    def refused(text: str | bytes, words: str, error: type[Exception] = FormatError) -> None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(error, match=words) as caught:
            Tokenizer.load(path)
        assert str(path) in str(caught.value)

    refused("", "EOF")
    refused(good[: len(good) // 2], "line")
    refused(good.replace('"!": 1,', '"!": 1,\n      "!": 1,'), "repeated")
    refused(good.replace('"!": 1,', '"!": 2,'), "given to two tokens", VocabularyError)
    refused(good.replace('"!": 1,', '"! ": 1,'), "stands for no byte")
    refused(good.replace('"!": 1,', ""), "0x21", VocabularyError)
    refused(good.replace('"normalizer": null', '"normalizer": {"type": "NFC"}'), "normalizer")
    refused(good.replace('"use_regex": false', '"use_regex": true'), "split twice")
    refused(good.replace('"dropout": null', '"dropout": 0.1'), "dropout")
    refused(good.replace('"byte_fallback": false', '"byte_fallback": true'), "byte_fallback")
    refused(good.replace('"type": "BPE"', '"type": "Unigram"'), "Unigram")
    refused(good.replace('"id": 0', '"id": 7'), "place makes it 0")
    refused(good.replace('"version"', '"surprise": 1, "version"'), "surprise")
    refused("[" * 100_000, "recursion|line")
    with pytest.raises(FileError, match="nowhere"):
        Tokenizer.load(tmp_path / "nowhere.json")
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(FormatError, match="expected tokenizer.json"):
        Tokenizer.load(tmp_path / "model.bin")
    with pytest.raises(FileError, match="no such file; expected tokenizer.json"):
        Tokenizer.load(tmp_path / "nothing")
    (tmp_path / "broken.json").write_text(good.replace("(?i:[sdmt]", "(?=[sdmt]"))
    with pytest.raises(PatternError, match=r"broken\.json: its split cannot be used"):
        Tokenizer.load(tmp_path / "broken.json")


def test_bad_tiktoken_files(tmp_path: Path) -> None:
    path = tmp_path / "x.tiktoken"
    Tokenizer.bytes(specials=[]).save(path)
    (tmp_path / "x.tiktoken.meta.json").unlink()
    good = path.read_text()
    assert Tokenizer.load(path, split="gpt2").kind == "byte"
    with pytest.raises(ConfigError, match="split="):
        Tokenizer.load(path)
    for text, words in [
        ("", "found none"),
        (good + "YQ== 300", "two ids"),
        (good + "YWI= 3", "given to two"),
        (good + "Y!== 300", "line 257"),
        (good + "YWI=  300", "one space"),
        (good + "YWI= -1", "rank"),
        (good + "YWI= 2000000000", "holes"),
    ]:
        path.write_text(text)
        with pytest.raises((FormatError, VocabularyError), match=words):
            Tokenizer.load(path, split="gpt2")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "other"}, "not the side file"),
        ({"version": 2}, "expected version 1, found 2"),
        ({"split": 3}, "damaged"),
        ({"specials": ["<a>"]}, "damaged"),
        ({"specials": {"<a>": "1"}}, "damaged"),
        ({"specials": {"<a>": 1 << 32}}, "damaged"),
    ],
)
def test_a_damaged_side_file_is_named(
    tokenizer: Tokenizer, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    path = tmp_path / "a.tiktoken"
    tokenizer.save(path)
    side = tmp_path / "a.tiktoken.meta.json"
    side.write_text(json.dumps({**json.loads(side.read_text()), **change}))
    with pytest.raises(FormatError, match=words):
        Tokenizer.load(path)


@pytest.mark.parametrize("name", ["tokenizer.json", "a.merges", "a.tiktoken", "merges.txt"])
def test_a_file_that_was_edited_is_refused(tokenizer: Tokenizer, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    tokenizer.save(path)
    side = path.with_name(name + ".meta.json")
    marked = side if side.exists() else path
    said, other = tokenizer.fingerprint, tokenizer.fingerprint[::-1]
    marked.write_text(marked.read_text("utf-8").replace(said, other), encoding="utf-8")
    with pytest.raises(FormatError, match=f"{re.escape(name)}.* fingerprint {other}"):
        Tokenizer.load(path)
    lines = marked.read_text("utf-8").splitlines(keepends=True)
    marked.write_text("".join(line for line in lines if other not in line), encoding="utf-8")
    assert Tokenizer.load(path) == tokenizer


def test_a_changed_list_of_ranks_is_refused_where_the_split_is_said_again(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "a.tiktoken"
    tokenizer.save(path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))
    for said in ({}, {"split": tokenizer.split}, {"specials": tokenizer.specials}):
        with pytest.raises(FormatError, match="side file says fingerprint"):
            Tokenizer.load(path, **said)
    assert Tokenizer.load(path, split="gpt2") != tokenizer


def test_bad_arguments_say_what_to_do(tokenizer: Tokenizer) -> None:
    with pytest.raises(TextError, match="empty"):
        Tokenizer.learn([], vocab_size=300)
    with pytest.raises(TextError, match="empty"):
        Tokenizer.learn(["", b""], vocab_size=300)
    with pytest.raises(ConfigError, match="at least 257"):
        Tokenizer.learn(TEXTS, vocab_size=100)
    with pytest.raises(ConfigError, match="put it in a list"):
        Tokenizer.learn("text", vocab_size=300)
    with pytest.raises(PatternError, match="gpt2, gpt4"):
        Tokenizer.learn(TEXTS, vocab_size=300, split="gpt5")
    with pytest.raises(PatternError, match="linear-time"):
        Tokenizer.learn(TEXTS, vocab_size=300, split=None, pattern=r"\s+(?!\S)")
    with pytest.raises(VocabularyError, match="twice"):
        Tokenizer.learn(TEXTS, vocab_size=300, specials=["<a>", "<a>"])
    with pytest.raises(TypeError):
        Tokenizer.learn([1, 2], vocab_size=300)  # type: ignore[list-item]
    for threads in (0, -1, 1 << 62):
        with pytest.raises(ConfigError, match="threads must be between"):
            tokenizer.encode_batch(TEXTS, threads=threads)
        with pytest.raises(ConfigError, match="threads must be between"):
            Tokenizer.learn(TEXTS, vocab_size=300, threads=threads)
    with pytest.raises(TextError, match="pair at character 0"):
        tokenizer.encode("\ud800")
    with pytest.raises(TypeError, match="text 1: expected str or bytes, found int"):
        tokenizer.encode_batch(["a", 1])  # type: ignore[list-item]
    for ids, words in [
        ([0, 999], "id 999 at position 1"),
        ([-1], "-1"),
        ([1 << 40], "position 0"),
        ([5, 1 << 70], "position 1"),
    ]:
        with pytest.raises(UnknownTokenError, match=words):
            tokenizer.decode(ids)
    for ids in ([0.5], [[1, 2]], "ab"):
        with pytest.raises(ConfigError, match="integers"):
            tokenizer.decode(ids)
    assert tokenizer.decode([]) == ""


def test_running_out_of_pairs_is_said() -> None:
    tokenizer = Tokenizer.learn(["ab"], vocab_size=1000)
    assert len(tokenizer) == 258
    assert tokenizer.learn_report is not None
    assert tokenizer.learn_report["stop"] == "no pairs left"
    single = Tokenizer.learn(["aaaaaaaa"], vocab_size=1000)
    assert single.encode("aaaaaaaa").tolist() == [len(single) - 1]


def test_stream_decoder_gives_whole_characters() -> None:
    tokenizer = Tokenizer.bytes()
    decoder = tokenizer.stream_decoder()
    ids = tokenizer.encode("é🙂").tolist()
    assert [decoder.push(i) for i in ids] == ["", "é", "", "", "", "🙂"]
    assert decoder.push(tokenizer.eos_id) == ""
    assert decoder.push(ids[0]) == ""
    assert decoder.finish() == "\ufffd"


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_works_in_child_processes(tokenizer: Tokenizer, method: str) -> None:
    texts = TEXTS * 2000
    here = tokenizer.encode_batch(texts, threads=2)  # parallel use before the fork
    # a bound method travels with its tokenizer, pickled through its file form
    encode = functools.partial(tokenizer.encode_batch, threads=2)
    with get_context(method).Pool(2) as pool:
        for there in pool.map_async(encode, [texts] * 4).get(timeout=60):
            np.testing.assert_array_equal(there.ids, here.ids)


def test_works_in_threads(tokenizer: Tokenizer) -> None:
    expected, wrong = tokenizer.encode(TEXTS[0]).tolist(), []

    def work() -> None:
        for _ in range(200):
            if tokenizer.encode(TEXTS[0]).tolist() != expected:
                wrong.append(1)

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@pytest.mark.parametrize("call", ["learn", "encode"])
def test_ctrl_c_acts_at_once(tokenizer: Tokenizer, call: str) -> None:
    draw = random.Random(1)
    text = "".join(draw.choices("abcdefgh", k=3_000_000))
    slow = Tokenizer.learn([text[:100_000]], vocab_size=2000, split="none")
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        for _ in range(1000):
            if call == "learn":
                Tokenizer.learn([text], vocab_size=60_000, split="none")
            else:
                slow.encode(text * 4)
    assert time.monotonic() - started < 0.3 + 0.2 + 0.3  # the timer, the promise, a busy machine
    assert slow.decode(slow.encode("still usable")) == "still usable"


def test_progress_is_reported() -> None:
    seen: list[tuple[str, int, int]] = []
    draw = random.Random(2)
    text = " ".join("".join(draw.choices("abcdefgh", k=9)) for _ in range(150_000))
    texts = [text] * 20
    Tokenizer.learn(texts, vocab_size=9000, progress=lambda *report: seen.append(report))
    assert {stage for stage, _, _ in seen} <= {"count", "merge"}
    assert all(done <= total or total == 0 for _, done, total in seen)
    with pytest.raises(ZeroDivisionError):
        Tokenizer.learn(texts, vocab_size=9000, progress=lambda *_: 1 // 0)


@pytest.mark.parametrize("text", ["a" * (1 << 21), "ab" * (1 << 20)])
def test_tokens_of_a_million_letters(text: str) -> None:
    """One token for each power of two: a cost in the square of a token's length would show."""
    learned = Tokenizer.learn([text], vocab_size=1000)
    lengths = [len(learned[made]) for _, _, made in learned.merges]
    assert lengths == [2**power for power in range(1, 22)]
    assert list(learned.encode(text)) == [learned.merges[-1][2]]


def test_arguments_of_another_type() -> None:
    with pytest.raises(ConfigError, match=r"vocab_size must be between .* found '300'"):
        Tokenizer.learn(["text"], vocab_size="300")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="expected an iterable of texts, found NoneType"):
        Tokenizer.learn(None, vocab_size=300)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"expected \(text, weight\).* found 3 values"):
        Tokenizer.learn([("a", 1, 2)], vocab_size=300)  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="fewer than 2\\^63 bytes"):
        Tokenizer.learn(["text"], vocab_size=300, max_memory=2**70)
