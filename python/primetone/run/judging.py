"""How good the model of a run is: its likelihood in bits per byte, beside plain baselines."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from primetone.contracts import Window
from primetone.evaluation.baselines import measure_baselines
from primetone.evaluation.likelihood import Score, score
from primetone.evaluation.report import Evaluation
from primetone.run.data import text_of
from primetone.text.corpus import Corpus
from primetone.text.tokenizer import Tokenizer
from primetone.training.runtime import Runtime

TRAINING_TEXT_BYTES = 16 << 20
"""What baselines see of the training text at most: its end."""


class Judge:
    """Scores ids with one tokenizer, window and runtime."""

    def __init__(self, tokenizer: Tokenizer, *, window: Window, runtime: Runtime) -> None:
        self.tokenizer = tokenizer
        self.window = window
        self.runtime = runtime
        self.lengths_V = tokenizer.token_lengths()

    def score(
        self, model: torch.nn.Module, ids: np.ndarray, *, counts: np.ndarray | None = None
    ) -> Score:
        """The surprise of every token after the first, or of those that `counts`."""
        return score(model, ids, window=self.window, runtime=self.runtime, counts=counts)

    def num_bytes(self, ids: np.ndarray) -> int:
        """Bytes of text that the scored tokens stand for: all after the first."""
        return int(self.lengths_V[ids[self.window.shift :]].sum(dtype=np.int64))

    def num_characters(self, ids: np.ndarray) -> int:
        """Characters of text that the scored tokens stand for, counted at their first bytes."""
        return int(self.characters_V[ids[self.window.shift :]].sum(dtype=np.int64))

    @functools.cached_property
    def characters_V(self) -> np.ndarray:
        """How many characters begin in each token; 0 for specials."""
        counts = [
            sum(byte & 0xC0 != 0x80 for byte in self.tokenizer[token_id]) if length else 0
            for token_id, length in enumerate(self.lengths_V.tolist())
        ]
        return np.array(counts, dtype=np.int64)

    def quick(self, model: torch.nn.Module, ids: np.ndarray) -> dict[str, float]:
        """The figures that are logged while training."""
        result = self.score(model, ids)
        num_bytes = max(self.num_bytes(ids), 1)
        num_characters = max(self.num_characters(ids), 1)
        return {
            "nats_per_token": result.nats_per_token,
            "bits_per_byte": result.bits_per_byte(num_bytes),
            "bits_per_character": result.bits_per_byte(num_characters),
            "num_tokens": result.num_tokens,
        }

    def full(
        self,
        model: torch.nn.Module,
        ids: np.ndarray,
        *,
        training_text: bytes,
        say: Callable[[str], None],
    ) -> Evaluation:
        """All figures, with baselines that learn from `training_text` and see the same text."""
        say("scoring")
        result = self.score(model, ids)
        scored = ids[self.window.shift :]
        text = self.tokenizer.decode_bytes(scored[self.lengths_V[scored] > 0])
        say("scoring the baselines")
        baselines = measure_baselines(training_text, text) if text else None
        return Evaluation.of(
            nats=result.nats,
            num_tokens=result.num_tokens,
            num_bytes=len(text),
            num_characters=len(text.decode("utf-8", "replace")),
            baselines=baselines.bits_per_byte if baselines else None,
            notes=baselines.notes if baselines else (),
        )


def encode_text(
    path: str | os.PathLike[str], tokenizer: Tokenizer, *, encoding: str, field: str
) -> np.ndarray:
    """The ids of a text of the user's, each document ended as in training."""
    end = np.array([] if tokenizer.eos_id is None else [tokenizer.eos_id], dtype=tokenizer.dtype)
    parts = []
    for document in Corpus.read(path, encoding=encoding, field=field):
        parts += [tokenizer.encode(document.data), end]
    return np.concatenate(parts)


def training_text(stream: Any, tokenizer: Tokenizer) -> bytes:
    """The end of the training text, as much as the baselines look at."""
    return text_of(stream, tokenizer, max_bytes=TRAINING_TEXT_BYTES)
