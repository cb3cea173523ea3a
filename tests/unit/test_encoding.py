"""Counting, padding, places, types, dropout and streams, as a user meets them."""

from __future__ import annotations

import threading
from base64 import b64encode
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from primetone.errors import ConfigError, TextError, UnknownTokenError
from primetone.text.tokenizer import Tokenizer

TEXTS = ["the cat sat on the mat, the hat that sat", "", "naïve café — 東京 🙂", b"\xff the cat"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.learn(
        ["the cat sat on the mat, the hat that sat", "naïve café"],
        vocab_size=290,
        specials=["<|endoftext|>", "<pad>"],
    )


@pytest.fixture(scope="module")
def large() -> Tokenizer:
    """A vocabulary whose ids do not fit 16 bits."""
    characters = "".join(chr(code) for code in range(0x10000, 0x20100))
    return Tokenizer.characters([characters + "abc "])


def test_counts_are_lengths(tokenizer: Tokenizer) -> None:
    lengths = [len(tokenizer.encode(text)) for text in TEXTS]
    assert [tokenizer.count(text) for text in TEXTS] == lengths
    assert tokenizer.count_batch(TEXTS, threads=2).tolist() == lengths
    assert tokenizer.count_batch([]).tolist() == []
    special = "the<|endoftext|>"
    assert tokenizer.count(special, allowed_special="all") == 2
    assert tokenizer.count(special) == len(tokenizer.encode(special))
    assert tokenizer.count(bytearray(b"the cat")) == tokenizer.count("the cat")  # type: ignore[arg-type]
    with pytest.raises(UnknownTokenError, match="<b>"):
        tokenizer.count("x", allowed_special=["<b>"])
    with pytest.raises(TextError, match="pair at character 1"):
        tokenizer.count("a\ud800")
    with pytest.raises(ConfigError, match="put it in a list"):
        tokenizer.count_batch("the cat")


def test_a_batch_comes_back(tokenizer: Tokenizer) -> None:
    texts = ["the cat", "", "naïve 東京<pad>"]
    batch = tokenizer.encode_batch(texts, allowed_special="all")
    assert tokenizer.decode_batch(batch) == texts
    assert tokenizer.decode_batch(batch, skip_specials=True)[2] == "naïve 東京"
    assert tokenizer.decode_batch(tokenizer.encode_batch([])) == []


def test_counting_stops_at_the_limit(tokenizer: Tokenizer) -> None:
    length = len(tokenizer.encode(TEXTS[0]))
    assert tokenizer.count_until(TEXTS[0], length) == length
    assert tokenizer.count_until(TEXTS[0], 1 << 70) == length
    assert tokenizer.count_until(TEXTS[0], length - 1) is None
    assert tokenizer.count_until("", 0) == 0
    endless = Tokenizer.learn(["aaaa"], vocab_size=300, split="none")
    assert endless.count_until("a" * (8 << 20), 1000) is None
    # what has no id stands behind what is enough
    letters, text = Tokenizer.characters(["a"], specials=[]), "a" * 100_000 + "z"
    assert letters.count_until(text, 1000) is None
    with pytest.raises(UnknownTokenError, match="'z'"):
        letters.count(text)
    with pytest.raises(TextError):
        letters.count_until(b"aaa\xff", 1)
    with pytest.raises(ConfigError, match="at least 0; found -1"):
        tokenizer.count_until("x", -1)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padded_rows_hold_the_ids(tokenizer: Tokenizer, side: str) -> None:
    padded = tokenizer.encode_padded(TEXTS, side=side)  # type: ignore[arg-type]
    assert padded.ids.shape == padded.mask.shape == (len(TEXTS), padded.lengths.max())
    assert padded.ids.dtype == tokenizer.dtype
    for text, row, length, mask in zip(TEXTS, *padded, strict=True):
        ids = tokenizer.encode(text)
        assert length == len(ids) == mask.sum()
        np.testing.assert_array_equal(row[mask], ids)
        assert set(row[~mask].tolist()) <= {tokenizer.pad_id}
        assert length == 0 or mask[0 if side == "right" else -1]
    cut = tokenizer.encode_padded(TEXTS, length=3, truncate=True, side=side, pad_id=7)  # type: ignore[arg-type]
    assert cut.ids.shape == (4, 3)
    assert cut.lengths.tolist() == [3, 0, 3, 3]
    for text, row, mask in zip(TEXTS, cut.ids, cut.mask, strict=True):
        np.testing.assert_array_equal(row[mask], tokenizer.encode(text)[:3])
    assert cut.ids[1].tolist() == [7, 7, 7]
    wide = tokenizer.encode_padded(["a"], length=4, dtype="uint32", allowed_special="all")
    assert wide.ids.dtype == np.uint32
    assert wide.lengths.tolist() == [1]
    assert tokenizer.encode_padded([]).ids.shape == (0, 0)
    assert tokenizer.encode_padded([], length=5).ids.shape == (0, 5)


def test_padding_that_cannot_be(tokenizer: Tokenizer) -> None:
    with pytest.raises(TextError, match="text 1 has more than 2 tokens .*truncate=True"):
        tokenizer.encode_padded(["a", "the cat sat", "b"], length=2)
    with pytest.raises(ConfigError, match="pad_id= is missing"):
        Tokenizer.bytes().encode_padded(["a"])
    for pad_id in (-1, len(tokenizer)):
        with pytest.raises(
            UnknownTokenError, match=f"pad_id {pad_id} .* 0 to {len(tokenizer) - 1}"
        ):
            tokenizer.encode_padded(["a"], pad_id=pad_id)
    with pytest.raises(ConfigError, match="side"):
        tokenizer.encode_padded(["a"], side="middle")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="length"):
        tokenizer.encode_padded(["a"], length=-1)


