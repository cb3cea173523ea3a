"""The token store: a corpus as memory-mapped ids that know their tokenizer and notice damage.

A store is a directory, written under a temporary name and renamed when complete:

    ids.bin         every token id in order, little-endian u16 or u32 by vocabulary size
    documents.npy   u64 token offsets of the documents, one more than there are documents
    store.json      the head: sizes, tokenizer fingerprint, CRC-32 per block of ids.bin
    tokenizer.json  the tokenizer, so that the store can be read without anything else
    manifest.json   name, size and blake3 of the files above
"""

from __future__ import annotations

import dataclasses
import io
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from primetone.errors import ConfigError, FormatError, InternalError, StoreError, TextError
from primetone.files import DirectoryCommit, explained, sweep_stale, write_atomically, write_json
from primetone.text.readers import Document
from primetone.text.store_format import (
    BLOCK_BYTES,
    DOCUMENTS_NAME,
    FORMAT,
    HEAD_NAME,
    IDS_NAME,
    TOKENIZER_NAME,
    VERSION,
    StoreHead,
    check_ids,
    check_tokenizer,
    dtype_of,
    read_hashes,
    read_head,
    read_offsets,
)

if TYPE_CHECKING:
    from primetone.text.tokenizer import Tokenizer

__all__ = ["TokenSpan", "TokenStore", "is_store", "write_store"]

_BATCH_BYTES = 4 << 20


# --- writing ----------------------------------------------------------------------------------


def write_store(
    path: str | os.PathLike[str],
    documents: Iterable[Document],
    tokenizer: Tokenizer,
    *,
    threads: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    end_of_document: bool = True,
    overwrite: bool = False,
) -> TokenStore:
    """Encode ``documents`` (a `Corpus` or any iterable) into a new store at ``path``.

    After each document the tokenizer's end-of-text id is appended, when it has one and
    ``end_of_document`` is true. Memory: batches of 4 MiB of text, or the largest document.
    ``progress(stage, bytes_done, bytes_total)``, total 0 when unknown. Errors: TextError when
    there is no text, FileError when ``path`` exists (unless ``overwrite``) or the disk is full;
    then nothing is left behind.
    """
    end_id = tokenizer.eos_id if end_of_document else None
    total_bytes = int(getattr(documents, "bytes_hint", 0))
    with DirectoryCommit(path, overwrite=overwrite) as folder:
        with open(folder / IDS_NAME, "xb", buffering=0) as file:
            ids_file = _BlockWriter(file)
            counts, num_bytes = [], 0
            for batch in _batches(documents):
                counts.append(_write_batch(ids_file, batch, tokenizer, end_id, threads))
                num_bytes += sum(map(len, batch))
                if progress is not None:
                    progress("encode", num_bytes, max(total_bytes, num_bytes) if total_bytes else 0)
        if not num_bytes:
            raise TextError("there is no text to encode: expected at least one byte")
        lengths = np.concatenate(counts)
        offsets = np.zeros(lengths.size + 1, dtype="<u8")
        np.cumsum(lengths, out=offsets[1:])
        packed_offsets = _npy_bytes(offsets)
        write_atomically(folder / DOCUMENTS_NAME, packed_offsets)
        tokenizer.save(folder / TOKENIZER_NAME)
        from primetone._rust_tok import UNICODE_VERSION

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
            ids_crc32=tuple(ids_file.finish()),
            documents_crc32=zlib.crc32(packed_offsets),
        )
        write_json(folder / HEAD_NAME, dataclasses.asdict(head))
    return TokenStore.open(path, tokenizer=tokenizer, verify=False)


def _batches(documents: Iterable[Document]) -> Iterator[list[bytes]]:
    """Documents together of at most 4 MiB; a larger one alone."""
    batch: list[bytes] = []
    size = 0
    for document in documents:
        if batch and size + len(document.data) > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(document.data)
        size += len(document.data)
    if batch:
        yield batch


