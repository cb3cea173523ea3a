"""Batches as a pure function of (seed, number): there is no position to save or to lose.

An epoch cuts the stream into whole windows at a random phase and visits each once, in an order
given by a keyed permutation that is computed, not stored. Batch k is the slice `k * B .. (k + 1) *
B` of the endless sequence of windows, of which every rank has an equal share, so that the same seed
trains on the same windows on any number of ranks.

Letters: B windows of a batch, S tokens a window touches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, final

import numpy as np

from primetone.contracts import Batch, TokenStream, Window
from primetone.errors import TextError

if TYPE_CHECKING:
    import torch

FEISTEL_ROUNDS = 6


class Batches(Protocol):
    """An endless sequence of batches that is known beforehand."""

    @property
    def batches_per_epoch(self) -> int:
        """Batches in which everything is seen once, the last filled up."""
        ...

    def batch(self, number: int) -> Batch:
        """Batch `number`, or this rank's share of it, on the device."""
        ...


def share_of(size: int, *, rank: int, world: int) -> slice:
    """Which of the `size` rows of a batch a rank has; `world` divides the size."""
    assert size % world == 0, "every rank has as many rows"
    return slice(size // world * rank, size // world * (rank + 1))


@final
class Loader:
    """Cuts windows out of a token stream; `place` puts an array of ids on the model's device."""

    def __init__(
        self,
        stream: TokenStream,
        *,
        window: Window,
        batch_size: int,
        seed: int,
        place: Callable[[np.ndarray], torch.Tensor],
        rank: int = 0,
        world: int = 1,
    ) -> None:
        num_tokens = len(stream)
        if num_tokens < window.span:
            raise TextError(
                f"expected at least {window.span} training tokens (a context of {window.length} "
                f"and the token after it), found {num_tokens}: give more text or set "
                f"model.context to at most {max(num_tokens - window.shift, 1)}"
            )
        self.ids = stream.ids
        self.window = window
        self.batch_size = batch_size
        self.seed = seed
        self.place = place
        self.share = share_of(batch_size, rank=rank, world=world)
        self.stride = window.stride or window.length
        # One window less than would fit, where there are several: the phase then takes any value.
        # Windows that begin at every token need no phase.
        spare = 0 if self.stride == 1 else 1
        fitting = (num_tokens - window.span) // self.stride + 1
        self.windows_per_epoch = max(1, fitting - spare)
        used = (self.windows_per_epoch - 1) * self.stride + window.span
        self.num_phases = num_tokens - used + 1
        self._span_S = np.arange(window.span)

    @property
    def tokens_per_batch(self) -> int:
        """Predictions in one batch of all ranks."""
        return self.batch_size * self.window.num_targets

    @property
    def batches_per_epoch(self) -> int:
        """Batches in which every window is seen once, the last filled up."""
        return -(-self.windows_per_epoch // self.batch_size)

    def starts(self, number: int) -> np.ndarray:
        """Where in the stream this rank's windows of batch `number` begin."""
        first, last = (
            number * self.batch_size + end for end in (self.share.start, self.share.stop)
        )
        epochs, places = np.divmod(np.arange(first, last, dtype=np.int64), self.windows_per_epoch)
        starts_B = np.empty(last - first, dtype=np.int64)
        for epoch in np.unique(epochs).tolist():
            mine = epochs == epoch
            keys = epoch_keys(self.seed, epoch)
            order = permute(places[mine], size=self.windows_per_epoch, keys=keys[1:])
            starts_B[mine] = order * self.stride + int(keys[0]) % self.num_phases
        return starts_B

    def batch(self, number: int) -> Batch:
        """Batch `number` of this rank, on the device."""
        ids_BS = self.ids[self.starts(number)[:, None] + self._span_S].astype(np.int64)
        placed_BS = self.place(ids_BS)
        return Batch(
            inputs_BT=placed_BS[:, : self.window.length],
            targets_BT=placed_BS[:, self.window.span - self.window.num_targets :],
            weight=self.tokens_per_batch,
            row_weight=self.window.num_targets,
        )


def permute(places: np.ndarray, *, size: int, keys: np.ndarray) -> np.ndarray:
    """A keyed one-to-one map of `0 .. size` onto itself, applied to each of `places`.

    A Feistel network permutes the next even power of two; a result outside the range walks on
    until it falls inside (fewer than four tries on average). Cost: O(len(places)), no memory.
    Source: Black and Rogaway, "Ciphers with arbitrary finite domains" (2002), method 2.
    """
    half_bits = np.uint64(max(1, ((size - 1).bit_length() + 1) // 2))
    mask = np.uint64((1 << int(half_bits)) - 1)
    values = places.astype(np.uint64)
    pending = np.arange(len(values))
    while len(pending):
        moved = values[pending]
        left, right = moved >> half_bits, moved & mask
        for key in keys:
            left, right = right, left ^ (_mix(right ^ key) & mask)
        moved = (left << half_bits) | right
        values[pending] = moved
        pending = pending[moved >= size]
    return values.astype(np.int64)


def epoch_keys(seed: int, epoch: int) -> np.ndarray:
    """One number for the phase and one key a round, from the seed and the epoch alone."""
    text = f"windows {seed} {epoch}".encode()
    digest = hashlib.blake2b(text, digest_size=8 * (1 + FEISTEL_ROUNDS)).digest()
    return np.frombuffer(digest, dtype="<u8").astype(np.uint64)


def _mix(values: np.ndarray) -> np.ndarray:
    """Spread every input bit over 64 bits (the finaliser of splitmix64, arithmetic modulo 2^64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
