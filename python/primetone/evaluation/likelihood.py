"""How well a model predicts a stream of tokens, every position scored once.

Letters: B windows scored together, T time, V vocabulary.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from primetone.contracts import Window
from primetone.errors import TextError
from primetone.evaluation.report import bits_per_byte

TOKENS_PER_PASS = 8_192
LOGITS_PER_PASS = 1 << 26
"""Of large vocabularies fewer tokens are scored at once: 256 MiB of logits in float32."""
ROWS_OF_CONTEXTS = 16
"""Windows in a scored row of a model that predicts from one window alone."""


class Placement(Protocol):
    """What scoring needs of a runtime: where arrays go and in which precision to compute."""

    def place(self, array: np.ndarray) -> Tensor: ...

    def autocast(self) -> AbstractContextManager[object]: ...


@dataclass(frozen=True, kw_only=True)
class Score:
    """Total surprise in nats over `num_tokens` predictions."""

    nats: float
    num_tokens: int

    @property
    def nats_per_token(self) -> float:
        return self.nats / self.num_tokens

    def bits_per_byte(self, num_bytes: int) -> float:
        """`num_bytes`: length of the text that the scored tokens stand for."""
        return bits_per_byte(self.nats, num_bytes)


@torch.inference_mode()
def score(
    model: nn.Module,
    ids: np.ndarray,
    *,
    window: Window,
    runtime: Placement,
    stride: int | None = None,
    counts: np.ndarray | None = None,
) -> Score:
    """The surprise of `ids[1:]`, each token given those before it in its window.

    With `counts`, a truth for each of `ids`, only those tokens are scored; all are read.

    Windows overlap: they advance by `stride` (half a window by default) and all but the first
    score only their last part, so that a token is scored once and, but at the very start, with at
    least `length - stride` tokens before it. Sums are in float64. Cost: length / stride passes.
    """
    num_predictions = len(ids) - window.shift
    if num_predictions < 1:
        raise TextError(
            f"expected at least {window.shift + 1} tokens to score, found {len(ids)}: "
            "give more text"
        )
    length, stride = _row(window, stride)
    length = min(length, num_predictions)
    stride = min(stride, length)
    starts, first_scored = _plan(num_predictions, length=length, stride=stride)
    was_training = model.training
    model.eval()
    nats = 0.0
    at, rows = 0, 1  # the first pass shows how large the vocabulary is
    while at < len(starts):
        starts_B = starts[at : at + rows]
        picked = starts_B[:, None] + np.arange(length + window.shift)
        placed = runtime.place(ids[picked].astype(np.int64))
        mask_BT = np.arange(length) >= first_scored[at : at + rows, None]
        with runtime.autocast():
            logits_BTV = model(placed[:, :length])
        nats_BT = F.cross_entropy(
            logits_BTV.flatten(0, 1).float(),
            placed[:, window.shift :].flatten(),
            reduction="none",
        ).view(len(starts_B), length)
        nats += float(nats_BT.cpu().double()[torch.from_numpy(mask_BT)].sum())
        at += rows
        rows = max(1, min(TOKENS_PER_PASS, LOGITS_PER_PASS // logits_BTV.shape[-1]) // length)
    model.train(was_training)
    num_tokens = num_predictions if counts is None else int(counts[window.shift :].sum())
    return Score(nats=nats, num_tokens=num_tokens)


def _row(window: Window, stride: int | None) -> tuple[int, int]:
    """Tokens of a scored row, and how far rows advance.

    A model that predicts from the last `length` tokens is given rows that share just as many, so
    that every prediction but those at the very start has all it may see.
    """
    if window.predicts == "all":
        return window.length, stride or max(1, window.length // 2)
    length = max(ROWS_OF_CONTEXTS * window.length, 64)
    return length, stride or length - window.length + 1


def _plan(num_predictions: int, *, length: int, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Where windows start, and from which of its positions each one scores.

    The last window is moved back to end with the stream, and scores what is left.
    """
    starts = np.arange(0, max(1, num_predictions - length + stride), stride, dtype=np.int64)
    starts = np.minimum(starts, num_predictions - length)
    ends_before = np.concatenate(([0], starts[:-1] + length))
    return starts, ends_before - starts
