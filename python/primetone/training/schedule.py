"""The learning rate over a run, as a factor computed from how far the run is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from primetone.config import option


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """Warm-up in steps, then a shape over the rest of the run."""

    name: Literal["constant", "linear", "cosine", "wsd"] = option(
        "cosine", "shape after the warm-up; wsd stays flat, then falls linearly"
    )
    warmup_steps: int = option(100, "steps of linear rise at the start", minimum=0)
    final_fraction: float = option(
        0.1, "learning rate at the end, as a share of the full one", minimum=0.0, maximum=1.0
    )
    decay_fraction: float = option(
        0.4, "wsd: share of the run, at its end, in which the rate falls", above=0.0, maximum=1.0
    )


def learning_rate_factor(config: ScheduleConfig, *, step: int, progress: float) -> float:
    """What to multiply full learning rates by in this step.

    `progress` is the share of the run done before the step, from 0 to 1: of its steps, or of its
    seconds where the clock ends it. Nothing is stored, so resuming has nothing to restore.
    """
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
