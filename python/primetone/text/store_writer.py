"""Writing token stores: encode documents in bounded memory, whole or a shard at a time."""

from __future__ import annotations

import dataclasses
import io
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from primetone.errors import FileError, FormatError, InternalError, StoreError, TextError
from primetone.files import DirectoryCommit, explained, write_atomically, write_json
from primetone.text.beside import Beside
from primetone.text.corpus import Corpus
from primetone.text.document import Document, Part
from primetone.text.ids_file import IdsFile
from primetone.text.readers import ReaderOptions
from primetone.text.shards import Shard, ShardText, text_identity
from primetone.text.sources import Source
from primetone.text.store import TokenStore, check_shard
from primetone.text.store_format import (
    BLOCK_BYTES,
    DOCUMENTS_NAME,
    FORMAT,
    HEAD_NAME,
    IDS_NAME,
    TOKENIZER_NAME,
    VERSION,
    StoreHead,
    dtype_of,
)
from primetone.text.store_parts import (
    PARTS_NAME,
    SHARD_NAME,
    PartsPlan,
    finished_shards,
    part_folder,
    read_plan,
)

if TYPE_CHECKING:
    from primetone.text.tokenizer import Tokenizer

__all__ = ["PartsWriter", "WrittenShard", "write_store"]

Progress = Callable[[str, int, int], None]
_BATCH_BYTES = 4 << 20
_FEW_IDS = 1 << 12


def write_store(
    path: str | os.PathLike[str],
    documents: Iterable[Document],
    tokenizer: Tokenizer,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    end_of_document: bool = True,
    overwrite: bool = False,
) -> TokenStore:
    """Encode ``documents`` (a `Corpus` or any iterable) into a new store at ``path``.

    After each document the tokenizer's end-of-text id is appended, when it has one and
    ``end_of_document`` is true. Memory: batches of 4 MiB of text, or the largest document; of a
    corpus that was read from files, large files come in parts, too.
    ``progress(stage, bytes_done, bytes_total)``, total 0 when unknown. Errors: TextError when
    there is no text, FileError when ``path`` exists (unless ``overwrite``) or the disk is full;
    then nothing is left behind.
    """
    end_id = tokenizer.eos_id if end_of_document else None
    commit = DirectoryCommit(path, overwrite=overwrite)
    with commit as folder:
        written = _write(folder, documents, tokenizer, end_id, threads, progress)
        commit.known_hashes.update(written.hashes)
        if not written.num_bytes:
            raise TextError("there is no text to encode: expected at least one byte")
    return TokenStore.open(path, tokenizer=tokenizer, verify=False)


class WrittenShard(NamedTuple):
    """What is in a part of a store."""

    path: Path
    shard: Shard
    num_tokens: int
    num_documents: int
    num_bytes: int
    was_there: bool
    """whether an earlier call had finished it"""


