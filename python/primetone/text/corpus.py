"""An ordered set of documents with a fingerprint, and its split into training and validation."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from primetone.errors import ConfigError, TextError
from primetone.text.readers import (
    Document,
    Part,
    ReaderOptions,
    find_broken,
    read_parts,
    read_sources,
)
from primetone.text.sources import Source, find_sources

__all__ = ["Corpus", "CorpusSplit"]

_HASH_SPAN = 1 << 64


@dataclass(frozen=True)
class _Measure:
    num_documents: int
    num_bytes: int
    fingerprint: str


class Corpus:
    """Documents in a fixed order; iterating twice gives the same bytes.

    Text in files stays there and is read anew in each pass (a file that changed in between is an
    error); standard input and texts given in memory are held. Counts and fingerprint cost one
    pass and are then kept.
    """

    def __init__(
        self,
        documents: Callable[[], Iterator[Document]],
        *,
        description: str,
        bytes_hint: int = 0,
        num_skipped: int = 0,
        parts: Callable[[], Iterator[bytes | Part]] | None = None,
        broken: Sequence[tuple[str, str]] = (),
    ) -> None:
        """For `read`, `from_texts` and `split`, which are the ways to make one."""
        self._documents = documents
        self._parts = parts
        self.broken = tuple(broken)
        self._description = description
        self._bytes_hint = bytes_hint
        self._measured: _Measure | None = None
        self.num_skipped = num_skipped

    @classmethod
    def read(
        cls,
        sources: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
        *,
        encoding: str = "utf-8",
        field: str = "text",
        per: Literal["file", "line", "paragraph"] = "file",
        separator: str = "",
        once: bool = False,
        skip_broken: bool = False,
    ) -> Corpus:
        """The documents of files, folders, patterns and "-"; options as in `read_documents`.

        once: standard input and pipes are not held but read as a stream, by the first pass alone.
        skip_broken: read everything beforehand and leave out the files that cannot be read, whole;
        `broken` holds (path, problem) of each.
        """
        options = ReaderOptions(encoding=encoding, field=field, per=per, separator=separator)
        found = find_sources(sources, once=once and not skip_broken)
        chosen: Sequence[Source] = found.sources
        broken: list[tuple[str, str]] = []
        if skip_broken:
            chosen, broken = find_broken(found.sources, options)
            if not chosen:
                raise TextError(f"no file can be read: {broken[0][1]}")
        is_known = not any(source.compression or source.is_once for source in chosen)
        return cls(
            lambda: read_sources(chosen, options),
            description=chosen[0].path if len(chosen) == 1 else f"{len(chosen)} files",
            bytes_hint=sum(source.size_bytes for source in chosen) if is_known else 0,
            num_skipped=found.num_skipped,
            parts=lambda: read_parts(chosen, options),
            broken=broken,
        )

    @classmethod
    def from_texts(cls, texts: Iterable[str | bytes | Document] | str | bytes) -> Corpus:
        """A corpus held in memory, one document per text; empty texts are left out."""
        if isinstance(texts, str | bytes):
            texts = [texts]
        documents = [_document(text, number) for number, text in enumerate(texts, start=1)]
        documents = [document for document in documents if document.data]
        if not documents:
            raise TextError("there is no text: expected at least one text that is not empty")
        return cls(
            lambda: iter(documents),
            description="texts in memory",
            bytes_hint=sum(len(document.data) for document in documents),
        )

    def __iter__(self) -> Iterator[Document]:
        return self._documents()

    def texts(self) -> Iterator[bytes]:
        """The documents' bytes alone, as tokenizers learn from them."""
        return (document.data for document in self)

    def parts(self) -> Iterator[bytes | Part]:
        """The documents as counting takes them: large files in parts, so that memory is bounded."""
        return self.texts() if self._parts is None else self._parts()

    @property
    def num_documents(self) -> int:
        """How many documents there are."""
        return self._measure().num_documents

    @property
    def num_bytes(self) -> int:
        """The length of all documents together, in bytes of UTF-8."""
        return self._measure().num_bytes

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits of a blake3 over lengths and contents in order, without names."""
        return self._measure().fingerprint

    @property
    def bytes_hint(self) -> int:
        """About `num_bytes`, without reading anything, for progress; 0 when unknown."""
        return self._measured.num_bytes if self._measured else self._bytes_hint

    def split(
        self, validation_fraction: float = 0.1, *, by: Literal["tail", "document"] = "tail"
    ) -> CorpusSplit:
        """Two corpora: one to train on, one to validate on, with no text in both.

        by="tail": the last fraction of the bytes of the documents in order; the cut moves back to
        a character boundary, and the document it falls in is divided. by="document": whole
        documents, chosen by a hash of their content, so the choice does not depend on order and
        copies of one document stay on one side. Errors: TextError when a side would be empty.
        """
        if not 0.0 < validation_fraction < 1.0:
            raise ConfigError(
                "validation_fraction: expected a number between 0 and 1, both excluded, found "
                f"{validation_fraction!r}"
            )
        if by == "tail":
            return self._split_tail(validation_fraction)
        if by == "document":
            return self._split_documents(validation_fraction)
        raise ConfigError(f'split by: expected "tail" or "document", found {by!r}')

    def _split_tail(self, fraction: float) -> CorpusSplit:
        cut = self._character_boundary(int(self.num_bytes * (1.0 - fraction)))
        if cut == 0 or cut == self.num_bytes:
            raise TextError(
                f"the text ({self._description}) is too short to keep {fraction:.3g} of it for "
                f"validation: found {self.num_bytes:,} bytes in all; give more text or another "
                "validation_fraction"
            )

        def train() -> Iterator[Document]:
            left = cut
            for document in self:
                if left <= 0:
                    return
                part = document if len(document.data) <= left else _part(document, 0, left)
                left -= len(document.data)
                yield part

        def validation() -> Iterator[Document]:
            start = 0
            for document in self:
                skip = max(0, cut - start)
                start += len(document.data)
                if skip < len(document.data):
                    yield _part(document, skip, None) if skip else document

        return CorpusSplit(
            train=Corpus(train, description=f"the head of {self._description}", bytes_hint=cut),
            validation=Corpus(
                validation,
                description=f"the tail of {self._description}",
                bytes_hint=self.num_bytes - cut,
            ),
        )

    def _character_boundary(self, cut: int) -> int:
        """The nearest start of a UTF-8 character at or before byte ``cut`` of the concatenation."""
        start = 0
        for document in self:
            if cut < start + len(document.data):
                inside = cut - start
                # Bytes that are not UTF-8 may have no boundary; a character is 4 bytes at most.
                for back in range(min(4, inside + 1)):
                    if document.data[inside - back] & 0xC0 != 0x80:
                        return cut - back
                return cut
            start += len(document.data)
        return cut

    def _split_documents(self, fraction: float) -> CorpusSplit:
        hashes = sorted({_content_hash(document.data) for document in self})
        if len(hashes) < 2:
            raise TextError(
                f"cannot split {self._description} by document: expected at least 2 different "
                f"documents, found {len(hashes)}; split by tail, or make every line or paragraph "
                "a document"
            )
        # With few documents the share below the threshold may be none or all: then exactly the
        # lowest hash validates, or exactly the highest trains.
        threshold = min(max(int(fraction * _HASH_SPAN), hashes[0] + 1), hashes[-1])

        def chosen(*, for_validation: bool) -> Iterator[Document]:
            for document in self:
                if (_content_hash(document.data) < threshold) is for_validation:
                    yield document

        name = self._description
        return CorpusSplit(
            train=Corpus(
                lambda: chosen(for_validation=False), description=f"training documents of {name}"
            ),
            validation=Corpus(
                lambda: chosen(for_validation=True), description=f"validation documents of {name}"
            ),
        )

    def _measure(self) -> _Measure:
        if self._measured is None:
            from primetone._rust_tok import Blake3

            hasher = Blake3()
            num_documents = num_bytes = 0
            for document in self:
                hasher.update(len(document.data).to_bytes(8, "little"))
                hasher.update(document.data)
                num_documents += 1
                num_bytes += len(document.data)
            self._measured = _Measure(num_documents, num_bytes, hasher.hexdigest()[:32])
        return self._measured

    def __repr__(self) -> str:
        return f"Corpus({self._description})"


class CorpusSplit(NamedTuple):
    """The two sides of a split."""

    train: Corpus
    validation: Corpus


def _document(text: str | bytes | Document, number: int) -> Document:
    if isinstance(text, Document):
        return text
    name = f"text {number}"
    if isinstance(text, bytes):
        return Document(name, text)
    if not isinstance(text, str):
        raise TextError(f"{name}: expected str, bytes or Document, found {type(text).__name__}")
    try:
        return Document(name, text.encode())
    except UnicodeEncodeError as error:
        raise TextError(
            f"{name}: found half of a surrogate pair at character {error.start:,}, which is no "
            'text; encode it with errors="replace", or give bytes'
        ) from None


def _part(document: Document, start: int, stop: int | None) -> Document:
    return Document(document.name, document.data[start:stop])


def _content_hash(data: bytes) -> int:
    from primetone._rust_tok import blake3_hex

    return int(blake3_hex(data)[:16], 16)
