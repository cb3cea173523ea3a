"""One of several runs of documents, of about equal size, that together are all documents in order.

Which documents a shard holds follows from the order and the sizes of the files alone, so that every
machine that has the same files finds the same shards without reading them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from primetone.errors import ConfigError
from primetone.text.document import Document, Part
from primetone.text.readers import ReaderOptions, read_source, read_source_parts
from primetone.text.sources import Source

__all__ = ["Shard", "ShardText"]

MOST_SHARDS = 99_999


@dataclass(frozen=True)
class Shard:
    """Number ``number`` of ``of``, counted from 1."""

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of <= MOST_SHARDS:
            raise ConfigError(
                f"shard: expected i/n, such as 2/8, with i from 1 to n and n at most "
                f"{MOST_SHARDS:,}; found {self}"
            )

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that ``i/n`` means; ConfigError for anything else."""
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text, re.ASCII)
        if found is None:
            raise ConfigError(f"shard: expected i/n, such as 2/8, found {text!r}")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


class _Reach(NamedTuple):
    """Documents of a source that begin between two bytes of its text; None for its end."""

    source: Source
    begin: int
    end: int | None


class ShardText:
    """The documents of one shard of the text in files.

    The files, one after the other, are cut into runs of bytes of equal length; a document belongs
    to the run in which it begins. Files that are compressed, and those that are one document, are
    not divided. A shard may be empty. Errors: ConfigError for standard input and pipes.
    """

    def __init__(self, sources: Sequence[Source], options: ReaderOptions, shard: Shard) -> None:
        for source in sources:
            if source.is_once or source.held is not None:
                raise ConfigError(
                    f"{source.path}: shards are cut out of files, which can be read more than "
                    "once; write it to a file first"
                )
        self.options = options
        total = sum(source.size_bytes for source in sources)
        low = total * (shard.number - 1) // shard.of
        high = total * shard.number // shard.of
        self.bytes_hint = high - low
        self._reaches: list[_Reach] = []
        start = 0
        for source in sources:
            stop = start + source.size_bytes
            if _is_divided(source, options):
                if low < stop and start < high:
                    end = None if high >= stop else high - start
                    self._reaches.append(_Reach(source, max(low - start, 0), end))
            elif low <= start < high:
                self._reaches.append(_Reach(source, 0, None))
            start = stop

    def __iter__(self) -> Iterator[Document]:
        for source, begin, end in self._reaches:
            yield from read_source(source, self.options, begin=begin, end=end)

    def parts(self) -> Iterator[bytes | Part]:
        """The documents as encoding takes them: large files in parts, so that memory is bounded."""
        for source, begin, end in self._reaches:
            yield from read_source_parts(source, self.options, begin=begin, end=end)


def _is_divided(source: Source, options: ReaderOptions) -> bool:
    if source.compression:
        return False
    return source.layout != "text" or options.per != "file" or bool(options.separator)


def text_identity(sources: Sequence[Source], options: ReaderOptions) -> dict[str, Any]:
    """What has to be the same on every machine that makes shards of one store.

    Files are known by their names without folders, their order and their sizes.
    """
    from primetone._rust_tok import blake3_hex
    from primetone.files import json_bytes

    files = [[os.path.basename(source.path), source.size_bytes] for source in sources]
    said = [options.encoding, options.field, options.per, options.separator]
    return {
        "num_files": len(sources),
        "num_bytes": sum(source.size_bytes for source in sources),
        "digest": blake3_hex(json_bytes([files, said]))[:32],
    }
