"""Whole documents as rows of a batch, in an order that is a function of (seed, number).

Letters: B documents of a batch, S tokens of a row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, final

import numpy as np

from primetone.contracts import Batch, TokenStream, Window
from primetone.errors import TextError
from primetone.training.loader import epoch_keys, permute, share_of

if TYPE_CHECKING:
    import torch


def document_bounds(ids: np.ndarray, end_id: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each document of a stream starts, and where the `end_id` stands that ends it."""
    ends = np.flatnonzero(ids == end_id)
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
    return starts, ends


@final
class DocumentLoader:
    """Documents of a stream in which `end_id` ends each, as `Window.cut` says.

    Each epoch has every document once; a batch may reach into the next one. A batch weighs its
    tokens, ends included.
    """

    def __init__(
        self,
        stream: TokenStream,
        *,
        window: Window,
        end_id: int,
        batch_size: int,
        seed: int,
        place: Callable[[np.ndarray], torch.Tensor],
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.ids = stream.ids
        self.window = window
        self.end_id = end_id
        self.batch_size = batch_size
        self.seed = seed
        self.place = place
        self.share = share_of(batch_size, rank=rank, world=world)
        starts, ends = document_bounds(np.asarray(self.ids), end_id)
        lengths = ends - starts + 1
        fits = (lengths > 1) & (lengths <= window.length)
        self.num_left_out = int((lengths > window.length).sum())
        """Documents that are longer than a row."""
        self.starts, self.lengths = starts[fits], lengths[fits]
        if not len(self.starts):
            found = f"{self.num_left_out:,} documents"
            if self.num_left_out:
                found += f", the shortest of {lengths[lengths > 1].min():,}"
            raise TextError(
                f"expected documents of at most {window.length:,} tokens, their end included, "
                f"found {found}: set model.length higher, or divide the text, as by data.per=line"
            )

    def __len__(self) -> int:
        """How many documents there are."""
        return len(self.starts)

    @property
    def batches_per_epoch(self) -> int:
        """Batches in which every document is seen once, the last filled up."""
        return -(-len(self) // self.batch_size)

    def batch(self, number: int) -> Batch:
        """Batch `number`, or this rank's share of it, on the device."""
        first = number * self.batch_size
        places_B = np.arange(first, first + self.batch_size, dtype=np.int64)
        epochs_B, within_B = np.divmod(places_B, len(self))
        chosen_B = np.empty(self.batch_size, dtype=np.int64)
        for epoch in np.unique(epochs_B).tolist():
            mine = epochs_B == epoch
            keys = epoch_keys(self.seed, epoch)[1:]
            chosen_B[mine] = permute(within_B[mine], size=len(self), keys=keys)
        rows_BS = self.place(self.rows(chosen_B[self.share]))
        weight = int(self.lengths[chosen_B].sum())
        return Batch(
            inputs_BT=rows_BS,
            targets_BT=rows_BS,
            weight=weight,
            row_weight=weight / self.batch_size,
        )

    def rows(self, chosen_B: np.ndarray) -> np.ndarray:
        """ids_BS of documents by their numbers, filled up with the end."""
        ids_BS = np.full((len(chosen_B), self.window.length), self.end_id, dtype=np.int64)
        for row, number in zip(ids_BS, chosen_B.tolist(), strict=True):
            start, length = self.starts[number], self.lengths[number]
            row[:length] = self.ids[start : start + length]
        return ids_BS
