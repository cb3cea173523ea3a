"""Where a token stands: learned and sinusoidal vectors to add, and rotary tables to turn by.

Letters: T time, D width, K head width.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias, final

import torch
from torch import Tensor, nn

Positions: TypeAlias = Literal["rotary", "learned", "sinusoidal"]

ROTARY_BASE = 10_000.0


def sinusoidal_table(context: int, width: int) -> Tensor:
    """Fixed vectors table_TD with sines in the even columns and cosines in the odd ones.

    Wavelengths grow geometrically from 2 pi to 10,000 * 2 pi. The root mean square is sqrt(1/2).
    Source: arXiv 1706.03762, section 3.5.
    """
    times_T1 = torch.arange(context, dtype=torch.float64)[:, None]
    pairs = torch.arange(0, width, 2, dtype=torch.float64)
    angles = times_T1 * torch.exp(-math.log(10_000.0) * pairs / width)
    table_TD = torch.zeros(context, width, dtype=torch.float64)
    table_TD[:, 0::2] = angles.sin()
    table_TD[:, 1::2] = angles.cos()[:, : width // 2]
    return table_TD.float()


@final
class Rotary(nn.Module):
    """Tables that turn the pair (i, i + K/2) of a head's channels by an angle of its position.

    Queries and keys turned so have dot products that depend on their distance alone.
    Source: arXiv 2104.09864, in the half-split layout of Llama and Qwen.
    """

    cos_T11K: Tensor
    sin_T11K: Tensor

    def __init__(self, context: int, head_width: int) -> None:
        super().__init__()
        half = head_width // 2
        rates = ROTARY_BASE ** (-torch.arange(half, dtype=torch.float64) / half)
        angles = torch.arange(context, dtype=torch.float64)[:, None] * rates
        cos = torch.cat((angles.cos(), angles.cos()), dim=-1).float()
        # The sign of the rotation lives in the table, so that turning needs no negation.
        sin = torch.cat((-angles.sin(), angles.sin()), dim=-1).float()
        self.register_buffer("cos_T11K", cos[:, None, None], persistent=False)
        self.register_buffer("sin_T11K", sin[:, None, None], persistent=False)

    def tables(self, start: int, length: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Cosines and signed sines of the positions `start .. start + length`."""
        rows = slice(start, start + length)
        return self.cos_T11K[rows].to(dtype), self.sin_T11K[rows].to(dtype)


def turn(x_BTNHK: Tensor, cos_T11K: Tensor, sin_T11K: Tensor) -> Tensor:
    """Rotate every head by its position; the tables broadcast over batch, stack and heads."""
    swapped = x_BTNHK.roll(x_BTNHK.shape[-1] // 2, dims=-1)
    return torch.addcmul(x_BTNHK * cos_T11K, swapped, sin_T11K)
