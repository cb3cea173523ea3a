"""Muon: momentum whose direction is made orthogonal, for the hidden matrices of a network.

Letters: N matrices of one shape, R rows, C columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, final

import torch
from torch import Tensor
from torch.optim import Optimizer

from primetone.training.runtime import has_bfloat16_units

NEWTON_SCHULZ_STEPS = 5
NEWTON_SCHULZ_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


@final
class Muon(Optimizer):
    """Nesterov momentum, orthogonalised, with decoupled weight decay.

    The last two axes of a parameter are the matrix, axes before them stack independent ones. All
    matrices of one shape are orthogonalised together, tall ones as their transposes: one batched
    product in place of dozens of small ones. The step is scaled by sqrt(max(1, R / C)).
    Source: https://kellerjordan.github.io/posts/muon/ (the same update as torch.optim.Muon).
    """

    def __init__(
        self,
        parameters: Iterable[torch.nn.Parameter],
        *,
        lr: float,
        momentum: float,
        weight_decay: float,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        super().__init__(list(parameters), defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        assert closure is None, "Muon does not evaluate closures"
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    rows, columns = parameter.shape[-2:]
                    shape = (min(rows, columns), max(rows, columns))
                    by_shape.setdefault(shape, []).append(parameter)
            for members in by_shape.values():
                self._update(members, group)

    def _update(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter]["momentum"] = torch.zeros_like(parameter)
        momenta = [self.state[parameter]["momentum"] for parameter in parameters]
        torch._foreach_lerp_(momenta, gradients, 1.0 - group["momentum"])
        directions = torch._foreach_lerp(gradients, momenta, group["momentum"])
        wide_NRC = torch.cat([_wide(direction) for direction in directions])
        orthogonal_NRC = orthogonalise(wide_NRC)
        torch._foreach_mul_(parameters, 1.0 - group["lr"] * group["weight_decay"])
        start = 0
        for parameter in parameters:
            rows, columns = parameter.shape[-2:]
            stop = start + parameter.numel() // (rows * columns)
            update = orthogonal_NRC[start:stop]
            update = update.mT if rows > columns else update
            scale = max(1.0, rows / columns) ** 0.5
            parameter.add_(update.reshape(parameter.shape), alpha=-group["lr"] * scale)
            start = stop


def orthogonalise(matrices_NRC: Tensor) -> Tensor:
    """Approximately U V^T of each matrix U S V^T: singular values land in about [0.7, 1.2].

    A quintic Newton-Schulz iteration, for matrices at least as wide as tall. It runs in bfloat16
    where the device has units for it (24 matrices of 128 x 128 and 128 x 512 on two Zen 5 cores:
    7 ms against 25), and in the type of the input elsewhere.
    """
    a, b, c = NEWTON_SCHULZ_COEFFICIENTS
    x = matrices_NRC.bfloat16() if has_bfloat16_units(matrices_NRC.device) else matrices_NRC
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp(min=1e-7)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return x.to(matrices_NRC.dtype)


def _wide(matrices: Tensor) -> Tensor:
    """As a stack of matrices that are at least as wide as tall."""
    stacked = matrices.reshape(-1, *matrices.shape[-2:])
    return stacked.mT if stacked.shape[-2] > stacked.shape[-1] else stacked
