"""Optimisers chosen by the role of each parameter: AdamW, Adam, or Muon for the hidden matrices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, final

import torch
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer

from primetone.config import option
from primetone.contracts import Phase, Role
from primetone.errors import FormatError
from primetone.training.muon import Muon


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """Which optimiser, and its settings; rates are the full ones, the schedule scales them."""

    name: Literal["adamw", "adam", "muon"] = option(
        "adamw", "muon optimises hidden matrices and leaves the rest to adamw"
    )
    learning_rate: float = option(1e-3, "full rate of adamw and adam", above=0.0)
    betas: tuple[float, float] = option(
        (0.9, 0.95), "decay of the first and second moments", minimum=0.0, below=1.0
    )
    epsilon: float = option(1e-8, "added to the root of the second moment", above=0.0)
    weight_decay: float = option(
        0.1,
        "pull of matrices and tables towards 0, per unit of rate (adam: as a penalty)",
        minimum=0.0,
    )
    muon_learning_rate: float = option(0.02, "full rate of muon", above=0.0)
    muon_momentum: float = option(0.95, "decay of muon's momentum", minimum=0.0, below=1.0)
    muon_weight_decay: float = option(0.1, "muon's pull towards 0, per unit of rate", minimum=0.0)


@final
class PhaseOptimizer:
    """The optimisers of one phase behind one step; state goes in and out by parameter name."""

    def __init__(self, phase: Phase, config: OptimizerConfig) -> None:
        named = [(n, p) for n, p in phase.module.named_parameters() if p.requires_grad]
        self.names = {parameter: name for name, parameter in named}
        self.parameters = list(self.names)
        self.parts = _build_parts(named, phase.roles, config)
        self.full_rates = [[phase.rate * g["lr"] for g in part.param_groups] for part in self.parts]

    def step(self, factor: float, *, first_beta: float | None = None) -> None:
        """One update with every learning rate multiplied by `factor`.

        `first_beta` takes the place of that of adam and adamw, where it is given.
        """
        for part, rates in zip(self.parts, self.full_rates, strict=True):
            for group, rate in zip(part.param_groups, rates, strict=True):
                group["lr"] = rate * factor
                if first_beta is not None and "betas" in group:
                    group["betas"] = (first_beta, group["betas"][1])
            part.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def tensors(self) -> dict[str, Tensor]:
        """The whole state as `parameter/slot` -> tensor."""
        return {
            f"{self.names[parameter]}/{slot}": tensor
            for parameter, slots in self._states()
            for slot, tensor in slots.items()
        }

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over the state that `tensors` gave; FormatError if it is of other parameters."""
        found: dict[str, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            name, _, slot = key.rpartition("/")
            found.setdefault(name, {})[slot] = tensor
        if found and set(found) != set(self.names.values()):
            odd = sorted(set(found) ^ set(self.names.values()))[0]
            raise FormatError(
                f"expected optimiser state for the parameters of this model, found a difference at "
                f"{odd!r}: resume with the recipe that the checkpoint was trained with"
            )
        for part in self.parts:
            for group in part.param_groups:
                for parameter in group["params"]:
                    if slots := found.get(self.names[parameter]):
                        part.state[parameter] = _like(slots, parameter)

    def _states(self) -> Iterator[tuple[nn.Parameter, Mapping[str, Tensor]]]:
        for part in self.parts:
            yield from cast("Mapping[nn.Parameter, Mapping[str, Tensor]]", part.state).items()


def clip_gradients(parameters: Sequence[Tensor], limit: float) -> Tensor:
    """Scale all gradients to a joint norm of at most `limit`; the norm before, on the device.

    A limit of 0 measures without scaling. Source: arXiv 1211.5063.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = torch.stack(torch._foreach_norm(gradients)).norm()
    if limit > 0.0:
        torch._foreach_mul_(gradients, (limit / (norm + 1e-6)).clamp(max=1.0))
    return norm


def _build_parts(
    named: list[tuple[str, nn.Parameter]], roles: Mapping[str, Role], config: OptimizerConfig
) -> list[Optimizer]:
    """One optimiser, or Muon and AdamW; vectors are never decayed."""
    by_role: dict[Role, list[nn.Parameter]] = {}
    for name, parameter in named:
        by_role.setdefault(roles[name], []).append(parameter)
    parts: list[Optimizer] = []
    if config.name == "muon" and (matrices := by_role.pop("matrix", None)):
        parts.append(
            Muon(
                matrices,
                lr=config.muon_learning_rate,
                momentum=config.muon_momentum,
                weight_decay=config.muon_weight_decay,
            )
        )
    vectors = by_role.pop("vector", [])
    tables = [parameter for members in by_role.values() for parameter in members]
    groups = [
        {"params": tables, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if groups:
        kind = Adam if config.name == "adam" else AdamW
        # One kernel for all parameters; on a CPU it is several times faster than the loop.
        parts.append(
            kind(
                groups, lr=config.learning_rate, betas=config.betas, eps=config.epsilon, fused=True
            )
        )
    return parts


def _like(slots: Mapping[str, Tensor], parameter: Tensor) -> dict[str, Any]:
    return {slot: tensor.to(parameter.device) for slot, tensor in slots.items()}
