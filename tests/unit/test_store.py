"""The token store: exact round trips, bounded memory, and every kind of damage noticed."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import signal
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from primetone.errors import ConfigError, FileError, InternalError, StoreError, TextError
from primetone.files import DirectoryCommit
from primetone.text.corpus import Corpus
from primetone.text.readers import Document
from primetone.text.store import TokenStore, is_store
from primetone.text.store_writer import write_store

TEXTS = ["one", "two and a half", "", "three\n", "\u20ac"]


class Batch(NamedTuple):
    ids: np.ndarray
    offsets: np.ndarray


@dataclass(frozen=True)
class TableTokenizer:
    """What a store asks of a tokenizer, with a vocabulary of any size: byte b is id b + shift."""

    vocab_size: int = 300
    shift: int = 1
    eos_id: int | None = 0

    @property
    def fingerprint(self) -> str:
        return f"{self.vocab_size:016x}{self.shift:016x}"

    def encode_batch(self, texts: Sequence[bytes], *, threads: int | None = None) -> Batch:
        dtype = np.uint16 if self.vocab_size <= 65536 else np.uint32
        ids = np.frombuffer(b"".join(texts), dtype=np.uint8).astype(dtype)
        ids += dtype(self.shift)
        offsets = np.cumsum([0, *map(len, texts)], dtype=np.uint64)
        return Batch(ids, offsets)

    def save(self, path: Path) -> None:
        path.write_text(json.dumps({"vocab_size": self.vocab_size, "shift": self.shift}))


def expected_ids(texts: Sequence[str], tokenizer: TableTokenizer) -> list[int]:
    ids: list[int] = []
    for text in filter(None, texts):
        ids += [byte + tokenizer.shift for byte in text.encode()]
        ids += [] if tokenizer.eos_id is None else [tokenizer.eos_id]
    return ids


@pytest.fixture
def store(tmp_path: Path) -> TokenStore:
    return write_store(tmp_path / "store", Corpus.from_texts(TEXTS), TableTokenizer())


def test_what_was_written_is_read(tmp_path: Path, store: TokenStore) -> None:
    tokenizer = TableTokenizer()
    again = TokenStore.open(tmp_path / "store", tokenizer=tokenizer)
    assert again.ids.tolist() == expected_ids(TEXTS, tokenizer)
    assert again.documents.tolist() == [0, 4, 19, 26, 30]
    assert again.documents.dtype == np.uint64
    assert (again.num_tokens, again.num_documents, again.num_bytes) == (30, 4, 26)
    assert len(again) == 30 and again.vocab_size == 300 and again.end_of_document_id == 0
    assert again.tokenizer_fingerprint == tokenizer.fingerprint
    assert again.fingerprint == store.fingerprint and len(again.fingerprint) == 32
    assert not again.ids.flags.writeable and not again.documents.flags.writeable
    assert repr(again).startswith("TokenStore('") and "num_tokens=30" in repr(again)
    assert is_store(tmp_path / "store") and not is_store(tmp_path)
    assert sorted(os.listdir(tmp_path / "store")) == [
        *("documents.npy", "ids.bin", "manifest.json", "store.json", "tokenizer.json"),
    ]


def test_two_writings_give_the_same_bytes(tmp_path: Path, store: TokenStore) -> None:
    write_store(tmp_path / "again", Corpus.from_texts(TEXTS), TableTokenizer())
    for name in os.listdir(tmp_path / "again"):
        assert (tmp_path / "again" / name).read_bytes() == (store.path / name).read_bytes()


def test_no_end_of_document(tmp_path: Path) -> None:
    for name, tokenizer, options in (
        ("a", TableTokenizer(eos_id=None), {}),
        ("b", TableTokenizer(), {"end_of_document": False}),
    ):
        made = write_store(tmp_path / name, Corpus.from_texts(TEXTS), tokenizer, **options)
        assert made.ids.tolist() == expected_ids(TEXTS, TableTokenizer(eos_id=None))
        assert made.end_of_document_id is None


@pytest.mark.parametrize("vocab_size", [65_535, 65_536, 65_537])
def test_width_follows_the_vocabulary(tmp_path: Path, vocab_size: int) -> None:
    tokenizer = TableTokenizer(vocab_size=vocab_size, shift=vocab_size - 256)
    texts = [bytes(range(256)).decode("latin-1"), "x"]
    made = write_store(tmp_path / "s", Corpus.from_texts(texts), tokenizer)
    assert made.ids.dtype == (np.uint16 if vocab_size <= 65_536 else np.uint32)
    assert made.ids.tolist() == expected_ids(texts, tokenizer)
    assert os.path.getsize(tmp_path / "s" / "ids.bin") == made.num_tokens * made.ids.itemsize


def test_many_batches_and_blocks(tmp_path: Path) -> None:
    sizes = [1, 5 << 20, 3, 2 << 20, 3 << 20, 7, 1 << 20]
    chance = np.random.default_rng(3)
    texts = [chance.integers(0, 256, size, dtype=np.uint8).tobytes() for size in sizes]
    seen: list[tuple[str, int, int]] = []
    made = write_store(
        tmp_path / "s",
        Corpus.from_texts(texts),
        TableTokenizer(),
        progress=lambda stage, done, total: seen.append((stage, done, total)),
    )
    for text, start, stop in zip(texts, made.documents[:-1], made.documents[1:], strict=True):
        span = made.ids[int(start) : int(stop)]
        assert (span[:-1] - 1).astype(np.uint8).tobytes() == text
        assert span[-1] == 0
    assert seen[-1] == ("encode", sum(sizes), sum(sizes)) and len(seen) == 5
    TokenStore.open(tmp_path / "s")


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    def documents() -> Iterator[Document]:
        for _ in range(600):
            yield Document("x", bytes(100_000))

    tracemalloc.start()
    try:
        write_store(tmp_path / "s", documents(), TableTokenizer())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60_000_000  # the ids alone are 120 MB


def test_spans_are_views(store: TokenStore) -> None:
    span = store.slice(2, 20)
    assert span.ids.tolist() == store.ids[2:20].tolist() and len(span) == 18
    assert np.shares_memory(span.ids, store.ids)
    assert span.documents.tolist() == [0, 2, 17, 18]
    head, tail = store.split_tail(0.1)
    assert (len(head), len(tail)) == (27, 3)
    with pytest.raises(StoreError, match=r"inside 0..30, found 5..31"):
        store.slice(5, 31)
    with pytest.raises(TextError, match=r"cannot keep 0\.99 of it .* 30 tokens"):
        store.split_tail(0.99)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        store.split_tail(1.0)


def test_pickle_opens_the_same_store(store: TokenStore) -> None:
    packed = pickle.dumps(store)
    assert len(packed) < 1000
    assert pickle.loads(packed).fingerprint == store.fingerprint


# --- refusals ---


def test_another_tokenizer_is_refused(tmp_path: Path, store: TokenStore) -> None:
    with pytest.raises(StoreError, match=r"another tokenizer: expected the fingerprint .* found"):
        TokenStore.open(store.path, tokenizer=TableTokenizer(shift=2))


def test_what_is_not_a_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="found no such directory"):
        TokenStore.open(tmp_path / "nowhere")
    with pytest.raises(StoreError, match=r"found a directory without store.json"):
        TokenStore.open(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="found a file"):
        TokenStore.open(tmp_path / "file")


def test_existing_path_is_refused_unless_asked(tmp_path: Path, store: TokenStore) -> None:
    corpus = Corpus.from_texts(["new"])
    with pytest.raises(FileError, match="exists already"):
        write_store(store.path, corpus, TableTokenizer())
    assert TokenStore.open(store.path).num_tokens == 30
    assert write_store(store.path, corpus, TableTokenizer(), overwrite=True).num_tokens == 4
    assert os.listdir(tmp_path) == ["store"]


def test_failing_writes_leave_nothing(tmp_path: Path) -> None:
    def documents(error: BaseException) -> Iterator[Document]:
        yield Document("x", b"text")
        raise error

    for error in (KeyboardInterrupt(), TextError("broken"), OSError(28, "No space left")):
        kind = FileError if isinstance(error, OSError) else type(error)
        with pytest.raises(kind):
            write_store(tmp_path / "s", documents(error), TableTokenizer())
    with pytest.raises(TextError, match="no text to encode"):
        write_store(tmp_path / "s", iter([]), TableTokenizer())
    with pytest.raises(TextError, match="no text to encode"):
        write_store(tmp_path / "s", [Document("x", b""), Document("y", b"")], TableTokenizer())
    with pytest.raises(InternalError, match="the id 355, beyond its vocabulary of 300"):
        write_store(tmp_path / "s", Corpus.from_texts([b"\xff"]), TableTokenizer(shift=100))
    assert os.listdir(tmp_path) == []


# --- damage ---


@pytest.mark.parametrize("stride", [19, pytest.param(1, marks=pytest.mark.exam)])
def test_every_bit_and_every_length_counts(tmp_path: Path, stride: int) -> None:
    made = write_store(tmp_path / "s", Corpus.from_texts(["one", "two"]), TableTokenizer())
    for name in sorted(os.listdir(made.path)):
        path = made.path / name
        good = path.read_bytes()
        step = 1 if len(good) < 200 else stride
        damaged = [good[:length] for length in {*range(0, len(good), step), len(good) - 1}]
        for bit in range(0, len(good) * 8, step):
            flipped = bytearray(good)
            flipped[bit // 8] ^= 1 << bit % 8
            damaged.append(bytes(flipped))
        damaged += [good + b"\0", b""]
        for data in damaged:
            if name == "manifest.json" and data == good[:-1]:
                continue  # only the line feed at its end is gone
            path.write_bytes(data)
            with pytest.raises(StoreError) as caught:
                TokenStore.open(made.path)
            assert str(made.path) in str(caught.value) and "\n" not in str(caught.value)
        path.unlink()
        with pytest.raises(StoreError, match=name.replace(".", r"\.")):
            TokenStore.open(made.path)
        path.write_bytes(good)
    TokenStore.open(made.path)


def test_damaged_block_is_named(tmp_path: Path) -> None:
    made = write_store(tmp_path / "s", Corpus.from_texts([bytes(3 << 20)]), TableTokenizer())
    with open(made.path / "ids.bin", "r+b") as file:
        file.seek((2 << 20) + 5)
        file.write(b"\x07")
    with pytest.raises(StoreError, match=r"damaged in block 2 \(bytes 2,097,152 to 3,145,728\)"):
        TokenStore.open(made.path)
    with open(made.path / "ids.bin", "r+b") as file:  # two whole blocks swapped
        first, second = file.read(1 << 20), file.read(1 << 20)
        file.seek(0)
        file.write(second[::-1] + first)
    with pytest.raises(StoreError, match="damaged in block 0"):
        TokenStore.open(made.path)


def rewritten(store: TokenStore, path: Path, change: Callable[[Path], None]) -> Path:
    """The same store, changed by someone who also wrote a fitting manifest."""
    with DirectoryCommit(path) as folder:
        for name in ("documents.npy", "ids.bin", "store.json", "tokenizer.json"):
            shutil.copy(store.path / name, folder)
        change(folder)
    return path


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", "other", 'expected "format": "primetone-store"'),
        ("version", 2, "expected store version 1, found 2; encode the text again"),
        ("version", True, "expected store version 1"),
        ("dtype", "uint32", "expected dtype uint16 for a vocabulary of 300, found 'uint32'"),
        ("vocab_size", 70_000, "expected dtype uint32 for a vocabulary of 70,000"),
        ("vocab_size", 301, "vocabulary of 300, found 301"),
        ("num_tokens", 29, "expected 29 tokens of 2 bytes, found 60 bytes"),
        ("num_tokens", -1, "from 0 on in num_tokens, found -1"),
        ("num_tokens", 1 << 70, "expected 1,180,591,620,717,411,303,424 tokens"),
        ("num_documents", 5, "expected 6 rising u64 offsets"),
        ("num_bytes", "many", "from 0 on in num_bytes, found 'many'"),
        ("block_bytes", 7, "one entry for each block"),
        ("ids_crc32", "x", "list of integers in ids_crc32"),
        ("documents_crc32", 0, "rising u64 offsets"),
        ("end_of_document_id", 300, "end_of_document_id"),
        ("end_of_document_id", "a", "end_of_document_id"),
        ("tokenizer_fingerprint", 5, "text in tokenizer_fingerprint, found 5"),
        ("extra", 1, "keys missing or unknown: extra"),
    ],
)
def test_head_that_contradicts(
    tmp_path: Path, store: TokenStore, key: str, value: object, message: str
) -> None:
    def change(folder: Path) -> None:
        head = json.loads((folder / "store.json").read_text())
        (folder / "store.json").write_text(json.dumps({**head, key: value}))

    with pytest.raises(StoreError, match=message):
        TokenStore.open(rewritten(store, tmp_path / "b", change), tokenizer=TableTokenizer())


def test_offsets_that_contradict(tmp_path: Path, store: TokenStore) -> None:
    wrong = [
        np.array([0, 19, 4, 26, 30], dtype=np.uint64),
        np.array([1, 4, 19, 26, 30], dtype=np.uint64),
        np.array([0, 4, 19, 26, 31], dtype=np.uint64),
        np.array([0, 4, 19, 26, 30], dtype=np.int64),
        np.array([[0, 4, 19, 26, 30]], dtype=np.uint64),
        np.array([None] * 5, dtype=object),
    ]
    for number, offsets in enumerate(wrong):

        def change(folder: Path, offsets: np.ndarray = offsets) -> None:
            buffer = io.BytesIO()
            np.save(buffer, offsets)
            (folder / "documents.npy").write_bytes(buffer.getvalue())
            head = json.loads((folder / "store.json").read_text())
            head["documents_crc32"] = zlib.crc32(buffer.getvalue())
            (folder / "store.json").write_text(json.dumps(head))

        with pytest.raises(StoreError, match=r"documents\.npy"):
            TokenStore.open(rewritten(store, tmp_path / str(number), change))


def test_unverified_opening_still_checks_all_but_the_ids(store: TokenStore) -> None:
    with open(store.path / "ids.bin", "r+b") as file:
        file.write(b"\x07")
    assert TokenStore.open(store.path, verify=False).ids[0] != 112
    with pytest.raises(StoreError):
        TokenStore.open(store.path)
    with open(store.path / "ids.bin", "ab") as file:
        file.write(b"\x07")
    with pytest.raises(StoreError, match="expected 60 bytes, found 61"):
        TokenStore.open(store.path, verify=False)


KILLED = """
import sys
import numpy as np
from primetone.text.readers import Document
from primetone.text.store_writer import write_store
sys.path.insert(0, sys.argv[2])
from test_store import TableTokenizer
print("ready", flush=True)
for number in range(1_000_000):
    documents = (Document("x", bytes([number % 256]) * 300_000) for _ in range(4))
    write_store(sys.argv[1], documents, TableTokenizer(), overwrite=True)
