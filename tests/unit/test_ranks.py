"""Several processes train as one does; a training goes on with another number of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from primetone.training.checkpoint import CheckpointStore
from small_trainings import MODELS, losses, run_plan, run_ranks


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def plan(name: str, folder: Path, **words: Any) -> dict[str, Any]:
    settings = {"steps": 5, "save_every": 3, "accumulate": 2, **words.pop("settings", {})}
    return {
        "name": name,
        "folder": str(folder),
        "dropout": 0.2,
        "precision": "float64",
        "settings": settings,
        **words,
    }


def assert_same_figures(one: Path, other: Path, *, after: int = 0) -> None:
    lines, others = (
        [line for line in losses(path) if line["step"] > after] for path in (one, other)
    )
    assert len(lines) == len(others) > 0
    for line, its in zip(lines, others, strict=True):
        assert line.keys() == its.keys()
        for key, value in line.items():
            assert its[key] == (value if key == "event" else pytest.approx(value, rel=1e-9)), key


def assert_same_weights(one: Path, other: Path, *, step: int) -> None:
    weights, others = (CheckpointStore(path / "checkpoints").load(step) for path in (one, other))
    for mine, its in ((weights.model, others.model), (weights.optimizer, others.optimizer)):
        assert mine.keys() == its.keys()
        for name, tensor in mine.items():
            torch.testing.assert_close(tensor, its[name], rtol=1e-8, atol=1e-10, msg=name)


def test_two_processes_equal_one_and_either_goes_on_where_the_other_stopped(tmp_path: Path) -> None:
    names = sorted(MODELS)
    for name in names:
        run_plan(plan(name, tmp_path / f"{name}-one"))
    plans = []
    for name in names:
        here = [str(tmp_path / f"{name}-{world}" / "checkpoints") for world in ("one", "two")]
        plans += [
            plan(name, tmp_path / f"{name}-two"),
            plan(name, tmp_path / f"{name}-one-two", start=[here[0], 3]),
            plan(name, tmp_path / f"{name}-two-two", start=[here[1], 3]),
        ]
    found = run_ranks(plans, world=2)
    for number, name in enumerate(names):
        straight, _, resumed = found[3 * number : 3 * number + 3]
        assert straight == resumed, f"{name}: on equal processes a resumed run has equal bits"
        one, two = tmp_path / f"{name}-one", tmp_path / f"{name}-two"
        back = tmp_path / f"{name}-two-one"
        run_plan(plan(name, back, start=[str(two / "checkpoints"), 3]))
        assert_same_figures(one, two)
        for other in (back, tmp_path / f"{name}-one-two"):
            assert_same_figures(one, other, after=3)
        for other in (two, back, tmp_path / f"{name}-one-two"):
            assert_same_weights(one, other, step=5)
