"""Token ids that lie in several files, one after the other, read as one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["JoinedIds"]


class JoinedIds:
    """Arrays of ids of one type, end to end; nothing is copied but what is asked for.

    What `numpy` calls basic and advanced indexing by one slice, one number or one array of whole
    numbers works as there, and gives arrays of their own.
    """

    def __init__(self, parts: Sequence[np.ndarray]) -> None:
        self._parts = [part for part in parts if len(part)] or list(parts[:1])
        self._starts = np.cumsum([0, *map(len, self._parts)], dtype=np.int64)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the ids."""
        return self._parts[0].dtype

    def __len__(self) -> int:
        return int(self._starts[-1])

    def span(self, start: int, stop: int) -> np.ndarray | JoinedIds:
        """The ids from ``start`` to ``stop`` in place: an array where they lie in one part."""
        first = int(np.searchsorted(self._starts[1:-1], start, side="right"))
        last = int(np.searchsorted(self._starts[1:-1], max(start, stop - 1), side="right"))
        parts = [
            self._parts[number][
                max(start - int(self._starts[number]), 0) : stop - int(self._starts[number])
            ]
            for number in range(first, last + 1)
        ]
        return parts[0] if len(parts) == 1 else JoinedIds(parts)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            if step == 1:
                found = self.span(start, max(start, stop))
                return np.asarray(found)
            return self[np.arange(start, stop, step)]
        places = np.asarray(key)
        if places.dtype.kind not in "iu":
            raise IndexError(f"expected whole numbers or a slice, found {key!r}")
        places = np.where(places < 0, places + len(self), places).astype(np.int64)
        if places.size and not (places.min() >= 0 and places.max() < len(self)):
            raise IndexError(f"expected places inside the {len(self):,} ids, found {key!r}")
        numbers = np.searchsorted(self._starts[1:-1], places, side="right")
        found = np.empty(places.shape, dtype=self.dtype)
        for number in np.unique(numbers).tolist():
            is_here = numbers == number
            found[is_here] = self._parts[number][places[is_here] - self._starts[number]]
        return found[()]

    def __array__(
        self,
        dtype: Any = None,
        copy: bool | None = None,  # noqa: FBT001  # the form that NumPy asks for
    ) -> np.ndarray:
        if copy is False:
            raise ValueError("the ids lie in several files: one array of them is a copy")
        joined = np.concatenate(self._parts)
        return joined if dtype is None else joined.astype(dtype, copy=False)