def test_padding_is_no_hole_of_the_vocabulary(tmp_path: Path) -> None:
    path = tmp_path / "sparse.tiktoken"
    path.write_bytes(b"".join(b64encode(bytes([n])) + b" %d\n" % n for n in range(256)))
    sparse = Tokenizer.load(path, split="gpt2", specials={"<pad>": 300})
    assert sparse.encode_padded(["a", ""], pad_id=300).ids.tolist() == [[97], [300]]
    with pytest.raises(UnknownTokenError, match="299"):
        sparse.encode_padded(["a"], pad_id=299)


def test_the_type_of_ids_is_chosen_everywhere(tokenizer: Tokenizer, large: Tokenizer) -> None:
    assert large.dtype == np.uint32
    for made, dtype, expected in (
        (tokenizer, "auto", np.uint16),
        (tokenizer, "uint16", np.uint16),
        (tokenizer, "uint32", np.uint32),
        (large, "auto", np.uint32),
        (large, "uint32", np.uint32),
    ):
        for ids in all_ways(made, dtype):
            assert ids.dtype == expected
            assert ids.ravel().tolist() == made.encode("a").tolist()
    for number in range(5):
        with pytest.raises(ConfigError, match="uint16 holds ids under 65,536"):
            one_way(large, number, "uint16")
        with pytest.raises(ConfigError, match='auto, uint16 or uint32; found "int64"'):
            one_way(large, number, "int64")


def one_way(tokenizer: Tokenizer, number: int, dtype: str) -> np.ndarray:
    if number == 0:
        return tokenizer.encode("a", dtype=dtype)  # type: ignore[arg-type]
    if number == 1:
        return tokenizer.encode_batch(["a"], dtype=dtype).ids  # type: ignore[arg-type]
    if number == 2:
        return tokenizer.encode_padded(["a"], dtype=dtype).ids  # type: ignore[arg-type]
    if number == 3:
        return tokenizer.encode_with_offsets("a", dtype=dtype)[0]  # type: ignore[arg-type]
    stream = tokenizer.stream_encoder(dtype=dtype)  # type: ignore[arg-type]
    return np.concatenate([stream.push("a"), stream.finish()])


def all_ways(tokenizer: Tokenizer, dtype: str) -> list[np.ndarray]:
    return [one_way(tokenizer, number, dtype) for number in range(5)]


def test_places_are_in_bytes_or_characters(tokenizer: Tokenizer) -> None:
    text = "the café 🙂<pad>x"
    ids, spans = tokenizer.encode_with_offsets(text, unit="bytes", allowed_special="all")
    assert ids.tolist() == tokenizer.encode(text, allowed_special="all").tolist()
    assert spans.shape == (len(ids), 2)
    data = text.encode()
    assert [data[start:end] for start, end in spans] == [tokenizer[int(i)] for i in ids]
    _, spans = tokenizer.encode_with_offsets(text, allowed_special="all")
    assert text[slice(*spans[0])] == "the"
    smile = text.index("🙂")
    # no token holds it whole: each of its bytes has the whole character
    assert spans.tolist().count([smile, smile + 1]) == 4 - (b" \xf0" in tokenizer)
    assert [smile + 1, smile + 6] in spans.tolist()
    empty = tokenizer.encode_with_offsets("")
    assert empty[0].shape == (0,)
    assert empty[1].shape == (0, 2)
    with pytest.raises(TextError, match="byte at 2 .*offsets in bytes"):
        tokenizer.encode_with_offsets(b"ab\xff")
    with pytest.raises(ConfigError, match='found "words"'):
        tokenizer.encode_with_offsets("x", unit="words")  # type: ignore[arg-type]


def test_words_of_characters_have_places_without_white_space() -> None:
    words = Tokenizer.learn_characters(["the hat the cat"], vocab_size=30, lowercase=True)
    text = "  The \n hat"
    ids, spans = words.encode_with_offsets(text)
    spelled = [text[start:end].lower() for start, end in spans]
    assert "".join(spelled) == "thehat"
    marks = spans[ids == words.end_of_word_id]
    assert marks.tolist() == [[5, 5], [11, 11]]


