"""Batches as a function of (seed, number): coverage, ranks, phases, errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from primetone.contracts import Window
from primetone.errors import TextError
from primetone.training.loader import Loader, permute


@dataclass
class Stream:
    ids: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


def loader(num_tokens: int = 1000, *, length: int = 10, **settings: object) -> Loader:
    settings = {"batch_size": 4, "seed": 0, "place": torch.from_numpy, **settings}
    stream = Stream(np.arange(num_tokens, dtype=np.uint32))
    return Loader(stream, window=Window(length=length), **settings)


def test_targets_are_the_inputs_one_later() -> None:
    batch = loader().batch(7)
    assert batch.inputs_BT.shape == batch.targets_BT.shape == (4, 10)
    assert batch.inputs_BT.dtype == torch.int64
    assert batch.weight == 40
    assert torch.equal(batch.targets_BT, batch.inputs_BT + 1), "the stream counts upwards"


def test_an_epoch_visits_every_window_once_and_the_next_differs() -> None:
    source = loader(batch_size=14)
    assert source.windows_per_epoch == 98
    epochs = [
        np.concatenate([source.starts(k) for k in range(7 * epoch, 7 * epoch + 7)])
        for epoch in range(3)
    ]
    for starts in epochs:
        assert sorted(np.diff(np.sort(starts))) == [10] * 97
        assert starts.min() >= 0
        assert starts.max() + 11 <= 1000
    assert not np.array_equal(epochs[0], epochs[1])
    assert len({int(starts.min()) for starts in epochs}) > 1, "phases differ between epochs"


def test_every_token_is_an_input_sooner_or_later() -> None:
    source = loader(65, batch_size=4)
    seen = {int(i) for k in range(400) for i in source.batch(k).inputs_BT.flatten()}
    assert seen == set(range(64))


def test_batches_depend_on_seed_and_number_only() -> None:
    assert torch.equal(loader().batch(5).inputs_BT, loader().batch(5).inputs_BT)
    assert not torch.equal(loader().batch(5).inputs_BT, loader(seed=1).batch(5).inputs_BT)


def test_ranks_share_the_batches_of_one() -> None:
    whole = loader(batch_size=8)
    parts = [loader(batch_size=8, rank=rank, world=2) for rank in range(2)]
    for number in range(30):
        joined = np.concatenate([part.starts(number) for part in parts])
        assert np.array_equal(joined, whole.starts(number))


@pytest.mark.parametrize("num_tokens", [11, 12, 20, 21, 22, 31])
def test_the_smallest_streams_give_whole_windows(num_tokens: int) -> None:
    source = loader(num_tokens, batch_size=16)
    for number in range(20):
        batch = source.batch(number)
        assert batch.targets_BT.max() < num_tokens


def test_a_text_shorter_than_the_context_is_refused_with_advice() -> None:
    with pytest.raises(TextError, match=r"11 training tokens.*found 10.*at most 9"):
        loader(10)
    with pytest.raises(TextError, match="at most 1"):
        loader(1)


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_memory_maps_of_both_widths_work(tmp_path, dtype: type) -> None:
    path = tmp_path / "ids.bin"
    np.arange(200, dtype=dtype).tofile(path)
    stream = Stream(np.memmap(path, dtype=dtype, mode="r"))
    source = Loader(stream, window=Window(length=5), batch_size=3, seed=0, place=torch.from_numpy)
    assert torch.equal(source.batch(3).targets_BT, source.batch(3).inputs_BT + 1)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 16, 17, 1000, 4097])
def test_the_permutation_is_one_to_one(size: int) -> None:
    keys = np.array([1, 2, 3, 4, 5, 6], dtype=np.uint64)
    order = permute(np.arange(size), size=size, keys=keys)
    assert np.array_equal(np.sort(order), np.arange(size))


def test_the_permutation_mixes_well() -> None:
    keys = np.array([9, 8, 7, 6, 5, 4], dtype=np.uint64)
    order = permute(np.arange(10_000), size=10_000, keys=keys)
    assert abs(np.corrcoef(np.arange(10_000), order)[0, 1]) < 0.05
    assert np.mean(np.abs(np.diff(order)) == 1) < 0.01
