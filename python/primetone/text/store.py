"""The token store: a corpus as memory-mapped ids that know their tokenizer and notice damage.

A store is a directory:

    ids.bin         every token id in order, little-endian u16 or u32 by vocabulary size
    documents.npy   u64 token offsets of the documents, one more than there are documents
    store.json      the head: sizes, tokenizer fingerprint, CRC-32 per block of ids.bin
    tokenizer.json  the tokenizer, so that the store can be read without anything else
    manifest.json   name, size and blake3 of the files above

or one with parts.json and such a store for each shard (see `store_parts`); `store_writer` writes
both.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from primetone.errors import ConfigError, FormatError, StoreError, TextError
from primetone.files import explained, sweep_stale
from primetone.text.joined_ids import JoinedIds
from primetone.text.shards import Shard
from primetone.text.store_format import (
    DOCUMENTS_NAME,
    HEAD_NAME,
    IDS_NAME,
    TOKENIZER_NAME,
    StoreHead,
    check_ids,
    check_tokenizer,
    dtype_of,
    read_hashes,
    read_head,
    read_offsets,
)
from primetone.text.store_parts import (
    PARTS_NAME,
    PartsPlan,
    check_part,
    part_folder,
    read_plan,
    require_parts,
)

if TYPE_CHECKING:
    from primetone.text.tokenizer import Tokenizer

__all__ = ["TokenSpan", "TokenStore", "is_store"]


class _Content(NamedTuple):
    """What lies in the files of a store."""

    head: StoreHead
    documents: np.ndarray
    ids: np.ndarray | JoinedIds
    fingerprint: str
    tokenizer_path: Path


class TokenStore:
    """A token store that was opened and checked; immutable, and cheap to pickle."""

    def __init__(self, path: Path, content: _Content) -> None:
        """For `open`, which is the way to get one."""
        self.path = path
        self.documents = content.documents
        self.ids = content.ids
        self.fingerprint = content.fingerprint
        self._head = content.head
        self._tokenizer_path = content.tokenizer_path

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
        tokenizer than ``tokenizer``; of a store in parts also when a shard is missing, or there
        twice.
        """
        folder = Path(os.path.abspath(path))
        if not folder.exists():
            sweep_stale(folder.parent, name=folder.name)  # puts back one that was being replaced
        if not is_store(folder):
            what = "a directory without store.json" if folder.is_dir() else "no such directory"
            raise StoreError(
                f"{path} is not a token store: expected a directory written by `primetone encode`, "
                f"found {what if folder.is_dir() or not folder.exists() else 'a file'}; "
                "encode the text first, or check the path"
            )
        try:
            if (folder / PARTS_NAME).is_file():
                return cls(folder, _joined(folder, tokenizer, verify=verify))
            content = _content(folder, tokenizer, verify=verify)
            if content.head.num_tokens == 0 or content.head.num_documents == 0:
                raise FormatError(f"{folder / HEAD_NAME}: expected at least one token, found none")
            return cls(folder, content)
        except FormatError as error:
            raise StoreError(f"the token store cannot be used: {error}") from error

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

        tokenizer = Tokenizer.load(self._tokenizer_path)
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
    def ids(self) -> np.ndarray | JoinedIds:
        """The ids of the span, a view of the mapped file or files."""
        ids = self.store.ids
        if isinstance(ids, JoinedIds):
            return ids.span(self.start, self.stop)
        return ids[self.start : self.stop]

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
    folder = Path(path)
    return (folder / PARTS_NAME).is_file() or (folder / HEAD_NAME).is_file()


def check_shard(
    folder: Path, plan: PartsPlan, shard: Shard, tokenizer: Tokenizer | None, *, verify: bool
) -> _Content:
    """The part of a store at ``folder``, checked; StoreError or FormatError where it is not."""
    check_part(folder, plan, shard)
    content = _content(folder, tokenizer, verify=verify)
    found, expected = content.head.tokenizer_fingerprint, plan.tokenizer_fingerprint
    if found != expected:
        raise StoreError(
            f"{folder} was written with another tokenizer: expected the fingerprint {expected}, "
            f"found {found}; encode the shard again"
        )
    return content


def _joined(folder: Path, tokenizer: Tokenizer | None, *, verify: bool) -> _Content:
    """All parts of a store as one."""
    plan = read_plan(folder)
    parts = [
        check_shard(part_folder(folder, shard), plan, shard, tokenizer, verify=verify)
        for shard in require_parts(folder, plan)
    ]
    heads = [part.head for part in parts]
    head = dataclasses.replace(
        heads[0],
        num_tokens=sum(head.num_tokens for head in heads),
        num_documents=sum(head.num_documents for head in heads),
        num_bytes=sum(head.num_bytes for head in heads),
    )
    if not head.num_tokens:
        raise FormatError(f"{folder}: expected at least one token in its shards, found none")
    starts = np.cumsum([0, *(head.num_tokens for head in heads)], dtype=np.uint64)
    offsets = [part.documents[1:] + start for part, start in zip(parts, starts, strict=False)]
    documents = np.concatenate([np.zeros(1, dtype="<u8"), *offsets])
    documents.flags.writeable = False
    return _Content(
        head=head,
        documents=documents,
        ids=JoinedIds([np.asarray(part.ids) for part in parts]),
        fingerprint=_fingerprint(*(part.fingerprint for part in parts)),
        tokenizer_path=parts[0].tokenizer_path,
    )


def _content(folder: Path, tokenizer: Tokenizer | None, *, verify: bool) -> _Content:
    """The store in one directory, which may be empty."""
    hashes = read_hashes(folder)
    head = read_head(folder)
    documents = read_offsets(folder, head)
    if tokenizer is not None:
        check_tokenizer(folder, head, tokenizer)
    if verify:
        check_ids(folder, head, hashes[IDS_NAME])
    return _Content(
        head=head,
        documents=documents,
        ids=_mapped(folder, head),
        fingerprint=_fingerprint(
            hashes[IDS_NAME], hashes[DOCUMENTS_NAME], head.tokenizer_fingerprint
        ),
        tokenizer_path=folder / TOKENIZER_NAME,
    )


def _mapped(folder: Path, head: StoreHead) -> np.ndarray:
    dtype = dtype_of(head.vocab_size)
    if not head.num_tokens:  # an empty file cannot be mapped
        return np.empty(0, dtype=dtype)
    with explained(folder / IDS_NAME, "read"):
        mapped = np.memmap(folder / IDS_NAME, dtype=dtype, mode="r")
    # The plain array on the same mapping: slicing a memmap object costs several times more.
    return mapped.view(np.ndarray)


def _fingerprint(*hashes: str) -> str:
    from primetone._rust_tok import blake3_hex

    return blake3_hex("".join(hashes).encode())[:32]


def _reopen(path: str) -> TokenStore:
    return TokenStore.open(path, verify=False)
