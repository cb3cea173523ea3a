"""The learning rate over a run, as a factor computed from how far the run is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from primetone.config import option
from primetone.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """Warm-up in steps, then a shape over the rest of the run."""

    name: Literal["constant", "linear", "cosine", "wsd", "onecycle"] = option(
        "cosine",
        "shape after the warm-up; wsd stays flat, then falls linearly; onecycle rises and falls "
        "along cosines, without a warm-up",
    )
    warmup_steps: int = option(100, "steps of linear rise at the start", minimum=0)
    final_fraction: float = option(
        0.1, "learning rate at the end, as a share of the full one", minimum=0.0, maximum=1.0
    )
    decay_fraction: float = option(
        0.4, "wsd: share of the run, at its end, in which the rate falls", above=0.0, maximum=1.0
    )
    rise_fraction: float = option(
        0.3, "onecycle: share of the run in which the rate rises", above=0.0, below=1.0
    )
    first_fraction: float = option(
        0.04, "onecycle: learning rate of the first step, as a share of the full one", minimum=0.0
    )
    cycled_beta: tuple[float, float] | None = option(
        None,
        "onecycle: first beta of adam and adamw at the full rate, and at both ends; torch's own "
        "scheduler has 0.85 and 0.95; none leaves it alone",
        minimum=0.0,
        below=1.0,
    )

    def __post_init__(self) -> None:
        if self.name == "onecycle" and self.warmup_steps:
            raise ConfigError(
                f"warmup_steps: expected 0 where name is onecycle, which rises by itself over "
                f"rise_fraction of the run, found {self.warmup_steps}"
            )
        if self.name != "onecycle" and self.cycled_beta is not None:
            raise ConfigError(f"cycled_beta: expected none where name is {self.name}")


def learning_rate_factor(
    config: ScheduleConfig, *, step: int, progress: float, share: float = 0.0
) -> float:
    """What to multiply full learning rates by in this step.

    `progress` is the share of the run done before the step, from 0 to 1: of its steps, or of its
    seconds where the clock ends it. `share` is that of the step itself, by which onecycle comes to
    its ends as torch's does. Nothing is stored, so resuming has nothing to restore.
    """
    if config.name == "onecycle":
        height = _height_in_cycle(config.rise_fraction, progress, share)
        rises = progress < config.rise_fraction - share
        lowest = config.first_fraction if rises else config.final_fraction
        return lowest + (1.0 - lowest) * height
    progress = min(max(progress, 0.0), 1.0)
    warmup = min(1.0, (step + 1) / (config.warmup_steps + 1))
    match config.name:
        case "constant":
            remaining = 1.0
        case "linear":
            remaining = 1.0 - progress
        case "cosine":
            remaining = 0.5 * (1.0 + math.cos(math.pi * progress))
        case "wsd":
            remaining = min(1.0, (1.0 - progress) / config.decay_fraction)
    return warmup * (config.final_fraction + (1.0 - config.final_fraction) * remaining)


def first_beta(config: ScheduleConfig, *, progress: float, share: float = 0.0) -> float | None:
    """The first beta of this step where the schedule turns it; arguments as for the rate."""
    if config.cycled_beta is None:
        return None
    at_top, at_ends = config.cycled_beta
    return at_ends + (at_top - at_ends) * _height_in_cycle(config.rise_fraction, progress, share)


def _height_in_cycle(rise_fraction: float, progress: float, share: float) -> float:
    """From 0 to 1 along half a cosine and back: the top and the end are the starts of steps.

    Source: arXiv 1708.07120, as torch.optim.lr_scheduler.OneCycleLR with two phases.
    """
    top, end = rise_fraction - share, 1.0 - share
    if progress < top:
        return 0.5 * (1.0 - math.cos(math.pi * progress / top))
    return 0.5 * (1.0 + math.cos(math.pi * min(1.0, (progress - top) / (end - top))))