def _write_batch(
    file: _BlockWriter,
    batch: list[bytes],
    tokenizer: Tokenizer,
    end_id: int | None,
    threads: int | None,
) -> np.ndarray:
    """Encode and append one batch; return the number of tokens of each document."""
    encoded = tokenizer.encode_batch(batch, threads=threads)
    ids, offsets = encoded.ids, encoded.offsets
    dtype = dtype_of(tokenizer.vocab_size)
    if ids.dtype != dtype or len(offsets) != len(batch) + 1 or int(offsets[-1]) != ids.size:
        raise InternalError(
            f"the tokenizer gave {ids.dtype} ids and {len(offsets)} offsets for {len(batch)} "
            f"documents; expected {dtype} and {len(batch) + 1}. Please report this"
        )
    if ids.size and int(ids.max()) >= tokenizer.vocab_size:
        raise InternalError(
            f"the tokenizer gave the id {int(ids.max())}, beyond its vocabulary of "
            f"{tokenizer.vocab_size}. Please report this"
        )
    lengths = np.diff(offsets.astype(np.uint64))
    if end_id is None:
        file.write(ids)
        return lengths
    if len(batch) == 1:  # perhaps a large document: write it without copying
        file.write(ids)
        file.write(np.array([end_id], dtype=dtype))
    else:
        is_end = np.zeros(ids.size + len(batch), dtype=bool)
        is_end[offsets[1:].astype(np.int64) + np.arange(len(batch))] = True
        joined = np.empty(is_end.size, dtype=dtype)
        joined[is_end] = end_id
        joined[~is_end] = ids
        file.write(joined)
    return lengths + np.uint64(1)


class _BlockWriter:
    """Appends arrays to a file and keeps the CRC-32 of each full block of 1 MiB."""

    def __init__(self, file: io.FileIO) -> None:
        self.num_bytes = 0
        self._file = file
        self._checksums: list[int] = []
        self._checksum = 0

    def write(self, ids: np.ndarray) -> None:
        data = np.ascontiguousarray(ids, dtype=ids.dtype.newbyteorder("<")).view(np.uint8).data
        rest = data
        while rest.nbytes:
            rest = rest[self._file.write(rest) :]
        while data.nbytes:
            part = data[: BLOCK_BYTES - self.num_bytes % BLOCK_BYTES]
            self._checksum = zlib.crc32(part, self._checksum)
            self.num_bytes += part.nbytes
            data = data[part.nbytes :]
            if self.num_bytes % BLOCK_BYTES == 0:
                self._checksums.append(self._checksum)
                self._checksum = 0

    def finish(self) -> list[int]:
        return self._checksums + ([self._checksum] if self.num_bytes % BLOCK_BYTES else [])


# --- reading ----------------------------------------------------------------------------------