def test_dropout_is_a_function_of_its_seed(tokenizer: Tokenizer) -> None:
    text = "the cat sat on the mat, " * 40_000
    plain = tokenizer.encode(text)
    np.testing.assert_array_equal(tokenizer.encode(text, dropout=0.0, seed=5), plain)
    assert tokenizer.encode(text, dropout=1.0).tolist() == [
        tokenizer.id_of(bytes([byte])) for byte in text.encode()
    ]
    some = tokenizer.encode(text, dropout=0.3, seed=5)
    assert len(plain) < len(some) < len(text)
    assert tokenizer.decode(some) == text
    for threads in (1, 2, 3):
        batch = tokenizer.encode_batch([text, text], dropout=0.3, seed=5, threads=threads)
        np.testing.assert_array_equal(batch.ids[: len(some)], some)
        second = batch.ids[int(batch.offsets[1]) :]
        assert not np.array_equal(second, some)
        assert tokenizer.decode(second) == text
    assert not np.array_equal(tokenizer.encode(text, dropout=0.3, seed=6), some)
    words = Tokenizer.words(["the cat the hat"], vocab_size=259)
    assert len(words.encode("the cat", dropout=1)) == len("the cat")


@pytest.mark.parametrize("dropout", [-0.1, 1.1, float("nan"), float("inf")])
def test_dropout_is_a_probability(tokenizer: Tokenizer, dropout: float) -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        tokenizer.encode("x", dropout=dropout)
    for seed in (-1, 1 << 64):
        with pytest.raises(ConfigError, match="seed must be between"):
            tokenizer.encode("x", dropout=0.5, seed=seed)


def test_a_stream_gives_out_what_is_certain(tokenizer: Tokenizer) -> None:
    stream = tokenizer.stream_encoder(allowed_special=["<|endoftext|>"])
    parts = ["the c", "at sat", " on", "<|endof", "text|>", "<pad>", " x", ""]
    found = [stream.push(part) for part in parts]
    assert found[1].size > 0  # " cat" is over
    assert tokenizer.specials["<|endoftext|>"] in found[4]
    assert 0 < stream.num_waiting < 20
    whole = np.concatenate([*found, stream.finish()])
    text = "".join(parts)
    expected = tokenizer.encode(text, allowed_special=["<|endoftext|>"])
    np.testing.assert_array_equal(whole, expected)
    assert stream.num_waiting == 0
    # and begins anew
    again = np.concatenate([stream.push(text), stream.finish()])
    np.testing.assert_array_equal(again, expected)


def test_a_stream_takes_bytes_cut_anywhere(tokenizer: Tokenizer) -> None:
    data = "naïve 東京 🙂 ".encode() * 3 + b"\xff\x00"
    stream = tokenizer.stream_encoder()
    parts = [stream.push(data[at : at + 1]) for at in range(len(data))]
    ids = np.concatenate([*parts, stream.finish()])
    np.testing.assert_array_equal(ids, tokenizer.encode(data))


def test_what_a_stream_refuses_has_not_come(tokenizer: Tokenizer) -> None:
    stream = tokenizer.stream_encoder()
    stream.push("the ca")
    with pytest.raises(TextError, match="pair at character 0"):
        stream.push("\ud800")
    with pytest.raises(TypeError, match="found int"):
        stream.push(3)  # type: ignore[arg-type]
    ids = [*stream.push("t"), *stream.finish()]
    assert ids[-1] == tokenizer.encode("the cat")[-1]
    strict = Tokenizer.characters(["abc"], specials=[]).stream_encoder()
    assert len(strict.push("abc")) == 3
    with pytest.raises(UnknownTokenError, match="'z' .* at byte 4"):
        strict.push("az")
    with pytest.raises(UnknownTokenError, match="<b>"):
        tokenizer.stream_encoder(allowed_special=["<b>"])


def test_much_without_a_place_to_cut_waits_and_takes_no_quadratic_time() -> None:
    endless = Tokenizer.learn(["aaaa"], vocab_size=260).stream_encoder()
    for _ in range(4000):
        assert endless.push("a" * 100).size == 0
    assert endless.num_waiting == 400_000
    assert endless.finish().size > 0


def _streamed(tokenizer: Tokenizer, text: str) -> tuple[list[int], int]:
    stream = tokenizer.stream_encoder()
    ids = [*stream.push(text).tolist(), *stream.finish().tolist()]
    return ids, tokenizer.count(text)


@pytest.mark.parametrize("way", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_child_processes_encode(tokenizer: Tokenizer, way: str) -> None:
    text = "the cat sat " * 20_000  # the threads of this process have worked before the fork
    expected = _streamed(tokenizer, text)
    tokenizer.encode_batch([text] * 4, threads=2)
    with get_context(way).Pool(2) as pool:
        assert pool.starmap(_streamed, [(tokenizer, text)] * 2) == [expected] * 2


def test_one_tokenizer_serves_many_threads(tokenizer: Tokenizer) -> None:
    expected = _streamed(tokenizer, "the cat sat on " * 10_000)
    wrong = []

    def work() -> None:
        for _ in range(5):
            if _streamed(tokenizer, "the cat sat on " * 10_000) != expected:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
