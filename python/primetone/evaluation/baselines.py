"""The floors that a model has to beat on the same split: byte n-grams and compressors.

Source: interpolated Witten-Bell smoothing, method C of Witten & Bell 1991 (The zero-frequency
problem, IEEE Trans. Inf. Theory 37:1085); interpolated Kneser-Ney with one discount an order, Ney,
Essen & Kneser 1994 (On structuring probabilistic dependences, Computer Speech and Language 8:1).
"""

from __future__ import annotations

import lzma
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from primetone._rust_tok import ppm_added_bytes
from primetone.errors import ConfigError, TextError

__all__ = [
    "Baselines",
    "NgramResult",
    "kneser_ney_bits_per_byte",
    "measure_baselines",
    "ngram_bits_per_byte",
    "ppm_bits_per_byte",
    "xz_bits_per_byte",
]

MAX_ORDER = 8
"""An n-gram is packed into one 64-bit number."""

# Caps that keep the slowest call near five seconds on one core; results say when they cut.
_NGRAM_TRAIN_BYTES = 8 << 20
_COMPRESSOR_TRAIN_BYTES = 4 << 20
_VALIDATION_BYTES = 1 << 20
_BLOCK_POSITIONS = 1 << 20
_ALPHABET = 256
_PPM_MOST_MEMORY_BYTES = 2**32 - 37
_PPM_MEMORY_FACTOR = 32
"""Bytes of PPM's memory for a byte of text; on English, many scripts and drama 8 were enough."""


@dataclass(frozen=True, kw_only=True)
class NgramResult:
    """Bits per byte of the validation text by n-gram order, and how much text was really used."""

    bits_per_byte: Mapping[int, float]
    train_bytes: int
    validation_bytes: int
    is_capped: bool

    @property
    def best_order(self) -> int:
        """The order with the fewest bits per byte; the lower one of equals."""
        return min(self.bits_per_byte, key=lambda order: (self.bits_per_byte[order], order))

    @property
    def best(self) -> float:
        """The bits per byte of the best order."""
        return self.bits_per_byte[self.best_order]


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """Bits per byte by name ("ngram_1" ..., "ngram_best", "ppm", "xz"); notes on what was cut."""

    bits_per_byte: Mapping[str, float]
    notes: tuple[str, ...] = ()


def measure_baselines(train: bytes, validation: bytes, *, max_order: int = 6) -> Baselines:
    """All baselines of one split; texts beyond the caps are shortened, and the notes say so."""
    ngram = ngram_bits_per_byte(train, validation, max_order=max_order)
    figures = {f"ngram_{order}": bits for order, bits in ngram.bits_per_byte.items()}
    figures["ngram_best"] = ngram.best
    figures["ppm"] = ppm_bits_per_byte(train, validation)
    figures["xz"] = xz_bits_per_byte(train, validation)
    notes = []
    if ngram.is_capped:
        notes.append(
            f"n-grams: the last {ngram.train_bytes:,} of {len(train):,} training bytes, the first "
            f"{ngram.validation_bytes:,} of {len(validation):,} validation bytes"
        )
    known = min(len(train), _COMPRESSOR_TRAIN_BYTES)
    scored = min(len(validation), _VALIDATION_BYTES)
    if known < len(train) or scored < len(validation):
        notes.append(
            f"compressors: the last {known:,} of {len(train):,} training bytes, the first "
            f"{scored:,} of {len(validation):,} validation bytes"
        )
    return Baselines(bits_per_byte=figures, notes=tuple(notes))


