"""Ids written to a file, and the checksums of what was written, taken while it is at hand."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable

import numpy as np

from primetone.text.store_format import BLOCK_BYTES

__all__ = ["IdsFile"]


class IdsFile:
    """Appends arrays to a file; keeps the CRC-32 of each block of 1 MiB, and the blake3 of all."""

    def __init__(self, file: io.FileIO) -> None:
        from primetone._rust_tok import Blake3

        self._file = file
        self._num_bytes = 0
        self._checksums: list[int] = []
        self._checksum = 0
        self._hash = Blake3()

    def write(self, arrays: Iterable[np.ndarray]) -> None:
        """Append the ids of each array, in little-endian order."""
        for ids in arrays:
            self._append(np.ascontiguousarray(ids, dtype=ids.dtype.newbyteorder("<")))

    def _append(self, ids: np.ndarray) -> None:
        data = ids.view(np.uint8).data
        while data.nbytes:
            part = data[: BLOCK_BYTES - self._num_bytes % BLOCK_BYTES]
            rest = part
            while rest.nbytes:
                rest = rest[self._file.write(rest) :]
            self._checksum = zlib.crc32(part, self._checksum)
            self._hash.update(bytes(part))
            self._num_bytes += part.nbytes
            data = data[part.nbytes :]
            if self._num_bytes % BLOCK_BYTES == 0:
                self._checksums.append(self._checksum)
                self._checksum = 0

    def checksums(self) -> list[int]:
        """The CRC-32 of each block so far, the last one perhaps shorter."""
        return self._checksums + ([self._checksum] if self._num_bytes % BLOCK_BYTES else [])

    def blake3(self) -> str:
        """The blake3 of all so far, as 64 hexadecimal digits."""
        return self._hash.hexdigest()
