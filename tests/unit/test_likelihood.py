"""Scoring: every token once, enough context, the right sum."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from primetone.contracts import Window
from primetone.errors import TextError
from primetone.evaluation.likelihood import Score, score
from primetone.training.runtime import start_runtime

VOCAB_SIZE = 7


class Spy(nn.Module):
    """Predicts the id after the one it sees, and remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[torch.Tensor] = []

    def forward(self, ids_BT: torch.Tensor) -> torch.Tensor:
        self.shown.append(ids_BT.clone())
        return nn.functional.one_hot((ids_BT + 1) % VOCAB_SIZE, VOCAB_SIZE).float() * 3.0


def counting(num_tokens: int) -> np.ndarray:
    return (np.arange(num_tokens) % VOCAB_SIZE).astype(np.uint16)


RUNTIME = start_runtime(device="cpu", precision="float32")
RIGHT = math.log(math.exp(3.0) + VOCAB_SIZE - 1) - 3.0


@pytest.mark.parametrize("num_tokens", [2, 3, 7, 8, 9, 10, 16, 17, 18, 63, 64, 65, 1000])
@pytest.mark.parametrize("stride", [None, 1, 3, 8, 100])
def test_every_token_is_scored_once(num_tokens: int, stride: int | None) -> None:
    result = score(
        Spy(), counting(num_tokens), window=Window(length=8), runtime=RUNTIME, stride=stride
    )
    assert result.num_tokens == num_tokens - 1
    assert result.nats == pytest.approx(RIGHT * (num_tokens - 1), rel=1e-6)


def test_the_sum_is_that_of_one_pass_where_one_window_holds_all() -> None:
    torch.manual_seed(0)
    ids = torch.randint(VOCAB_SIZE, (12,))
    table = torch.randn(VOCAB_SIZE, VOCAB_SIZE)

    class Bigram(nn.Module):
        def forward(self, ids_BT: torch.Tensor) -> torch.Tensor:
            return table[ids_BT]

    expected = nn.functional.cross_entropy(table[ids[:-1]], ids[1:], reduction="sum")
    for length in (4, 11, 50):
        result = score(Bigram(), ids.numpy(), window=Window(length=length), runtime=RUNTIME)
        assert result.nats == pytest.approx(expected.item(), rel=1e-6)


def test_windows_overlap_by_half_and_leave_the_mode_as_it_was() -> None:
    spy = Spy().train()
    score(spy, counting(33), window=Window(length=8), runtime=RUNTIME)
    starts = torch.cat(spy.shown)
    assert starts.shape == (7, 8)
    assert spy.training


def test_one_token_cannot_be_scored() -> None:
    with pytest.raises(TextError, match="at least 2 tokens"):
        score(Spy(), counting(1), window=Window(length=8), runtime=RUNTIME)


def test_units() -> None:
    result = Score(nats=8 * math.log(2.0), num_tokens=4)
    assert result.nats_per_token == pytest.approx(2 * math.log(2.0))
    assert result.bits_per_byte(2) == pytest.approx(4.0)
