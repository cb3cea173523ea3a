"""The files of a token store: their names, the head, and every check that they are sound."""

from __future__ import annotations

import dataclasses
import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from primetone.errors import FormatError, StoreError
from primetone.files import explained, hash_file, read_json, read_manifest, verify_manifest

if TYPE_CHECKING:
    from primetone.text.tokenizer import Tokenizer

FORMAT = "primetone-store"
VERSION = 1
BLOCK_BYTES = 1 << 20
IDS_NAME = "ids.bin"
DOCUMENTS_NAME = "documents.npy"
HEAD_NAME = "store.json"
TOKENIZER_NAME = "tokenizer.json"
_FILES = {IDS_NAME, DOCUMENTS_NAME, HEAD_NAME, TOKENIZER_NAME}
_MAX_U16_VOCABULARY = 1 << 16


@dataclass(frozen=True, kw_only=True)
class StoreHead:
    """What store.json says, field by field."""

    format: str
    version: int
    dtype: str
    num_tokens: int
    num_documents: int
    num_bytes: int
    vocab_size: int
    end_of_document_id: int | None
    tokenizer_fingerprint: str
    unicode_version: str
    block_bytes: int
    ids_crc32: tuple[int, ...]
    documents_crc32: int


def read_hashes(folder: Path) -> dict[str, str]:
    """The blake3 by name of a store's files; all but ids.bin have been checked against theirs."""
    verify_manifest(folder, skip=(IDS_NAME,))
    hashes = {str(entry["name"]): str(entry["blake3"]) for entry in read_manifest(folder)}
    if missing := sorted(_FILES - hashes.keys()):
        raise FormatError(f"{folder}: the manifest does not name {', '.join(missing)}")
    return hashes


def dtype_of(vocab_size: int) -> np.dtype:
    """By vocabulary size, never by the ids seen so far."""
    return np.dtype("<u2" if vocab_size <= _MAX_U16_VOCABULARY else "<u4")


def read_head(folder: Path) -> StoreHead:
    path = folder / HEAD_NAME
    tree = read_json(path)
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise FormatError(f'{path}: expected "format": "{FORMAT}"')
    if type(tree.get("version")) is not int or tree["version"] != VERSION:
        raise FormatError(
            f"{path}: expected store version {VERSION}, found {tree.get('version')!r}; encode "
            "the text again with this primetone, or use the one that wrote it"
        )
    names = {field.name for field in dataclasses.fields(StoreHead)}
    if set(tree) != names:
        differing = ", ".join(sorted(set(tree) ^ names))
        raise FormatError(f"{path}: keys missing or unknown: {differing}")
    at_least = {"num_tokens": 0, "num_documents": 0, "num_bytes": 0, "vocab_size": 1}
    for name, least in {**at_least, "block_bytes": 1}.items():
        if type(tree[name]) is not int or tree[name] < least:
            raise FormatError(
                f"{path}: expected a whole number from {least} on in {name}, found {tree[name]!r}"
            )
    for name in ("tokenizer_fingerprint", "unicode_version"):
        if not isinstance(tree[name], str):
            raise FormatError(f"{path}: expected text in {name}, found {tree[name]!r}")
    end_id = tree["end_of_document_id"]
    if end_id is not None and (type(end_id) is not int or not 0 <= end_id < tree["vocab_size"]):
        raise FormatError(f"{path}: expected an id or null in end_of_document_id, found {end_id!r}")
    checksums = tree["ids_crc32"]
    if not isinstance(checksums, list) or not all(type(item) is int for item in checksums):
        raise FormatError(f"{path}: expected a list of integers in ids_crc32")
    head = StoreHead(**{**tree, "ids_crc32": tuple(checksums)})
    dtype = dtype_of(head.vocab_size)
    if head.dtype != dtype.name:
        raise FormatError(
            f"{path}: expected dtype {dtype.name} for a vocabulary of {head.vocab_size:,}, found "
            f"{head.dtype!r}"
        )
    size = (folder / IDS_NAME).stat().st_size
    if size != head.num_tokens * dtype.itemsize:
        raise FormatError(
            f"{folder / IDS_NAME}: expected {head.num_tokens:,} tokens of {dtype.itemsize} bytes, "
            f"found {size:,} bytes"
        )
    if len(checksums) != -(-size // head.block_bytes):
        raise FormatError(f"{path}: ids_crc32 does not have one entry for each block of ids.bin")
    return head


def read_offsets(folder: Path, head: StoreHead) -> np.ndarray:
    path = folder / DOCUMENTS_NAME
    with explained(path, "read"):
        data = path.read_bytes()
    try:
        offsets = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise FormatError(f"{path} is not a readable array: {error}") from None
    if (
        not isinstance(offsets, np.ndarray)
        or offsets.dtype != np.dtype("<u8")
        or offsets.shape != (head.num_documents + 1,)
        or zlib.crc32(data) != head.documents_crc32
        or offsets[0] != 0
        or offsets[-1] != head.num_tokens
        or bool((offsets[1:] < offsets[:-1]).any())
    ):
        raise FormatError(
            f"{path}: expected {head.num_documents + 1:,} rising u64 offsets from 0 to "
            f"{head.num_tokens:,}"
        )
    offsets.flags.writeable = False
    return offsets


def check_ids(folder: Path, head: StoreHead, expected_blake3: str) -> None:
    path = folder / IDS_NAME
    if hash_file(path) == expected_blake3:
        return
    with explained(path, "read"), open(path, "rb") as file:
        for number, expected in enumerate(head.ids_crc32):
            if zlib.crc32(file.read(head.block_bytes)) != expected:
                start = number * head.block_bytes
                raise FormatError(
                    f"{path} is damaged in block {number} (bytes {start:,} to "
                    f"{start + head.block_bytes:,}): its checksum differs; encode the text again "
                    "or restore the store from a copy"
                )
    raise FormatError(f"{path} is damaged: its content does not match its blake3")


def check_tokenizer(folder: Path, head: StoreHead, tokenizer: Tokenizer) -> None:
    if tokenizer.fingerprint != head.tokenizer_fingerprint:
        raise StoreError(
            f"{folder} was written with another tokenizer: expected the fingerprint "
            f"{tokenizer.fingerprint} (vocabulary of {tokenizer.vocab_size:,}), found "
            f"{head.tokenizer_fingerprint} (vocabulary of {head.vocab_size:,}); encode the text "
            f"again with this tokenizer, or use the one in {folder / TOKENIZER_NAME}"
        )
    if tokenizer.vocab_size != head.vocab_size:
        raise StoreError(
            f"{folder / HEAD_NAME}: expected the tokenizer's vocabulary of "
            f"{tokenizer.vocab_size:,}, found {head.vocab_size:,}; encode the text again"
        )
