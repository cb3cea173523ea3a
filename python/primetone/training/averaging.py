"""An average of the weights over the last steps, which is smoother than the weights themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import final

import torch
from torch import Tensor, nn

from primetone.errors import FormatError

PREFIX = "weights/"


@final
class WeightAverage:
    """The exponential moving average of a model's parameters.

    At step t the average keeps min(decay, (1 + t) / (10 + t)) of itself, so that the first weights
    do not linger. Cost: one more copy of the weights, one pass over them a step.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        named = dict(model.named_parameters())
        self._names = list(named)
        self._current: list[Tensor] = list(named.values())
        self._mean = [parameter.detach().clone() for parameter in self._current]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after step number `step`, the first being 0."""
        kept = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._mean, self._current, 1 - kept)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the model has the mean weights."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def current(self) -> dict[str, Tensor]:
        """The weights themselves as `weights/name` -> tensor, while the model has the mean."""
        return {f"{PREFIX}{name}": mean for name, mean in zip(self._names, self._mean, strict=True)}

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the mean from the model, and give it the weights that `current` gave."""
        missing = [name for name in self._names if f"{PREFIX}{name}" not in tensors]
        if missing:
            raise FormatError(
                f"expected the weights behind the averaged ones, found none of {missing[0]!r}: "
                "resume with the recipe that the checkpoint was trained with"
            )
        for name, mean, current in zip(self._names, self._mean, self._current, strict=True):
            mean.copy_(current)
            current.copy_(tensors[f"{PREFIX}{name}"])

    @torch.no_grad()
    def _exchange(self) -> None:
        kept = [mean.clone() for mean in self._mean]
        torch._foreach_copy_(self._mean, self._current)
        torch._foreach_copy_(self._current, kept)
