"""Norms, stacked linear maps and the feed-forward layer.

Letters: B batch, T time, D width, F feed-forward width, N maps in a stack.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Literal, TypeAlias, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from primetone.contracts import Role
from primetone.nn.kernels import rms_normalise, squared_relu

Norm: TypeAlias = Literal["rms", "rms-plain", "layer"]
"""`rms` root mean square with a gain, `rms-plain` without one, `layer` mean and variance."""

Activation: TypeAlias = Literal["relu", "gelu", "relu2", "swiglu"]
"""`relu2` is the square of ReLU; `swiglu` gates one map by the SiLU of another."""

NORM_EPSILON = 1e-5


@final
class RMSNorm(nn.Module):
    """x divided by its root mean square over the last axis, times a gain where there is one.

    Source: arXiv 1910.07467.
    """

    def __init__(self, width: int, *, gain: Literal["learned", "none"] = "learned") -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width)) if gain == "learned" else None

    def forward(self, x: Tensor) -> Tensor:
        normalised = rms_normalise(x, NORM_EPSILON)
        return normalised if self.weight is None else normalised * self.weight


@final
class LayerNorm(nn.Module):
    """x with mean 0 and variance 1 over the last axis, times a gain, plus a bias where wanted.

    Source: arXiv 1607.06450.
    """

    def __init__(self, width: int, *, bias: bool) -> None:
        super().__init__()
        self.shape = (width,)
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.shape, self.weight, self.bias, NORM_EPSILON)


def build_norm(kind: Norm, width: int, *, bias: bool) -> nn.Module:
    """The norm of that kind; only `layer` has a bias to leave out."""
    if kind == "layer":
        return LayerNorm(width, bias=bias)
    return RMSNorm(width, gain="learned" if kind == "rms" else "none")


@final
class StackedLinear(nn.Module):
    """N linear maps of one input, computed as one: `x_BTD -> y_BT(N F)`.

    The weight keeps its stack axis, so an optimiser that treats each map as a matrix (Muon) sees
    N maps and not one tall one.
    """

    def __init__(self, num_maps: int, in_width: int, out_width: int, *, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_maps, out_width, in_width))
        self.bias = nn.Parameter(torch.zeros(num_maps * out_width)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.flatten(0, 1), self.bias)


@final
class FeedForward(nn.Module):
    """Two linear maps with an activation between them, position by position.

    `swiglu` has three maps; its inner width is two thirds of `factor * width`, rounded up to a
    multiple of 8, so that every activation costs about the same. Source: arXiv 2002.05202.
    """

    def __init__(self, width: int, *, factor: float, activation: Activation, bias: bool) -> None:
        super().__init__()
        inner = int(factor * width)
        if activation == "swiglu":
            inner = -(-int(factor * width * 2 / 3) // 8) * 8
        self.activation = activation
        self.inward = StackedLinear(2 if activation == "swiglu" else 1, width, inner, bias=bias)
        self.outward = nn.Linear(inner, width, bias=bias)

    def forward(self, x_BTD: Tensor) -> Tensor:
        return self.outward(_activate(self.inward(x_BTD), self.activation))


def _activate(x: Tensor, activation: Activation) -> Tensor:
    match activation:
        case "relu":
            return F.relu(x)
        case "gelu":
            return F.gelu(x)
        case "relu2":
            return squared_relu(x)
        case "swiglu":
            gate, value = x.chunk(2, dim=-1)
            return F.silu(gate) * value


def parameter_roles(module: nn.Module, *, heads: Container[str] = ()) -> dict[str, Role]:
    """The role of every parameter by its name, from the kind of the layer that has it.

    `heads` names the layers that map to a vocabulary or to scores.
    """
    roles: dict[str, Role] = {name: "vector" for name, _ in module.named_parameters()}
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Embedding):
            roles[f"{name}.weight"] = "embedding"
        elif isinstance(layer, nn.Linear | nn.Conv1d | StackedLinear):
            roles[f"{name}.weight"] = "head" if name in heads else "matrix"
        elif isinstance(layer, nn.MultiheadAttention):
            roles[f"{name}.in_proj_weight"] = "matrix"
    return roles
