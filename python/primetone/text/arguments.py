"""Arguments of the tokenizer's methods, checked before they go into the core."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from primetone.errors import ConfigError, UnknownTokenError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Text = str | bytes
Dtype = Literal["auto", "uint16", "uint32"]
MOST_THREADS = 1024
"""Each thread counts into tables of its own: a number mistyped must not take all memory."""


def checked(texts: Iterable[Text]) -> Iterable[Text]:
    """Texts that are not one text by mistake."""
    if isinstance(texts, str | bytes):
        raise ConfigError(
            f"expected an iterable of texts, found one {type(texts).__name__}; put it in a list"
        )
    return texts


def checked_specials(specials: Sequence[str]) -> list[str]:
    """Names of special tokens that are not the letters of one by mistake."""
    if isinstance(specials, str | bytes):
        raise ConfigError(f"expected a sequence of special tokens, found one: give [{specials!r}]")
    return list(specials)


def checked_size(size: int, name: str = "vocab_size", *, least: int = 256) -> int:
    """A size that fits the core's type; the core knows the limits of each kind."""
    if not isinstance(size, int) or not 0 <= size < 1 << 32:
        raise ConfigError(f"{name} must be between {least} and 16777216; found {size!r}")
    return size


def one_of(name: str, value: str, known: Sequence[str]) -> str:
    """A value that is among the known ones."""
    if value not in known:
        raise ConfigError(f"{name} must be one of {', '.join(known)}; found {value!r}")
    return value


def num_threads(threads: int | None) -> int:
    """How many threads; None stands for the cores that this process may use."""
    if threads is None:
        affinity = getattr(os, "sched_getaffinity", None)
        found = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
        return min(found, MOST_THREADS)
    if not 1 <= threads <= MOST_THREADS:
        raise ConfigError(
            f"threads must be between 1 and {MOST_THREADS}, or None for all cores; found {threads}"
        )
    return threads


def allowed(allowed_special: Collection[str] | Literal["all"]) -> str | list[str]:
    """Names as a list, or "all"."""
    return allowed_special if isinstance(allowed_special, str) else list(allowed_special)


def checked_seed(seed: int) -> int:
    """A seed that fits the core's type."""
    if not 0 <= seed < 1 << 64:
        raise ConfigError(f"seed must be between 0 and 2^64 - 1; found {seed}")
    return seed


def id_array(ids: npt.ArrayLike) -> npt.NDArray[np.uint32]:
    """Ids as a flat array; UnknownTokenError for one that no vocabulary can hold."""
    import numpy as np

    array = np.asarray(ids)
    if array.size == 0:
        return np.zeros(0, dtype=np.uint32)
    if array.ndim == 1 and array.dtype == object and all(isinstance(i, int) for i in array):
        wrong = max(array, key=abs)  # NumPy has no type for it
        position = list(array).index(wrong)
        raise UnknownTokenError(f"id {wrong} at position {position} is not in any vocabulary")
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ConfigError(
            f"ids must be a flat sequence of integers; found shape {array.shape} of {array.dtype}"
        )
    smallest, largest = int(array.min()), int(array.max())
    if smallest < 0 or largest >= 1 << 32:
        wrong = smallest if smallest < 0 else largest
        position = int(np.flatnonzero(array == wrong)[0])
        raise UnknownTokenError(f"id {wrong} at position {position} is not in any vocabulary")
    return np.ascontiguousarray(array, dtype=np.uint32)
