"""The best evaluation so far, and when to stop waiting for a better one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from primetone.errors import ConfigError

FIGURE = "nats_per_token"
"""What is compared: never smoothed, the lower the better."""


@final
class BestSoFar:
    """Remembers the best of a run's evaluations; a `patience` of 0 looks for none."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.step: int | None = None
        self._figure = float("inf")
        self._since = 0

    @property
    def is_over(self) -> bool:
        """Whether `patience` evaluations in a row were no better."""
        return 0 < self.patience <= self._since

    def take(self, step: int, figures: Mapping[str, float]) -> bool:
        """Whether this evaluation is the best. Errors: ConfigError without a figure to compare."""
        if not self.patience:
            return False
        if FIGURE not in figures:
            raise ConfigError(
                f"train.patience: expected evaluations with {FIGURE}, found none of this family: "
                "set it to 0"
            )
        if figures[FIGURE] >= self._figure:
            self._since += 1
            return False
        self.step, self._figure, self._since = step, figures[FIGURE], 0
        return True

    def state(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        if self.step is None:
            return {}
        return {"best_step": self.step, "best": self._figure, "since_best": self._since}

    def load(self, state: Mapping[str, Any]) -> None:
        """Become what `state` said."""
        if "best_step" in state:
            self.step = int(state["best_step"])
            self._figure, self._since = float(state["best"]), int(state["since_best"])