class PartsWriter:
    """Writes a store shard by shard, in any order, in calls and on machines that share nothing.

    A shard that is finished stays, one that is not is begun again; what a killed writer leaves
    never looks finished. Errors of making one: StoreError where ``path`` holds parts of another
    plan (tokenizer, number of shards, text), FileError where it holds something else.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        sources: Sequence[Source],
        options: ReaderOptions,
        tokenizer: Tokenizer,
        *,
        num_shards: int,
        end_of_document: bool = True,
    ) -> None:
        Shard(1, num_shards)
        self.path = Path(os.path.abspath(path))
        self._sources, self._options, self._tokenizer = tuple(sources), options, tokenizer
        ShardText(sources, options, Shard(1, num_shards))  # refuses what can be read only once
        self.plan = PartsPlan(
            num_shards=num_shards,
            tokenizer_fingerprint=tokenizer.fingerprint,
            end_of_document_id=tokenizer.eos_id if end_of_document else None,
            **text_identity(sources, options),
        )
        self._begin()

    def _begin(self) -> None:
        """Say in parts.json what this store will be, or find it said."""
        with explained(self.path, "create"):
            self.path.mkdir(parents=True, exist_ok=True)
            if not (self.path / PARTS_NAME).is_file():
                if any(not name.startswith(".") for name in os.listdir(self.path)):
                    raise FileError(
                        f"{self.path} exists already and holds something else than shards of a "
                        "token store; choose another name, or remove it first",
                        filename=str(self.path),
                    )
                write_atomically(self.path / PARTS_NAME, self.plan.parts_json())
        try:
            self.plan.require_same(read_plan(self.path), self.path)
        except FormatError as error:
            raise StoreError(f"the store cannot be gone on with: {error}") from error

    def write(
        self, shard: Shard, *, threads: int | None = None, progress: Progress | None = None
    ) -> WrittenShard:
        """Encode one shard, unless that was done; StoreError where what was done is damaged."""
        folder = part_folder(self.path, shard)
        was_there = folder.exists()
        if not was_there:
            text = ShardText(self._sources, self._options, shard)
            commit = DirectoryCommit(folder)
            with commit as temporary:
                end_id = self.plan.end_of_document_id
                written = _write(temporary, text, self._tokenizer, end_id, threads, progress)
                commit.known_hashes.update(written.hashes)
                write_atomically(temporary / SHARD_NAME, self.plan.shard_json(shard))
        try:
            content = check_shard(folder, self.plan, shard, self._tokenizer, verify=was_there)
        except FormatError as error:
            raise StoreError(f"shard {shard} is there and cannot be used: {error}") from error
        head = content.head
        return WrittenShard(
            folder, shard, head.num_tokens, head.num_documents, head.num_bytes, was_there
        )

    def finished(self) -> list[Shard]:
        """The shards that are there."""
        return finished_shards(self.path, self.plan)


def _write(
    folder: Path,
    documents: Iterable[Document],
    tokenizer: Tokenizer,
    end_id: int | None,
    threads: int | None,
    progress: Progress | None,
) -> _Written:
    """Fill ``folder`` with the files of a store, which may come out empty."""
    from primetone._rust_tok import UNICODE_VERSION

    total_bytes = int(getattr(documents, "bytes_hint", 0))
    encoder = _Encoder(tokenizer, end_id, threads)
    num_bytes = 0
    with (
        open(folder / IDS_NAME, "xb", buffering=0) as file,
        Beside(is_on=threads != 1) as beside,
    ):
        ids_file = IdsFile(file)
        for batch in beside.ahead(_batches(documents)):
            beside.behind(ids_file.write, encoder.ids_of(batch))
            num_bytes += batch.num_bytes
            if progress is not None:
                progress("encode", num_bytes, max(total_bytes, num_bytes) if total_bytes else 0)
    lengths = np.concatenate(encoder.lengths)
    offsets = np.zeros(lengths.size + 1, dtype="<u8")
    np.cumsum(lengths, out=offsets[1:])
    packed_offsets = _npy_bytes(offsets)
    write_atomically(folder / DOCUMENTS_NAME, packed_offsets)
    tokenizer.save(folder / TOKENIZER_NAME)
    head = StoreHead(
        format=FORMAT,
        version=VERSION,
        dtype=dtype_of(tokenizer.vocab_size).name,
        num_tokens=int(offsets[-1]),
        num_documents=lengths.size,
        num_bytes=num_bytes,
        vocab_size=tokenizer.vocab_size,
        end_of_document_id=end_id,
        tokenizer_fingerprint=tokenizer.fingerprint,
        unicode_version=UNICODE_VERSION,
        block_bytes=BLOCK_BYTES,
        ids_crc32=tuple(ids_file.checksums()),
        documents_crc32=zlib.crc32(packed_offsets),
    )
    write_json(folder / HEAD_NAME, dataclasses.asdict(head))
    return _Written(num_bytes, {IDS_NAME: ids_file.blake3()})


class _Written(NamedTuple):
    num_bytes: int
    """of text"""
    hashes: dict[str, str]
    """the blake3 of files that were hashed while they were written"""


def _npy_bytes(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


class _Batch(NamedTuple):
    """Texts of documents; the first may be the rest of one, the last go on in the next batch."""

    texts: list[bytes]
    goes_on: bool

    @property
    def num_bytes(self) -> int:
        return sum(map(len, self.texts))


def _batches(documents: Iterable[Document]) -> Iterator[_Batch]:
    """Documents together of about 4 MiB; a larger one alone, or in parts if it is read so."""
    items = documents.parts() if isinstance(documents, Corpus | ShardText) else documents
    texts: list[bytes] = []
    parts: list[bytes] = []  # of the last document, while it goes on
    size = 0
    for item in items:
        data = item if isinstance(item, bytes) else item.data
        if size and size + len(data) > _BATCH_BYTES:
            yield _Batch([*texts, b"".join(parts)] if parts else texts, bool(parts))
            # what follows of a document that goes on is a text, too, even if it is empty
            texts, parts, size = [], [b""] if parts else [], 0
        size += len(data)
        parts.append(data)
        if not (isinstance(item, Part) and item.goes_on):
            texts.append(parts[0] if len(parts) == 1 else b"".join(parts))
            parts = []
    if texts:
        yield _Batch(texts, goes_on=False)


class _Encoder:
    """Ids of batch after batch, with an end after each document, and how many each has."""

    def __init__(self, tokenizer: Tokenizer, end_id: int | None, threads: int | None) -> None:
        self.lengths = [np.empty(0, dtype=np.uint64)]
        self._tokenizer, self._end_id, self._threads = tokenizer, end_id, threads
        self._dtype = dtype_of(tokenizer.vocab_size)
        self._kept: list[bytes] = []  # text of a document that goes on, without ids so far
        self._look_at = 0
        self._known = 0  # tokens of that document

    def ids_of(self, batch: _Batch) -> list[np.ndarray]:
        """The ids of a batch, to be written one array after the other."""
        texts = [*batch.texts]
        if self._kept:
            self._kept.append(texts[0])
            if batch.goes_on and len(texts) == 1 and sum(map(len, self._kept)) < self._look_at:
                return []
            texts[0] = b"".join(self._kept)
        self._kept = []
        if batch.goes_on:
            last = texts[-1]
            settled = self._tokenizer.settled_bytes(last)
            texts[-1], rest = last[:settled], last[settled:]
            self._kept = [rest]
            # where a text has no place to cut, looking for one takes long
            self._look_at = len(rest) + len(rest) // 4
        ids, offsets = self._encode(texts)
        lengths = (offsets[1:] - offsets[:-1]).astype(np.uint64)
        lengths[0] += np.uint64(self._known)
        self._known = 0
        if batch.goes_on:
            self._known, lengths = int(lengths[-1]), lengths[:-1]
        self.lengths.append(lengths + np.uint64(self._end_id is not None))
        return self._with_ends(ids, offsets[1 : len(lengths) + 1].astype(np.int64))

    def _with_ends(self, ids: np.ndarray, ends: np.ndarray) -> list[np.ndarray]:
        if self._end_id is None:
            return [ids]
        end = np.array([self._end_id], dtype=self._dtype)
        if len(ids) < _FEW_IDS * len(ends):
            return [np.insert(ids, ends, end[0])]
        # large documents are written from where they are
        pieces: list[np.ndarray] = []
        for start, stop in pairwise([0, *ends.tolist()]):
            pieces += (ids[start:stop], end)
        return [*pieces, ids[int(ends[-1]) :]] if len(ends) else [ids]

    def _encode(self, texts: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
        ids, offsets = self._tokenizer.encode_batch(texts, threads=self._threads)
        if (
            ids.dtype != self._dtype
            or len(offsets) != len(texts) + 1
            or int(offsets[-1]) != ids.size
        ):
            raise InternalError(
                f"the tokenizer gave {ids.dtype} ids and {len(offsets)} offsets for {len(texts)} "
                f"documents; expected {self._dtype} and {len(texts) + 1}. Please report this"
            )
        if ids.size and int(ids.max()) >= self._tokenizer.vocab_size:
            raise InternalError(
                f"the tokenizer gave the id {int(ids.max())}, beyond its vocabulary of "
                f"{self._tokenizer.vocab_size}. Please report this"
            )
        return ids, offsets
