"""R19: a training that stops at any step goes on to the bits of one that never stopped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from primetone.training.checkpoint import CheckpointStore
from small_trainings import MODELS, fingerprint, losses, run_ranks, small_trainer

STEPS = 40
VARIANTS: dict[str, dict[str, Any]] = {
    "dropout": {"dropout": 0.2, "optimizer": "muon"},
    "accumulation": {"settings": {"accumulate": 3, "ema": 0.9}},
    "bfloat16": {"precision": "bfloat16", "dropout": 0.1},
    "two-ranks": {"dropout": 0.2},
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def words(variant: str, *, steps: int) -> dict[str, Any]:
    settings = {"steps": steps, "save_every": 1, **VARIANTS[variant].get("settings", {})}
    schedule = {"name": "onecycle", "warmup_steps": 0, "cycled_beta": [0.85, 0.95]}
    return {**VARIANTS[variant], "settings": settings, "schedule": schedule}


def require_equal_ends(
    name: str, variant: str, folder: Path, *, steps: int, stops: list[int]
) -> None:
    how = words(variant, steps=steps)
    straight = folder / "straight"
    store = CheckpointStore(straight / "checkpoints")
    where = {stop: folder / f"stopped-{stop}" for stop in stops}
    # what goes on is compared at its end, and need not be saved on the way there
    after = {**how, "settings": {**how["settings"], "save_every": 0}}
    if variant == "two-ranks":
        plans = [{"name": name, "folder": str(straight), **how}]
        for stop, path in where.items():
            start = [str(store.folder), stop]
            plans.append({"name": name, "folder": str(path), "start": start, **after})
        whole, *resumed = run_ranks(plans, world=2)
    else:
        trainer = small_trainer(name, straight, **how)
        trainer.fit()
        whole, resumed = fingerprint(trainer), []
        for stop, path in where.items():
            again = small_trainer(name, path, **after)
            torch.manual_seed(stop)  # what a new process has is not what the old one had
            again.load(store.load(stop))
            again.fit()
            resumed.append(fingerprint(again))
    assert resumed == [whole] * len(stops)
    lines = losses(straight)
    for stop, path in where.items():
        assert losses(path) == [line for line in lines if line["step"] > stop]
    print(f"R19 {name}, {variant}: {len(stops)} stops, 0 differ")


@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize("variant", ["dropout", "accumulation"])
def test_a_stopped_training_ends_in_the_same_bits(name: str, variant: str, tmp_path: Path) -> None:
    require_equal_ends(name, variant, tmp_path, steps=6, stops=[1, 4])


@pytest.mark.exam
@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_every_stop_of_forty_steps_ends_in_the_same_bits(
    name: str, variant: str, tmp_path: Path
) -> None:
    require_equal_ends(name, variant, tmp_path, steps=STEPS, stops=list(range(1, STEPS + 1)))
