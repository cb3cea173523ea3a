"""Stores in parts: equal to the whole store, resumable, and never joined where they do not fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from primetone.errors import ConfigError, FileError, StoreError, TextError
from primetone.text.corpus import Corpus
from primetone.text.joined_ids import JoinedIds
from primetone.text.readers import ReaderOptions, read_sources
from primetone.text.shards import Shard, ShardText
from primetone.text.sources import find_sources
from primetone.text.store import TokenStore, is_store
from primetone.text.store_writer import PartsWriter, write_store
from primetone.text.tokenizer import Tokenizer

TOKENIZER = Tokenizer.bytes()


def make_corpus(folder: Path) -> Path:
    """Files of every layout, empty ones and an odd one among them."""
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.txt").write_text(f"file {number}\n" * (1 + 40 * number))
    rows = [{"text": f"row {number} " * (number % 7)} for number in range(300)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "none.txt").write_text("")
    (folder / "end.jsonl").write_text('{"text": "no line feed at the end"}')
    return folder


def write_parts(out: Path, corpus: Path, num_shards: int, **options) -> PartsWriter:
    sources = find_sources(corpus).sources
    return PartsWriter(out, sources, ReaderOptions(**options), TOKENIZER, num_shards=num_shards)


@pytest.mark.parametrize("num_shards", [1, 2, 3, 7, 500])
@pytest.mark.parametrize("options", [{}, {"per": "line"}, {"separator": "file 3"}])
def test_parts_in_any_order_are_the_whole_store(
    tmp_path: Path, num_shards: int, options: dict
) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    whole = write_store(tmp_path / "whole", Corpus.read(corpus, **options), TOKENIZER, threads=1)
    writer = write_parts(tmp_path / "parts", corpus, num_shards, **options)
    shards = [Shard(number, num_shards) for number in range(num_shards, 0, -1)]
    if num_shards == 500:  # most are empty; making each costs several files
        num_shards = 40
        shutil.rmtree(tmp_path / "parts")
        writer = write_parts(tmp_path / "parts", corpus, num_shards, **options)
        shards = [Shard(number, num_shards) for number in range(num_shards, 0, -1)]
    written = [writer.write(shard, threads=1) for shard in shards]
    assert not any(part.was_there for part in written)
    assert sum(part.num_bytes for part in written) == whole.num_bytes
    joined = TokenStore.open(tmp_path / "parts", tokenizer=TOKENIZER)
    np.testing.assert_array_equal(np.asarray(joined.ids), whole.ids)
    np.testing.assert_array_equal(joined.documents, whole.documents)
    for name in ("num_tokens", "num_documents", "num_bytes", "tokenizer_fingerprint"):
        assert getattr(joined, name) == getattr(whole, name)
    assert joined.tokenizer() == TOKENIZER and is_store(joined.path)
    head, tail = joined.split_tail(0.3)
    assert [*head.ids[:], *tail.ids[:]] == whole.ids.tolist()


@given(
    sizes=st.lists(st.integers(0, 300), min_size=1, max_size=4),
    of=st.integers(1, 9),
    per=st.sampled_from(["file", "line", "paragraph"]),
    encoding=st.sampled_from(["utf-8", "utf-16", "latin-1"]),
)
def test_every_document_is_in_one_shard(tmp_path_factory, sizes, of, per, encoding) -> None:
    folder = tmp_path_factory.mktemp("text")
    for number, size in enumerate(sizes):
        text = "".join("\n" if at % 7 in (0, 1) else "é" for at in range(size))
        (folder / f"{number}.txt").write_bytes(text.encode(encoding))
    sources, options = find_sources(folder).sources, ReaderOptions(per=per, encoding=encoding)
    try:
        whole = list(read_sources(sources, options))
    except TextError:
        whole = []
    found = [list(ShardText(sources, options, Shard(n, of))) for n in range(1, of + 1)]
    assert [document for shard in found for document in shard] == whole


@given(st.lists(st.lists(st.integers(0, 9), max_size=5), min_size=1, max_size=5), st.data())
def test_joined_ids_are_indexed_like_an_array(parts: list[list[int]], data: st.DataObject) -> None:
    arrays = [np.array(part, dtype=np.uint16) for part in parts]
    whole, joined = np.concatenate(arrays), JoinedIds(arrays)
    assert len(joined) == len(whole) and joined.dtype == whole.dtype
    np.testing.assert_array_equal(np.asarray(joined), whole)
    cut = st.none() | st.integers(-30, 30)
    step = data.draw(st.sampled_from([None, 1, 2, -1, -3]))
    where = slice(data.draw(cut), data.draw(cut), step)
    np.testing.assert_array_equal(joined[where], whole[where])
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole)))
    np.testing.assert_array_equal(np.asarray(joined.span(start, stop)), whole[start:stop])
    if len(whole):
        places = st.integers(-len(whole), len(whole) - 1)
        rows = np.array(data.draw(st.lists(places, min_size=1, max_size=6)))
        np.testing.assert_array_equal(joined[rows[:, None]], whole[rows[:, None]])
        assert joined[int(rows[0])] == whole[rows[0]]
    with pytest.raises(IndexError):
        joined[np.array([len(whole)])]
    with pytest.raises(IndexError):
        joined["a"]


def test_folders_of_two_machines_are_one_store(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    shutil.copytree(corpus, tmp_path / "elsewhere" / "copy")
    there = write_parts(tmp_path / "b", tmp_path / "elsewhere" / "copy", 3)
    write_parts(tmp_path / "a", corpus, 3).write(Shard(2, 3))
    for number in (1, 3):
        there.write(Shard(number, 3))
    with pytest.raises(StoreError, match=r"expected 3 shards, missing part-00002-of-00003"):
        TokenStore.open(tmp_path / "b")
    shutil.copytree(tmp_path / "a", tmp_path / "b", dirs_exist_ok=True)
    whole = write_store(tmp_path / "whole", Corpus.read(corpus), TOKENIZER)
    assert np.asarray(TokenStore.open(tmp_path / "b").ids).tolist() == whole.ids.tolist()


def test_what_does_not_fit_is_refused_by_name(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    out = tmp_path / "out"
    writer = write_parts(out, corpus, 3)
    for number in (1, 2, 3):
        writer.write(Shard(number, 3))
    first, second = (out / f"part-0000{number}-of-00003" for number in (1, 2))
    shutil.copytree(second, out / "part-00002-of-00003 (copy)")
    with pytest.raises(StoreError, match=r"part-00002-of-00003 \(copy\) is no shard of this store"):
        TokenStore.open(out)
    shutil.rmtree(out / "part-00002-of-00003 (copy)")
    shutil.move(first, tmp_path / "first")
    shutil.copytree(second, first)
    with pytest.raises(StoreError, match=r"part-00001-of-00003 holds shard 2/3"):
        TokenStore.open(out)
    shutil.rmtree(first)
    other = Tokenizer.bytes(specials=("<|end|>",))
    stranger = PartsWriter(
        tmp_path / "other", find_sources(corpus).sources, ReaderOptions(), other, num_shards=3
    )
    shutil.copytree(stranger.write(Shard(1, 3)).path, first)
    with pytest.raises(StoreError, match=r"part-00001-of-00003 is of another tokenizer"):
        TokenStore.open(out)
    shutil.rmtree(first)
    (corpus / "0.txt").write_text("another length")
    changed = write_parts(tmp_path / "changed", corpus, 3)
    shutil.copytree(changed.write(Shard(1, 3)).path, first)
    with pytest.raises(StoreError, match=r"part-00001-of-00003 is of another text"):
        TokenStore.open(out)
    with pytest.raises(StoreError, match=r"out is of another text"):
        write_parts(out, corpus, 3)
    with pytest.raises(StoreError, match=r"out is of another number of shards: expected 4"):
        write_parts(out, corpus, 4)
    shutil.rmtree(first)
    shutil.move(tmp_path / "first", first)
    with pytest.raises(StoreError, match="another tokenizer"):
        TokenStore.open(out, tokenizer=other)
    with open(second / "ids.bin", "r+b") as file:
        file.write(b"\xff\xff")
    with pytest.raises(StoreError, match=r"part-00002-of-00003.* damaged in block 0"):
        TokenStore.open(out)


def test_places_that_are_taken_and_texts_that_cannot_be_divided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    with pytest.raises(FileError, match="holds something else than shards"):
        write_parts(corpus, corpus, 2)
    for wrong in ("0/2", "3/2", "1", "1/0", "a/b", "1/100000"):
        with pytest.raises(ConfigError, match="shard"):
            Shard.parse(wrong)
    pipe = find_sources("-", once=True).sources
    with pytest.raises(ConfigError, match="shards are cut out of files"):
        PartsWriter(tmp_path / "x", pipe, ReaderOptions(), TOKENIZER, num_shards=2)
    (tmp_path / "empty.txt").write_text("")
    writer = write_parts(tmp_path / "none", tmp_path / "empty.txt", 2)
    for number in (1, 2):
        assert writer.write(Shard(number, 2)).num_tokens == 0
    with pytest.raises(StoreError, match="at least one token in its shards"):
        TokenStore.open(tmp_path / "none")


def test_a_finished_shard_is_kept_and_a_damaged_one_is_told_about(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    writer = write_parts(tmp_path / "out", corpus, 2)
    made = writer.write(Shard(1, 2))
    before = (made.path / "ids.bin").stat().st_mtime_ns
    again = write_parts(tmp_path / "out", corpus, 2).write(Shard(1, 2))
    assert again.was_there and again.num_tokens == made.num_tokens
    assert (made.path / "ids.bin").stat().st_mtime_ns == before
    (made.path / "ids.bin").write_bytes(b"")
    with pytest.raises(StoreError, match=r"shard 1/2 is there and cannot be used"):
        writer.write(Shard(1, 2))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_file_in_parts_has_the_ids_of_the_whole(tmp_path: Path, threads: int) -> None:
    text = "".join(f"Sentence {number}, and one more. 漢字かな " for number in range(400_000))
    path = tmp_path / "large.txt"
    path.write_text(text)
    for tokenizer in (Tokenizer.learn([text[:100_000]], vocab_size=400), TOKENIZER):
        made = write_store(tmp_path / "s", Corpus.read(path), tokenizer, threads=threads)
        expected = [*tokenizer.encode(text).tolist(), tokenizer.eos_id]
        assert made.num_documents == 1 and made.ids.tolist() == expected
        shutil.rmtree(tmp_path / "s")


def test_a_text_without_a_place_to_cut_is_encoded_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    path.write_text("ab" * 3_000_000)
    tokenizer = Tokenizer.learn(["abab"], vocab_size=258, split="none")
    made = write_store(tmp_path / "s", Corpus.read(path), tokenizer)
    assert made.ids.tolist() == [*tokenizer.encode("ab" * 3_000_000).tolist(), tokenizer.eos_id]
