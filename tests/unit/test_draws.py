"""Random numbers that belong to samples: even, independent, and the same however a batch is cut."""

from __future__ import annotations

import math

import pytest
import torch

from primetone.nn import draws
from primetone.nn.kernels import dropout, relu_dropout

CPU = torch.device("cpu")


def keys(count: int = 64, *, key: int = 7, first: int = 0) -> torch.Tensor:
    return draws.sample_keys(key, first=first, count=count, device=CPU)


def test_parts_of_a_batch_draw_what_the_whole_draws() -> None:
    x = torch.ones(8, 5, 3)

    def found(first: int, count: int) -> list[torch.Tensor]:
        rows = x[first : first + count]
        with draws.streams(keys(count, first=first), batch_key=5):
            return [
                dropout(rows, 0.3, training=True),
                relu_dropout(rows, 0.3, training=True),
                draws.uniform(count, 4),
                torch.full((count, 1), draws.chance(0.5)),
                dropout(rows.repeat_interleave(2, 0), 0.3, training=True).view(count, -1),
            ]

    parts = [found(first, 2) for first in range(0, 8, 2)]
    for number, whole in enumerate(found(0, 8)):
        assert torch.equal(whole, torch.cat([part[number] for part in parts]))


def test_copies_of_a_batch_draw_other_numbers_each_as_if_alone() -> None:
    with draws.streams(keys(4)), draws.repeated(2):
        whole = draws.uniform(8, 10)
    with draws.streams(keys(2, first=2)), draws.repeated(2):
        part = draws.uniform(4, 10)
    assert torch.equal(part, torch.cat((whole[2:4], whole[6:8])))
    assert len(whole.unique()) == 80


def test_bits_are_even_and_of_no_order() -> None:
    with draws.streams(keys(256)):
        words = draws.bits(512)
        again = draws.bits(512)
    assert len(torch.cat((words, again)).unique()) == 2 * words.numel()
    ones = torch.stack([(words >> place & 1).double() for place in range(64)])
    error = 1 / math.sqrt(words.numel())
    assert ((ones.mean((1, 2)) - 0.5).abs() < 5 * 0.5 * error).all()
    signs = (2 * ones - 1).flatten(1)
    correlations = signs @ signs.T / signs.shape[1] - torch.eye(64)
    assert correlations.abs().max() < 5 * error
    for one, other in ((words[1:], words[:-1]), (words[:, 1:], words[:, :-1]), (words, again)):
        flips = sum(((one ^ other) >> place & 1).double().mean() for place in range(64))
        assert float(flips) == pytest.approx(32, abs=0.1)


def test_numbers_are_distributed_as_they_say() -> None:
    with draws.streams(keys(100)):
        shares = draws.uniform(100, 2000)
        kept = dropout(torch.ones(100, 2001), 0.1, training=True)
        chances = [draws.chance(0.25) for _ in range(2000)]
    assert shares.min() > 0 and shares.max() < 1
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.004)
    assert float(shares.var()) == pytest.approx(1 / 12, abs=0.002)
    normal = draws.normal_of(shares)
    assert float(normal.mean()) == pytest.approx(0, abs=0.01)
    assert float(normal.var()) == pytest.approx(1, abs=0.02)
    assert kept.unique().tolist() == pytest.approx([0.0, 1 / 0.9])
    assert float((kept == 0).float().mean()) == pytest.approx(0.1, abs=0.003)
    assert sum(chances) / len(chances) == pytest.approx(0.25, abs=0.04)


def test_without_keys_generators_draw() -> None:
    one = draws.uniform(3, 4, generator=torch.Generator().manual_seed(1))
    with draws.streams(keys(3)):
        assert torch.equal(one, draws.uniform(3, 4, generator=torch.Generator().manual_seed(1)))
        keyed = draws.uniform(3, 4)
    torch.manual_seed(0)
    first = draws.uniform(3, 4)
    torch.manual_seed(0)
    assert torch.equal(first, draws.uniform(3, 4))
    assert not torch.equal(first, keyed)