"""


def test_kill_leaves_the_old_store_or_the_new_one(tmp_path: Path, child_python) -> None:
    path = tmp_path / "s"
    write_store(path, Corpus.from_texts(["first"]), TableTokenizer())
    for delay in np.linspace(0.01, 0.12, 6):
        child = child_python(KILLED, str(path), str(Path(__file__).parent))
        assert child.stdout.readline() == "ready\n", child.stderr.read()
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert len(set(TokenStore.open(path).ids[:1000].tolist())) in (1, 6)
    write_store(path, Corpus.from_texts(["last"]), TableTokenizer(), overwrite=True)
    assert os.listdir(tmp_path) == ["s"]


# --- with the real tokenizer ---


def test_store_of_a_real_tokenizer_stands_alone(tmp_path: Path) -> None:
    from primetone.text.tokenizer import Tokenizer

    corpus = Corpus.from_texts(["the cat sat", "the hat", "caf\u00e9 \U0001f600"])
    tokenizer = Tokenizer.learn(corpus.texts(), vocab_size=262)
    made = write_store(tmp_path / "s", corpus, tokenizer, threads=1)
    assert made.tokenizer() == tokenizer
    text = tokenizer.decode_bytes(made.ids[made.ids != tokenizer.eos_id])
    assert text == b"".join(corpus.texts())
    assert made.num_bytes == len(text) == int(tokenizer.token_lengths()[made.ids].sum())
    with pytest.raises(StoreError, match="another tokenizer"):
        TokenStore.open(made.path, tokenizer=Tokenizer.bytes())