class TokenStore:
    """A token store that was opened and checked; immutable, and cheap to pickle."""

    def __init__(
        self, path: Path, head: StoreHead, documents: np.ndarray, fingerprint: str
    ) -> None:
        """For `open` and `write_store`, which are the ways to get one."""
        self.path = path
        self.documents = documents
        self.fingerprint = fingerprint
        self._head = head
        with explained(path / IDS_NAME, "read"):
            mapped = np.memmap(path / IDS_NAME, dtype=dtype_of(head.vocab_size), mode="r")
        # The plain array on the same mapping: slicing a memmap object costs several times more.
        self.ids = mapped.view(np.ndarray)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        tokenizer: Tokenizer | None = None,
        verify: bool = True,
    ) -> TokenStore:
        """Open the store at ``path`` and check it; with ``verify=False`` ids.bin stays unread.

        Everything else (sizes, head, offsets, the tokenizer inside) is always checked. Errors:
        StoreError when it is missing, damaged, of another version, or written with another
        tokenizer than ``tokenizer``.
        """
        folder = Path(os.path.abspath(path))
        if not folder.exists():
            sweep_stale(folder.parent, name=folder.name)  # puts back one that was being replaced
        if not folder.is_dir() or not (folder / HEAD_NAME).is_file():
            what = "a directory without store.json" if folder.is_dir() else "no such directory"
            raise StoreError(
                f"{path} is not a token store: expected a directory written by `primetone encode`, "
                f"found {what if folder.is_dir() or not folder.exists() else 'a file'}; "
                "encode the text first, or check the path"
            )
        try:
            hashes = read_hashes(folder)
            head = read_head(folder)
            documents = read_offsets(folder, head)
            if tokenizer is not None:
                check_tokenizer(folder, head, tokenizer)
            if verify:
                check_ids(folder, head, hashes[IDS_NAME])
        except FormatError as error:
            raise StoreError(f"the token store cannot be used: {error}") from error
        from primetone._rust_tok import blake3_hex

        content = hashes[IDS_NAME] + hashes[DOCUMENTS_NAME] + head.tokenizer_fingerprint
        return cls(folder, head, documents, blake3_hex(content.encode())[:32])

    @property
    def num_tokens(self) -> int:
        """How many ids there are, end-of-document ids included."""
        return self._head.num_tokens

    @property
    def num_documents(self) -> int:
        """How many documents there are."""
        return self._head.num_documents

    @property
    def num_bytes(self) -> int:
        """How many bytes of UTF-8 text the ids stand for."""
        return self._head.num_bytes

    @property
    def vocab_size(self) -> int:
        """The size of the vocabulary that the ids are of."""
        return self._head.vocab_size

    @property
    def end_of_document_id(self) -> int | None:
        """The id that ends each document, or None."""
        return self._head.end_of_document_id

    @property
    def tokenizer_fingerprint(self) -> str:
        """The fingerprint of the tokenizer that made the ids."""
        return self._head.tokenizer_fingerprint

    def __len__(self) -> int:
        return self.num_tokens

    def tokenizer(self) -> Tokenizer:
        """The tokenizer kept inside the store."""
        from primetone.text.tokenizer import Tokenizer

        tokenizer = Tokenizer.load(self.path / TOKENIZER_NAME)
        check_tokenizer(self.path, self._head, tokenizer)
        return tokenizer

    def slice(self, start: int, stop: int) -> TokenSpan:
        """The ids from ``start`` to ``stop`` without copying."""
        if not 0 <= start <= stop <= self.num_tokens:
            raise StoreError(
                f"expected a span inside 0..{self.num_tokens:,}, found {start:,}..{stop:,}"
            )
        return TokenSpan(store=self, start=start, stop=stop)

    def split_tail(self, validation_fraction: float = 0.1) -> tuple[TokenSpan, TokenSpan]:
        """The head to train on and the tail to validate on, cut by tokens, without copying."""
        if not 0.0 < validation_fraction < 1.0:
            raise ConfigError(
                "validation_fraction: expected a number between 0 and 1, both excluded, found "
                f"{validation_fraction!r}"
            )
        cut = int(self.num_tokens * (1.0 - validation_fraction))
        if not 0 < cut < self.num_tokens:
            raise TextError(
                f"{self.path} cannot keep {validation_fraction:.3g} of it for validation: found "
                f"{self.num_tokens:,} tokens in all; encode more text or change the fraction"
            )
        return self.slice(0, cut), self.slice(cut, self.num_tokens)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_reopen, (str(self.path),))

    def __repr__(self) -> str:
        return (
            f"TokenStore({str(self.path)!r}, num_tokens={self.num_tokens}, "
            f"num_documents={self.num_documents}, dtype={self.ids.dtype})"
        )


@dataclass(frozen=True, kw_only=True)
class TokenSpan:
    """A run of a store's ids, seen in place."""

    store: TokenStore
    start: int
    stop: int

    @property
    def ids(self) -> np.ndarray:
        """The ids of the span, a view of the mapped file."""
        return self.store.ids[self.start : self.stop]

    @property
    def documents(self) -> np.ndarray:
        """Token offsets of the documents and parts of documents inside, relative to the span."""
        offsets = np.clip(self.store.documents, self.start, self.stop)
        return np.unique(np.concatenate(([self.start], offsets, [self.stop]))) - np.uint64(
            self.start
        )

    def __len__(self) -> int:
        return self.stop - self.start


def is_store(path: str | os.PathLike[str]) -> bool:
    """Whether ``path`` looks like a token store; nothing is checked beyond that."""
    return (Path(path) / HEAD_NAME).is_file() and (Path(path) / IDS_NAME).is_file()


def _reopen(path: str) -> TokenStore:
    return TokenStore.open(path, verify=False)


def _npy_bytes(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