def ngram_bits_per_byte(
    train: bytes,
    validation: bytes,
    *,
    max_order: int = 6,
    max_train_bytes: int = _NGRAM_TRAIN_BYTES,
    max_validation_bytes: int = _VALIDATION_BYTES,
) -> NgramResult:
    """Interpolated Witten-Bell models over bytes, orders 1 to ``max_order``, on ``validation``.

    p(c|h) = (n(hc) + t(h) p(c|h')) / (n(h) + t(h)), where t(h) counts the different bytes seen
    after h and h' drops the first byte of h; below order 1 every byte has 1/256. The first bytes
    of ``validation`` have only what stands before them as context. Longer texts are cut: the end
    of ``train`` and the beginning of ``validation`` are kept. Cost: one sort of the training text
    per order, about 30 bytes of memory per byte that is used.
    """
    _check_texts(train, validation)
    if not 1 <= max_order <= MAX_ORDER:
        raise ConfigError(f"max_order: expected 1 to {MAX_ORDER}, found {max_order}")
    known = np.frombuffer(train, dtype=np.uint8)[-max_train_bytes:]
    scored = np.frombuffer(validation, dtype=np.uint8)[:max_validation_bytes]
    probability = np.full(scored.size, 1.0 / _ALPHABET)
    bits_per_byte = {}
    for order in range(1, max_order + 1):
        if known.size >= order:
            table = _NgramTable.count(known, order)
            for start in range(order - 1, scored.size, _BLOCK_POSITIONS):
                stop = min(start + _BLOCK_POSITIONS, scored.size)
                ngrams = _packed(scored[start - order + 1 : stop], order)
                probability[start:stop] = table.interpolate(ngrams, probability[start:stop])
        bits_per_byte[order] = float(-np.log2(probability).sum() / scored.size)
    return NgramResult(
        bits_per_byte=bits_per_byte,
        train_bytes=known.size,
        validation_bytes=scored.size,
        is_capped=known.size < len(train) or scored.size < len(validation),
    )


def kneser_ney_bits_per_byte(
    train: bytes,
    validation: bytes,
    *,
    order: int = 6,
    max_train_bytes: int = _NGRAM_TRAIN_BYTES,
    max_validation_bytes: int = _VALIDATION_BYTES,
) -> float:
    """Bits per byte of ``validation`` by an interpolated Kneser-Ney model of one order over bytes.

    p(c|h) = (max(n(hc) - D, 0) + D t(h) p(c|h')) / n(h); below the highest order n(hc) counts the
    different bytes seen before hc in place of its occurrences. D = n1 / (n1 + 2 n2), from how many
    n-grams count 1 and 2. Contexts, cuts and cost are those of `ngram_bits_per_byte`.
    """
    _check_texts(train, validation)
    if not 1 <= order < MAX_ORDER:
        raise ConfigError(f"order: expected 1 to {MAX_ORDER - 1}, found {order}")
    known = np.frombuffer(train, dtype=np.uint8)[-max_train_bytes:]
    scored = np.frombuffer(validation, dtype=np.uint8)[:max_validation_bytes]
    probability = np.full(scored.size, 1.0 / _ALPHABET)
    for length in range(1, min(order, known.size, scored.size) + 1):
        if length == order or length == known.size:
            table = _NgramTable.count(known, length)
        else:
            longer, _ = _runs(np.sort(_packed(known, length + 1)))
            endings = np.sort(longer & np.uint64((1 << (8 * length)) - 1))
            table = _NgramTable.of(*_runs(endings))
        ngrams = _packed(scored, length)
        start = length - 1
        probability[start:] = table.discount(ngrams, probability[start:])
    return float(-np.log2(probability).sum() / scored.size)


def ppm_bits_per_byte(
    train: bytes,
    validation: bytes,
    *,
    order: int = 6,
    max_train_bytes: int = _COMPRESSOR_TRAIN_BYTES,
    max_validation_bytes: int = _VALIDATION_BYTES,
) -> float:
    """Bits per validation byte that PPMd adds when the training text came first.

    Contexts of up to ``order`` bytes, 2 to 64. Like xz, and unlike a trained model, it goes on
    learning from the validation text. Variant H as in 7-Zip, by the crate ppmd-rust (about 2 MB/s);
    source: Shkarin 2002, PPM: one step to practicality. Cuts as for `xz_bits_per_byte`.
    """
    _check_texts(train, validation)
    if not 2 <= order <= 64:
        raise ConfigError(f"order: expected 2 to 64, found {order}")
    train, validation = train[-max_train_bytes:], validation[:max_validation_bytes]
    memory_bytes = _PPM_MEMORY_FACTOR * max(len(train) + len(validation), 1 << 15)
    memory_bytes = min(memory_bytes, _PPM_MOST_MEMORY_BYTES)
    added = ppm_added_bytes(train, validation, order=order, memory_bytes=memory_bytes)
    return added * 8 / len(validation)


