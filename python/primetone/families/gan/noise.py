"""All the noise of a generator, drawn before anything is computed with it.

The same noise goes into sampling and into the pass with gradients, which are then the same
function. Letters: N sentences, S positions, E channels, B noise blocks.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from primetone.families.gan.config import GeneratorConfig
from primetone.nn import draws

TRUNCATED_AT = 1.5


class Noise(NamedTuple):
    """What one draw holds."""

    style_NSE: Tensor
    """The global noise, before its mapping; the same at every position for a whole sentence's."""
    inputs_NSE: Tensor
    """The rows that stand where the next token is to be."""
    blocks_BN2SE: Tensor
    """Of each noise block: for the rows of known tokens, and for those of tokens to be."""


def draw_noise(
    config: GeneratorConfig,
    *,
    sentences: int,
    length: int,
    like: Tensor,
    generator: torch.Generator | None = None,
    style: torch.Generator | None = None,
) -> Noise:
    """Noise on the device of `like` and in its type, from `generator` or torch's own.

    `style` draws the global noise where it is given, so that texts can differ in all else.
    """

    def draw(*shape: int, source: torch.Generator | None = generator) -> Tensor:
        shares = draws.uniform(sentences, *shape, generator=source)
        match config.noise:
            case "uniform":
                values = 2 * shares - 1
            case "normal":
                values = draws.normal_of(shares)
            case "truncated":
                below = (1 + math.erf(-TRUNCATED_AT / math.sqrt(2))) / 2
                values = draws.normal_of(below + (1 - 2 * below) * shares)
        return values.to(like)

    N, S, E, B = sentences, length, config.width, config.noise_blocks
    whole = config.noise_shape == "sequence"
    style_source = generator if style is None else style
    styles = draw(1 if whole else S, E, source=style_source).expand(N, S, E)
    inputs = draw(S, E) if config.token_input == "noise" else like.new_zeros(()).expand(N, S, E)
    if config.block_noise == "none":
        blocks = like.new_zeros(()).expand(B, N, 2, S, E)
    else:
        rows = S if config.block_noise == "per-token" else 1
        blocks = draw(B, 2, rows, E).transpose(0, 1).expand(B, N, 2, S, E)
    return Noise(styles, inputs, blocks)
