"""Learning rates over a run, beside torch's own schedulers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, OneCycleLR

from primetone.contracts import Phase
from primetone.errors import ConfigError
from primetone.training.optim import OptimizerConfig, PhaseOptimizer
from primetone.training.schedule import ScheduleConfig, first_beta, learning_rate_factor

RATE = 0.01


def theirs(build: Callable[[torch.optim.Optimizer], LRScheduler], steps: int) -> list[list[float]]:
    """The rate and the first beta that torch gives every step."""
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=RATE, betas=(0.9, 0.99))
    scheduler = build(optimizer)
    found = []
    for number in range(steps):
        (group,) = optimizer.param_groups
        found.append([group["lr"], group["betas"][0]])
        optimizer.step()
        if number < steps - 1:
            scheduler.step()
    return found


def ours(config: ScheduleConfig, steps: int) -> list[list[float]]:
    found = []
    for step in range(steps):
        how = {"progress": step / steps, "share": 1 / steps}
        rate = RATE * learning_rate_factor(config, step=step, **how)
        found.append([rate, first_beta(config, progress=step / steps, share=1 / steps) or 0.9])
    return found


@pytest.mark.parametrize(("steps", "rise"), [(5, 0.3), (17, 0.1), (17, 0.36), (100, 0.3)])
def test_onecycle_is_torchs_with_rates_and_betas(steps: int, rise: float) -> None:
    config = ScheduleConfig(
        name="onecycle",
        warmup_steps=0,
        rise_fraction=rise,
        first_fraction=1 / 25,
        final_fraction=1 / 25 / 1e4,
        cycled_beta=(0.85, 0.95),
    )
    cycle = theirs(
        lambda optimizer: OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=rise), steps
    )
    assert np.array(ours(config, steps)) == pytest.approx(np.array(cycle), rel=1e-9)


@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("cosine", lambda o: CosineAnnealingLR(o, T_max=40, eta_min=RATE * 0.1)),
        ("linear", lambda o: LinearLR(o, start_factor=1.0, end_factor=0.1, total_iters=40)),
    ],
)
def test_cosine_and_linear_are_torchs(name: Any, build: Callable[..., LRScheduler]) -> None:
    config = ScheduleConfig(name=name, warmup_steps=0, final_fraction=0.1)
    assert np.array(ours(config, 40)) == pytest.approx(np.array(theirs(build, 40)), rel=1e-9)


def test_onecycle_has_no_warm_up_and_the_rest_turns_no_beta() -> None:
    with pytest.raises(ConfigError, match="expected 0 where name is onecycle"):
        ScheduleConfig(name="onecycle")
    with pytest.raises(ConfigError, match="cycled_beta"):
        ScheduleConfig(name="cosine", cycled_beta=(0.85, 0.95))


def test_steps_under_onecycle_move_the_weights_as_torchs_do() -> None:
    steps = 12
    gradients = torch.randn(steps, 4, 3, generator=torch.Generator().manual_seed(0))
    mine, its = (torch.nn.Linear(3, 4, bias=False).double() for _ in range(2))
    its.weight.data.copy_(mine.weight.data)
    phase = Phase(name="one", module=mine, loss=lambda *_: None, roles={"weight": "matrix"})  # type: ignore[arg-type, return-value]
    part = PhaseOptimizer(
        phase, OptimizerConfig(learning_rate=RATE, betas=(0.9, 0.99), weight_decay=0.1)
    )
    torchs = torch.optim.AdamW(its.parameters(), lr=RATE, betas=(0.9, 0.99), weight_decay=0.1)
    cycle = OneCycleLR(torchs, RATE, total_steps=steps)
    config = ScheduleConfig(
        name="onecycle",
        warmup_steps=0,
        first_fraction=1 / 25,
        final_fraction=1 / 25 / 1e4,
        cycled_beta=(0.85, 0.95),
    )
    for step, gradient in enumerate(gradients):
        mine.weight.grad, its.weight.grad = gradient.double(), gradient.double()
        how = {"progress": step / steps, "share": 1 / steps}
        part.step(
            learning_rate_factor(config, step=step, **how), first_beta=first_beta(config, **how)
        )
        torchs.step()
        if step < steps - 1:
            cycle.step()
    torch.testing.assert_close(mine.weight, its.weight, rtol=1e-9, atol=1e-12)