def xz_bits_per_byte(
    train: bytes,
    validation: bytes,
    *,
    max_train_bytes: int = _COMPRESSOR_TRAIN_BYTES,
    max_validation_bytes: int = _VALIDATION_BYTES,
) -> float:
    """Bits per validation byte that ``xz -9e`` adds when the training text came first.

    Of longer texts the end of ``train`` and the beginning of ``validation`` are used.
    """
    _check_texts(train, validation)
    train = train[-max_train_bytes:]
    validation = validation[:max_validation_bytes]
    size_bytes = len(train) + len(validation)
    added = _xz_bytes(train + validation, size_bytes) - _xz_bytes(train, size_bytes)
    return added * 8 / len(validation)


@dataclass(frozen=True)
class _NgramTable:
    """The counts of one order, sorted by packed n-gram, and of its contexts, in the same order."""

    ngrams: np.ndarray
    counts: np.ndarray
    contexts: np.ndarray
    context_counts: np.ndarray
    context_types: np.ndarray

    @classmethod
    def count(cls, text: np.ndarray, order: int) -> _NgramTable:
        packed = _packed(text, order)
        packed.sort()
        return cls.of(*_runs(packed))

    @classmethod
    def of(cls, ngrams: np.ndarray, counts: np.ndarray) -> _NgramTable:
        contexts, context_types = _runs(ngrams >> np.uint64(8))
        starts = np.cumsum(context_types) - context_types
        return cls(ngrams, counts, contexts, np.add.reduceat(counts, starts), context_types)

    def interpolate(self, ngrams: np.ndarray, lower: np.ndarray) -> np.ndarray:
        """The probabilities of this order, given those of the order below at the same positions."""
        counts = _looked_up(self.ngrams, self.counts, ngrams)
        histories = ngrams >> np.uint64(8)
        context_counts = _looked_up(self.contexts, self.context_counts, histories)
        context_types = _looked_up(self.contexts, self.context_types, histories)
        is_known = context_counts > 0
        total = np.where(is_known, context_counts + context_types, 1)
        return np.where(is_known, (counts + context_types * lower) / total, lower)

    def discount(self, ngrams: np.ndarray, lower: np.ndarray) -> np.ndarray:
        """As `interpolate`, a part of every count given to the order below."""
        once, twice = int((self.counts == 1).sum()), int((self.counts == 2).sum())
        taken = once / (once + 2 * twice) if once else 0.5
        counts = _looked_up(self.ngrams, self.counts, ngrams)
        histories = ngrams >> np.uint64(8)
        context_counts = _looked_up(self.contexts, self.context_counts, histories)
        context_types = _looked_up(self.contexts, self.context_types, histories)
        is_known = context_counts > 0
        left = np.maximum(counts - taken, 0.0) + taken * context_types * lower
        return np.where(is_known, left / np.where(is_known, context_counts, 1), lower)


def _packed(text: np.ndarray, order: int) -> np.ndarray:
    """Every n-gram of ``text`` as one u64, its last byte lowest."""
    num = text.size - order + 1
    packed = np.zeros(num, dtype=np.uint64)
    for offset in range(order):
        packed <<= np.uint64(8)
        packed |= text[offset : offset + num]
    return packed


def _runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values of a sorted array, and how often each occurs."""
    starts = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    return values[starts], np.diff(starts, append=values.size)


def _looked_up(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """``values`` at the sorted ``keys``, 0 where a wanted key is absent."""
    places = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
    return np.where(keys[places] == wanted, values[places], 0)


def _xz_bytes(data: bytes, dictionary_bytes: int) -> int:
    # A dictionary just large enough compresses as well as the 64 MiB of -9e in far less memory.
    size = 1 << max(16, math.ceil(math.log2(dictionary_bytes)))
    extreme = lzma.PRESET_EXTREME | 9
    filters = [{"id": lzma.FILTER_LZMA2, "preset": extreme, "dict_size": size}]
    return len(lzma.compress(data, filters=filters))


def _check_texts(train: bytes, validation: bytes) -> None:
    for name, text in (("training", train), ("validation", validation)):
        if not text:
            raise TextError(f"the {name} text is empty: expected at least one byte for a baseline")
